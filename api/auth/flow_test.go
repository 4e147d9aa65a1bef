package auth_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

const labs = "patient/Observation.rs?category=laboratory"

// TestPatientLetsAnApp: a patient starts an app for herself, leaves one thing out,
// and the app reads what she left, and no more.
func TestPatientLetsAnApp(t *testing.T) {
	b, me := person(t)
	_, other := person(t)
	store(t, "Observation/lab-"+me, observation("lab-"+me, me, "laboratory"))
	store(t, "Observation/vital-"+me, observation("vital-"+me, me, "vital-signs"))
	store(t, "Observation/lab-"+other, observation("lab-"+other, other, "laboratory"))
	a := newApp(t, "none", "patient/*.rs launch/patient openid fhirUser offline_access")
	page := b.visit("/auth/authorize?" + a.asks(labs+" patient/Condition.rs patient/Patient.r launch/patient openid fhirUser offline_access nonsense").Encode())
	for _, text := range []string{"Growth Chart", "the operator of this hospital", "See lab results", "See diagnoses and health problems", "not been used for 30 days", "Not allow", "Allow"} {
		if !strings.Contains(string(page.body), text) {
			t.Errorf("the page does not say %q: %s", text, page.body)
		}
	}
	policy := page.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "form-action 'self' https://app.example") || strings.Contains(policy, "unsafe") {
		t.Errorf("the page's policy: %s", policy)
	}
	code := a.back(b.consents(page, "allow", "patient/Condition.rs")).Get("code")
	g := a.redeem(code)
	if g.Patient != me || g.Type != "Bearer" || g.Expires != 900 || g.Refresh == "" || g.Banner == nil || !*g.Banner ||
		g.Scope != "openid fhirUser launch/patient offline_access "+labs+" patient/Patient.r" {
		t.Errorf("%+v", g)
	}
	for path, want := range map[string]int{
		"Observation/lab-" + me: 200, "Patient/" + me: 200, "Observation/vital-" + me: 404, "Observation/lab-" + other: 404, "Patient/" + other: 404,
		"Condition?patient=" + me: 403, "Patient?_id=" + me: 403,
	} {
		if r := read(t, g.Access, path); r.status != want {
			t.Errorf("%s: %d, want %d: %s", path, r.status, want, r.body)
		}
	}
	if r := read(t, g.Access, "Observation?patient="+other); !strings.Contains(string(r.body), `"total":0`) {
		t.Errorf("another patient's: %d %s", r.status, r.body)
	}
	if r := read(t, g.Access, "Observation?patient="+me); r.status != 200 || strings.Contains(string(r.body), "vital") || !strings.Contains(string(r.body), `"total":1`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, path := range []string{"/portal/log", "/portal/apps", "/portal/passkeys"} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, hospital.url+path, nil)
		r.Header.Set("Authorization", "Bearer "+g.Access)
		if a := do(t, r); a.status != http.StatusForbidden {
			t.Errorf("the app at %s: %d", path, a.status)
		}
	}
	log := string(b.send(http.MethodGet, "/portal/log", "").body)
	if !strings.Contains(log, "the patient, through Growth Chart") || !strings.Contains(log, "scope.missing") || !strings.Contains(log, "app.allowed") {
		t.Errorf("her log does not tell: %s", log)
	}
	mine(t, b, a, g)
	idToken(t, a, g, "RS256", me)
}

// mine: she sees the app among hers, and stops it; then it has nothing.
func mine(t *testing.T, b *browser, a *app, g given) {
	list := string(b.send(http.MethodGet, "/portal/apps", "").body)
	if !strings.Contains(list, a.id) || !strings.Contains(list, labs) || strings.Contains(list, "patient/Condition") || !strings.Contains(list, `"until"`) {
		t.Errorf("her apps: %s", list)
	}
	other, _ := person(t)
	if r := other.send(http.MethodDelete, "/portal/apps/"+a.id, ""); r.status != http.StatusNotFound {
		t.Errorf("somebody else stops it: %d", r.status)
	}
	if r := b.send(http.MethodDelete, "/portal/apps/"+a.id, ""); r.status != http.StatusNoContent {
		t.Errorf("stopping: %d %s", r.status, r.body)
	}
	if r := read(t, g.Access, "Patient/"+g.Patient); r.status != http.StatusUnauthorized {
		t.Errorf("after it was stopped: %d", r.status)
	}
	if got, r := a.refresh(g.Refresh); r.status != http.StatusBadRequest || got.Error != "invalid_grant" {
		t.Errorf("its refresh token: %d %s", r.status, r.body)
	}
	if list := string(b.send(http.MethodGet, "/portal/apps", "").body); strings.Contains(list, a.id) {
		t.Errorf("it is still among hers: %s", list)
	}
}

// idToken checks an ID token with the published keys.
func idToken(t *testing.T, a *app, g given, alg, patient string) map[string]any {
	t.Helper()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, hospital.url+"/auth/jwks", nil)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(do(t, r).body, &set); err != nil {
		t.Fatal(err)
	}
	token, err := jose.ParseSignedCompact(g.ID, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		t.Fatalf("%q: %v", g.ID, err)
	}
	payload, err := token.Verify(&set)
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(payload, &c); err != nil {
		t.Fatal(err)
	}
	if c["iss"] != hospital.url || c["aud"].([]any)[0] != a.id || c["sub"] == "" || patient != "" && strings.Contains(c["sub"].(string), patient) || c["auth_time"] == nil || c["at_hash"] == nil ||
		patient != "" && c["fhirUser"] != hospital.url+"/fhir/Patient/"+patient {
		t.Errorf("the ID token says %s", payload)
	}
	return c
}

// TestStandaloneLaunch: one of the staff says whom an app is for.
func TestStandaloneLaunch(t *testing.T) {
	id := newPatient(t)
	name := "Pickme" + letters(id)
	store(t, "Patient/picked-"+id, `{"resourceType":"Patient","id":"picked-`+id+`","birthDate":"1980-12-31","name":[{"family":"`+name+`","given":["Ada"]}]}`)
	b := employ(t, "picker", `["physician"]`)
	a := newApp(t, "client_secret_basic", "patient/*.rs user/*.rs launch/patient openid fhirUser profile online_access", `"id_token_signed_response_alg":"ES384"`)
	page := b.visit("/auth/authorize?" + a.asks("patient/Patient.rs launch/patient openid fhirUser profile online_access").Encode())
	form := func(more ...string) url.Values {
		f := url.Values{"ticket": {string(ticket.FindSubmatch(page.body)[1])}}
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f
	}
	if page.status != 200 || !strings.Contains(string(page.body), "Which patient?") {
		t.Fatalf("%d %s", page.status, page.body)
	}
	if none := b.answers("/auth/patient", form("look", name)); !strings.Contains(string(none.body), "Nobody was found") {
		t.Errorf("whom she does not treat: %d %s", none.status, none.body)
	}
	claim := `{"patient":"picked-` + id + `","reason":"consult","text":"asked for advice"}`
	if r := b.send(http.MethodPost, "/staff/claims", claim); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	page = b.answers("/auth/patient", form("look", name))
	if !strings.Contains(string(page.body), "Ada "+name+`</strong><span class="small">born 1980-12-31`) {
		t.Fatalf("%d %s", page.status, page.body)
	}
	page = b.answers("/auth/patient", form("patient", "picked-"+id))
	if !strings.Contains(string(page.body), "in your name, for Ada "+name) {
		t.Fatalf("%d %s", page.status, page.body)
	}
	g := a.redeem(a.back(b.consents(page, "allow")).Get("code"))
	if g.Patient != "picked-"+id || read(t, g.Access, "Patient/picked-"+id).status != 200 || read(t, g.Access, "Patient/"+id).status != 404 {
		t.Errorf("%+v", g)
	}
	if c := idToken(t, a, g, "ES384", ""); c["fhirUser"] != hospital.url+"/fhir/Practitioner/picker" || c["name"] != "Dr. picker" {
		t.Errorf("%v", c)
	}
	if r := read(t, g.Access, "Patient?name="+name); r.status != 200 || !strings.Contains(string(r.body), "picked-"+id) {
		t.Errorf("%d %s", r.status, r.body)
	}
	// Online access ends with the session.
	again, r := a.refresh(g.Refresh)
	if r.status != 200 || again.Access == "" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := b.send(http.MethodPost, "/signout", "{}"); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := read(t, again.Access, "Patient/picked-"+id); r.status != http.StatusUnauthorized {
		t.Errorf("after the session: %d", r.status)
	}
	if _, r := a.refresh(again.Refresh); r.status != http.StatusBadRequest {
		t.Errorf("its refresh token: %d %s", r.status, r.body)
	}
}

// TestEHRLaunch: the EHR starts an app for a patient and an encounter; the launch
// is good once, for whom it is.
func TestEHRLaunch(t *testing.T) {
	patient := newPatient(t)
	store(t, "Encounter/e-"+patient, `{"resourceType":"Encounter","id":"e-`+patient+`","status":"in-progress","class":{"code":"AMB"},"subject":{"reference":"Patient/`+patient+`"},"participant":[{"individual":{"reference":"Practitioner/launcher"}}]}`)
	b := employ(t, "launcher", `["physician"]`)
	a := newApp(t, "private_key_jwt", "patient/*.rs launch launch/encounter")
	launch := func(body string) (string, int) {
		r, err := software(t, "ehr").With(t.Context(), http.MethodPost, "/auth/launch", http.Header{"Content-Type": {"application/json"}}, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return value(t, r.Body, "launch"), r.Status
	}
	for _, body := range []string{`{"patient":"nobody"}`, `{"patient":"` + patient + `","encounter":"none"}`, `{"encounter":"e-` + patient + `"}`, `{"app":"none"}`, `{"patient":"../x"}`} {
		if _, status := launch(body); status != http.StatusBadRequest && status != http.StatusNotFound {
			t.Errorf("%s: %d", body, status)
		}
	}
	opaque, status := launch(`{"patient":"` + patient + `","encounter":"e-` + patient + `","user":"north/launcher","app":"` + a.id + `","need_patient_banner":false}`)
	if status != http.StatusCreated {
		t.Fatal(status)
	}
	other := employ(t, "other", `["physician"]`)
	if q := a.back(other.visit("/auth/authorize?" + a.asks("patient/*.rs launch", "launch="+opaque).Encode())); q.Get("error") != "access_denied" {
		t.Errorf("another person with the launch: %v", q)
	}
	thief := newApp(t, "private_key_jwt", "patient/*.rs launch")
	if q := thief.back(b.visit("/auth/authorize?" + thief.asks("patient/*.rs launch", "launch="+opaque).Encode())); q.Get("error") != "access_denied" {
		t.Errorf("another app with the launch: %v", q)
	}
	g := a.redeem(a.code(b, "patient/Encounter.rs launch launch/encounter", "launch="+opaque))
	if g.Patient != patient || g.Encounter != "e-"+patient || g.Banner == nil || *g.Banner || g.Refresh != "" || read(t, g.Access, "Encounter/e-"+patient).status != 200 {
		t.Errorf("%+v", g)
	}
	if q := a.back(b.visit("/auth/authorize?" + a.asks("patient/Encounter.rs launch launch/encounter", "launch="+opaque).Encode())); q.Get("error") != "invalid_request" {
		t.Errorf("the launch a second time: %v", q)
	}
	if q := a.back(b.visit("/auth/authorize?" + a.asks("patient/Encounter.rs launch", "launch=unknown").Encode())); q.Get("error") != "invalid_request" {
		t.Errorf("an unknown launch: %v", q)
	}
}

// TestRemembered: who allowed an app all of it before is not asked again, but for
// more, and when the app wants it.
func TestRemembered(t *testing.T) {
	b, _ := person(t)
	a := newApp(t, "client_secret_basic", "patient/*.rs offline_access")
	ask := func(scopes string, other ...string) answer {
		return b.visit("/auth/authorize?" + a.asks(scopes, other...).Encode())
	}
	if q := a.back(ask("patient/Observation.rs", "prompt=none")); q.Get("error") != "consent_required" {
		t.Errorf("%v", q)
	}
	a.code(b, "patient/Observation.rs patient/Condition.rs")
	for _, c := range []struct {
		scopes, prompt string
		asked          bool
	}{{"patient/Observation.rs", "", false}, {labs, "none", false}, {"patient/Observation.rs", "consent", true}, {"patient/Patient.r", "", true}, {"patient/Observation.rs offline_access", "", true}} {
		r := ask(c.scopes, "prompt="+c.prompt)
		if c.asked != (r.status == 200) || !c.asked && a.back(r).Get("code") == "" {
			t.Errorf("%v: %d %s", c, r.status, r.header.Get("Location"))
		}
	}
	// An app that another on the same device could pass itself off as is asked about
	// each time.
	native := newApp(t, "none", "patient/*.rs")
	native.redirect = "http://localhost:3000/cb"
	native.code(b, "patient/Observation.rs")
	if r := b.visit("/auth/authorize?" + native.asks("patient/Observation.rs").Encode()); r.status != 200 {
		t.Errorf("%d", r.status)
	}
}

// TestSignInOnTheWay: who is not signed in, or not lately, signs in first and comes
// back to the same request.
func TestSignInOnTheWay(t *testing.T) {
	b, _ := person(t)
	a := newApp(t, "none", "patient/*.rs")
	nobody := newBrowser(t, true)
	q := a.asks("patient/Observation.rs")
	r := nobody.visit("/auth/authorize?" + q.Encode())
	to, err := url.Parse(r.header.Get("Location"))
	if err != nil || r.status != http.StatusSeeOther || to.Path != "/signin" || to.Host != "" {
		t.Fatalf("%d %v", r.status, r.header)
	}
	back, err := url.Parse(to.Query().Get("return"))
	if err != nil || back.Path != "/auth/authorize" || back.Query().Get("state") != a.state || back.Query().Get("client_id") != a.id {
		t.Errorf("comes back to %v", back)
	}
	if q := a.back(nobody.visit("/auth/authorize?" + a.asks("patient/Observation.rs", "prompt=none").Encode())); q.Get("error") != "login_required" {
		t.Errorf("%v", q)
	}
	for _, other := range []string{"prompt=login", "max_age=0", "prompt=select_account"} {
		r := b.visit("/auth/authorize?" + a.asks("patient/Observation.rs", other).Encode())
		to, _ := url.Parse(r.header.Get("Location"))
		if to == nil || to.Path != "/signin" || to.Query().Get("prompt") != "login" {
			t.Fatalf("%s: %d %v", other, r.status, r.header)
		}
		if r := b.signIn(); r.status != 200 {
			t.Fatal(r.status)
		}
		if r := b.visit(to.Query().Get("return")); r.status != 200 {
			t.Errorf("%s, after the sign-in: %d %v", other, r.status, r.header)
		}
	}
	// The request may come from the app's own page, by POST, where the browser
	// leaves the cookie out.
	if r := nobody.answers("/auth/authorize", a.asks("patient/Observation.rs"), "Sec-Fetch-Site: cross-site", "Origin: https://app.example"); r.status != http.StatusSeeOther {
		t.Errorf("POST: %d %s", r.status, r.body)
	}
}

// TestDiscovery: the documents say what is there, where it is looked for.
func TestDiscovery(t *testing.T) {
	for _, at := range []string{"/fhir/.well-known/smart-configuration", "/.well-known/smart-configuration", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, hospital.url+at, nil)
		a := do(t, r)
		var doc map[string]any
		if err := json.Unmarshal(a.body, &doc); err != nil || a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %d %v", at, a.status, err)
		}
		if doc["issuer"] != hospital.url || doc["token_endpoint"] != hospital.url+"/auth/token" {
			t.Errorf("%s: %v", at, doc)
		}
		for name, v := range doc {
			address, isText := v.(string)
			if !isText || !strings.HasPrefix(address, hospital.url) || name == "issuer" {
				continue
			}
			method := http.MethodPost
			if name == "jwks_uri" || name == "authorization_endpoint" {
				method = http.MethodGet
			}
			r, _ := http.NewRequestWithContext(t.Context(), method, address, nil)
			if a := do(t, r); a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed {
				t.Errorf("%s: %s: %d", at, name, a.status)
			}
		}
	}
	preflight, _ := http.NewRequestWithContext(t.Context(), http.MethodOptions, hospital.url+"/fhir/Patient/1", nil)
	preflight.Header.Set("Origin", "https://app.example")
	preflight.Header.Set("Access-Control-Request-Method", "GET")
	preflight.Header.Set("Access-Control-Request-Headers", "authorization")
	if a := do(t, preflight); a.status != http.StatusNoContent || !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Authorization") || a.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: %d %v", a.status, a.header)
	}
}

// TestRefresh: each refresh token is good once; one that is shown again ends all
// that came of it, and a refresh may ask for less.
func TestRefresh(t *testing.T) {
	b, me := person(t)
	a := newApp(t, "private_key_jwt", "patient/*.rs offline_access openid")
	first := a.redeem(a.code(b, "patient/Observation.rs patient/Patient.r offline_access openid"))
	second, r := a.refresh(first.Refresh)
	if r.status != 200 || second.Refresh == first.Refresh || second.Access == first.Access || second.Patient != me || second.Scope != first.Scope || second.ID == "" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	less, r := a.refresh(second.Refresh, "scope=patient/Patient.rs")
	if r.status != 200 || less.Scope != "patient/Patient.r" || read(t, less.Access, "Observation?patient="+me).status != 403 || read(t, less.Access, "Patient/"+me).status != 200 {
		t.Errorf("asking for less: %d %s", r.status, r.body)
	}
	third, r := a.refresh(less.Refresh)
	if r.status != 200 || third.Scope != first.Scope {
		t.Errorf("the next one has all again: %d %s", r.status, r.body)
	}
	if got, r := a.refresh(third.Refresh, "scope=patient/Condition.rs"); r.status != 400 || got.Error != "invalid_scope" {
		t.Errorf("asking for more: %d %s", r.status, r.body)
	}
	other := newApp(t, "private_key_jwt", "patient/*.rs offline_access")
	if got, r := other.refresh(third.Refresh); r.status != 400 || got.Error != "invalid_grant" {
		t.Errorf("another app's: %d %s", r.status, r.body)
	}
	if read(t, third.Access, "Patient/"+me).status != 200 {
		t.Error("another app's try ended it")
	}
	if got, r := a.refresh(second.Refresh); r.status != 400 || got.Error != "invalid_grant" {
		t.Errorf("used twice: %d %s", r.status, r.body)
	}
	for name, access := range map[string]string{"first": first.Access, "third": third.Access} {
		if r := read(t, access, "Patient/"+me); r.status != http.StatusUnauthorized {
			t.Errorf("the %s access token after reuse: %d", name, r.status)
		}
	}
	if _, r := a.refresh(third.Refresh); r.status != 400 {
		t.Errorf("the last refresh token after reuse: %d", r.status)
	}
	if !slices.Contains(b.events(), "app.stopped") {
		t.Errorf("her log does not tell: %v", b.events())
	}
}

// TestRefreshWithoutName: an app without a secret need not say who it is when it
// refreshes; one that has something to prove itself with does.
func TestRefreshWithoutName(t *testing.T) {
	b, _ := person(t)
	nameless := &app{t: t}
	for auth, want := range map[string]int{"none": 200, "client_secret_basic": 401, "private_key_jwt": 401} {
		a := newApp(t, auth, "patient/*.rs offline_access")
		g := a.redeem(a.code(b, "patient/Patient.r offline_access"))
		if _, r := nameless.refresh(g.Refresh); r.status != want {
			t.Errorf("%s: %d %s", auth, r.status, r.body)
		}
	}
	for _, token := range []string{"", "x", "ory_rt_x.y"} {
		if _, r := nameless.refresh(token); r.status != 401 {
			t.Errorf("%q: %d %s", token, r.status, r.body)
		}
	}
}

// TestRefreshAtOnce: of many who show the same refresh token at once, at most one is
// served, and then nobody has anything.
func TestRefreshAtOnce(t *testing.T) {
	b, _ := person(t)
	a := newApp(t, "none", "patient/*.rs offline_access")
	g := a.redeem(a.code(b, "patient/Observation.rs offline_access"))
	const n = 8
	answers := make(chan answer, n)
	for range n {
		go func() {
			form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {g.Refresh}, "client_id": {a.id}}
			r, _ := http.NewRequest(http.MethodPost, hospital.url+"/auth/token", strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			answers <- do(t, r)
		}()
	}
	served := 0
	for range n {
		if r := <-answers; r.status == 200 {
			served++
		}
	}
	if served > 1 {
		t.Errorf("%d were served", served)
	}
	if r := read(t, g.Access, "Observation"); r.status != http.StatusUnauthorized {
		t.Errorf("afterwards: %d", r.status)
	}
}

// letters makes a name of an id.
func letters(id string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return 'q' + r - '0'
		}
		return r
	}, strings.ReplaceAll(id, "-", ""))
}
