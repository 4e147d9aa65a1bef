package signin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"cairn/consent"
	"cairn/node"
)

const because = "found unconscious in the hall, no papers"

// glass breaks the glass for a patient.
func (b *browser) glass(patient, more string) answer {
	b.t.Helper()
	return b.send(http.MethodPost, "/staff/emergencies", `{"patient":"`+patient+`","reason":"unresponsive","text":"`+because+`"`+more+`}`)
}

// fhir asks the FHIR interface with a token.
func fhir(t *testing.T, token, path string) (status int, body map[string]any) {
	t.Helper()
	a := newBrowser(t, false).send(http.MethodGet, "/fhir/"+path, "", "Authorization: Bearer "+token)
	if err := json.Unmarshal(a.body, &body); err != nil {
		t.Fatalf("%s: %d %s: %v", path, a.status, a.body, err)
	}
	return a.status, body
}

// typesIn are the types of what is in a Bundle.
func typesIn(bundle map[string]any) string {
	var out []string
	entries, _ := bundle["entry"].([]any)
	for _, e := range entries {
		out = append(out, fmt.Sprint(e.(map[string]any)["resource"].(map[string]any)["resourceType"]))
	}
	return strings.Join(out, " ")
}

// ruleIn is the rule by which an OperationOutcome refuses.
func ruleIn(outcome map[string]any) string {
	text, _ := json.Marshal(outcome)
	var o struct {
		Issue []struct {
			Details struct{ Coding []struct{ Code string } }
		}
	}
	if json.Unmarshal(text, &o) != nil || len(o.Issue) == 0 || len(o.Issue[0].Details.Coding) == 0 {
		return ""
	}
	return o.Issue[0].Details.Coding[0].Code
}

// chart is a patient with a result and an allergy.
func chart(t *testing.T) (her *browser, patient, observation string) {
	t.Helper()
	her, patient = person(t)
	observation = observationOf(t, patient)
	store(t, `{"resourceType":"AllergyIntolerance","patient":{"reference":"Patient/`+patient+`"},"code":{"text":"penicillin"}}`)
	return her, patient, observation
}

// TestBreakGlass: the summary first, the rest by a second act; nobody else, nothing
// else; she is told at once; it ends.
func TestBreakGlass(t *testing.T) {
	doctor := employ(t, "glass", `["physician"]`, false)
	her, patient, observation := chart(t)
	_, _, other := chart(t)
	a := doctor.glass(patient, "")
	if a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	id, token := value(t, a.body, "id"), value(t, a.body, "access_token")
	if status, b := fhir(t, token, "Patient/"+patient+"/$everything"); status != http.StatusOK || typesIn(b) != "Patient AllergyIntolerance" && typesIn(b) != "AllergyIntolerance Patient" {
		t.Errorf("the summary: %d %s", status, typesIn(b))
	}
	if status, _ := fhir(t, token, "Observation/"+observation); status != http.StatusNotFound {
		t.Errorf("beyond the summary: %d", status)
	}
	for path, rule := range map[string]string{"Observation/" + other: "policy.matter-other", "Observation?patient=Patient/" + patient: ""} {
		if status, b := fhir(t, token, path); (status != http.StatusOK) != (rule != "") || ruleIn(b) != rule || typesIn(b) != "" {
			t.Errorf("%s: %d %s %s", path, status, ruleIn(b), typesIn(b))
		}
	}
	nosy := employ(t, "glass2", `["physician"]`, false)
	for name, c := range map[string]struct {
		a    answer
		want int
	}{
		"another widens":         {nosy.send(http.MethodPost, "/staff/emergencies/"+id+"/whole", `{"text":"I want to see it all"}`), http.StatusNotFound},
		"another ends":           {nosy.send(http.MethodDelete, "/staff/emergencies/"+id, ""), http.StatusNotFound},
		"the token breaks more":  {newBrowser(t, false).send(http.MethodPost, "/staff/emergencies", `{"patient":"`+patient+`","reason":"urgent","text":"`+because+`"}`, "Authorization: Bearer "+token), http.StatusForbidden},
		"the token adds a key":   {newBrowser(t, false).send(http.MethodPost, "/portal/passkeys/options", `{}`, "Authorization: Bearer "+token), http.StatusForbidden},
		"the token writes":       {newBrowser(t, false).send(http.MethodPut, "/fhir/Patient/"+patient, `{"resourceType":"Patient","id":"`+patient+`"}`, "Authorization: Bearer "+token, "Content-Type: application/fhir+json"), http.StatusForbidden},
		"the token exports":      {newBrowser(t, false).send(http.MethodGet, "/fhir/Patient/$export", "", "Authorization: Bearer "+token, "Prefer: respond-async"), http.StatusForbidden},
		"no words why all":       {doctor.send(http.MethodPost, "/staff/emergencies/"+id+"/whole", `{"text":"x"}`), http.StatusBadRequest},
		"an emergency of nobody": {doctor.send(http.MethodPost, "/staff/emergencies/none/whole", `{"text":"I want to see it all"}`), http.StatusNotFound},
	} {
		if c.a.status != c.want {
			t.Errorf("%s: %d %s", name, c.a.status, c.a.body)
		}
	}
	if a := doctor.send(http.MethodPost, "/staff/emergencies/"+id+"/whole", `{"text":"the ECG matters"}`); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if status, _ := fhir(t, token, "Observation/"+observation); status != http.StatusOK {
		t.Errorf("widened: %d", status)
	}
	if kinds := fmt.Sprint(her.events()[:4]); kinds != "[access.emergency emergency.widened access.emergency access.emergency]" {
		t.Errorf("her log: %v", kinds)
	}
	if list := her.told(); len(list) != 1 || list[0].Event.Kind != "emergency.begun" || !strings.Contains(list[0].Event.Detail, because) || list[0].Event.Actor.Name != "Dr. glass" {
		t.Errorf("she is told %+v", list)
	} else if a := her.send(http.MethodPut, "/portal/alerts/"+list[0].ID, "{}"); a.status != http.StatusNoContent || her.told()[0].Seen == 0 {
		t.Errorf("she has read it: %d %s", a.status, a.body)
	}
	if a := doctor.send(http.MethodDelete, "/staff/emergencies/"+id, ""); a.status != http.StatusNoContent {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, path := range []string{"Observation/" + observation, "Observation?patient=" + patient, "Patient/" + patient + "/$everything", "AllergyIntolerance?patient=" + patient + "&_summary=count"} {
		if status, b := fhir(t, token, path); status != http.StatusForbidden || ruleIn(b) != "policy.matter-over" {
			t.Errorf("ended, %s: %d %s", path, status, ruleIn(b))
		}
	}
	if status, b := fhir(t, token, "Observation"); status != http.StatusOK || typesIn(b) != "" {
		t.Errorf("ended, and a search for anybody: %d %s", status, typesIn(b))
	}
}

// alert is what a patient is told of.
type alert struct {
	ID    string
	Seen  int64
	Event struct {
		ID, Kind, Detail string
		Actor            struct{ Name string }
	}
}

func (b *browser) told() []alert {
	b.t.Helper()
	var out struct{ Alerts []alert }
	a := b.send(http.MethodGet, "/portal/alerts", "")
	if err := json.Unmarshal(a.body, &out); err != nil || a.status != http.StatusOK {
		b.t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return out.Alerts
}

// TestWhoBreaksGlass: who may not, and what is not enough.
func TestWhoBreaksGlass(t *testing.T) {
	her, patient := person(t)
	doctor := employ(t, "may", `["physician"]`, false)
	synced := employ(t, "synced", `["physician"]`, true)
	wish := func(patient, reason, text, more string) string {
		return `{"patient":"` + patient + `","reason":"` + reason + `","text":"` + text + `"` + more + `}`
	}
	for name, c := range map[string]struct {
		b          *browser
		body, code string
	}{
		"a synced passkey":         {synced, wish(patient, "urgent", because, ""), "step-up"},
		"a pharmacist":             {employ(t, "pharma", `["pharmacist"]`, false), wish(patient, "urgent", because, ""), "policy.emergency-role"},
		"a privacy officer":        {employ(t, "privacy", `["privacy-officer"]`, false), wish(patient, "urgent", because, ""), "policy.emergency-role"},
		"the patient":              {her, wish(patient, "urgent", because, ""), "policy.herself"},
		"no reason":                {doctor, wish(patient, "curious", because, ""), "emergency-reason"},
		"no words":                 {doctor, wish(patient, "urgent", "x", ""), "emergency-text"},
		"too many words":           {doctor, wish(patient, "urgent", strings.Repeat("x", 501), ""), "emergency-text"},
		"a line break":             {doctor, wish(patient, "urgent", `first line\nsecond line`, ""), "emergency-text"},
		"nobody":                   {doctor, wish("nobody", "urgent", because, ""), "not-found"},
		"a delay that is not had":  {doctor, wish(patient, "urgent", because, `,"delay_reason":"watched","delay_hours":1`), "policy.emergency-delay"},
		"a delay without a reason": {doctor, wish(patient, "urgent", because, `,"delay_hours":1`), "emergency-delay"},
	} {
		if a := c.b.send(http.MethodPost, "/staff/emergencies", c.body); a.status < 400 || a.status >= 500 || a.code() != c.code {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		} else if strings.Contains(string(a.body), patient) || strings.Contains(string(a.body), because) {
			t.Errorf("%s: the answer says %s", name, a.body)
		}
	}
	a, err := software(t, "ehr").As("p-1", "Dr. Test", "physician", "ward", "ETREAT").Do(t.Context(), http.MethodPost, "/staff/emergencies", []byte(wish(patient, "urgent", because, "")))
	if err != nil || a.Status != http.StatusForbidden {
		t.Errorf("software vouches: %d %s %v", a.Status, a.Body, err)
	}
	if a, err := software(t, "ehr").As("p-1", "Dr. Test", "physician", "ward", "BTG").Do(t.Context(), http.MethodGet, "/fhir/Patient/"+patient, nil); err == nil {
		t.Errorf("software signs in with a broken glass: %d", a.Status)
	}
	if list := her.told(); len(list) != 0 {
		t.Errorf("she is told of what did not happen: %v", list)
	}
}

// TestReview: a second person decides, once, in time; the numbers are public and
// name nobody.
func TestReview(t *testing.T) {
	both := employ(t, "both", `["physician","privacy-officer"]`, false)
	officer := employ(t, "second", `["privacy-officer"]`, false)
	her, patient, _ := chart(t)
	before := counts(t)
	a := both.glass(patient, "")
	id := value(t, a.body, "id")
	nonce, assertion := both.challenge()
	if a := both.send(http.MethodPost, "/signin", `{"nonce":"`+nonce+`","assertion":`+assertion+`,"role":"privacy-officer"}`); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	const good = `{"outcome":"justified","text":"the patient was unconscious"}`
	for name, c := range map[string]struct {
		b          *browser
		body, code string
	}{
		"she herself":            {both, good, "policy.second-person"},
		"a physician":            {employ(t, "third", `["physician"]`, false), good, "policy.review"},
		"the patient":            {her, good, "policy.emergency"},
		"an officer, synced":     {employ(t, "fourth", `["privacy-officer"]`, true), good, "step-up"},
		"another outcome":        {officer, `{"outcome":"fine","text":"the patient was unconscious"}`, "review-outcome"},
		"no words":               {officer, `{"outcome":"justified","text":"ok"}`, "review-text"},
		"something more in JSON": {officer, `{"outcome":"justified","text":"the patient was unconscious","by":"me"}`, "json"},
	} {
		if a := c.b.send(http.MethodPut, "/staff/reviews/"+id, c.body); a.status < 400 || a.status >= 500 || c.code != "json" && a.code() != c.code {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := officer.send(http.MethodGet, "/staff/reviews", ""); a.status != http.StatusOK || !strings.Contains(string(a.body), id) || !strings.Contains(string(a.body), because) {
		t.Errorf("the queue: %d %s", a.status, a.body)
	}
	if a := officer.send(http.MethodPut, "/staff/reviews/"+id, `{"outcome":"not-justified","text":"she was the doctor's neighbour"}`); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := officer.send(http.MethodPut, "/staff/reviews/"+id, good); a.status != http.StatusConflict {
		t.Errorf("decided again: %d %s", a.status, a.body)
	}
	if list := her.told(); len(list) != 2 || list[0].Event.Kind != "emergency.reviewed" || !strings.Contains(list[0].Event.Detail, "not-justified: she was") {
		t.Errorf("she is told %+v", list)
	}
	if a := her.send(http.MethodGet, "/portal/emergencies", ""); !strings.Contains(string(a.body), "not-justified") || !strings.Contains(string(a.body), "Dr. second") {
		t.Errorf("%d %s", a.status, a.body)
	}
	after := counts(t)
	if after.all != before.all+1 || after.not != before.not+1 {
		t.Errorf("counted %+v, then %+v", before, after)
	}
}

type counted struct{ all, not int }

func counts(t *testing.T) (c counted) {
	t.Helper()
	var out struct {
		Member string
		Months []struct {
			All          int `json:"all"`
			NotJustified int `json:"not_justified"`
		}
	}
	a := newBrowser(t, false).send(http.MethodGet, "/emergencies", "")
	if err := json.Unmarshal(a.body, &out); err != nil || out.Member != "north" {
		t.Fatalf("%s %v", a.body, err)
	}
	for _, m := range out.Months {
		c.all, c.not = c.all+m.All, c.not+m.NotJustified
	}
	return c
}

// TestClosedUnderGlass: what she closed stays closed when the glass is broken, and
// who refused it altogether is not seen; where the law has it so, it is open.
func TestClosedUnderGlass(t *testing.T) {
	deny := func(d *consent.Draft) { d.Types = []string{"AllergyIntolerance"} }
	never := func(d *consent.Draft) { d.Purposes = []string{"BTG"} }
	unless := func(d *consent.Draft) {
		d.Exceptions = []consent.Rule{{Says: consent.Permit, Purposes: []consent.Coding{{System: consent.PurposeSystem, Code: "BTG"}}}}
	}
	sees := func(t *testing.T, say func(*consent.Draft)) (int, string) {
		t.Helper()
		patient := newPatient(t)
		store(t, `{"resourceType":"AllergyIntolerance","patient":{"reference":"Patient/`+patient+`"},"code":{"text":"penicillin"}}`)
		w := walletOf(t, patient)
		d := consent.Draft{Signed: 1, Deny: true}
		say(&d)
		if _, err := w.Grant(t.Context(), d, "north"); err != nil {
			t.Fatal(err)
		}
		a := employ(t, "closed-"+patient, `["nurse"]`, false).glass(patient, "")
		status, b := fhir(t, value(t, a.body, "access_token"), "Patient/"+patient+"/$everything")
		return status, typesIn(b)
	}
	try := func(name string, say func(*consent.Draft), status int, types string) {
		if s, seen := sees(t, say); s != status || seen != types {
			t.Errorf("%s: %d %q", name, s, seen)
		}
	}
	try("what she closed", deny, http.StatusOK, "Patient")
	try("who refused it", never, http.StatusForbidden, "")
	try("who closed all but for this", unless, http.StatusOK, "Patient AllergyIntolerance")
	ours := hospital
	err := open(func(c *node.Config) { c.Emergency.Override = true }, func(h house) {
		hospital = h
		defer func() { hospital = ours }()
		try("what she closed, where the law opens it", deny, http.StatusOK, "Patient AllergyIntolerance")
		try("who refused it, where the law has none", never, http.StatusOK, "Patient AllergyIntolerance")
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestToldLater: for safety the patient is told later, as long as the hospital lets
// it be; until then neither list, nor count, nor proof says anything. Whoever watches
// over it can have her told at once.
func TestToldLater(t *testing.T) {
	ours := hospital
	err := open(func(c *node.Config) { c.Emergency.Delay = 2 }, func(h house) {
		hospital = h
		defer func() { hospital = ours }()
		doctor, officer := employ(t, "late", `["physician"]`, false), employ(t, "watch", `["privacy-officer"]`, false)
		her, patient, _ := chart(t)
		before := her.send(http.MethodGet, "/portal/log", "")
		if a := doctor.glass(patient, `,"delay_reason":"watched","delay_hours":3`); a.code() != "emergency-delay" {
			t.Errorf("longer than the policy has it: %d %s", a.status, a.body)
		}
		a := doctor.glass(patient, `,"delay_reason":"watched","delay_hours":2`)
		id, token := value(t, a.body, "id"), value(t, a.body, "access_token")
		if status, _ := fhir(t, token, "Patient/"+patient); status != http.StatusOK {
			t.Fatal(status)
		}
		if status, _ := fhir(t, token, "Observation?patient=nobody"); status != http.StatusForbidden {
			t.Error(status)
		}
		if status, b := fhir(t, token, "Patient/"+patient+"/$gather?_type=Observation"); status != http.StatusForbidden || ruleIn(b) != "policy.matter-told" {
			t.Errorf("others are asked, who would tell her: %d %s", status, ruleIn(b))
		}
		if after := her.send(http.MethodGet, "/portal/log", ""); string(after.body) != string(before.body) {
			t.Errorf("her log before: %s\nand after: %s", before.body, after.body)
		}
		for _, path := range []string{"/portal/alerts", "/portal/emergencies"} {
			if a := her.send(http.MethodGet, path, ""); strings.Contains(string(a.body), id) || strings.Contains(string(a.body), "glass") || strings.Contains(string(a.body), "emergency.") {
				t.Errorf("%s: %s", path, a.body)
			}
		}
		if a := doctor.send(http.MethodDelete, "/staff/emergencies/"+id+"/delay", ""); a.status != http.StatusForbidden {
			t.Errorf("the doctor: %d", a.status)
		}
		if a := officer.send(http.MethodDelete, "/staff/emergencies/"+id+"/delay", ""); a.status != http.StatusNoContent {
			t.Fatalf("%d %s", a.status, a.body)
		}
		list := her.told()
		if len(list) != 1 || list[0].Event.Kind != "emergency.begun" {
			t.Fatalf("told: %+v", list)
		}
		if kinds := fmt.Sprint(her.events()[:4]); kinds != "[emergency.told access.refused access.emergency emergency.begun]" {
			t.Errorf("her log: %s", kinds)
		}
		if a := her.send(http.MethodGet, "/portal/evidence/"+list[0].Event.ID, ""); a.status != http.StatusOK {
			t.Errorf("its proof: %d %.200s", a.status, a.body)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestGlassEnds: it ends by itself, and with the account.
func TestGlassEnds(t *testing.T) {
	ours := hospital
	err := open(func(c *node.Config) { c.Emergency.Window = 2 }, func(h house) {
		hospital = h
		defer func() { hospital = ours }()
		doctor := employ(t, "ends", `["physician"]`, false)
		_, patient, _ := chart(t)
		token := value(t, doctor.glass(patient, "").body, "access_token")
		status := http.StatusOK
		for status == http.StatusOK {
			status, _ = fhir(t, token, "Patient/"+patient)
		}
		if status != http.StatusForbidden && status != http.StatusUnauthorized {
			t.Errorf("after its end: %d", status)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	doctor := employ(t, "fired", `["physician"]`, false)
	_, patient, _ := chart(t)
	token := value(t, doctor.glass(patient, "").body, "access_token")
	if status, _ := fhir(t, token, "Patient/"+patient); status != http.StatusOK {
		t.Fatal(status)
	}
	operate(t, http.MethodDelete, "/admin/staff/fired/passkeys", "")
	if status, _ := fhir(t, token, "Patient/"+patient); status != http.StatusUnauthorized {
		t.Errorf("after her passkeys are gone: %d", status)
	}
}
