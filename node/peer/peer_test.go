package peer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"cairn/ledger/member"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/peer"
)

// hospital is another hospital that answers as it likes.
func hospital(t *testing.T, answer http.HandlerFunc) (c *peer.Client, m member.Member, signIns *int) {
	t.Helper()
	signIns = new(int)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/token", func(w http.ResponseWriter, _ *http.Request) {
		*signIns++
		fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"DPoP","expires_in":60}`, *signIns)
	})
	mux.HandleFunc("GET /fhir/", answer)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = peer.New("north", key, s.Client()); err != nil {
		t.Fatal(err)
	}
	return c, member.Member{ID: "east", URL: s.URL}, signIns
}

const question = "Observation?code=secret-code&patient=secret-id"

func TestForgottenToken(t *testing.T) {
	asked := 0
	c, m, signIns := hospital(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header.Get("Authorization") != "DPoP token-2" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	if _, err := c.Get(context.Background(), m, identity.Actor{}, question); err != nil {
		t.Errorf("a hospital that forgot a token: %v", err)
	}
	if _, err := c.Get(context.Background(), m, identity.Actor{}, question); err != nil || asked != 3 || *signIns != 2 {
		t.Errorf("the new token is not kept: %d requests, %d sign-ins: %v", asked, *signIns, err)
	}
}

func TestRefusedForGood(t *testing.T) {
	asked := 0
	c, m, _ := hospital(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusUnauthorized)
	})
	_, err := c.Get(context.Background(), m, identity.Actor{}, question)
	if !fault.Is(err, fault.Refused) || asked != 2 {
		t.Errorf("%d requests, then %v", asked, err)
	}
}

func TestLongWords(t *testing.T) {
	c, m, _ := hospital(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"issue":[{"details":{"coding":[{"code":"%s"}],"text":"x%s"}}]}`, strings.Repeat("c", 9000), strings.Repeat("ü", 9000))
	})
	_, err := c.Get(context.Background(), m, identity.Actor{}, question)
	var f *fault.Error
	if !errors.As(err, &f) || len(f.Code) != 64 || len(f.Text) != 499 || !utf8.ValidString(f.Text) {
		t.Errorf("not clipped: %v", err)
	}
}

func TestManyReceipts(t *testing.T) {
	c, m, _ := hospital(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 300 {
			w.Header().Add("Cairn-Receipt", "\xff"+strings.Repeat("r", 300))
		}
	})
	a, err := c.Get(context.Background(), m, identity.Actor{}, question)
	if err != nil || len(a.Receipts) != peer.Receipts || len(a.Receipts[0]) > 200 || !utf8.ValidString(a.Receipts[0]) {
		t.Errorf("%d receipts, %v", len(a.Receipts), err)
	}
}

// TestCauseWithoutPatient breaks the connection and reads what a log would show.
func TestCauseWithoutPatient(t *testing.T) {
	c, m, _ := hospital(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for _, path := range []string{question, question + "\x7f"} {
		_, err := c.Get(context.Background(), m, identity.Actor{}, path)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("the cause names the patient: %v", err)
		}
	}
}
