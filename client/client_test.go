package client

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// node answers as it likes to a client.
func node(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	signIns := 0
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/token", func(w http.ResponseWriter, _ *http.Request) {
		signIns++
		fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":300}`, signIns)
	})
	mux.HandleFunc("/fhir/", answer)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Client{Root: s.URL, id: "ehr", home: "north", key: key, http: s.Client()}
}

func TestForgottenToken(t *testing.T) {
	var bodies []string
	c := node(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		if r.Header.Get("Authorization") != "Bearer token-2" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	for range 2 {
		if _, err := c.Expect(t.Context(), http.StatusOK, http.MethodPost, "/fhir/Patient", []byte("{}")); err != nil {
			t.Error(err)
		}
	}
	if strings.Join(bodies, " ") != "{} {} {}" {
		t.Errorf("the bodies %q were sent", bodies)
	}
}

func TestRefusedForGood(t *testing.T) {
	asked := 0
	c := node(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusUnauthorized)
	})
	a, err := c.Do(t.Context(), http.MethodGet, "/fhir/Patient/1", nil)
	if err != nil || a.Status != http.StatusUnauthorized || asked != 2 {
		t.Errorf("%d requests, then status %d: %v", asked, a.Status, err)
	}
}

// TestErrorWithoutPatient breaks the connection and reads what a log would show.
func TestErrorWithoutPatient(t *testing.T) {
	c := node(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for _, path := range []string{"/fhir/Patient/secret", "/fhir/Patient/secret\x7f"} {
		_, err := c.Do(t.Context(), http.MethodGet, path, nil)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("the error names the patient: %v", err)
		}
	}
}
