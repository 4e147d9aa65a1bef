package registration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"cairn/node/identity/claim"
)

func app(change func(*App)) *App {
	a := &App{Name: "Diary", Redirects: []string{"https://app.example/back"}, Scopes: "patient/*.rs", Auth: AuthNone}
	if change != nil {
		change(a)
	}
	return a
}

// TestRedirects: codes go to https, to this machine, and to private schemes that
// name a domain; nowhere else.
func TestRedirects(t *testing.T) {
	for _, good := range []string{
		"https://app.example/", "https://app.example", "https://app.example:8443/cb?x=1", "http://localhost:3000/cb", "http://127.0.0.1/cb", "http://[::1]:1/", "com.example.app:/cb", "com.example.app:cb",
	} {
		if err := app(func(a *App) { a.Redirects = []string{good} }).Validate(); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "/cb", "//app.example/cb", "http://app.example/cb", "http://127.0.0.1.example/", "http://localhost.example/", "http://10.0.0.1/", "https:", "https:///cb", "https:app.example", "http:localhost",
		"https://app.example/#x", "https://app.example/#", "https://user@app.example/", "https://user:pass@app.example/", "https://*.example/", "https://app.example/*", "https://app.example\\@evil.example/",
		"https://app.example/ x", "https://app.example/\r\nSet-Cookie: x", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "myapp://cb", "com.example.app://cb", "ftp://app.example/", "https://app.example/" + strings.Repeat("x", maxURL),
	} {
		if err := app(func(a *App) { a.Redirects = []string{bad} }).Validate(); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestValidate: what goes together and what does not.
func TestValidate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey}}})
	if err != nil {
		t.Fatal(err)
	}
	alone := func(a *App) {
		*a = App{Name: "Bot", Grants: []string{GrantAlone}, Auth: AuthKey, Keys: keys, Scopes: "system/*.rs", Purpose: "HOPERAT"}
	}
	for name, a := range map[string]*App{
		"public": app(nil), "by a secret": app(func(a *App) { a.Auth = "" }), "by keys": app(func(a *App) { a.Auth, a.Keys = AuthKey, keys }),
		"keys at an address": app(func(a *App) { a.Auth, a.KeyURL = AuthKey, "https://app.example/jwks" }), "alone": app(alone),
		"everything said": app(func(a *App) {
			a.Grants, a.Site, a.Launch, a.Contacts, a.IDTokenAlg = []string{GrantCode, GrantRefresh}, "https://app.example", "https://app.example/launch", []string{"a@example.com"}, "ES384"
		}),
	} {
		if err := a.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, a := range map[string]*App{
		"no name": app(func(a *App) { a.Name = "" }), "a name of two lines": app(func(a *App) { a.Name = "x\ny" }), "no redirect": app(func(a *App) { a.Redirects = nil }),
		"no scope": app(func(a *App) { a.Scopes = "" }), "an unknown scope": app(func(a *App) { a.Scopes = "patient/Nothing.rs" }), "a scope with an unknown parameter": app(func(a *App) { a.Scopes = "patient/Observation.rs?nothing=x" }),
		"system without being alone": app(func(a *App) { a.Scopes = "system/*.rs" }), "implicit": app(func(a *App) { a.Grants = []string{"implicit"} }), "refresh alone": app(func(a *App) { a.Grants = []string{GrantRefresh} }),
		"a secret in the form": app(func(a *App) { a.Auth = "client_secret_post" }), "an HMAC": app(func(a *App) { a.Auth = "client_secret_jwt" }), "keys for none": app(func(a *App) { a.Keys = keys }),
		"keys twice":    app(func(a *App) { a.Auth, a.Keys, a.KeyURL = AuthKey, keys, "https://app.example/jwks" }),
		"no key at all": app(func(a *App) { a.Auth = AuthKey }), "unsigned ID tokens": app(func(a *App) { a.IDTokenAlg = "none" }), "a purpose": app(func(a *App) { a.Purpose = "TREAT" }),
		"alone by a secret": app(func(a *App) { alone(a); a.Auth, a.Keys = AuthSecret, nil }), "alone without a purpose": app(func(a *App) { alone(a); a.Purpose = "" }), "alone for anything": app(func(a *App) { alone(a); a.Purpose = "ETREAT" }),
		"alone with a redirect": app(func(a *App) { alone(a); a.Redirects = []string{"https://app.example/"} }), "alone for patients": app(func(a *App) { alone(a); a.Scopes = "patient/*.rs" }),
		"a site that runs": app(func(a *App) { a.Site = "javascript:alert(1)" }), "a launch that runs": app(func(a *App) { a.Launch = "data:text/html,x" }),
	} {
		if err := a.Validate(); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// FuzzApp: whatever is registered can be registered again as it was answered, and
// its redirects run nothing.
func FuzzApp(f *testing.F) {
	f.Add([]byte(`{"client_name":"x","redirect_uris":["https://a.example/"],"scope":"patient/*.rs","token_endpoint_auth_method":"none"}`))
	f.Add([]byte(`{"client_name":"x","redirect_uris":["com.example:/"],"scope":"launch openid patient/Observation.rs?category=laboratory"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var a App
		if claim.Decode(raw, &a) != nil || a.Validate() != nil {
			return
		}
		for _, r := range a.Redirects {
			u, err := url.Parse(r)
			if err != nil || u.Scheme != "https" && u.Scheme != "http" && !strings.Contains(u.Scheme, ".") {
				t.Fatalf("%q", r)
			}
		}
		again := Answered(a, "secret", "").App
		if err := again.Validate(); err != nil || again.Scopes != a.Scopes || again.Allowed().Empty() {
			t.Fatalf("%+v: %v", again, err)
		}
	})
}

// FuzzReadKeys: what is taken as keys is public, and of the two kinds.
func FuzzReadKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-384","x":"","y":""}]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		keys, err := ReadKeys(raw)
		if err != nil {
			return
		}
		for _, k := range keys {
			if !k.IsPublic() || !k.Valid() {
				t.Fatalf("%s", raw)
			}
		}
	})
}
