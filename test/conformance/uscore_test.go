package conformance_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// usCore are the searches that a server SHALL support by US Core 6.1.0 (its
// server CapabilityStatement), each with a resource that it finds and, where a
// second condition narrows it, one that it does not. In resources and searches
// {p} stands for the patient, {o} for an organization and {d} for a
// practitioner.
var usCore = []struct {
	typ, resource, decoy string
	searches             []string
}{
	{"AllergyIntolerance", `"patient":{"reference":"Patient/{p}"},"code":{"text":"Penicillin"}`, "", []string{"patient={p}"}},
	{"CarePlan", `"status":"active","intent":"plan","subject":{"reference":"Patient/{p}"},"category":[{"coding":[{"system":"http://hl7.org/fhir/us/core/CodeSystem/careplan-category","code":"assess-plan"}]}]`,
		`"status":"active","intent":"plan","subject":{"reference":"Patient/{p}"}`, []string{"patient={p}&category=assess-plan", "patient={p}&category=http://hl7.org/fhir/us/core/CodeSystem/careplan-category|assess-plan"}},
	{"CareTeam", `"status":"active","subject":{"reference":"Patient/{p}"}`, `"status":"inactive","subject":{"reference":"Patient/{p}"}`, []string{"patient={p}&status=active"}},
	{"Condition", `"subject":{"reference":"Patient/{p}"},"code":{"text":"Asthma"}`, "", []string{"patient={p}"}},
	{"Coverage", `"status":"active","beneficiary":{"reference":"Patient/{p}"},"payor":[{"reference":"Organization/{o}"}]`, "", []string{"patient={p}"}},
	{"Device", `"patient":{"reference":"Patient/{p}"}`, "", []string{"patient={p}"}},
	{"DiagnosticReport", `"status":"final","subject":{"reference":"Patient/{p}"},"effectiveDateTime":"2024-02-03","code":{"coding":[{"system":"http://loinc.org","code":"58410-2"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0074","code":"LAB"}]}]`,
		`"status":"final","subject":{"reference":"Patient/{p}"},"effectiveDateTime":"2023-02-03","code":{"coding":[{"system":"http://loinc.org","code":"11502-2"}]}`,
		[]string{"patient={p}&category=http://terminology.hl7.org/CodeSystem/v2-0074|LAB", "patient={p}&code=58410-2", "patient={p}&code=http://loinc.org|58410-2,http://loinc.org|1-8", "patient={p}&category=LAB&date=gt2024-01-01", "patient={p}&category=LAB&date=ge2024-02-03&date=le2024-02-03"}},
	{"DocumentReference", `"status":"current","subject":{"reference":"Patient/{p}"},"date":"2024-02-03T10:00:00Z","type":{"coding":[{"system":"http://loinc.org","code":"34133-9"}]},"category":[{"coding":[{"system":"http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category","code":"clinical-note"}]}],"content":[{"attachment":{"contentType":"text/plain","data":"aGk="}}]`,
		`"status":"current","subject":{"reference":"Patient/{p}"},"date":"2022-02-03T10:00:00Z","type":{"coding":[{"system":"http://loinc.org","code":"11488-4"}]},"content":[{"attachment":{"contentType":"text/plain","data":"aGk="}}]`,
		[]string{"_id={id}", "patient={p}&category=clinical-note", "patient={p}&category=http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category|clinical-note&date=gt2024-01-01", "patient={p}&type=34133-9"}},
	{"Encounter", `"status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"subject":{"reference":"Patient/{p}"},"period":{"start":"2024-02-03","end":"2024-02-04"}`,
		`"status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"subject":{"reference":"Patient/{p}"},"period":{"start":"2020-02-03","end":"2020-02-04"}`,
		[]string{"_id={id}", "date=gt2024-01-01&patient={p}", "date=lt2024-12-31&date=ge2024-02-01&patient={p}"}},
	{"Goal", `"lifecycleStatus":"active","description":{"text":"Walk"},"subject":{"reference":"Patient/{p}"}`, "", []string{"patient={p}"}},
	{"Immunization", `"status":"completed","vaccineCode":{"coding":[{"system":"http://hl7.org/fhir/sid/cvx","code":"140"}]},"patient":{"reference":"Patient/{p}"},"occurrenceDateTime":"2024-02-03"`, "", []string{"patient={p}"}},
	{"MedicationDispense", `"status":"completed","medicationCodeableConcept":{"text":"Aspirin"},"subject":{"reference":"Patient/{p}"}`, "", []string{"patient={p}"}},
	{"MedicationRequest", `"status":"active","intent":"order","medicationCodeableConcept":{"text":"Aspirin"},"subject":{"reference":"Patient/{p}"}`,
		`"status":"stopped","intent":"plan","medicationCodeableConcept":{"text":"Aspirin"},"subject":{"reference":"Patient/{p}"}`, []string{"patient={p}&intent=order", "patient={p}&intent=order,proposal&status=active,completed"}},
	{"Observation", `"status":"final","subject":{"reference":"Patient/{p}"},"effectiveDateTime":"2024-02-03T08:00:00Z","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}]`,
		`"status":"final","subject":{"reference":"Patient/{p}"},"effectiveDateTime":"2020-02-03T08:00:00Z","code":{"coding":[{"system":"http://loinc.org","code":"718-7"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}]`,
		[]string{"patient={p}&category=vital-signs", "patient={p}&category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs", "patient={p}&code=http://loinc.org|8867-4", "patient={p}&category=vital-signs&date=gt2024-01-01", "patient={p}&category=vital-signs&date=ge2024-02-03T00:00:00Z&date=lt2024-02-04T00:00:00Z"}},
	{"Procedure", `"status":"completed","code":{"text":"Suture"},"subject":{"reference":"Patient/{p}"},"performedDateTime":"2024-02-03"`,
		`"status":"completed","code":{"text":"Suture"},"subject":{"reference":"Patient/{p}"},"performedDateTime":"2020-02-03"`, []string{"patient={p}&date=gt2024-01-01", "patient={p}&date=2024-02-03"}},
	{"QuestionnaireResponse", `"status":"completed","subject":{"reference":"Patient/{p}"}`, "", []string{"patient={p}"}},
	{"RelatedPerson", `"patient":{"reference":"Patient/{p}"},"name":[{"family":"Kin"}]`, "", []string{"patient={p}", "_id={id}"}},
	{"ServiceRequest", `"status":"active","intent":"order","subject":{"reference":"Patient/{p}"},"authoredOn":"2024-02-03","code":{"coding":[{"system":"http://loinc.org","code":"24356-8"}]},"category":[{"coding":[{"system":"http://snomed.info/sct","code":"108252007"}]}]`,
		`"status":"active","intent":"order","subject":{"reference":"Patient/{p}"},"authoredOn":"2020-02-03","code":{"text":"x"}`, []string{"patient={p}&category=http://snomed.info/sct|108252007", "patient={p}&code=24356-8", "patient={p}&category=108252007&authored=gt2024-01-01", "_id={id}"}},
	{"Specimen", `"subject":{"reference":"Patient/{p}"},"type":{"text":"Blood"}`, "", []string{"_id={id}", "patient={p}"}},
	{"Organization", `"name":"Upland {mrn}","address":[{"line":["1 Hill"],"city":"Cairnton {mrn}"}]`, `"name":"Other"`, []string{"name=upland {mrn}", "address=cairnton {mrn}"}},
	{"Practitioner", `"identifier":[{"system":"urn:npi","value":"npi-{mrn}"}],"name":[{"family":"Healer{mrn}"}]`, `"name":[{"family":"Other"}]`, []string{"name=healer{mrn}", "identifier=urn:npi|npi-{mrn}", "_id={id}"}},
	{"PractitionerRole", `"practitioner":{"reference":"Practitioner/{d}"},"specialty":[{"coding":[{"system":"http://nucc.org/provider-taxonomy","code":"{mrn}"}]}]`, "", []string{"specialty=http://nucc.org/provider-taxonomy|{mrn}", "practitioner={d}", "practitioner=Practitioner/{d}"}},
	{"Location", `"name":"Tarn {mrn}","address":{"city":"Loch {mrn}","state":"XY","postalCode":"99999"}`, `"name":"Elsewhere"`, []string{"name=tarn {mrn}", "address=loch {mrn}", "address-city=loch {mrn}"}},
}

// TestUSCoreSearches runs every search that US Core 6.1 says a server SHALL
// support: each finds its resource, not the decoy, and nothing of another
// patient.
func TestUSCoreSearches(t *testing.T) {
	c := clinician()
	const mrn = "u5c0r3"
	fill := strings.NewReplacer("{mrn}", mrn,
		"{p}", make1(t, `{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"u5c0r3"}],"name":[{"family":"Corrie","given":["Isla"]}],"gender":"female","birthDate":"1971-02-03"}`),
		"{o}", make1(t, `{"resourceType":"Organization","name":"Payer"}`),
		"{d}", make1(t, `{"resourceType":"Practitioner","name":[{"family":"Corbett"}]}`))
	other := make1(t, `{"resourceType":"Patient","name":[{"family":"Strath"}],"gender":"male","birthDate":"1971-02-03"}`)
	for _, u := range usCore {
		of := func(inner string) string { return fmt.Sprintf(`{"resourceType":%q,%s}`, u.typ, fill.Replace(inner)) }
		id := make1(t, of(u.resource))
		if u.decoy != "" {
			make1(t, of(u.decoy))
		}
		if strings.Contains(u.resource, "Patient/{p}") {
			make1(t, fmt.Sprintf(`{"resourceType":%q,%s}`, u.typ, strings.NewReplacer("{p}", other, "{o}", "x", "{d}", "x").Replace(strings.ReplaceAll(u.resource, "{o}", "x"))))
		}
		for _, search := range u.searches {
			search = strings.ReplaceAll(fill.Replace(search), "{id}", id)
			if got := found(t, u.typ, search); len(got) != 1 || got[0] != id {
				t.Errorf("%s?%s: found %d, want the one", u.typ, search, len(got))
			}
		}
	}
	for _, search := range []string{"identifier=urn:mrn|u5c0r3", "name=corrie", "birthdate=1971-02-03&name=corrie", "gender=female&name=corrie", "birthdate=1971-02-03&family=corrie", "family=corrie&gender=female", "given=isla"} {
		if got := found(t, "Patient", search); len(got) != 1 || !strings.Contains(fill.Replace("{p}"), got[0]) {
			t.Errorf("Patient?%s: found %d, want the one", search, len(got))
		}
	}
	// Provenance comes along by _revinclude.
	id := make1(t, fill.Replace(`{"resourceType":"Condition","subject":{"reference":"Patient/{p}"},"code":{"text":"Eczema"}}`))
	prov := make1(t, fill.Replace(`{"resourceType":"Provenance","target":[{"reference":"Condition/`+id+`"},{"reference":"Patient/{p}"}],"recorded":"2024-02-03T10:00:00Z","agent":[{"who":{"reference":"Practitioner/{d}"}}]}`))
	a, err := c.Expect(t.Context(), http.StatusOK, http.MethodGet, "/fhir/Condition?_id="+id+"&_revinclude=Provenance:target", nil)
	if err != nil || !strings.Contains(string(a.Body), prov) {
		t.Errorf("Provenance does not come along: %v", err)
	}
}

func make1(t *testing.T, body string) string {
	t.Helper()
	var typ struct{ ResourceType string }
	if err := json.Unmarshal([]byte(body), &typ); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	a, err := hospital.EHR.Expect(t.Context(), http.StatusCreated, http.MethodPost, "/fhir/"+typ.ResourceType, []byte(body))
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	var made struct{ ID string }
	if err := json.Unmarshal(a.Body, &made); err != nil {
		t.Fatal(err)
	}
	return made.ID
}

func found(t *testing.T, typ, search string) (ids []string) {
	t.Helper()
	values, err := url.ParseQuery(search)
	if err != nil {
		t.Fatal(err)
	}
	a, err := clinician().Do(t.Context(), http.MethodGet, "/fhir/"+typ+"?"+values.Encode(), nil)
	if err != nil || a.Status != http.StatusOK {
		_, text := a.Refusal()
		t.Errorf("%s?%s: status %d %v %s", typ, search, a.Status, err, text)
		return nil
	}
	var bundle struct {
		Entry []struct{ Resource struct{ ID string } }
	}
	if err := json.Unmarshal(a.Body, &bundle); err != nil {
		t.Fatal(err)
	}
	for _, e := range bundle.Entry {
		ids = append(ids, e.Resource.ID)
	}
	return ids
}
