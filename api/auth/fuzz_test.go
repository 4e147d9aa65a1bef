package auth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var strangers atomic.Uint32

// answered serves one request without a network, from an address of its own: what
// one address may ask is limited.
func answered(method, target, kind, body, cookie string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	path, query, _ := strings.Cut(target, "?")
	r.URL = &url.URL{Path: path, RawQuery: query}
	r.RequestURI = target
	n := strangers.Add(1)
	r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", byte(n>>16), byte(n>>8), byte(n))
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Cookie", cookie)
	w := httptest.NewRecorder()
	hospital.handler.ServeHTTP(w, r)
	return w
}

// FuzzAuthorize: whatever is asked, nothing breaks, no code is given without
// somebody's consent, and the browser goes to the app's address or to the sign-in.
func FuzzAuthorize(f *testing.F) {
	f.Add("response_type=code&client_id=APP&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&scope=patient/*.rs+openid&state=0123456789abcdef&aud=HERE/fhir&code_challenge=0123456789012345678901234567890123456789012&code_challenge_method=S256")
	f.Add("response_type=code&client_id=APP&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&scope=launch&launch=x&state=0123456789abcdef&aud=HERE/fhir&prompt=none&max_age=1&nonce=0123456789abcdef&response_mode=query")
	f.Add("client_id=APP&client_id=APP&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&request=x&claims={}")
	var once sync.Once
	var a *app
	var cookie string
	f.Fuzz(func(t *testing.T, query string) {
		once.Do(func() {
			b, _ := person(t)
			a = newApp(t, "none", "patient/*.rs openid launch")
			at, err := url.Parse(hospital.url)
			if err != nil {
				t.Fatal(err)
			}
			cookie = b.jar.Cookies(at)[0].String()
		})
		query = strings.NewReplacer("APP", a.id, "HERE", url.QueryEscape(hospital.url)).Replace(query)
		for _, as := range []string{"", cookie} {
			w := answered(http.MethodGet, "/auth/authorize?"+query, "", "", as)
			to := w.Header().Get("Location")
			if w.Code >= 500 || to != "" && !strings.HasPrefix(to, redirect+"?") && !strings.HasPrefix(to, "/signin?") || strings.Contains(to, "code=") && !strings.HasPrefix(to, "/signin?") {
				t.Fatalf("%q: %d %q %s", query, w.Code, to, w.Body)
			}
		}
	})
}

// FuzzToken: whatever is sent, nothing breaks, and nobody gets anything.
func FuzzToken(f *testing.F) {
	for _, body := range []string{
		"grant_type=authorization_code&code=x.y&client_id=APP&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&code_verifier=0123456789012345678901234567890123456789012",
		"grant_type=refresh_token&refresh_token=ory_rt_x.y&client_id=APP&scope=patient/*.rs", "grant_type=refresh_token&refresh_token=x.y", "token=app.AAAA&client_id=APP&token_type_hint=access_token",
		"grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=eyJhbGciOiJub25lIn0.e30.&scope=system/*.rs", "software_statement=eyJhbGciOiJub25lIn0.e30.",
	} {
		f.Add(body)
	}
	var once sync.Once
	var a *app
	f.Fuzz(func(t *testing.T, body string) {
		once.Do(func() { a = newApp(t, "none", "patient/*.rs openid launch") })
		body = strings.ReplaceAll(body, "APP", a.id)
		for _, at := range []string{"/auth/token", "/auth/revoke", "/auth/introspect"} {
			w := answered(http.MethodPost, at, "application/x-www-form-urlencoded", body, "")
			var said map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil || w.Code >= 500 || said["access_token"] != nil || said["active"] == true {
				t.Fatalf("%s %q: %d %s", at, body, w.Code, w.Body)
			}
		}
		if w := answered(http.MethodPost, "/auth/register", "application/json", body, ""); w.Code >= 500 || w.Code < 400 {
			t.Fatalf("%q: %d %s", body, w.Code, w.Body)
		}
	})
}
