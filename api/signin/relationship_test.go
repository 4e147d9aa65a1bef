package signin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"cairn/fhir/search"
	"cairn/node"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/proof"
)

// actor is who the browser is signed in as.
func (b *browser) actor() identity.Actor {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, hospital.url, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	a, err := hospital.node.Door.SessionActor(r)
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

// store has the hospital's software store a resource and returns its id.
func store(t *testing.T, body string) string {
	t.Helper()
	var r struct {
		ResourceType, ID string
	}
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	method, path, status := http.MethodPost, "/fhir/"+r.ResourceType, http.StatusCreated
	if r.ID != "" {
		method, path, status = http.MethodPut, path+"/"+r.ID, http.StatusOK
	}
	a, err := software(t, "ehr").Expect(t.Context(), status, method, path, []byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return value(t, a.Body, "id")
}

func observationOf(t *testing.T, patient string) string {
	t.Helper()
	return store(t, `{"resourceType":"Observation","status":"final","code":{"text":"pulse"},"subject":{"reference":"Patient/`+patient+`"}}`)
}

// reads returns nil, or the code of the refusal, of a read of an Observation by
// somebody who signed in herself. It asks the desk: the FHIR face takes no cookie.
func reads(t *testing.T, a identity.Actor, observation string) string {
	t.Helper()
	_, err := hospital.node.Records.Read(t.Context(), a, "Observation", observation)
	if err == nil {
		return ""
	}
	if f := fault.As(err); f.Kind == fault.Refused {
		return f.Code
	}
	t.Fatal(err)
	return ""
}

func day(offset int) string { return time.Now().AddDate(0, 0, offset).UTC().Format("2006-01-02") }

func instant(offset int) string { return time.Now().AddDate(0, 0, offset).UTC().Format(time.RFC3339) }

// TestRelationships: each kind of record that ties a physician, her unit or her
// team to a patient lets her read, and nothing else does.
func TestRelationships(t *testing.T) {
	doctor := employ(t, "rel", `["physician"]`, true).actor() // Practitioner/rel, Organization/ward-rel
	const about = `"subject":{"reference":"Patient/P"}`
	for name, c := range map[string]struct {
		body string
		ties bool
	}{
		"nothing":                       {`{"resourceType":"Encounter","status":"in-progress","class":{"code":"AMB"},` + about + `}`, false},
		"an encounter with her":         {`{"resourceType":"Encounter","status":"in-progress","class":{"code":"AMB"},` + about + `,"participant":[{"individual":{"reference":"Practitioner/rel"}}]}`, true},
		"an encounter with another":     {`{"resourceType":"Encounter","status":"in-progress","class":{"code":"AMB"},` + about + `,"participant":[{"individual":{"reference":"Practitioner/other"}}]}`, false},
		"her id as another type":        {`{"resourceType":"Encounter","status":"in-progress","class":{"code":"AMB"},` + about + `,"participant":[{"individual":{"reference":"PractitionerRole/rel"}}]}`, false},
		"an encounter in her unit":      {`{"resourceType":"Encounter","status":"arrived","class":{"code":"IMP"},` + about + `,"serviceProvider":{"reference":"Organization/ward-rel"}}`, true},
		"one that was cancelled":        {`{"resourceType":"Encounter","status":"cancelled","class":{"code":"AMB"},` + about + `,"participant":[{"individual":{"reference":"Practitioner/rel"}}]}`, false},
		"one that ended last week":      {`{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},` + about + `,"period":{"start":"` + day(-9) + `","end":"` + day(-7) + `"},"participant":[{"individual":{"reference":"Practitioner/rel"}}]}`, true},
		"one that ended last year":      {`{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},` + about + `,"period":{"start":"` + day(-400) + `","end":"` + day(-370) + `"},"participant":[{"individual":{"reference":"Practitioner/rel"}}]}`, false},
		"one that began last year":      {`{"resourceType":"Encounter","status":"in-progress","class":{"code":"AMB"},` + about + `,"period":{"start":"` + day(-400) + `"},"participant":[{"individual":{"reference":"Practitioner/rel"}}]}`, true},
		"an appointment next week":      {`{"resourceType":"Appointment","status":"booked","start":"` + instant(7) + `","end":"` + instant(7) + `","participant":[{"actor":{"reference":"Patient/P"},"status":"accepted"},{"actor":{"reference":"Practitioner/rel"},"status":"accepted"}]}`, true},
		"an appointment in half a year": {`{"resourceType":"Appointment","status":"booked","start":"` + instant(180) + `","end":"` + instant(180) + `","participant":[{"actor":{"reference":"Patient/P"},"status":"accepted"},{"actor":{"reference":"Practitioner/rel"},"status":"accepted"}]}`, false},
		"an appointment missed":         {`{"resourceType":"Appointment","status":"noshow","start":"` + instant(-1) + `","end":"` + instant(-1) + `","participant":[{"actor":{"reference":"Patient/P"},"status":"accepted"},{"actor":{"reference":"Practitioner/rel"},"status":"accepted"}]}`, false},
		"a care team with her":          {`{"resourceType":"CareTeam",` + about + `,"participant":[{"member":{"reference":"Practitioner/rel"}}]}`, true},
		"a care team that ended":        {`{"resourceType":"CareTeam","status":"inactive",` + about + `,"participant":[{"member":{"reference":"Practitioner/rel"}}]}`, false},
		"an episode that she manages":   {`{"resourceType":"EpisodeOfCare","status":"active","patient":{"reference":"Patient/P"},"careManager":{"reference":"Practitioner/rel"}}`, true},
		"a referral to her unit":        {`{"resourceType":"ServiceRequest","status":"active","intent":"order",` + about + `,"performer":[{"reference":"Organization/ward-rel"}]}`, true},
		"a referral that was revoked":   {`{"resourceType":"ServiceRequest","status":"revoked","intent":"order",` + about + `,"performer":[{"reference":"Organization/ward-rel"}]}`, false},
		"a result that she reported":    {`{"resourceType":"Observation","status":"final","code":{"text":"x"},` + about + `,"performer":[{"reference":"Practitioner/rel"}]}`, false},
	} {
		patient := newPatient(t)
		observation := observationOf(t, patient)
		if code := reads(t, doctor, observation); code != "policy.relationship" {
			t.Errorf("%s, before: %q", name, code)
		}
		store(t, strings.ReplaceAll(c.body, "Patient/P\"", "Patient/"+patient+"\""))
		if code := reads(t, doctor, observation); (code == "") != c.ties {
			t.Errorf("%s: %q", name, code)
		}
	}
}

// TestRelationshipEnds: what is remembered of a relationship is forgotten when the
// record that says it is changed or deleted, and when one comes that says it anew.
func TestRelationshipEnds(t *testing.T) {
	doctor := employ(t, "ends", `["physician"]`, true).actor()
	patient := newPatient(t)
	observation := observationOf(t, patient)
	encounter := func(id, status string) string {
		return store(t, `{"resourceType":"Encounter"`+id+`,"status":"`+status+`","class":{"code":"AMB"},"subject":{"reference":"Patient/`+patient+`"},"participant":[{"individual":{"reference":"Practitioner/ends"}}]}`)
	}
	id := encounter("", "in-progress")
	for range 2 { // the second time from memory
		if code := reads(t, doctor, observation); code != "" {
			t.Fatal(code)
		}
	}
	encounter(`,"id":"`+id+`"`, "entered-in-error")
	if code := reads(t, doctor, observation); code != "policy.relationship" {
		t.Errorf("the encounter was an error: %q", code)
	}
	encounter(`,"id":"`+id+`"`, "in-progress")
	if code := reads(t, doctor, observation); code != "" {
		t.Errorf("it was none: %q", code)
	}
	if _, err := software(t, "ehr").Expect(t.Context(), http.StatusNoContent, http.MethodDelete, "/fhir/Encounter/"+id, nil); err != nil {
		t.Fatal(err)
	}
	if code := reads(t, doctor, observation); code != "policy.relationship" {
		t.Errorf("deleted: %q", code)
	}
}

// TestRelationshipIsFrozen: the log says which record made the access be allowed,
// in which version, and a search shows the patients whom she treats and no other.
func TestRelationshipIsFrozen(t *testing.T) {
	doctor := employ(t, "frozen", `["physician"]`, true).actor()
	b, patient := person(t)
	observation := observationOf(t, patient)
	observationOf(t, newPatient(t))
	encounter := store(t, `{"resourceType":"Encounter","status":"in-progress","class":{"code":"AMB"},"subject":{"reference":"Patient/`+patient+`"},"participant":[{"individual":{"reference":"Practitioner/frozen"}}]}`)
	q, err := search.ParseQuery("Observation", url.Values{}, search.Options{})
	if err != nil {
		t.Fatal(err)
	}
	page, err := hospital.node.Records.Search(t.Context(), doctor, q, "Observation")
	if err != nil || len(page.Versions) != 1 || page.Versions[0].ID != observation {
		t.Errorf("%d matches, %v", len(page.Versions), err)
	}
	var log struct {
		Entries []struct{ Event json.RawMessage }
	}
	if err := json.Unmarshal(b.send(http.MethodGet, "/portal/log?limit=1", "").body, &log); err != nil || len(log.Entries) != 1 {
		t.Fatal(err)
	}
	ev, err := proof.DecodeEvent(log.Entries[0].Event)
	if err != nil || ev.Kind != proof.KindAccessAllowed || ev.Actor.Person != "north/frozen" || ev.Actor.Role != "physician" || ev.Actor.Unit != "Organization/ward-frozen" ||
		!strings.HasPrefix(ev.Detail, "relationship: Encounter/"+encounter+" version 1 names Practitioner/frozen, until ") {
		t.Errorf("%+v, %v", ev, err)
	}
}

// TestNobodyTiesHerself: a person who signed in writes about patients whom she
// treats only, so she cannot write that she does, nor that she may see more.
func TestNobodyTiesHerself(t *testing.T) {
	doctor := employ(t, "ties", `["physician"]`, true).actor()
	patient := newPatient(t)
	for _, body := range []string{
		`{"resourceType":"Encounter","status":"in-progress","class":{"code":"AMB"},"subject":{"reference":"Patient/` + patient + `"},"participant":[{"individual":{"reference":"Practitioner/ties"}}]}`,
		`{"resourceType":"Patient","name":[{"family":"Invented"}]}`,
	} {
		var r struct{ ResourceType string }
		json.Unmarshal([]byte(body), &r) //nolint:errcheck // it is one
		if _, err := hospital.node.Records.Create(t.Context(), doctor, r.ResourceType, []byte(body)); !errors.Is(err, fault.New(fault.Refused, "policy.relationship", "")) {
			t.Errorf("%s was written: %v", r.ResourceType, err)
		}
	}
}

// TestRoles: a registrar sees what the front desk needs, a researcher nothing that
// a patient did not allow, an administrator no record.
func TestRoles(t *testing.T) {
	patient := newPatient(t)
	observation := observationOf(t, patient)
	see := func(a identity.Actor, typ, id string) error {
		_, err := hospital.node.Records.Read(t.Context(), a, typ, id)
		return err
	}
	registrar := employ(t, "registrar", `["registrar"]`, true).actor()
	if err := see(registrar, "Patient", patient); err != nil {
		t.Errorf("a registrar sees no patient: %v", err)
	}
	if err := see(registrar, "Observation", observation); err == nil {
		t.Error("a registrar sees a result")
	}
	if _, err := hospital.node.Records.Create(t.Context(), registrar, "Observation", []byte(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/`+patient+`"}}`)); !errors.Is(err, fault.New(fault.Refused, "policy.role", "")) {
		t.Errorf("a registrar writes a result: %v", err)
	}
	for id, roles := range map[string]string{"researcher": `["researcher"]`, "admin2": `["administrator"]`, "officer": `["privacy-officer"]`} {
		a := employ(t, id, roles, false).actor()
		if err := see(a, "Patient", patient); !fault.Is(err, fault.Refused) && !fault.Is(err, fault.NotFound) {
			t.Errorf("%s sees a patient: %v", id, err)
		}
	}
}

// TestClaim: who says that she treats a patient may read until the claim ends, or
// she ends it; the patient and the privacy officer read who, and why.
func TestClaim(t *testing.T) {
	b := employ(t, "claims", `["physician"]`, true)
	her, patient := person(t)
	observation := observationOf(t, patient)
	claim := func(body string) answer { return b.send(http.MethodPost, "/staff/claims", body) }
	for name, c := range map[string]struct{ body, code string }{
		"no reason":         {`{"patient":"` + patient + `","reason":"because","text":"I was asked for advice"}`, "claim-reason"},
		"no words":          {`{"patient":"` + patient + `","reason":"consult","text":"x"}`, "claim-text"},
		"for ever":          {`{"patient":"` + patient + `","reason":"consult","text":"I was asked for advice","hours":1000}`, "claim-hours"},
		"an unknown person": {`{"patient":"nobody","reason":"consult","text":"I was asked for advice"}`, "not-found"},
	} {
		if a := claim(c.body); a.code() != c.code {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if code := reads(t, b.actor(), observation); code != "policy.relationship" {
		t.Errorf("before: %q", code)
	}
	a := claim(`{"patient":"` + patient + `","reason":"consult","text":"Dr. Test asked me to look at the ECG","hours":2}`)
	if a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if code := reads(t, b.actor(), observation); code != "" {
		t.Errorf("claimed: %q", code)
	}
	var mine, hers, all struct{ Claims []map[string]any }
	for path, c := range map[string]struct {
		b  *browser
		to any
	}{"/staff/claims": {b, &mine}, "/portal/claims": {her, &hers}} {
		if err := json.Unmarshal(c.b.send(http.MethodGet, path, "").body, c.to); err != nil {
			t.Fatal(err)
		}
	}
	if len(mine.Claims) != 1 || len(hers.Claims) != 1 || hers.Claims[0]["text"] != "Dr. Test asked me to look at the ECG" || hers.Claims[0]["name"] != "Dr. claims" {
		t.Errorf("%v %v", mine, hers)
	}
	officer := employ(t, "officer2", `["privacy-officer"]`, false)
	if err := json.Unmarshal(officer.send(http.MethodGet, "/staff/claims", "").body, &all); err != nil || len(all.Claims) == 0 || all.Claims[0]["person"] != "north/claims" {
		t.Errorf("%v %v", all, err)
	}
	if kinds := fmt.Sprint(her.events()[:2]); kinds != "[access.allowed relationship.claimed]" {
		t.Errorf("her log: %v", kinds)
	}
	id := value(t, a.body, "id")
	other := employ(t, "other", `["physician"]`, true)
	if a := other.send(http.MethodDelete, "/staff/claims/"+id, ""); a.status != http.StatusNotFound {
		t.Errorf("somebody else ends it: %d", a.status)
	}
	if code := reads(t, other.actor(), observation); code != "policy.relationship" {
		t.Errorf("it serves somebody else: %q", code)
	}
	if a := b.send(http.MethodDelete, "/staff/claims/"+id, ""); a.status != http.StatusNoContent {
		t.Errorf("%d %s", a.status, a.body)
	}
	if code := reads(t, b.actor(), observation); code != "policy.relationship" {
		t.Errorf("ended: %q", code)
	}
	for name, c := range map[string]*browser{"a patient": her, "a privacy officer": officer} {
		if a := c.send(http.MethodPost, "/staff/claims", `{"patient":"`+patient+`","reason":"consult","text":"I was asked for advice"}`); a.status != http.StatusForbidden {
			t.Errorf("%s claims to treat: %d", name, a.status)
		}
	}
}

// TestVouched: people for whom software vouches read as they did, unless the
// hospital requires a relationship of them too.
func TestVouched(t *testing.T) {
	vouched := func(h house, patient string) int {
		a, err := h.software(t, "ehr").As("rel", "Dr. Rel", "physician", "Organization/ward-3", "TREAT").Do(t.Context(), http.MethodGet, "/fhir/Patient/"+patient, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.Status
	}
	if status := vouched(hospital, newPatient(t)); status != http.StatusOK {
		t.Errorf("by default: %d", status)
	}
	err := open(func(c *node.Config) { c.Relationships = "required" }, func(h house) {
		a, err := h.software(t, "ehr").Expect(t.Context(), http.StatusCreated, http.MethodPost, "/fhir/Patient", []byte(`{"resourceType":"Patient"}`))
		if err != nil {
			t.Error(err)
			return
		}
		patient := value(t, a.Body, "id")
		if status := vouched(h, patient); status != http.StatusForbidden {
			t.Errorf("required, and there is none: %d", status)
		}
		body := `{"resourceType":"Encounter","status":"in-progress","class":{"code":"AMB"},"subject":{"reference":"Patient/` + patient + `"},"serviceProvider":{"reference":"Organization/ward-3"}}`
		if _, err := h.software(t, "ehr").Expect(t.Context(), http.StatusCreated, http.MethodPost, "/fhir/Encounter", []byte(body)); err != nil {
			t.Error(err)
		}
		if status := vouched(h, patient); status != http.StatusOK {
			t.Errorf("required, and her unit treats the patient: %d", status)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
