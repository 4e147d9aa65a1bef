package auth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestStart: one of the staff opens an app for a patient whom she treats, and for
// nobody else; a patient opens none.
func TestStart(t *testing.T) {
	patient := newPatient(t)
	a := newApp(t, "none", "patient/*.rs launch", `"initiate_login_uri":"https://app.example/launch?theme=dark"`)
	elsewhere := newApp(t, "none", "patient/*.rs launch")
	herself, _ := person(t)
	for method, body := range map[string]url.Values{http.MethodGet: nil, http.MethodPost: {"patient": {patient}, "app": {a.id}}} {
		r := herself.visit("/auth/start")
		if method == http.MethodPost {
			r = herself.answers("/auth/start", body)
		}
		if r.status != http.StatusForbidden {
			t.Errorf("a patient: %s: %d %s", method, r.status, r.body)
		}
	}
	if r := newBrowser(t, true).visit("/auth/start"); r.status != http.StatusSeeOther || r.header.Get("Location") != "/signin?return=%2Fauth%2Fstart" {
		t.Errorf("nobody: %d %s", r.status, r.header.Get("Location"))
	}
	b := employ(t, "starter", `["physician"]`)
	for _, form := range []url.Values{{"patient": {patient}}, {"patient": {patient}, "app": {a.id}}, {"patient": {"../Patient"}}} {
		if r := b.answers("/auth/start", form); r.status < 400 || strings.Contains(string(r.body), "Testperson") {
			t.Errorf("whom she does not treat: %v: %d %s", form, r.status, r.body)
		}
	}
	if r := b.send(http.MethodPost, "/staff/claims", `{"patient":"`+patient+`","reason":"consult","text":"asked for advice"}`); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	page := b.answers("/auth/start", url.Values{"patient": {patient}})
	if !strings.Contains(string(page.body), "Testperson") || !strings.Contains(string(page.body), a.id) || strings.Contains(string(page.body), elsewhere.id) {
		t.Errorf("%d %s", page.status, page.body)
	}
	if policy := page.header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "form-action 'self' https://app.example") {
		t.Errorf("the page's policy: %s", policy)
	}
	if r := b.answers("/auth/start", url.Values{"patient": {patient}, "app": {elsewhere.id}}); r.status != http.StatusNotFound {
		t.Errorf("an app that no EHR starts: %d %s", r.status, r.body)
	}
	if r := b.answers("/auth/start", url.Values{"patient": {patient}, "app": {a.id}}, "Sec-Fetch-Site: cross-site"); r.status != http.StatusForbidden {
		t.Errorf("from another site: %d", r.status)
	}
	r := b.answers("/auth/start", url.Values{"patient": {patient}, "app": {a.id}})
	to, err := url.Parse(r.header.Get("Location"))
	if err != nil || r.status != http.StatusSeeOther || to.Host+to.Path != "app.example/launch" || to.Query().Get("iss") != hospital.url+"/fhir" || to.Query().Get("theme") != "dark" {
		t.Fatalf("%d %v", r.status, r.header)
	}
	launch := "launch=" + to.Query().Get("launch")
	if q := a.back(employ(t, "onlooker", `["physician"]`).visit("/auth/authorize?" + a.asks("patient/*.rs launch", launch).Encode())); q.Get("error") != "access_denied" {
		t.Errorf("another person with her launch: %v", q)
	}
	if g := a.redeem(a.code(b, "patient/Patient.rs launch", launch)); g.Patient != patient || read(t, g.Access, "Patient/"+patient).status != http.StatusOK {
		t.Errorf("%+v", g)
	}
}
