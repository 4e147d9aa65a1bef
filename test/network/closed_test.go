package network_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cairn/client"
	"cairn/consent"
	"cairn/demo"
	"cairn/proof"
)

// closure is what a patient says no to at a hospital: laboratory results, for
// whatever purpose.
func closure(h *demo.Hospital) consent.Draft {
	now := time.Now().UnixMilli()
	return consent.Draft{
		Signed: now, Deny: true, Grantee: h.ID, GranteeName: h.Name,
		Types: []string{"Observation"}, Categories: []string{"laboratory"}, Period: consent.Span{Lo: now - 60_000, Hi: now + 3_600_000},
	}
}

// told is all of an answer that could tell one record from another, with the id
// replaced.
func told(a client.Answer, id string) string {
	out := fmt.Sprintf("%d\n%s", a.Status, a.Body)
	for _, name := range []string{"Etag", "Location", "Last-Modified", "Cairn-Receipt", "Cairn-Deleted", "Allow", "Content-Type"} {
		out += fmt.Sprintf("\n%s: %q", name, a.Header.Values(name))
	}
	return strings.ReplaceAll(out, id, "ID")
}

// TestWritesOfClosedRecords: whoever may not see a record learns from no write
// whether it is there, but that its id is taken; it stays what it is, and the
// attempt is in the patient's log.
func TestWritesOfClosedRecords(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	who, patient := physician(s.custodian), s.ids[s.custodian]
	if _, err := s.wallet.Grant(ctx, closure(s.custodian), s.custodian.ID); err != nil {
		t.Fatal(err)
	}
	const absent = "0193e0a0-0000-7000-8000-00000000none"
	do := func(method, path, body, id string, header http.Header) client.Answer {
		t.Helper()
		sub := strings.NewReplacer("$ID", id, "$PATIENT", patient)
		if header == nil {
			header = http.Header{}
		}
		if header.Get("Content-Type") == "" {
			header.Set("Content-Type", "application/fhir+json")
		}
		a, err := who.With(ctx, method, "/fhir/"+sub.Replace(path), header, []byte(sub.Replace(body)))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	result := strings.Replace(observation("$PATIENT", "laboratory", "4548-4"), `{`, `{"id":"$ID",`, 1)
	lacking := `{"resourceType":"Observation","id":"$ID","code":{"text":"x"},"subject":{"reference":"Patient/$PATIENT"}}`
	stranger := strings.Replace(result, "Patient/$PATIENT", "Patient/nobody-here", 1)
	wrapped := func(method, url, more string) string {
		return `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"` + method + `","url":"` + url + `"` + more + `}}]}`
	}
	jsonPatch := http.Header{"Content-Type": {"application/json-patch+json"}}
	for _, one := range []struct {
		method, path, body string
		header             http.Header
	}{
		{"GET", "Observation/$ID", "", nil},
		{"PUT", "Observation/$ID", result, http.Header{"If-Match": {`W/"1"`}}},
		{"PUT", "Observation/$ID", result, http.Header{"If-Match": {`W/"7"`}}},
		{"PUT", "Observation/$ID", result, http.Header{"If-Match": {"*"}}},
		{"PUT", "Observation/$ID", lacking, nil},
		{"PUT", "Observation/$ID", stranger, nil},
		{"PATCH", "Observation/$ID", `[{"op":"replace","path":"/status","value":"amended"}]`, jsonPatch},
		{"PATCH", "Observation/$ID", `[{"op":"test","path":"/status","value":"final"}]`, http.Header{"Content-Type": jsonPatch["Content-Type"], "If-Match": {`W/"1"`}}},
		{"PATCH", "Observation?_id=$ID", `[{"op":"test","path":"/status","value":"final"}]`, jsonPatch},
		{"DELETE", "Observation/$ID", "", nil},
		{"DELETE", "Observation/$ID", "", http.Header{"If-Match": {`W/"7"`}}},
		{"DELETE", "Observation?_id=$ID", "", nil},
		{"POST", "", wrapped("DELETE", "Observation/$ID", ""), nil},
		{"POST", "", wrapped("DELETE", "Observation/$ID", `,"ifMatch":"W/\"3\""`), nil},
		{"POST", "", strings.Replace(wrapped("DELETE", "Observation/$ID", ""), "batch", "transaction", 1), nil},
	} {
		closed, none := told(do(one.method, one.path, one.body, s.lab, one.header), s.lab), told(do(one.method, one.path, one.body, absent, one.header), absent)
		if closed != none {
			t.Errorf("%s %s (%v): a closed record is told from none:\n%s\n---\n%s", one.method, one.path, one.header, closed, none)
		}
	}
	for _, header := range []http.Header{nil, {"If-None-Match": {"*"}}} {
		a := do("PUT", "Observation/$ID", result, s.lab, header)
		if code, _ := a.Refusal(); a.Status != http.StatusConflict || code != "id-taken" || a.Header.Get("ETag")+a.Header.Get("Location") != "" || strings.Contains(string(a.Body), patient) {
			t.Errorf("an update under an id that is taken: %s", told(a, s.lab))
		}
	}
	a, err := s.custodian.EHR.Expect(ctx, http.StatusOK, http.MethodPut, "/fhir/Observation/"+s.lab, []byte(strings.NewReplacer("$ID", s.lab, "$PATIENT", patient).Replace(result)))
	if err != nil || a.Header.Get("ETag") != `W/"2"` {
		t.Errorf("the software with which the hospital keeps its records, after all this: %s %v", a.Header.Get("ETag"), err)
	}
	refused := make(map[string]bool)
	entries, _, err := s.wallet.Log(ctx, s.custodian.ID, 200)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		ev, err := proof.DecodeEvent(e.Event)
		if err != nil {
			t.Fatal(err)
		}
		refused[ev.Action] = refused[ev.Action] || !ev.Allowed && ev.Rule == "policy.unknown-record"
	}
	if !refused["update"] || !refused["delete"] {
		t.Errorf("what her log says was tried and refused: %v", refused)
	}
}

// TestRecordsOfSeveral: what is about no one patient is shown while all whom it
// concerns show it: an appointment of two, and the provenance of a result.
func TestRecordsOfSeveral(t *testing.T) {
	ctx := within(t, time.Minute)
	s := newScene(ctx, t)
	patient := s.ids[s.custodian]
	other, _ := post(ctx, t, s.custodian, "Patient", `{"resourceType":"Patient"}`)
	participant := func(id string) string { return `{"actor":{"reference":"Patient/` + id + `"},"status":"accepted"}` }
	both, _ := post(ctx, t, s.custodian, "Appointment", `{"resourceType":"Appointment","status":"booked","start":"2026-01-02T03:04:05Z","end":"2026-01-02T04:04:05Z","participant":[`+participant(patient)+`,`+participant(other)+`]}`)
	provenance := func(target string) string {
		id, _ := post(ctx, t, s.custodian, "Provenance", `{"resourceType":"Provenance","recorded":"2026-01-02T03:04:05Z","target":[{"reference":"`+target+`"}],"agent":[{"who":{"display":"x"}}]}`)
		return id
	}
	lab, vital := provenance("Observation/"+s.lab), provenance("Observation/"+s.vital)
	status := func(path string) int {
		t.Helper()
		a, err := physician(s.custodian).Do(ctx, http.MethodGet, "/fhir/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.Status
	}
	found := func() int {
		t.Helper()
		a, err := physician(s.custodian).Expect(ctx, http.StatusOK, http.MethodGet, "/fhir/Provenance?_id="+lab+","+vital, nil)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(a.Body), `"fullUrl"`)
	}
	for _, path := range []string{"Appointment/" + both, "Provenance/" + lab, "Provenance/" + vital} {
		if code := status(path); code != http.StatusOK {
			t.Fatalf("%s, while nobody says no: %d", path, code)
		}
	}
	if n := found(); n != 2 {
		t.Fatalf("%d are found while nobody says no", n)
	}
	no := closure(s.custodian)
	if _, err := s.wallet.Grant(ctx, no, s.custodian.ID); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"Appointment/" + both: 200, "Provenance/" + lab: 404, "Provenance/" + lab + "/_history/1": 404, "Provenance/" + vital: 200} {
		if code := status(path); code != want {
			t.Errorf("%s, when results are closed: %d, want %d", path, code, want)
		}
	}
	if n := found(); n != 1 {
		t.Errorf("%d are found when results are closed", n)
	}
	no.Categories, no.Types = nil, []string{"Appointment"}
	if _, err := s.wallet.Grant(ctx, no, s.custodian.ID); err != nil {
		t.Fatal(err)
	}
	if code := status("Appointment/" + both); code != http.StatusNotFound {
		t.Errorf("an appointment that one of two has closed: %d", code)
	}
}
