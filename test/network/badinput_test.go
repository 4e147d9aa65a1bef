package network_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestBadInput sends what a careless or hostile client sends. Each gets an
// OperationOutcome that says what is wrong, nothing is half-written, and the
// node goes on.
func TestBadInput(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	h := town.Find("east")
	patient, _, _ := newPatient(ctx, t, h)
	before := total(t, h.ID, "Observation?_summary=count&patient="+patient)
	good := observation(patient, "laboratory", "4548-4")
	entry := func(resource, url string) string {
		return `{"fullUrl":"urn:uuid:0f6c5a8e-1f7b-4a43-9a57-3a1d6f4d5b10","resource":` + resource + `,"request":{"method":"POST","url":"` + url + `"}}`
	}
	bundle := func(entries ...string) string {
		return `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(entries, ",") + `]}`
	}
	dangling := strings.Replace(good, "Patient/"+patient, "urn:uuid:99999999-0000-4000-8000-000000000000", 1)
	unknown := strings.Replace(good, "Patient/"+patient, "Patient/nobody-here", 1)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code, says               string
	}{
		{"not JSON", "POST", "/fhir/Observation", "hello", 400, "", ""},
		{"nothing", "POST", "/fhir/Observation", "", 400, "", ""},
		{"cut off", "POST", "/fhir/Observation", good[:len(good)/2], 400, "", ""},
		{"duplicate key", "POST", "/fhir/Observation", strings.Replace(good, `"status":"final"`, `"status":"final","status":"amended"`, 1), 400, "", "twice"},
		{"depth bomb", "POST", "/fhir/Observation", strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000), 413, "", ""},
		{"20 MB", "POST", "/fhir/Observation", `{"resourceType":"Observation","text":"` + strings.Repeat("x", 20<<20) + `"}`, 413, "too-long", "10 MB"},
		{"unknown type", "POST", "/fhir/Observatory", good, 404, "", "no such resource type"},
		{"type of the URL", "POST", "/fhir/Condition", good, 400, "invalid", "type"},
		{"unknown patient", "POST", "/fhir/Observation", unknown, 400, "", "not known"},
		{"id of the URL", "PUT", "/fhir/Observation/abc", good, 400, "invalid", "id"},
		{"bad id", "GET", "/fhir/Observation/a_b", "", 400, "value", "id"},
		{"unknown parameter", "GET", "/fhir/Observation?colour=red", "", 400, "", "colour"},
		{"bad date", "GET", "/fhir/Observation?date=yesterday", "", 400, "", ""},
		{"a bundle as a resource type", "POST", "/fhir", good, 400, "invalid", "Bundle"},
		{"a collection", "POST", "/fhir", strings.Replace(bundle(entry(good, "Observation")), "transaction", "collection", 1), 400, "invalid", "batch"},
		{"dangling reference", "POST", "/fhir", bundle(entry(good, "Observation"), strings.Replace(entry(dangling, "Observation"), "5b10", "5b11", 1)), 400, "invalid", "reference"},
		{"same fullUrl twice", "POST", "/fhir", bundle(entry(good, "Observation"), entry(good, "Observation")), 400, "invalid", "fullUrl"},
		{"second entry bad", "POST", "/fhir", bundle(entry(good, "Observation"), strings.Replace(entry(unknown, "Observation"), "5b10", "5b12", 1)), 400, "", "not known"},
		{"unknown operation", "POST", "/fhir/Patient/$nothing", "{}", 501, "not-supported", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := physician(h).Do(ctx, c.method, c.path, []byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			var o struct {
				ResourceType string
				Issue        []struct {
					Code    string
					Details struct{ Text string }
				}
			}
			if err := json.Unmarshal(a.Body, &o); err != nil || o.ResourceType != "OperationOutcome" || len(o.Issue) == 0 {
				t.Fatalf("status %d: not an OperationOutcome: %.300s", a.Status, a.Body)
			}
			if a.Status != c.status || c.code != "" && o.Issue[0].Code != c.code {
				t.Errorf("status %d code %s (%s), want %d %s", a.Status, o.Issue[0].Code, o.Issue[0].Details.Text, c.status, c.code)
			}
			if !strings.Contains(string(a.Body), c.says) {
				t.Errorf("%q does not say %q", o.Issue[0].Details.Text, c.says)
			}
			if len(a.Body) > 4096 {
				t.Errorf("the refusal has %d bytes", len(a.Body))
			}
		})
	}
	if after := total(t, h.ID, "Observation?_summary=count&patient="+patient); after != before {
		t.Errorf("%d observations, there were %d: something was half-written", after, before)
	}
}

func total(t *testing.T, hospital, query string) int {
	t.Helper()
	a, err := physician(town.Find(hospital)).Expect(within(t, 30*time.Second), http.StatusOK, http.MethodGet, "/fhir/"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b struct{ Total int }
	if err := json.Unmarshal(a.Body, &b); err != nil {
		t.Fatal(err)
	}
	return b.Total
}
