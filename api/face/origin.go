package face

import (
	"net/http"
)

// AnyOrigin lets scripts of any site call what it wraps (Fetch Standard, 3.2), as
// apps in browsers do: a request is judged by what it carries, never by a cookie,
// which browsers leave out where every origin is allowed.
func AnyOrigin(next http.Handler) http.Handler {
	return Routed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "Content-Location, Content-Type, DPoP-Nonce, ETag, Last-Modified, Location, WWW-Authenticate, Cairn-Receipt")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept, DPoP, Prefer, If-Match, If-None-Match, If-None-Exist, If-Modified-Since")
			h.Set("Access-Control-Max-Age", "7200")
			h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	}), Routes(next))
}
