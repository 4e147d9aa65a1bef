package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestTransport: a node that is reached by TLS says so with every answer, whatever
// it is, and one on loopback says nothing.
func TestTransport(t *testing.T) {
	for root, want := range map[string]string{"https://north.example": "max-age=31536000; includeSubDomains", "http://localhost:8441": ""} {
		for _, status := range []int{http.StatusOK, http.StatusSeeOther, http.StatusUnauthorized, http.StatusNotFound, http.StatusInternalServerError} {
			w := httptest.NewRecorder()
			secure(root, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			if got := w.Header().Get("Strict-Transport-Security"); got != want || w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: %d: %v", root, status, w.Header())
			}
		}
	}
}
