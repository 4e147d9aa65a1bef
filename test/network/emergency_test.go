package network_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"cairn/consent"
	"cairn/demo"
	"cairn/wallet"
)

// shortGlass has the glass stay broken for some seconds at one hospital that does
// not run yet.
func shortGlass(c *demo.Consortium, id string) error {
	path := c.Find(id).Config
	config, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(config, "\n[emergency]\nwindow_seconds = 2\n"...), 0o600)
}

// clerk is one of a hospital's staff in a browser.
type clerk struct {
	t      *testing.T
	h      *demo.Hospital
	cookie *http.Cookie
}

// page sends what is meant for the portal's sign-in to the page's, and keeps the
// cookie that comes.
type page struct{ cookie *http.Cookie }

func (p *page) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/portal/signin" {
		r.URL.Path = "/signin"
	}
	res, err := town.Client().Transport.RoundTrip(r)
	if err == nil && len(res.Cookies()) == 1 {
		p.cookie = res.Cookies()[0]
	}
	return res, err
}

// employ makes an account, and signs in with a passkey that is bound to its device.
func employ(ctx context.Context, t *testing.T, h *demo.Hospital, id, role, more string) *clerk {
	t.Helper()
	if _, err := h.Operator.Expect(ctx, http.StatusOK, http.MethodPut, "/admin/staff/"+id, []byte(`{"name":"Dr. `+id+`","roles":["`+role+`"]`+more+`}`)); err != nil {
		t.Fatal(err)
	}
	a, err := h.Operator.Expect(ctx, http.StatusOK, http.MethodPost, "/admin/staff/"+id+"/code", nil)
	if err != nil {
		t.Fatal(err)
	}
	var out struct{ Code string }
	if err := json.Unmarshal(a.Body, &out); err != nil {
		t.Fatal(err)
	}
	w := related(ctx, t, h, out.Code)
	p := &page{}
	w.Through(&http.Client{Transport: p}).Log(ctx, h.ID, 1) //nolint:errcheck // the page gives no token
	if p.cookie == nil {
		t.Fatal("no cookie came")
	}
	return &clerk{t, h, p.cookie}
}

// post asks in the browser's session, and returns what came.
func (c *clerk) post(ctx context.Context, status int, path, body string) map[string]any {
	c.t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.h.URL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.AddCookie(c.cookie)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", "application/json")
	got, raw := answered(c.t, r)
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil || got != status {
		c.t.Fatalf("%s: %d %s %v", path, got, raw, err)
	}
	return out
}

func answered(t *testing.T, r *http.Request) (status int, body []byte) {
	t.Helper()
	res, err := town.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

// bearing asks a hospital with a token.
func bearing(ctx context.Context, t *testing.T, h *demo.Hospital, token, path string) (status int, body []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return answered(t, r)
}

func (c *clerk) breaks(ctx context.Context, patient string) (id, token string) {
	c.t.Helper()
	out := c.post(ctx, http.StatusCreated, "/staff/emergencies", `{"patient":"`+patient+`","reason":"life-threat","text":"found unconscious in the hall"}`)
	return out["id"].(string), out["access_token"].(string)
}

// ordered enters an order about a patient that the two approve, of which she is told
// in an hour, and returns the token of one of them.
func ordered(ctx context.Context, officer, counsel *clerk, patient string) string {
	officer.t.Helper()
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	id := officer.post(ctx, http.StatusCreated, "/staff/orders", `{"patient":"`+patient+`","authority":"Court","reference":"1/26","until":"`+later+`","opens":"`+later+`"}`)["id"].(string)
	for _, c := range []*clerk{officer, counsel} {
		c.post(ctx, http.StatusOK, "/staff/orders/"+id+"/approvals", "{}")
	}
	return counsel.post(ctx, http.StatusOK, "/staff/orders/"+id+"/token", "{}")["access_token"].(string)
}

// TestEmergency breaks the glass at a running hospital: on every exit the summary
// only, then all; the patient is told, and a stranger can check it.
func TestEmergency(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("north")
	patient, lab, _ := newPatient(ctx, t, h)
	w := person(t, map[*demo.Hospital]string{h: patient})
	doctor := employ(ctx, t, h, "emergency", "physician", "")
	id, token := doctor.breaks(ctx, patient)
	about := func(path string) bool { return strings.HasPrefix(path, "/fhir/Patient/") }
	for _, path := range exits(patient, lab) {
		status, body := bearing(ctx, t, h, token, path)
		if shown := strings.Contains(string(body), "4548-4") || strings.Contains(string(body), `"total":1`); shown || status != http.StatusOK && status != http.StatusNotFound || about(path) != (status == http.StatusOK) && strings.Count(path, "?") == 0 {
			t.Errorf("%s with the summary: %d %.200s", path, status, body)
		}
	}
	doctor.post(ctx, http.StatusOK, "/staff/emergencies/"+id+"/whole", `{"text":"the ECG of last week matters"}`)
	for _, path := range exits(patient, lab) {
		if status, body := bearing(ctx, t, h, token, path); status != http.StatusOK {
			t.Errorf("%s with everything: %d %.200s", path, status, body)
		}
	}
	list, _, err := w.Log(ctx, h.ID, 50)
	if err != nil {
		t.Fatal(err)
	}
	reads, event := 0, ""
	for _, e := range list {
		var ev struct{ ID, Kind, Purpose, Detail string }
		if err := json.Unmarshal(e.Event, &ev); err != nil {
			t.Fatal(err)
		}
		switch {
		case ev.Kind == "access.allowed":
			t.Errorf("a read under it is logged as any other: %s", e.Event)
		case ev.Kind == "access.emergency" && ev.Purpose == "BTG" && strings.HasPrefix(ev.Detail, "emergency "+id+"; reason life-threat"):
			reads++
		case ev.Kind == "emergency.begun":
			event = ev.ID
		}
	}
	if reads < 2*len(exits(patient, lab))-2 {
		t.Errorf("%d reads are in her log", reads)
	}
	if raw, err := w.Evidence(ctx, h.ID, event); err != nil || !strings.Contains(string(raw), "the glass was broken in an emergency") {
		t.Errorf("the proof: %.300s %v", raw, err)
	}
}

// TestEmergencyEnds: when its time is over it opens nothing, on any exit, and nobody
// had to do anything.
func TestEmergencyEnds(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("west")
	patient, lab, _ := newPatient(ctx, t, h)
	_, token := employ(ctx, t, h, "emergency", "physician", "").breaks(ctx, patient)
	comes(ctx, t, "it ends by itself", func() bool {
		status, _ := bearing(ctx, t, h, token, "/fhir/Patient/"+patient)
		return status != http.StatusOK
	})
	for _, path := range exits(patient, lab) {
		if status, body := bearing(ctx, t, h, token, path); status != http.StatusUnauthorized && status != http.StatusForbidden || strings.Contains(string(body), "4548-4") {
			t.Errorf("%s afterwards: %d %.200s", path, status, body)
		}
	}
}

// TestNoLogNoException kills the log's writer: who broke the glass, and who carries
// out an order, gets nothing, and can begin neither.
func TestNoLogNoException(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("south")
	patient, lab, _ := newPatient(ctx, t, h)
	doctor, officer, counsel := employ(ctx, t, h, "ex-doctor", "physician", ""), employ(ctx, t, h, "ex-officer", "privacy-officer", ""), employ(ctx, t, h, "ex-counsel", "counsel", "")
	id, glass := doctor.breaks(ctx, patient)
	doctor.post(ctx, http.StatusOK, "/staff/emergencies/"+id+"/whole", `{"text":"the ECG of last week matters"}`)
	tokens := map[string]string{"broken glass": glass, "a legal order": ordered(ctx, officer, counsel, patient)}
	for name, token := range tokens {
		if status, body := bearing(ctx, t, h, token, "/fhir/Observation/"+lab); status != http.StatusOK {
			t.Fatalf("%s before: %d %s", name, status, body)
		}
	}
	sabotage(t, h, "CREATE TRIGGER dead_log BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'the log is dead'); END")
	comes(ctx, t, "the log is found dead", func() bool {
		status, _ := bearing(ctx, t, h, glass, "/fhir/Patient/"+patient)
		return status >= 500
	})
	for name, token := range tokens {
		for _, path := range append(exits(patient, lab), "/fhir/Patient/"+patient+"/$everything") {
			status, body := bearing(ctx, t, h, token, path)
			if refused := name == "a legal order" && status == http.StatusForbidden; status < 500 && !refused || strings.Contains(string(body), "4548-4") || strings.Contains(string(body), `"total"`) {
				t.Errorf("%s, %s with a dead log: status %d, %d bytes", name, path, status, len(body))
			}
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL+"/staff/emergencies", strings.NewReader(`{"patient":"`+patient+`","reason":"life-threat","text":"found unconscious in the hall"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(doctor.cookie)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", "application/json")
	if status, body := answered(t, r); status < 500 || strings.Contains(string(body), "access_token") {
		t.Errorf("the glass is broken with a dead log: %d %s", status, body)
	}
	sabotage(t, h, "DROP TRIGGER dead_log")
	for name, token := range tokens {
		if status, body := bearing(ctx, t, h, token, "/fhir/Observation/"+lab); status != http.StatusOK {
			t.Errorf("%s after: %d %s", name, status, body)
		}
	}
	w := person(t, map[*demo.Hospital]string{h: patient})
	if list, total, err := w.Log(ctx, h.ID, 50); err != nil || total == 0 || strings.Contains(kindsOf(t, list), "order") {
		t.Errorf("her log: %s %v", kindsOf(t, list), err)
	}
	sabotage(t, h, "UPDATE matter SET shows = shows + 1000000 WHERE kind = 'order'")
	if list, _, err := w.Log(ctx, h.ID, 50); err == nil {
		t.Errorf("somebody moved the date in the database, and her log goes on: %s", kindsOf(t, list))
	}
	sabotage(t, h, "UPDATE matter SET shows = shows - 1000000 WHERE kind = 'order'")
}

// TestOthersTeam: what a patient lets a team of another hospital see, that hospital's
// people see for whom it vouches as members, and nobody else of it; who broke the
// glass there sees what a consent for treatment reaches.
func TestOthersTeam(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	now := time.Now().UnixMilli()
	draft := consent.Draft{Signed: now, Grantee: s.grantee.ID, Team: s.grantee.ID + "/CareTeam/ed", TeamName: "Emergency department", Purposes: []string{"TREAT"}, Types: []string{"Observation"},
		Period: consent.Span{Lo: now - 60_000, Hi: now + 3_600_000}}
	if _, err := s.wallet.Grant(ctx, draft, s.custodian.ID); err != nil {
		t.Fatal(err)
	}
	c := newColleague(t, s.grantee)
	target := "Observation?patient=" + s.ids[s.custodian]
	for name, want := range map[string]struct {
		groups, purpose string
		grouped         bool
		status          int
	}{
		"a member":                     {"Group/x CareTeam/ed", "TREAT", true, http.StatusOK},
		"a member who broke the glass": {"CareTeam/ed", "BTG", true, http.StatusOK},
		"a member, for research":       {"CareTeam/ed", "HRESCH", true, http.StatusForbidden},
		"somebody of another team":     {"CareTeam/icu", "TREAT", true, http.StatusForbidden},
		"somebody of none":             {"", "TREAT", true, http.StatusForbidden},
		"somebody who does not say":    {"", "TREAT", false, http.StatusForbidden},
	} {
		who := colleagueOf
		who.Groups, who.Grouped, who.Purpose = want.groups, want.grouped, want.purpose
		if status, code, _ := sent(t, c.prepare(ctx, s.custodian, who, "GET", target, nil)); status != want.status {
			t.Errorf("%s: %d %s", name, status, code)
		}
	}
	who := colleagueOf
	who.Groups, who.Grouped = "Practitioner/17", true
	if _, err := c.Prepare(ctx, at(s.custodian), who, "GET", target, nil); err == nil {
		t.Error("a group that is none was taken")
	}
	list, _, err := s.wallet.Log(ctx, s.custodian.ID, 20)
	said := false
	for _, e := range list {
		said = said || strings.Contains(string(e.Event), "member of "+s.grantee.ID+"/CareTeam/ed: "+s.grantee.ID+" vouches for it")
	}
	if err != nil || !said {
		t.Errorf("her log does not say why: %v", err)
	}
}

// kindsOf are the kinds of entries of a log.
func kindsOf(t *testing.T, list []wallet.Entry) string {
	t.Helper()
	var out []string
	for _, e := range list {
		var ev struct{ Kind string }
		if err := json.Unmarshal(e.Event, &ev); err != nil {
			t.Fatal(err)
		}
		out = append(out, ev.Kind)
	}
	return strings.Join(out, " ")
}
