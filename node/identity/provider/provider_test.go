package provider

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cairn/node/fault"
)

var bg = context.Background()

// idp is an OpenID provider that says what a test wants it to.
type idp struct {
	*httptest.Server
	key      *ecdsa.PrivateKey
	payload  func(nonce string) string // of the ID token
	alg      jose.SignatureAlgorithm   // "" for none
	userinfo string
	nonce    string
	asked    url.Values // of the token endpoint
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &idp{key: key, alg: jose.ES256}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(v) //nolint:errcheck // a test
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/jwks",
			"userinfo_endpoint": p.URL + "/me", "id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"}})
	})
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &p.key.PublicKey, KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm() //nolint:errcheck // a test
		p.asked = r.Form
		if p.asked.Get("code") != "good" {
			w.WriteHeader(http.StatusBadRequest)
			answer(w, map[string]string{"error": "invalid_grant"})
			return
		}
		answer(w, map[string]any{"access_token": "access", "token_type": "Bearer", "expires_in": 60, "id_token": p.sign(t, p.payload(p.nonce))})
	})
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, p.userinfo)
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	p.payload = func(nonce string) string { return p.claims(nonce, nil) }
	return p
}

func (p *idp) sign(t *testing.T, payload string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	switch p.alg {
	case "":
		return b64([]byte(`{"alg":"none"}`)) + "." + b64([]byte(payload)) + "."
	case jose.HS256: // keyed with what everybody knows
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("secret", 8))}, nil)
		if err != nil {
			t.Error(err)
			return ""
		}
		return compact(t, s, payload)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: p.alg, Key: jose.JSONWebKey{Key: p.key, KeyID: "1"}}, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	return compact(t, s, payload)
}

func compact(t *testing.T, s jose.Signer, payload string) string {
	signed, err := s.Sign([]byte(payload))
	if err != nil {
		t.Error(err)
		return ""
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		t.Error(err)
	}
	return out
}

// claims are those of a good ID token, with some changed; nil takes one out.
func (p *idp) claims(nonce string, change map[string]any) string {
	half := sha256.Sum256([]byte("access"))
	all := map[string]any{"iss": p.URL, "sub": "u-1", "aud": "cairn", "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(), "nonce": nonce,
		"at_hash": base64.RawURLEncoding.EncodeToString(half[:crypto.SHA256.Size()/2]), "name": "Anna Rossi", "groups": []string{"cardio-doctors", "choir"},
		"dept": "cardio", "acr": "mfa", "amr": []string{"pwd", "otp"}, "auth_time": 1_700_000_000, "emp": "A.Rossi", "fhirUser": "Practitioner/17", "teams": []string{}}
	maps.Copy(all, change)
	for name, v := range change {
		if v == nil {
			delete(all, name)
		}
	}
	out, _ := json.Marshal(all)
	return string(out)
}

func (p *idp) party() *Provider {
	return New(Config{Issuer: p.URL, ClientID: "cairn", ClientSecret: "secret", Redirect: "https://north.example/back", Scopes: []string{"profile"},
		ID: "emp", Name: "name", Practitioner: "fhirUser", Role: "groups", Unit: "dept", Team: "teams",
		Roles: map[string]string{"cardio-doctors": "physician"}, Units: map[string]string{"cardio": "Organization/cardiology"}, ACR: "mfa"}, http.DefaultTransport)
}

// visit begins a sign-in and comes back with what the provider would send.
func (p *idp) visit(t *testing.T, rp *Provider, change func(q url.Values)) (Person, error) {
	t.Helper()
	to, pending, err := rp.Begin(bg, false)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	sent := u.Query()
	if sent.Get("response_type") != "code" || sent.Get("code_challenge_method") != "S256" || sent.Get("scope") != "openid profile" || sent.Get("acr_values") != "mfa" ||
		sent.Get("redirect_uri") != "https://north.example/back" || len(sent.Get("state")) < 22 || sent.Get("nonce") == sent.Get("state") {
		t.Errorf("%v", sent)
	}
	p.nonce = sent.Get("nonce")
	q := url.Values{"state": {sent.Get("state")}, "code": {"good"}, "iss": {p.URL}}
	if change != nil {
		change(q)
	}
	person, err := rp.Finish(bg, pending, q)
	if err == nil {
		sum := sha256.Sum256([]byte(p.asked.Get("code_verifier")))
		if base64.RawURLEncoding.EncodeToString(sum[:]) != sent.Get("code_challenge") {
			t.Error("the verifier is not that of the challenge")
		}
	}
	return person, err
}

// TestProvider: what the provider says of a person, read by the configuration.
func TestProvider(t *testing.T) {
	p := newIDP(t)
	want := Person{Issuer: p.URL, Subject: "u-1", ID: "A.Rossi", Name: "Anna Rossi", Practitioner: []string{"Practitioner/17"}, Roles: []string{"physician"},
		Units: []string{"Organization/cardiology"}, At: time.Unix(1_700_000_000, 0), ACR: "mfa", AMR: []string{"pwd", "otp"}}
	if got, err := p.visit(t, p.party(), nil); err != nil || !reflect.DeepEqual(got, want) || got.Method() != "mfa pwd+otp" {
		t.Errorf("%+v, %v", got, err)
	}
	p.payload = func(nonce string) string {
		return p.claims(nonce, map[string]any{"groups": nil, "dept": nil, "emp": nil, "teams": nil, "name": nil, "fhirUser": nil})
	}
	p.userinfo = `{"sub":"u-1","groups":"cardio-doctors","dept":["cardio"],"emp":"A.Rossi","name":"Anna Rossi","fhirUser":"Practitioner/17","acr":"nothing"}`
	if got, err := p.visit(t, p.party(), nil); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("by userinfo: %+v, %v", got, err)
	}
	for name, said := range map[string]string{
		"of another person": `{"sub":"u-2","groups":"cardio-doctors"}`, "of two": `{"sub":"u-1","SUB":"u-2","groups":"cardio-doctors"}`, "of nobody": `{"groups":"cardio-doctors"}`,
	} {
		p.userinfo = said
		if got, err := p.visit(t, p.party(), nil); err == nil {
			t.Errorf("userinfo %s: %+v", name, got)
		}
	}
	for id, want := range map[string]string{"A.Rossi": "a.rossi", "no id": "p-", "": "p-"} {
		got := Person{Issuer: "i", Subject: "s", ID: id}.AccountID(func(s string) bool { return s == "a.rossi" })
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s", id, got)
		}
	}
}

// TestProviderForged: each way in which an answer is not the provider's about this
// sign-in is refused.
func TestProviderForged(t *testing.T) {
	for name, change := range map[string]func(q url.Values){
		"another state": func(q url.Values) { q.Set("state", "x") }, "no state": func(q url.Values) { q.Del("state") }, "two states": func(q url.Values) { q.Add("state", q.Get("state")) },
		"another issuer": func(q url.Values) { q.Set("iss", "https://evil.example") }, "an error": func(q url.Values) { q.Set("error", "access_denied") },
		"no code": func(q url.Values) { q.Del("code") }, "another code": func(q url.Values) { q.Set("code", "stolen") },
	} {
		p := newIDP(t)
		if got, err := p.visit(t, p.party(), change); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	hour := time.Now().Add(-time.Hour).Unix()
	for name, change := range map[string]map[string]any{
		"another nonce": {"nonce": "x"}, "no nonce": {"nonce": nil}, "another audience": {"aud": "other"}, "two audiences": {"aud": []string{"cairn", "other"}},
		"another party": {"aud": []string{"cairn", "other"}, "azp": "other"}, "another issuer": {"iss": "https://evil.example"}, "expired": {"exp": hour},
		"nobody": {"sub": nil}, "a weaker sign-in": {"acr": "pwd"}, "another access token": {"at_hash": "AAAA"},
	} {
		p := newIDP(t)
		p.payload = func(nonce string) string { return p.claims(nonce, change) }
		if got, err := p.visit(t, p.party(), nil); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, payload := range map[string]func(good string) string{
		"a name twice": func(good string) string { return strings.Replace(good, `{`, `{"sub":"admin",`, 1) },
		"another case": func(good string) string { return strings.Replace(good, `{`, `{"SUB":"admin",`, 1) },
		"no object":    func(string) string { return `[]` },
		"too deep": func(good string) string {
			return strings.Replace(good, `{`, `{"x":`+strings.Repeat("[", 50)+strings.Repeat("]", 50)+`,`, 1)
		},
		"cut": func(good string) string { return good[:len(good)-1] },
	} {
		p := newIDP(t)
		p.payload = func(nonce string) string { return payload(p.claims(nonce, nil)) }
		if got, err := p.visit(t, p.party(), nil); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, alg := range []jose.SignatureAlgorithm{"", jose.HS256} {
		p := newIDP(t)
		p.alg = alg
		if got, err := p.visit(t, p.party(), nil); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("alg %q: %+v, %v", alg, got, err)
		}
	}
	p, other := newIDP(t), newIDP(t)
	rp := p.party()
	if _, err := p.visit(t, rp, nil); err != nil {
		t.Fatal(err)
	}
	p.key = other.key // the provider's key, but not one that it had when it was asked: it is asked anew
	if _, err := p.visit(t, rp, nil); err != nil {
		t.Errorf("a new key of the provider: %v", err)
	}
	p.Close()
	if _, _, err := p.party().Begin(bg, false); !fault.Is(err, fault.Busy) {
		t.Errorf("a provider that is away: %v", err)
	}
}
