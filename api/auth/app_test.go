package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

// app is an app that the operator registered, as it behaves towards the hospital.
type app struct {
	t                    testing.TB
	id, secret, redirect string
	key                  *ecdsa.PrivateKey // of private_key_jwt
	verifier, state      string
}

const redirect = "https://app.example/callback"

// newApp registers an app; extra are further members of its registration.
func newApp(t testing.TB, auth, scopes string, extra ...string) *app {
	t.Helper()
	a := &app{t: t, redirect: redirect}
	body := fmt.Sprintf(`{"client_name":"Growth Chart","redirect_uris":[%q,"http://localhost:3000/cb"],"scope":%q,"token_endpoint_auth_method":%q`, redirect, scopes, auth)
	if auth == "private_key_jwt" && len(extra) == 0 {
		key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		a.key = key
		body += `,"jwks":` + keySet(t, key)
	}
	for _, e := range extra {
		body += "," + e
	}
	r := operate(t, http.MethodPost, "/admin/apps", body+"}")
	if r.status != http.StatusCreated {
		t.Fatalf("registering: %d %s", r.status, r.body)
	}
	a.id, a.secret = value(t, r.body, "client_id"), value(t, r.body, "client_secret")
	return a
}

func keySet(t testing.TB, key *ecdsa.PrivateKey) string {
	t.Helper()
	raw, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k", Algorithm: "ES384", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// asks is the app's authorization request; what is given replaces what it would
// say, "" leaves it out.
func (a *app) asks(scopes string, other ...string) url.Values {
	a.verifier, a.state = rand.Text()+rand.Text(), rand.Text()
	sum := sha256.Sum256([]byte(a.verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {a.id}, "redirect_uri": {a.redirect}, "scope": {scopes}, "state": {a.state}, "aud": {hospital.url + "/fhir"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for _, o := range other {
		name, v, _ := strings.Cut(o, "=")
		if q.Set(name, v); v == "" {
			q.Del(name)
		}
	}
	return q
}

// ticket is what a page carries.
var ticket = regexp.MustCompile(`name="ticket" value="([^"]*)"`)

// offered are the scopes that a consent page lists.
var offered = regexp.MustCompile(`name="scope" value="([^"]*)"`)

// visit opens a page as a browser does.
func (b *browser) visit(path string) answer {
	b.t.Helper()
	return b.send(http.MethodGet, path, "", "Sec-Fetch-Site: none", "Origin: ")
}

// answers sends a form of a page.
func (b *browser) answers(path string, form url.Values, headers ...string) answer {
	b.t.Helper()
	return b.send(http.MethodPost, path, form.Encode(), append([]string{"Content-Type: application/x-www-form-urlencoded"}, headers...)...)
}

// consents ticks everything but some on a consent page, and sends it.
func (b *browser) consents(page answer, decision string, but ...string) answer {
	b.t.Helper()
	found := ticket.FindSubmatch(page.body)
	if page.status != http.StatusOK || found == nil {
		b.t.Fatalf("no consent page: %d %s", page.status, page.body)
	}
	form := url.Values{"ticket": {html.UnescapeString(string(found[1]))}, "decision": {decision}}
	for _, s := range offered.FindAllSubmatch(page.body, -1) {
		scope := html.UnescapeString(string(s[1]))
		left := false
		for _, one := range but {
			left = left || one == scope
		}
		if !left {
			form.Add("scope", scope)
		}
	}
	return b.answers("/auth/decision", form)
}

// back reads what a redirect to the app says, and that it is one to it.
func (a *app) back(r answer) url.Values {
	a.t.Helper()
	to, err := url.Parse(r.header.Get("Location"))
	if err != nil || r.status != http.StatusSeeOther || !strings.HasPrefix(r.header.Get("Location"), a.redirect+"?") {
		a.t.Fatalf("not back at the app: %d %q %s", r.status, r.header.Get("Location"), r.body)
	}
	q := to.Query()
	if q.Get("state") != a.state || q.Get("iss") != hospital.url {
		a.t.Errorf("the answer's state or issuer: %v", q)
	}
	return q
}

// code has a person allow the app everything that it asks for.
func (a *app) code(b *browser, scopes string, other ...string) string {
	a.t.Helper()
	r := b.visit("/auth/authorize?" + a.asks(scopes, other...).Encode())
	if r.status == http.StatusOK {
		r = b.consents(r, "allow")
	}
	code := a.back(r).Get("code")
	if code == "" {
		a.t.Fatalf("no code: %v", r.header)
	}
	return code
}

// post sends a form to an endpoint as the app, authenticated as it is registered.
func (a *app) post(path string, form url.Values, headers ...string) answer {
	a.t.Helper()
	switch {
	case a.key != nil:
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", a.assertion())
	case a.secret == "":
		form.Set("client_id", a.id)
	}
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, hospital.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if a.secret != "" {
		r.SetBasicAuth(url.QueryEscape(a.id), url.QueryEscape(a.secret))
	}
	for _, h := range headers {
		name, v, _ := strings.Cut(h, ": ")
		r.Header.Set(name, v)
	}
	return do(a.t, r)
}

func do(t testing.TB, r *http.Request) answer {
	t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, data}
}

func (a *app) assertion() string {
	a.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: jose.JSONWebKey{Key: a.key, KeyID: "k"}}, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	now := time.Now().Unix()
	signed, err := signer.Sign(fmt.Appendf(nil, `{"iss":%q,"sub":%q,"aud":%q,"iat":%d,"exp":%d,"jti":%q}`, a.id, a.id, hospital.url+"/auth/token", now, now+60, uuid.NewString()))
	if err != nil {
		a.t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		a.t.Fatal(err)
	}
	return out
}

// given is a token response.
type given struct {
	Access    string `json:"access_token"`
	Refresh   string `json:"refresh_token"`
	ID        string `json:"id_token"`
	Type      string `json:"token_type"`
	Expires   int    `json:"expires_in"`
	Scope     string `json:"scope"`
	Patient   string `json:"patient"`
	Encounter string `json:"encounter"`
	Banner    *bool  `json:"need_patient_banner"`
	Error     string `json:"error"`
}

func tokens(t testing.TB, r answer) (g given) {
	t.Helper()
	if err := json.Unmarshal(r.body, &g); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return g
}

// redeem exchanges a code.
func (a *app) redeem(code string) given {
	a.t.Helper()
	r := a.post("/auth/token", a.codeForm(code))
	if r.status != http.StatusOK || r.header.Get("Cache-Control") != "no-store" {
		a.t.Fatalf("redeeming: %d %s", r.status, r.body)
	}
	return tokens(a.t, r)
}

func (a *app) codeForm(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {a.redirect}, "code_verifier": {a.verifier}}
}

// refresh exchanges a refresh token.
func (a *app) refresh(token string, other ...string) (given, answer) {
	a.t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	for _, o := range other {
		name, v, _ := strings.Cut(o, "=")
		form.Set(name, v)
	}
	r := a.post("/auth/token", form)
	return tokens(a.t, r), r
}

// read asks the FHIR face with an access token.
func read(t testing.TB, access, path string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, hospital.url+"/fhir/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+access)
	return do(t, r)
}

// store keeps a record as the EHR.
func store(t testing.TB, path, body string) {
	t.Helper()
	if _, err := software(t, "ehr").Expect(t.Context(), http.StatusCreated, http.MethodPut, "/fhir/"+path, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

func observation(id, patient, category string) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":%q}]}],`+
		`"code":{"text":"x"},"subject":{"reference":"Patient/%s"}}`, id, category, patient)
}
