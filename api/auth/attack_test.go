package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"cairn/node/identity/dpop"
	"cairn/node/keys"
)

// TestRequestsThatAreRefused: what is not sound about an authorization request is
// told to the app, if the app's address can be trusted, and only to the person if
// not.
func TestRequestsThatAreRefused(t *testing.T) {
	b, _ := person(t)
	a := newApp(t, "none", "patient/Observation.rs launch/patient openid")
	for other, want := range map[string]string{
		"response_type=token": "unsupported_response_type", "response_type=": "unsupported_response_type", "response_type=code token": "unsupported_response_type",
		"response_mode=fragment": "invalid_request", "response_mode=form_post": "invalid_request",
		"aud=": "invalid_request", "aud=https://evil.example/fhir": "invalid_request", "aud=" + hospital.url: "invalid_request",
		"code_challenge=": "invalid_request", "code_challenge_method=": "invalid_request", "code_challenge_method=plain": "invalid_request", "code_challenge=short": "invalid_request",
		"state=": "invalid_request", "state=guessable": "invalid_request", "nonce=1": "invalid_request",
		"scope=": "invalid_scope", "scope=system/*.cruds": "invalid_scope", "scope=patient/Condition.rs": "invalid_scope", "scope=patient/Observation.rs?colour=red": "invalid_scope",
		"scope=patient/Observation.sr": "invalid_scope", "scope=patient/Nothing.rs": "invalid_scope",
		"request=eyJhbGciOiJub25lIn0.e30.": "request_not_supported", "request_uri=https://evil.example/r": "request_uri_not_supported",
		"registration={}": "registration_not_supported", "prompt=sometimes": "invalid_request", "max_age=-1": "invalid_request", "audience=x": "invalid_request",
	} {
		q := a.asks("patient/Observation.rs openid", other)
		if strings.HasPrefix(other, "state=") {
			a.state = q.Get("state")
		}
		r := b.visit("/auth/authorize?" + q.Encode())
		if other == "audience=x" { // a parameter that means nothing here is passed over (RFC 6749, 3.1)
			if r.status != http.StatusOK {
				t.Errorf("%s: %d", other, r.status)
			}
			continue
		}
		if got := a.back(r); got.Get("error") != want || got.Get("code") != "" || got.Get("error_description") == "" {
			t.Errorf("%s: %v", other, got)
		}
	}
	twice := a.asks("patient/Observation.rs")
	for _, name := range []string{"scope", "state", "aud", "code_challenge"} {
		r := b.visit("/auth/authorize?" + twice.Encode() + "&" + name + "=x")
		if to, _ := url.Parse(r.header.Get("Location")); r.status != http.StatusSeeOther || to.Query().Get("error") != "invalid_request" {
			t.Errorf("%s twice: %d %v", name, r.status, r.header)
		}
	}
}

// TestRedirectsElsewhere: an answer goes to an address of the registration, to the
// letter, or nowhere.
func TestRedirectsElsewhere(t *testing.T) {
	b, _ := person(t)
	a := newApp(t, "none", "patient/Observation.rs")
	for _, to := range []string{
		"", "https://evil.example/callback", "https://app.example/callback/", "https://app.example/callback/../evil", "https://app.example/callback?x=1", "https://app.example/callback#x",
		"https://app.example/Callback", "https://app.example.evil.example/callback", "https://app.example@evil.example/callback", "https://app.example/call", "http://app.example/callback",
		"https://app.example:443/callback", "//app.example/callback", "https://app.example%2fcallback", "javascript:alert(1)", "http://localhost:3001/cb", "http://127.0.0.1:3000/cb",
		"https://app.example/callback%00", "https://app.example\\@evil.example/callback",
	} {
		r := b.visit("/auth/authorize?" + a.asks("patient/Observation.rs", "redirect_uri="+to).Encode())
		if r.status != http.StatusBadRequest || r.header.Get("Location") != "" {
			t.Errorf("%q: %d %q", to, r.status, r.header.Get("Location"))
		}
	}
	q := a.asks("patient/Observation.rs").Encode()
	for _, query := range []string{q + "&redirect_uri=https://evil.example/", "redirect_uri=https://evil.example/&" + q, strings.Replace(q, "client_id="+a.id, "client_id=none", 1), q + "&client_id=other"} {
		if r := b.visit("/auth/authorize?" + query); r.status != http.StatusBadRequest || r.header.Get("Location") != "" {
			t.Errorf("%s: %d %q", query, r.status, r.header.Get("Location"))
		}
	}
	for _, bad := range []string{"https://*.example/cb", "https://x.example/cb#f", "http://x.example/cb", "javascript:alert(1)", "data:text/html,x", "https://u@x.example/cb", "com:/cb", "/cb"} {
		if r := operate(t, http.MethodPost, "/admin/apps", fmt.Sprintf(`{"client_name":"x","redirect_uris":[%q],"scope":"patient/*.rs","token_endpoint_auth_method":"none"}`, bad)); r.status != http.StatusBadRequest {
			t.Errorf("%s was registered: %d", bad, r.status)
		}
	}
	// The sign-in page sends nobody elsewhere either.
	for _, to := range []string{"https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "/auth/authorize\n"} {
		r := b.visit("/signin?return=" + url.QueryEscape(to))
		if at, _ := url.Parse(r.header.Get("Location")); at != nil && (at.Host != "" || at.Scheme != "") {
			t.Errorf("%q leads to %s", to, at)
		}
	}
}

// TestCodes: a code is good once, for its app, with its verifier and address.
func TestCodes(t *testing.T) {
	b, me := person(t)
	a, other := newApp(t, "none", "patient/*.rs offline_access"), newApp(t, "none", "patient/*.rs offline_access")
	code := a.code(b, "patient/Patient.rs offline_access")
	refused := func(name, want string, r answer) {
		t.Helper()
		if g := tokens(t, r); r.status == http.StatusOK || g.Access != "" || g.Error != want {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	for name, change := range map[string][2]string{
		"another verifier": {"code_verifier", rand.Text() + rand.Text()}, "no verifier": {"code_verifier", ""}, "a short verifier": {"code_verifier", "x"},
		"another address": {"redirect_uri", "http://localhost:3000/cb"}, "no address": {"redirect_uri", ""}, "another code": {"code", code[:len(code)-1] + "x"},
		"the code of nobody": {"code", "x.y"}, "no code": {"code", ""},
	} {
		form := a.codeForm(code)
		form.Set(change[0], change[1])
		refused(name, "invalid_grant", a.post("/auth/token", form))
	}
	stolen := other.codeForm(code)
	stolen.Set("code_verifier", a.verifier)
	refused("another app", "invalid_grant", other.post("/auth/token", stolen))
	form := a.codeForm(code)
	form.Set("grant_type", "refresh_token")
	form.Set("refresh_token", code)
	refused("as a refresh token", "invalid_grant", a.post("/auth/token", form))
	g := a.redeem(code) // all those tries have not used it up
	if read(t, g.Access, "Patient/"+me).status != 200 {
		t.Fatal("the token does not work")
	}
	refused("used twice", "invalid_grant", a.post("/auth/token", a.codeForm(code)))
	if r := read(t, g.Access, "Patient/"+me); r.status != http.StatusUnauthorized {
		t.Errorf("what came of a code that was used twice: %d", r.status)
	}
	if _, r := a.refresh(g.Refresh); r.status != http.StatusBadRequest {
		t.Errorf("its refresh token: %d", r.status)
	}
}

// TestClientsThatAreNot: whoever does not authenticate as the app is registered gets
// one answer, whatever is wrong.
func TestClientsThatAreNot(t *testing.T) {
	b, _ := person(t)
	secret, key, public := newApp(t, "client_secret_basic", "patient/*.rs"), newApp(t, "private_key_jwt", "patient/*.rs"), newApp(t, "none", "patient/*.rs")
	thief, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var first string
	for name, c := range map[string]struct {
		a       *app
		form    url.Values
		headers []string
	}{
		"a wrong secret":            {&app{t: t, id: secret.id, secret: "wrong"}, nil, nil},
		"no secret":                 {&app{t: t, id: secret.id}, nil, nil},
		"an unknown app":            {&app{t: t, id: uuid.NewString(), secret: "wrong"}, nil, nil},
		"a secret in the form":      {&app{t: t, id: secret.id}, url.Values{"client_secret": {secret.secret}}, nil},
		"a secret for a public app": {&app{t: t, id: public.id, secret: "x"}, nil, nil},
		"a key app without its key": {&app{t: t, id: key.id}, nil, nil},
		"another key":               {&app{t: t, id: key.id, key: thief}, nil, nil},
		"an assertion and a secret": {&app{t: t, id: key.id, key: key.key, secret: "x"}, nil, nil},
		"a key for a secret app":    {&app{t: t, id: secret.id, key: key.key}, nil, nil},
		"an assertion for another":  {key, url.Values{"client_id": {public.id}}, nil},
		"the operator's own id":     {&app{t: t, id: "ehr"}, nil, nil},
		"a member's id":             {&app{t: t, id: "north"}, nil, nil},
	} {
		victim := *secret
		code := victim.code(b, "patient/Patient.rs")
		form := victim.codeForm(code)
		for k, v := range c.form {
			form[k] = v
		}
		r := c.a.post("/auth/token", form, c.headers...)
		if g := tokens(t, r); r.status != http.StatusUnauthorized || g.Error != "invalid_client" {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
		if first == "" {
			first = string(r.body)
		}
		if string(r.body) != first {
			t.Errorf("%s is told from others: %s instead of %s", name, r.body, first)
		}
	}
	for name, form := range map[string]string{
		"a parameter twice": "grant_type=authorization_code&code=x&code=y&client_id=" + public.id, "no grant": "code=x&client_id=" + public.id,
		"a password": "grant_type=password&username=a&password=b&client_id=" + public.id, "implicit": "grant_type=implicit", "nothing": "",
		"two grants": "grant_type=authorization_code+refresh_token&client_id=" + public.id,
	} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, hospital.url+"/auth/token", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if a := do(t, r); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

// TestPagesOfOthers: only the browser session that was asked can answer, from a page
// of this origin, and only what was asked.
func TestPagesOfOthers(t *testing.T) {
	b, _ := person(t)
	other, _ := person(t)
	a := newApp(t, "none", "patient/*.rs")
	page := b.visit("/auth/authorize?" + a.asks("patient/Observation.rs").Encode())
	form := url.Values{"ticket": {html.UnescapeString(string(ticket.FindSubmatch(page.body)[1]))}, "decision": {"allow"}, "scope": {"patient/Observation.rs"}}
	if r := b.answers("/auth/decision", form, "Sec-Fetch-Site: cross-site", "Origin: https://evil.example"); r.status != http.StatusForbidden {
		t.Errorf("from another site's page: %d", r.status)
	}
	if r := other.answers("/auth/decision", form); r.status != http.StatusBadRequest || r.header.Get("Location") != "" {
		t.Errorf("by another person: %d %v", r.status, r.header)
	}
	if r := newBrowser(t, true).answers("/auth/decision", form); r.status != http.StatusUnauthorized {
		t.Errorf("by nobody: %d", r.status)
	}
	altered := url.Values{"ticket": {form.Get("ticket")[1:]}, "decision": {"allow"}, "scope": form["scope"]}
	if r := b.answers("/auth/decision", altered); r.status != http.StatusBadRequest {
		t.Errorf("an altered ticket: %d", r.status)
	}
	more := url.Values{"ticket": form["ticket"], "decision": {"allow"}, "scope": {"patient/Observation.rs", "patient/Condition.rs", "patient/*.cruds", "offline_access"}}
	if g := a.redeem(a.back(b.answers("/auth/decision", more)).Get("code")); g.Scope != "patient/Observation.rs" || g.Refresh != "" {
		t.Errorf("more than was asked was given: %+v", g)
	}
	page = b.visit("/auth/authorize?" + a.asks("patient/Observation.rs", "prompt=consent").Encode())
	if q := a.back(b.consents(page, "deny")); q.Get("error") != "access_denied" || q.Get("code") != "" {
		t.Errorf("not allowed: %v", q)
	}
	page = b.visit("/auth/authorize?" + a.asks("patient/Observation.rs", "prompt=consent").Encode())
	if q := a.back(b.consents(page, "allow", "patient/Observation.rs")); q.Get("error") != "access_denied" || q.Get("code") != "" {
		t.Errorf("nothing of it allowed: %v", q)
	}
	if framed := page.header.Get("Content-Security-Policy"); !strings.Contains(framed, "frame-ancestors 'none'") {
		t.Errorf("the page can be framed: %s", framed)
	}
}

// TestWhatEndsApps: an app is out at once when it is removed, when the person's
// passkeys are taken away, and when her account is disabled.
func TestWhatEndsApps(t *testing.T) {
	for name, end := range map[string]func(a *app, id string){
		"the app is removed": func(a *app, _ string) {
			if r := operate(t, http.MethodDelete, "/admin/apps/"+a.id, ""); r.status != http.StatusNoContent {
				t.Fatal(r.status)
			}
		},
		"the passkeys are taken away": func(_ *app, id string) {
			if _, err := software(t, "ehr").Do(t.Context(), http.MethodDelete, "/portal/patients/"+id+"/passkeys", nil); err != nil {
				t.Fatal(err)
			}
		},
	} {
		b, me := person(t)
		a := newApp(t, "none", "patient/*.rs offline_access")
		g := a.redeem(a.code(b, "patient/Patient.rs offline_access"))
		if r := read(t, g.Access, "Patient/"+me); r.status != 200 {
			t.Fatal(r.status)
		}
		end(a, me)
		if r := read(t, g.Access, "Patient/"+me); r.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, r.status)
		}
		if _, r := a.refresh(g.Refresh); r.status != http.StatusBadRequest && r.status != http.StatusUnauthorized {
			t.Errorf("%s: its refresh token: %d", name, r.status)
		}
	}
	b := employ(t, "leaver", `["physician"]`)
	a := newApp(t, "none", "user/*.rs offline_access")
	g := a.redeem(a.code(b, "user/Patient.rs offline_access"))
	if r := read(t, g.Access, "Patient?name=x"); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	var list struct{ Staff []map[string]any }
	if err := json.Unmarshal(operate(t, http.MethodGet, "/admin/staff?after=leavea", "").body, &list); err != nil || list.Staff[0]["id"] != "leaver" {
		t.Fatalf("%v %v", list, err)
	}
	delete(list.Staff[0], "passkeys")
	list.Staff[0]["disabled"] = true
	body, _ := json.Marshal(list.Staff[0])
	if r := operate(t, http.MethodPut, "/admin/staff/leaver", string(body)); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := read(t, g.Access, "Patient?name=x"); r.status != http.StatusUnauthorized {
		t.Errorf("the account is disabled: %d", r.status)
	}
	if _, r := a.refresh(g.Refresh); r.status != http.StatusBadRequest {
		t.Errorf("its refresh token: %d", r.status)
	}
}

// TestIntrospectAndRevoke: a token is explained to whom it was given to, and to the
// hospital's own software; who gives it back ends the sign-in.
func TestIntrospectAndRevoke(t *testing.T) {
	b, me := person(t)
	a, other := newApp(t, "client_secret_basic", "patient/*.rs offline_access openid fhirUser"), newApp(t, "client_secret_basic", "patient/*.rs")
	g := a.redeem(a.code(b, "patient/Patient.rs offline_access openid fhirUser"))
	ask := func(who *app, token string) map[string]any {
		r := who.post("/auth/introspect", url.Values{"token": {token}})
		var out map[string]any
		if err := json.Unmarshal(r.body, &out); err != nil || r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		return out
	}
	out := ask(a, g.Access)
	if out["active"] != true || out["client_id"] != a.id || out["patient"] != me || out["scope"] != g.Scope || out["iss"] != hospital.url || out["fhirUser"] != hospital.url+"/fhir/Patient/"+me ||
		int64(out["exp"].(float64)) < time.Now().Unix() {
		t.Errorf("%v", out)
	}
	for name, got := range map[string]map[string]any{"another app": ask(other, g.Access), "no token": ask(a, "x"), "a refresh token": ask(a, g.Refresh)} {
		if len(got) != 1 || got["active"] != false {
			t.Errorf("%s: %v", name, got)
		}
	}
	if r := (&app{t: t, id: a.id, secret: "wrong"}).post("/auth/introspect", url.Values{"token": {g.Access}}); r.status != http.StatusUnauthorized {
		t.Errorf("somebody asks: %d", r.status)
	}
	key, err := keys.ReadClient(filepath.Join(hospital.dir, "keys", "ehr.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if out := ask(&app{t: t, id: "ehr", key: key}, g.Access); out["active"] != true {
		t.Errorf("the EHR asks: %v", out)
	}
	if r := other.post("/auth/revoke", url.Values{"token": {g.Refresh}}); r.status != 200 || ask(a, g.Access)["active"] != true {
		t.Errorf("another app gives it back: %d", r.status)
	}
	if r := a.post("/auth/revoke", url.Values{"token": {g.Refresh}}); r.status != 200 || ask(a, g.Access)["active"] != false {
		t.Errorf("giving it back: %d", r.status)
	}
	if r := read(t, g.Access, "Patient/"+me); r.status != http.StatusUnauthorized {
		t.Errorf("afterwards: %d", r.status)
	}
}

// TestSoftwareTokens: what software has for itself is explained and ended as well.
func TestSoftwareTokens(t *testing.T) {
	bot := newApp(t, "private_key_jwt", "system/Patient.rs", `"grant_types":["client_credentials"]`, `"cairn_purpose_of_use":"HOPERAT"`, `"redirect_uris":[]`, `"jwks":`+keySet(t, botKey(t)))
	bot.key = botKey(t)
	r := bot.post("/auth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}})
	g := tokens(t, r)
	if r.status != 200 || g.Scope != "system/Patient.rs" || g.Expires != 300 || g.Refresh != "" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := read(t, g.Access, "Patient?name=x"); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := read(t, g.Access, "Observation?code=x"); r.status != 403 {
		t.Errorf("%d", r.status)
	}
	if r := bot.post("/auth/introspect", url.Values{"token": {g.Access}}); !strings.Contains(string(r.body), `"active":true`) || !strings.Contains(string(r.body), "system/Patient.rs") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := bot.post("/auth/revoke", url.Values{"token": {g.Access}}); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := read(t, g.Access, "Patient?name=x"); r.status != http.StatusUnauthorized {
		t.Errorf("after it was given back: %d", r.status)
	}
	if r := bot.post("/auth/token", url.Values{"grant_type": {"authorization_code"}, "code": {"x.y"}, "redirect_uri": {redirect}, "code_verifier": {rand.Text() + rand.Text()}}); r.status != http.StatusUnauthorized {
		t.Errorf("it redeems codes: %d %s", r.status, r.body)
	}
}

var theBot *ecdsa.PrivateKey

func botKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	if theBot == nil {
		key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		theBot = key
	}
	return theBot
}

// TestKeysByURL: an app's keys are fetched from where it said, and again for one
// that is missing; not from inside the hospital's network, and not from where a
// header points.
func TestKeysByURL(t *testing.T) {
	var fetches atomic.Int64
	current := botKey(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetches.Add(1)
		fmt.Fprint(w, keySet(t, current))
	}))
	defer server.Close()
	// httptest listens on loopback, which this hospital's configuration allows.
	bot := newApp(t, "private_key_jwt", "system/Patient.rs", `"grant_types":["client_credentials"]`, `"cairn_purpose_of_use":"HOPERAT"`, `"redirect_uris":[]`, `"jwks_uri":"`+server.URL+`"`)
	bot.key = current
	for range 3 {
		if r := bot.post("/auth/token", url.Values{"grant_type": {"client_credentials"}}); r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	if n := fetches.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	for _, inside := range []string{"https://10.0.0.1/jwks", "http://169.254.169.254/latest", "https://[::ffff:10.0.0.1]/", "ftp://x.example/jwks", "https://user:secret@x.example/"} {
		body := fmt.Sprintf(`{"client_name":"x","scope":"system/*.rs","token_endpoint_auth_method":"private_key_jwt","jwks_uri":%q,"grant_types":["client_credentials"],"cairn_purpose_of_use":"HOPERAT"}`, inside)
		if r := operate(t, http.MethodPost, "/admin/apps", body); r.status != http.StatusBadRequest {
			t.Errorf("%s was registered: %d", inside, r.status)
		}
	}
}

// TestRegistrations that cannot be.
func TestRegistrations(t *testing.T) {
	weak, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: botKey(t)}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{
		`{}`, `{"client_name":"x"}`, `{"client_name":"x","redirect_uris":["https://a.example/"],"scope":"patient/Nothing.rs"}`,
		`{"client_name":"x","redirect_uris":["https://a.example/"],"scope":"system/*.rs"}`, `{"client_name":"x","redirect_uris":["https://a.example/"],"scope":"patient/*.rs","token_endpoint_auth_method":"client_secret_jwt"}`,
		`{"client_name":"x","redirect_uris":["https://a.example/"],"scope":"patient/*.rs","token_endpoint_auth_method":"private_key_jwt"}`,
		`{"client_name":"x","redirect_uris":["https://a.example/"],"scope":"patient/*.rs","token_endpoint_auth_method":"none","grant_types":["password"]}`,
		`{"client_name":"x","redirect_uris":["https://a.example/"],"scope":"patient/*.rs","token_endpoint_auth_method":"none","id_token_signed_response_alg":"none"}`,
		`{"client_name":"x","redirect_uris":["https://a.example/"],"scope":"patient/*.rs","token_endpoint_auth_method":"private_key_jwt","jwks":` + keySet(t, weak) + `}`,
		`{"client_name":"x","redirect_uris":["https://a.example/"],"scope":"patient/*.rs","token_endpoint_auth_method":"private_key_jwt","jwks":` + string(private) + `}`,
		`{"client_name":"x","redirect_uris":["https://a.example/"],"scope":"patient/*.rs","token_endpoint_auth_method":"none","unknown":1}`,
		`{"client_name":"` + strings.Repeat("x", 101) + `","redirect_uris":["https://a.example/"],"scope":"patient/*.rs","token_endpoint_auth_method":"none"}`,
	} {
		if r := operate(t, http.MethodPost, "/admin/apps", body); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
	b, _ := person(t)
	for _, r := range []answer{b.send(http.MethodGet, "/admin/apps", ""), b.send(http.MethodPost, "/admin/apps", `{}`), b.send(http.MethodDelete, "/admin/apps/x", "")} {
		if r.status != http.StatusForbidden {
			t.Errorf("a patient at the register: %d", r.status)
		}
	}
}

// statement is a software statement as a member signs one.
func statement(t *testing.T, key *ecdsa.PrivateKey, payload string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestStatements: an app that a member vouches for is registered; one statement, one
// registration.
func TestStatements(t *testing.T) {
	key, err := keys.ReadClient(filepath.Join(hospital.dir, "keys", "client.pem"))
	if err != nil {
		t.Fatal(err)
	}
	thief, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	payload := func(change ...string) string {
		p := fmt.Sprintf(`{"iss":"north","sub":"chart","aud":%q,"iat":%d,"exp":%d,"jti":%q,"client_name":"Vouched","redirect_uris":[%q],"scope":"patient/*.rs","token_endpoint_auth_method":"none"}`,
			hospital.url+"/auth/register", now, now+240, uuid.NewString(), redirect)
		for i := 0; i < len(change); i += 2 {
			if !strings.Contains(p, change[i]) {
				t.Fatalf("%q is not in %s", change[i], p)
			}
			p = strings.Replace(p, change[i], change[i+1], 1)
		}
		return p
	}
	send := func(signed string) answer {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, hospital.url+"/auth/register", strings.NewReader(`{"software_statement":"`+signed+`","udap":"1"}`))
		r.Header.Set("Content-Type", "application/json")
		return do(t, r)
	}
	good := statement(t, key, payload())
	r := send(good)
	if r.status != http.StatusCreated || value(t, r.body, "client_id") == "" || value(t, r.body, "cairn_registrant") != "North Hospital" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	a := &app{t: t, id: value(t, r.body, "client_id"), redirect: redirect}
	b, me := person(t)
	if g := a.redeem(a.code(b, "patient/Patient.rs")); read(t, g.Access, "Patient/"+me).status != 200 {
		t.Error("it does not work")
	}
	for name, signed := range map[string]string{
		"used before":            good,
		"another's key":          statement(t, thief, payload()),
		"not a member":           statement(t, key, payload(`"iss":"north"`, `"iss":"nowhere"`)),
		"for another node":       statement(t, key, payload(hospital.url, "https://other.example")),
		"for the token endpoint": statement(t, key, payload("/auth/register", "/auth/token")),
		"over":                   statement(t, key, payload(fmt.Sprint(now), fmt.Sprint(now-600), fmt.Sprint(now+240), fmt.Sprint(now-400))),
		"good for too long":      statement(t, key, payload(fmt.Sprint(now+240), fmt.Sprint(now+3600))),
		"in milliseconds":        statement(t, key, payload(fmt.Sprint(now+240), fmt.Sprint((now+240)*1000))),
		"iat in milliseconds":    statement(t, key, payload(fmt.Sprint(now)+`,"exp":`+fmt.Sprint(now+240), fmt.Sprint(now*1000)+`,"exp":`+fmt.Sprint(now*1000+240))),
		"signed before time":     statement(t, key, payload(`"iat":`+fmt.Sprint(now), `"iat":-9223372036854775808`, fmt.Sprint(now+240), fmt.Sprint(now+86400))),
		"a day old":              statement(t, key, payload(fmt.Sprint(now), fmt.Sprint(now-86400))),
		"no jti":                 statement(t, key, payload(`"jti"`, `"jtj"`)),
		"a claim twice":          statement(t, key, payload(`"sub":"chart"`, `"sub":"chart","sub":"x"`)),
		"a claim in two cases":   statement(t, key, payload(`"scope":"patient/*.rs"`, `"scope":"patient/*.rs","SCOPE":"user/*.rs"`)),
		"for itself":             statement(t, key, payload(`"scope":"patient/*.rs"`, `"scope":"system/*.rs","grant_types":["client_credentials"],"cairn_purpose_of_use":"TREAT"`)),
		"a bad address":          statement(t, key, payload(redirect, "http://app.example/cb")),
		"not signed":             "eyJhbGciOiJub25lIn0.e30.",
		"nothing":                "",
	} {
		if r := send(signed); r.status != http.StatusBadRequest || value(t, r.body, "client_id") != "" || value(t, r.body, "error") == "" {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}

// TestAppsWithKeys: an app that proves a key has tokens that nobody else can use,
// and its refresh needs the key too (RFC 9449).
func TestAppsWithKeys(t *testing.T) {
	b, me := person(t)
	a := newApp(t, "none", "patient/*.rs offline_access")
	mine, err := dpop.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	other, err := dpop.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	nonce := "" // of this process: it has only just begun
	prove := func(k *dpop.Key, method, path, access string) string {
		p, err := k.Prove(method, hospital.url+path, access, nonce, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return "DPoP: " + p
	}
	code := a.code(b, "patient/Patient.rs offline_access")
	r := a.post("/auth/token", a.codeForm(code), prove(mine, "POST", "/auth/token", ""))
	if nonce = r.header.Get("DPoP-Nonce"); r.status == http.StatusBadRequest && nonce != "" {
		r = a.post("/auth/token", a.codeForm(code), prove(mine, "POST", "/auth/token", ""))
	}
	g := tokens(t, r)
	if r.status != 200 || g.Type != "DPoP" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := read(t, g.Access, "Patient/"+me); r.status != http.StatusUnauthorized {
		t.Errorf("as a bearer token: %d", r.status)
	}
	with := func(k *dpop.Key, access string) int {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, hospital.url+"/fhir/Patient/"+me, nil)
		r.Header.Set("Authorization", "DPoP "+access)
		name, v, _ := strings.Cut(prove(k, "GET", "/fhir/Patient/"+me, access), ": ")
		r.Header.Set(name, v)
		return do(t, r).status
	}
	if with(mine, g.Access) != 200 || with(other, g.Access) != http.StatusUnauthorized {
		t.Error("the key does not count")
	}
	form := func() url.Values { return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {g.Refresh}} }
	for name, headers := range map[string][]string{"no proof": nil, "another key": {prove(other, "POST", "/auth/token", "")}} {
		if r := a.post("/auth/token", form(), headers...); r.status != http.StatusBadRequest || tokens(t, r).Access != "" {
			t.Errorf("refresh with %s: %d %s", name, r.status, r.body)
		}
	}
	r = a.post("/auth/token", form(), prove(mine, "POST", "/auth/token", ""))
	if g := tokens(t, r); r.status != 200 || g.Type != "DPoP" || with(mine, g.Access) != 200 {
		t.Errorf("refresh with the key: %d %s", r.status, r.body)
	}
}
