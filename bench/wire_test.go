package bench

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestLineSpeaksHTTP(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, "no", http.StatusTeapot)
			return
		}
		if r.URL.Path == "/chunked" {
			w.(http.Flusher).Flush()
		}
		io.WriteString(w, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Content-Type")+" "+string(body)) //nolint:errcheck // a test
	}))
	defer server.Close()
	l, err := dial(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // on one connection
		got, err := l.expect(http.StatusOK, request("POST", server.URL, "/a?b=c", "secret", "text/plain", []byte("body")))
		if err != nil || string(got) != "POST /a?b=c text/plain body" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if _, err := l.expect(http.StatusOK, request("GET", server.URL, "/", "", "", nil)); err == nil || !strings.Contains(err.Error(), "418") {
		t.Errorf("a refusal gave %v", err)
	}
	if _, _, err := l.ask(request("POST", server.URL, "/chunked", "secret", "text/plain", []byte(long))); err == nil {
		t.Error("a body without a length was taken")
	}
}
