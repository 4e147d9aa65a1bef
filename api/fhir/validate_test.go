package fhir_test

import (
	"encoding/json"
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

const usCore = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"

// TestBuiltinProfiles validates against US Core 6.1.0 and R4's own profiles in a hospital that was given no definitions.
func TestBuiltinProfiles(t *testing.T) {
	height := `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8302-2"}]}}`
	for _, c := range []struct{ query, body, want string }{
		{"Patient/$validate", `{"resourceType":"Patient","meta":{"profile":["` + usCore + `patient"]}}`, "min Patient.identifier, min Patient.name, min Patient.gender"},
		{"Patient/$validate?profile=" + usCore + "patient|6.1.0", `{"resourceType":"Patient","gender":"female"}`, "min Patient.identifier, min Patient.name"},
		{"Patient/$validate?mode=create&profile=" + usCore + "patient|3.1.1", `{"resourceType":"Patient"}`, "profile Patient"},
		{"Patient/$validate", `{"resourceType":"Patient","extension":[{"url":"` + usCore + `race","extension":[{"url":"ombCategory","valueCoding":{"code":"x"}}]}]}`,
			"required-binding Patient.extension[0].extension[0].valueCoding, slice-min Patient.extension[0].extension"},
		{"Observation/$validate?mode=profile&profile=http://hl7.org/fhir/StructureDefinition/bodyheight", height,
			"vs-2 Observation, min Observation.category, slice-min Observation.category, min Observation.subject, min Observation.effective"},
	} {
		if have := found(t, c.query, c.body); have != c.want {
			t.Errorf("%s\nhave %s\nwant %s", c.query, have, c.want)
		}
	}
}

// TestStoredBesideBuiltin stores a profile under the URL of a built-in one. It counts for its own version only, and for
// nothing that the built-in ones lead to.
func TestStoredBesideBuiltin(t *testing.T) {
	medication := func(canonical string) string {
		return found(t, "Medication/$validate?"+canonical, `{"resourceType":"Medication"}`)
	}
	const at = "profile=" + usCore + "medication"
	if have := medication(at); have != "min Medication.code" {
		t.Fatal(have)
	}
	forget := storeProfile(t, "medication", "Medication", "form")
	for canonical, want := range map[string]string{
		at: "min Medication.code", at + "|9": "min Medication.form", at + "|6.1.0": "min Medication.code",
		at + "|9&" + at: "min Medication.form, min Medication.code",
	} {
		if have := medication(canonical); have != want {
			t.Errorf("%s: %s, want %s", canonical, have, want)
		}
	}
	forget()
	if have := medication(at + "|9"); have != "profile Medication" {
		t.Errorf("after it was deleted: %s", have)
	}
	defer storeProfile(t, "practitioner", "Practitioner", "birthDate")()
	if have := found(t, "Provenance/$validate?profile="+usCore+"provenance", `{"resourceType":"Provenance","contained":[{"resourceType":"Practitioner","id":"p","name":[{"family":"x"}],"identifier":[{"system":"http://a.example","value":"1"}]}],`+
		`"target":[{"reference":"Patient/1"}],"recorded":"2020-01-01T00:00:00Z","agent":[{"who":{"reference":"#p"},"onBehalfOf":{"reference":"Organization/1"}}]}`); have != "" {
		t.Errorf("below a built-in profile: %s", have)
	}
}

// storeProfile stores a profile of version 9 that wants one element of a type, under a URL of US Core; forget deletes it.
func storeProfile(t *testing.T, name, typ, element string) (forget func()) {
	t.Helper()
	a := ask(t, http.MethodPost, "StructureDefinition", `{"resourceType":"StructureDefinition","url":"`+usCore+name+`","version":"9","name":"Stored","status":"active","kind":"resource","abstract":false,"type":"`+typ+
		`","baseDefinition":"http://hl7.org/fhir/StructureDefinition/`+typ+`","derivation":"constraint","differential":{"element":[{"id":"`+typ+`.`+element+`","path":"`+typ+`.`+element+`","min":1}]}}`)
	if a.status != http.StatusCreated {
		t.Fatalf("storing the profile: %d %s", a.status, a.body)
	}
	_, rest, _ := strings.Cut(a.header.Get("Location"), "/StructureDefinition/")
	id, _, _ := strings.Cut(rest, "/")
	return func() {
		if gone := ask(t, http.MethodDelete, "StructureDefinition/"+id, ""); gone.status >= 300 {
			t.Errorf("deleting the profile: %d %s", gone.status, gone.body)
		}
	}
}

// TestStoredExtension stores the definition of an extension: it counts wherever the extension stands, asked for or not.
func TestStoredExtension(t *testing.T) {
	const url = "http://a.example/StructureDefinition/born"
	patient := `{"resourceType":"Patient","_birthDate":{"extension":[{"url":"` + url + `","valueString":"at home"}]}}`
	if have := found(t, "Patient/$validate", patient); have != "" {
		t.Fatal(have)
	}
	stored := `{"resourceType":"StructureDefinition","url":"` + url + `","name":"Born","status":"active","kind":"complex-type","abstract":false,"type":"Extension","baseDefinition":"http://hl7.org/fhir/StructureDefinition/Extension","derivation":"constraint","differential":{"element":[{"id":"Extension.value[x]","path":"Extension.value[x]","min":1,"type":[{"code":"code"}]}]}}`
	if a := ask(t, http.MethodPost, "StructureDefinition", stored); a.status != http.StatusCreated {
		t.Fatalf("storing the definition: %d %s", a.status, a.body)
	}
	if have := found(t, "Patient/$validate", patient); have != "choice Patient.birthDate.extension[0].valueString" {
		t.Error(have)
	}
}

// found is the errors of a validation, "rule expression".
func found(t *testing.T, query, body string) string {
	t.Helper()
	a := ask(t, http.MethodPost, query, body)
	var outcome struct {
		Issue []struct {
			Severity string
			Details  struct {
				Coding []struct{ System, Code string }
			}
			Expression []string
		}
	}
	if err := json.Unmarshal(a.body, &outcome); err != nil || a.status != http.StatusOK {
		t.Fatalf("%d %v %s", a.status, err, a.body)
	}
	var out []string
	for _, i := range outcome.Issue {
		if i.Severity == "error" {
			out = append(out, i.Details.Coding[len(i.Details.Coding)-1].Code+" "+strings.Join(i.Expression, " "))
		}
	}
	return strings.Join(out, ", ")
}
