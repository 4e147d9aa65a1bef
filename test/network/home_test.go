package network_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"cairn/demo"
	"cairn/node/identity"
	"cairn/node/identity/dpop"
	"cairn/node/keys"
	"cairn/node/peer"
	"cairn/wallet"
)

// credential is something that a hospital let somebody in with. It is tried at a
// hospital, with the status that comes.
type credential struct {
	name string
	try  func(at *demo.Hospital) int
	once bool // it is good once
}

// TestCredentialsStayAtHome tries whatever lets anybody in at one of four hospitals
// at all four: only the diagonal works.
func TestCredentialsStayAtHome(t *testing.T) {
	ctx := within(t, time.Minute)
	for _, from := range town.Hospitals {
		for _, c := range credentials(ctx, t, from) {
			for _, at := range town.Hospitals {
				if at == from {
					continue
				}
				if status := c.try(at); status != http.StatusUnauthorized {
					t.Errorf("%s of %s at %s: %d", c.name, from.ID, at.ID, status)
				}
			}
			if status := c.try(from); status >= 300 { // still good: nobody used it up elsewhere
				t.Errorf("%s of %s at home: %d", c.name, from.ID, status)
			}
			if status := c.try(from); c.once != (status >= 400) {
				t.Errorf("%s of %s at home, again: %d", c.name, from.ID, status)
			}
		}
	}
}

// credentials returns one of each kind.
func credentials(ctx context.Context, t *testing.T, h *demo.Hospital) []credential {
	t.Helper()
	id, _ := post(ctx, t, h, "Patient", `{"resourceType":"Patient"}`)
	w := person(t, map[*demo.Hospital]string{h: id})
	cookie := inBrowser(ctx, t, w, h)
	app := appOf(ctx, t, h)
	verifier := rand.Text() + rand.Text()
	fields := func(form url.Values) func(*demo.Hospital) int {
		return func(at *demo.Hospital) int {
			return visited(ctx, t, http.MethodPost, at.URL+"/auth/token", form, nil).StatusCode
		}
	}
	redeem := func(code string) url.Values {
		return url.Values{"grant_type": {"authorization_code"}, "client_id": {app}, "code": {code}, "redirect_uri": {appBack}, "code_verifier": {verifier}}
	}
	given := tokensOf(t, visited(ctx, t, http.MethodPost, h.URL+"/auth/token", redeem(allowed(ctx, t, h, cookie, app, verifier)), nil))
	bearing := func(path, access string) func(*demo.Hospital) int {
		return func(at *demo.Hospital) int { return get(ctx, t, at.URL+path, access) }
	}
	key, software := softwareOf(ctx, t, h)
	return []credential{
		{"a bearer token of software", bearing("/fhir/Observation?code=x", softwareToken(ctx, t, h, nil)), false},
		{"a token of software with a key", func(at *demo.Hospital) int { return proved(ctx, t, at, key, software) }, false},
		{"a patient's token", bearing("/portal/log", portalToken(ctx, t, w, h)), false},
		{"an app's token", bearing("/fhir/Patient/"+id, given.Access), false},
		{"a session", func(at *demo.Hospital) int { return seated(ctx, t, h, at, cookie) }, false},
		{"a patient's assertion", handing(ctx, t, "/portal/signin", signature(ctx, t, w, h)), true},
		{"software's assertion", fields(assertionForm(t, h)), true},
		{"an app's code", fields(redeem(allowed(ctx, t, h, cookie, app, verifier))), true},
		{"an app's refresh token", fields(url.Values{"grant_type": {"refresh_token"}, "client_id": {app}, "refresh_token": {given.Refresh}}), true},
	}
}

func handing(ctx context.Context, t *testing.T, path string, body []byte) func(*demo.Hospital) int {
	return func(at *demo.Hospital) int { return send(ctx, t, at.URL+path, body) }
}

// assertionForm is what the EHR signs in with at its hospital.
func assertionForm(t *testing.T, h *demo.Hospital) url.Values {
	t.Helper()
	key, err := keys.ReadClient(filepath.Join(h.Dir, "keys", "ehr.pem"))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := identity.SignAssertion(key, claims(h))
	if err != nil {
		t.Fatal(err)
	}
	return url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {signed}}
}

func softwareToken(ctx context.Context, t *testing.T, h *demo.Hospital, key *dpop.Key) string {
	t.Helper()
	token, err := peer.SignIn(ctx, town.Client(), h.URL, assertionForm(t, h).Get("client_assertion"), key)
	if err != nil {
		t.Fatal(err)
	}
	return token.Access
}

// softwareOf returns a token of the EHR that is bound to a key.
func softwareOf(ctx context.Context, t *testing.T, h *demo.Hospital) (*dpop.Key, string) {
	t.Helper()
	key, err := dpop.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key, softwareToken(ctx, t, h, key)
}

// proved sends a token with the proof that the hospital asks for.
func proved(ctx context.Context, t *testing.T, at *demo.Hospital, key *dpop.Key, access string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.URL+"/fhir/Observation?code=x", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := peer.Send(town.Client(), req, key, access)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// portalToken returns the token that a wallet has at a hospital.
func portalToken(ctx context.Context, t *testing.T, w *wallet.Wallet, h *demo.Hospital) (access string) {
	t.Helper()
	look := tap(func(r *http.Request, _ []byte) {
		if _, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
			access = token
		}
	})
	if _, _, err := w.Through(&http.Client{Transport: look}).Log(ctx, h.ID, 1); err != nil {
		t.Fatal(err)
	}
	return access
}

// signature is what a wallet signs in with, kept from arriving.
func signature(ctx context.Context, t *testing.T, w *wallet.Wallet, h *demo.Hospital) (body []byte) {
	t.Helper()
	w.Forget(h.ID)
	w.Through(&http.Client{Transport: kept{&body}}).Log(ctx, h.ID, 1) //nolint:errcheck // it gets no token
	w.Forget(h.ID)
	if body == nil {
		t.Fatal("nothing was signed")
	}
	return body
}

// kept is a transport that keeps a patient's assertion to itself.
type kept struct{ body *[]byte }

func (k kept) RoundTrip(r *http.Request) (res *http.Response, err error) {
	if !strings.HasSuffix(r.URL.Path, "/portal/signin") {
		return http.DefaultTransport.RoundTrip(r)
	}
	if *k.body, err = io.ReadAll(r.Body); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusTeapot, Header: make(http.Header), Body: http.NoBody, Request: r}, nil
}

// inBrowser signs a wallet's passkey in at the sign-in page.
func inBrowser(ctx context.Context, t *testing.T, w *wallet.Wallet, h *demo.Hospital) *http.Cookie {
	t.Helper()
	res := visited(ctx, t, http.MethodPost, h.URL+"/signin", nil, func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(string(signature(ctx, t, w, h)))), -1
		r.Header.Set("Content-Type", "application/json")
	})
	if len(res.Cookies()) != 1 {
		t.Fatalf("%d: %v", res.StatusCode, res.Header)
	}
	return res.Cookies()[0]
}

// seated sends the cookie of one hospital to another, under both their names for it.
func seated(ctx context.Context, t *testing.T, of, at *demo.Hospital, c *http.Cookie) int {
	t.Helper()
	status := http.StatusUnauthorized
	for _, name := range []string{c.Name, strings.Replace(c.Name, of.ID, at.ID, 1)} {
		res := visited(ctx, t, http.MethodGet, at.URL+"/portal/log", nil, func(r *http.Request) { r.Header.Set("Cookie", name+"="+c.Value) })
		if res.StatusCode != http.StatusUnauthorized {
			status = res.StatusCode
		}
	}
	return status
}

const appBack = "https://app.example/back"

// appOf registers an app with the operator of a hospital.
func appOf(ctx context.Context, t *testing.T, h *demo.Hospital) string {
	t.Helper()
	a, err := h.Operator.Expect(ctx, http.StatusCreated, http.MethodPost, "/admin/apps",
		[]byte(`{"client_name":"Diary","redirect_uris":["`+appBack+`"],"scope":"patient/*.rs launch/patient offline_access","token_endpoint_auth_method":"none"}`))
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		ID string `json:"client_id"`
	}
	if err := json.Unmarshal(a.Body, &out); err != nil {
		t.Fatal(err)
	}
	return out.ID
}

var (
	asked   = regexp.MustCompile(`name="ticket" value="([^"]*)"`)
	offered = regexp.MustCompile(`name="scope" value="([^"]*)"`)
)

// allowed has a patient allow an app in her browser, and returns the code.
func allowed(ctx context.Context, t *testing.T, h *demo.Hospital, cookie *http.Cookie, app, verifier string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(verifier))
	hers := func(r *http.Request) {
		r.Header.Set("Cookie", cookie.Name+"="+cookie.Value)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res := visited(ctx, t, http.MethodGet, h.URL+"/auth/authorize?"+url.Values{
		"response_type": {"code"}, "client_id": {app}, "redirect_uri": {appBack}, "scope": {"patient/*.rs launch/patient offline_access"}, "state": {rand.Text()}, "prompt": {"consent"},
		"aud": {h.URL + "/fhir"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}.Encode(), nil, hers)
	page, err := io.ReadAll(res.Body)
	found := asked.FindSubmatch(page)
	if err != nil || found == nil {
		t.Fatalf("%d %s", res.StatusCode, page)
	}
	answer := url.Values{"ticket": {html.UnescapeString(string(found[1]))}, "decision": {"allow"}}
	for _, s := range offered.FindAllSubmatch(page, -1) {
		answer.Add("scope", html.UnescapeString(string(s[1])))
	}
	back, err := url.Parse(visited(ctx, t, http.MethodPost, h.URL+"/auth/decision", answer, hers).Header.Get("Location"))
	if err != nil || back.Query().Get("code") == "" || back.Query().Get("iss") != h.URL { // who answers (RFC 9207): against mix-up
		t.Fatalf("%v %v", back, err)
	}
	return back.Query().Get("code")
}

type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

func tokensOf(t *testing.T, res *http.Response) (out tokens) {
	t.Helper()
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || out.Access == "" || out.Refresh == "" {
		t.Fatalf("%d %v", res.StatusCode, err)
	}
	return out
}

// visited makes a request as a browser that follows no redirect, with a form if
// there is one.
func visited(ctx context.Context, t *testing.T, method, to string, form url.Values, change func(*http.Request)) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if change != nil {
		change(r)
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}
