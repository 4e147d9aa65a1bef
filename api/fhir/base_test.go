package fhir_test

import (
	"strings"
	"testing"
)

// TestReferencesToOneself: a reference by this server's own URL names the record
// that it has here, whichever way it is sent and however its slashes are written;
// one to another server is another's.
func TestReferencesToOneself(t *testing.T) {
	id := ask(t, "POST", "Patient", `{"resourceType":"Patient"}`).get(t, "id")
	own := hospital.url + "/fhir/Patient/" + id
	observation := func(reference string) string {
		return `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"` + reference + `"}}`
	}
	transaction := `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"POST","url":"Observation"},"resource":` + observation(own) + `}]}`
	for name, a := range map[string]answer{
		"create": ask(t, "POST", "Observation", observation(own)), "escaped": ask(t, "POST", "Observation", observation(strings.ReplaceAll(own, "/", `\/`))),
		"versioned": ask(t, "POST", "Observation", observation(own+"/_history/1")), "transaction": ask(t, "POST", "", transaction),
	} {
		if a.status > 201 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	found := ask(t, "GET", "Observation?_count=10&patient="+id, "")
	if found.get(t, "total") != "4" || strings.Contains(string(found.body), `"reference":"http`) {
		t.Errorf("%s", found.body)
	}
	for _, other := range []string{"http://elsewhere.example/fhir/Patient/" + id, hospital.url + "/fhir2/Patient/" + id, hospital.url + "/fhir/Patient/" + id + "/x"} {
		if a := ask(t, "POST", "Observation", observation(other)); a.status != 400 {
			t.Errorf("%s: %d", other, a.status)
		}
	}
}
