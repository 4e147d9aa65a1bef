package signin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// hence is a moment from now, as JSON has it.
func hence(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339Nano) }

// enter enters an order about a patient's observations.
func (b *browser) enter(patient, opens string) answer {
	b.t.Helper()
	return b.send(http.MethodPost, "/staff/orders", `{"patient":"`+patient+`","authority":"District Court North","reference":"7 C 12/26","types":["Observation"],"until":"`+hence(time.Hour)+`","opens":"`+opens+`"}`)
}

// TestLegalOrder: two people of different roles, one of them carries it out, within
// its scope; the patient sees nothing of it until its date.
func TestLegalOrder(t *testing.T) {
	officer, counsel := employ(t, "order-officer", `["privacy-officer"]`, false), employ(t, "order-counsel", `["counsel"]`, false)
	second := employ(t, "order-second", `["counsel"]`, false)
	her, patient, observation := chart(t)
	_, _, other := chart(t)
	before := her.send(http.MethodGet, "/portal/log", "")
	a := officer.enter(patient, hence(time.Hour))
	id := value(t, a.body, "id")
	if a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	at := "/staff/orders/" + id
	for i, step := range []struct {
		b      *browser
		path   string
		status int
		code   string
	}{
		{counsel, "/token", http.StatusConflict, "order-waits"},
		{officer, "/approvals", http.StatusOK, ""},
		{officer, "/approvals", http.StatusConflict, "order-own-approval"},
		{officer, "/token", http.StatusConflict, "order-waits"},
		{employ(t, "order-officer2", `["privacy-officer"]`, false), "/approvals", http.StatusForbidden, "policy.two-roles"},
		{employ(t, "order-doctor", `["physician"]`, false), "/approvals", http.StatusForbidden, "policy.order"},
		{employ(t, "order-synced", `["counsel"]`, true), "/approvals", http.StatusForbidden, "step-up"},
		{her, "/approvals", http.StatusForbidden, "policy.order"},
		{counsel, "/approvals", http.StatusOK, ""},
		{second, "/approvals", http.StatusConflict, "order-approved"},
		{second, "/token", http.StatusForbidden, "policy.order-people"},
	} {
		if a := step.b.send(http.MethodPost, at+step.path, "{}"); a.status != step.status || a.code() != step.code {
			t.Errorf("step %d: %d %s", i, a.status, a.body)
		}
	}
	token := value(t, counsel.send(http.MethodPost, at+"/token", "{}").body, "access_token")
	for path, want := range map[string]string{
		"Observation/" + observation: "200  ", "Observation?patient=" + patient: "200  Observation", "Patient/" + patient + "/$everything": "200  Observation",
		"Patient/" + patient: "404 not-found ", "AllergyIntolerance?patient=" + patient: "200  ", "Observation": "403 policy.name-the-patient ",
		"Observation/" + other: "403 policy.matter-other ", "Observation?patient=" + patient + "&_include=Observation:subject": "200  Observation",
		"Patient/" + patient + "/$gather?_type=Observation": "403 policy.gather ",
	} {
		status, b := fhir(t, token, path)
		if got := fmt.Sprint(status, " ", ruleIn(b), " ", typesIn(b)); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
	if a := newBrowser(t, false).send(http.MethodDelete, "/fhir/Observation/"+observation, "", "Authorization: Bearer "+token); a.status != http.StatusForbidden {
		t.Errorf("it writes: %d", a.status)
	}
	var out struct {
		Entries []struct {
			Event struct {
				ID, Kind string
				Records  []struct{ ID string }
			}
		}
	}
	if err := json.Unmarshal(officer.send(http.MethodGet, at+"/disclosures", "").body, &out); err != nil || len(out.Entries) < 5 {
		t.Fatalf("%v %v", out, err)
	}
	shown := 0
	for _, e := range out.Entries {
		shown += len(e.Event.Records)
		if a := her.send(http.MethodGet, "/portal/evidence/"+e.Event.ID, ""); a.status != http.StatusNotFound {
			t.Errorf("she gets a proof of what she is not told: %d", a.status)
		}
	}
	if shown != 4 {
		t.Errorf("it is said that %d versions were handed out", shown)
	}
	if after := her.send(http.MethodGet, "/portal/log", ""); string(after.body) != string(before.body) {
		t.Errorf("her log before: %s\nand after: %s", before.body, after.body)
	}
	for _, path := range []string{"/portal/alerts", "/portal/orders", "/portal/emergencies"} {
		if a := her.send(http.MethodGet, path, ""); strings.Contains(string(a.body), "rder-") || strings.Contains(string(a.body), "Court") {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	later, latest := hence(2*time.Hour), hence(3*time.Hour)
	for i, step := range []struct {
		b     *browser
		opens string
		moves bool
		code  string
	}{
		{counsel, later, false, ""}, {counsel, later, false, "order-own-approval"}, {second, later, false, "policy.two-roles"}, {officer, latest, false, ""},
		{officer, hence(time.Minute), false, "order-opens"}, {officer, hence(400 * 24 * time.Hour), false, "order-opens"}, {counsel, latest, true, ""},
	} {
		a := step.b.send(http.MethodPost, at+"/extensions", `{"opens":"`+step.opens+`"}`)
		if a.code() != step.code || step.code == "" && (value(t, a.body, "opens") > hence(90*time.Minute)) != step.moves {
			t.Errorf("extension %d: %d %s", i, a.status, a.body)
		}
	}
	if a := officer.send(http.MethodDelete, at, ""); a.status != http.StatusNoContent {
		t.Errorf("%d %s", a.status, a.body)
	}
	if status, b := fhir(t, token, "Observation/"+observation); status != http.StatusForbidden || ruleIn(b) != "policy.matter-over" {
		t.Errorf("ended: %d %s", status, ruleIn(b))
	}
}

// TestOrdersThatAreNone: what cannot be entered.
func TestOrdersThatAreNone(t *testing.T) {
	officer := employ(t, "none-officer", `["privacy-officer"]`, false)
	patient := newPatient(t)
	good := map[string]string{"patient": patient, "authority": "District Court", "reference": "7 C 12/26", "until": hence(time.Hour), "opens": hence(time.Hour)}
	for name, c := range map[string]struct{ member, value, code string }{
		"nobody":                {"patient", "nobody", "not-found"},
		"no authority":          {"authority", " ", "order-authority"},
		"two lines":             {"reference", "7 C\n12", "order-authority"},
		"over already":          {"until", hence(-time.Hour), "order-until"},
		"for ever":              {"until", hence(9000 * time.Hour), "order-until"},
		"no time":               {"until", "soon", "until"},
		"secret for ever":       {"opens", hence(400 * 24 * time.Hour), "order-opens"},
		"told before":           {"opens", hence(-time.Hour), "order-opens"},
		"the end first":         {"to", "1900-01-01", ""},
		"no date":               {"from", "yesterday", "order-dates"},
		"something else beside": {"approved", "yes", "json"},
	} {
		in := map[string]any{"from": "1901"}
		for k, v := range good {
			in[k] = v
		}
		in[c.member] = c.value
		if c.code == "" {
			c.code = "order-dates"
		}
		body, _ := json.Marshal(in)
		if a := officer.send(http.MethodPost, "/staff/orders", string(body)); a.status < 400 || a.status >= 500 || c.code != "json" && a.code() != c.code {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for _, scope := range []string{`"types":["Secret"]`, `"categories":[""]`} {
		body, _ := json.Marshal(good)
		if a := officer.send(http.MethodPost, "/staff/orders", string(body[:len(body)-1])+`,`+scope+`}`); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", scope, a.status, a.body)
		}
	}
}

// TestOrderOpensItself: when its date has come the patient is told, and her log has
// what was there from the first moment, at the places where it was.
func TestOrderOpensItself(t *testing.T) {
	officer, counsel := employ(t, "opens-officer", `["privacy-officer"]`, false), employ(t, "opens-counsel", `["counsel"]`, false)
	her, patient, observation := chart(t)
	opens := time.Now().Add(3 * time.Second).Truncate(time.Millisecond) // as it is kept
	at := "/staff/orders/" + value(t, officer.enter(patient, opens.UTC().Format(time.RFC3339Nano)).body, "id")
	for _, b := range []*browser{officer, counsel} {
		if a := b.send(http.MethodPost, at+"/approvals", "{}"); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	token := value(t, officer.send(http.MethodPost, at+"/token", "{}").body, "access_token")
	if status, _ := fhir(t, token, "Observation/"+observation); status != http.StatusOK {
		t.Fatal(status)
	}
	observationOf(t, patient)                    // an entry of hers behind those that are withheld
	almost := opens.Add(-100 * time.Millisecond) // the clock of blocks may be ahead
	for len(her.told()) == 0 {
		if log := strings.Join(her.events(), " "); strings.Contains(log, "order.") && time.Now().Before(almost) {
			t.Error("her log opened before its time")
		}
	}
	if list := her.told(); list[0].Event.Kind != "order.approved" {
		t.Errorf("she is told %+v", list)
	}
	if kinds := fmt.Sprint(her.events()[:6]); kinds != "[record.stored access.order signin order.approved order.approved order.entered]" {
		t.Errorf("her log: %s", kinds)
	}
	if a := her.send(http.MethodGet, "/portal/orders", ""); !strings.Contains(string(a.body), "District Court North") {
		t.Errorf("%s", a.body)
	}
	if a := counsel.send(http.MethodPost, at+"/extensions", `{"opens":"`+hence(time.Hour)+`"}`); a.code() != "order-open" {
		t.Errorf("taken back: %d %s", a.status, a.body)
	}
}
