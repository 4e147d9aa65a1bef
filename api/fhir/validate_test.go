package fhir_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestClaims has the hospital hold resources to the profiles that they claim, as enforce_claims in the configuration
// does, and takes it back afterwards.
func TestClaims(t *testing.T) {
	records, judge := hospital.node.Records, hospital.node.Judge
	records.Enforce(judge.Claims)
	defer records.Enforce(nil)
	profile := `{"resourceType":"StructureDefinition","url":"http://a.example/StructureDefinition/claimed","name":"Claimed","status":"active","kind":"resource","abstract":false,"type":"Patient","baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","derivation":"constraint","differential":{"element":[{"id":"Patient.birthDate","path":"Patient.birthDate","min":1}]}}`
	if a := ask(t, http.MethodPost, "StructureDefinition", profile); a.status != http.StatusCreated {
		t.Fatalf("storing the profile: %d %s", a.status, a.body)
	}
	claims := `"meta":{"profile":["http://a.example/StructureDefinition/claimed"]}`
	for _, c := range []struct {
		body   string
		status int
		rule   string
	}{
		{`{"resourceType":"Patient",` + claims + `,"birthDate":"1970"}`, http.StatusCreated, ""},
		{`{"resourceType":"Patient",` + claims + `}`, http.StatusBadRequest, `"code":"min"`},
		{`{"resourceType":"Patient","meta":{"profile":["http://a.example/nobody/knows"]}}`, http.StatusBadRequest, `"code":"profile"`},
		{`{"resourceType":"Patient"}`, http.StatusCreated, ""},
	} {
		a := ask(t, http.MethodPost, "Patient", c.body)
		if a.status != c.status || !strings.Contains(string(a.body), c.rule) {
			t.Errorf("%s: %d %s", c.body, a.status, a.body)
		}
	}
}
