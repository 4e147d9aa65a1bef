package judge_test

import (
	"strings"
	"testing"

	"cairn/fhir/guide"
	"cairn/fhir/judge"
)

const core6 = "http://hl7.org/fhir/us/core/StructureDefinition/"

// conforming is a resource that meets a built-in profile, as small as that goes, and what is wrong when one text in it is
// replaced by another: "rule expression" of each error.
type conforming struct {
	profile, typ, good string
	bad                []broken
}

const (
	who     = `"subject":{"reference":"Patient/1"}`
	patient = `"patient":{"reference":"Patient/1"}`
	when    = `"effectiveDateTime":"2020-01-01"`
	word    = `"code":{"text":"x"}`
)

// seen is an Observation of one category of HL7's, with a code of LOINC.
func seen(category, loinc, rest string) string {
	return `{"status":"final",` + who + `,` + when + `,"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"` +
		category + `"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"` + loinc + `"}]},` + rest + `}`
}

func vital(loinc, unit string) string {
	return seen("vital-signs", loinc, `"valueQuantity":{"value":1,"unit":"u","system":"http://unitsofmeasure.org","code":"`+unit+`"}`)
}

// vitals are what all profiles of vital signs refuse, and another code and unit than theirs.
func vitals(code, unit string, more ...broken) []broken {
	return append([]broken{
		{shows: "another category", old: `"vital-signs"`, new: `"exam"`, want: "slice-min Observation.category"},
		{shows: "a category of another system", old: `observation-category"`, new: `other"`, want: "slice-min Observation.category"},
		{shows: "no time", old: `"effectiveDateTime":"2020-01-01",`, want: "min Observation.effective"},
		{shows: "a year for a time", old: `"2020-01-01"`, new: `"2020"`, want: "vs-1 Observation.effectiveDateTime"},
		{shows: "nobody", old: who + `,`, want: "min Observation.subject"},
		{shows: "neither a value nor the reason why not", old: `,"valueQuantity":{"value":1,"unit":"u","system":"http://unitsofmeasure.org","code":"` + unit + `"}`, want: "vs-2 Observation"},
		{shows: "another code", old: `"code":"` + code + `"`, new: `"code":"1-8"`, want: "pattern Observation.code"},
	}, more...)
}

func unit(old, rule string) broken {
	return broken{shows: "another unit", old: `"` + old + `"}`, new: `"furlong"}`, want: rule + " Observation.valueQuantity.code"}
}

var usCore6 = []conforming{
	{"us-core-allergyintolerance", "AllergyIntolerance", `{"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},` + word + `,` + patient + `}`,
		[]broken{{shows: "no code", old: `"code":{"text":"x"},`, want: "min AllergyIntolerance.code"}}},
	{"us-core-body-height", "Observation", vital("8302-2", "cm"), vitals("8302-2", "cm", unit("cm", "required-binding"))},
	{"us-core-body-weight", "Observation", vital("29463-7", "kg"), vitals("29463-7", "kg", unit("kg", "required-binding"))},
	{"us-core-body-temperature", "Observation", vital("8310-5", "Cel"), vitals("8310-5", "Cel", unit("Cel", "required-binding"))},
	{"us-core-head-circumference", "Observation", vital("9843-4", "cm"), vitals("9843-4", "cm", unit("cm", "required-binding"))},
	{"us-core-bmi", "Observation", vital("39156-5", "kg/m2"), vitals("39156-5", "kg/m2", unit("kg/m2", "fixed"))},
	{"us-core-heart-rate", "Observation", vital("8867-4", "/min"), vitals("8867-4", "/min", unit("/min", "fixed"))},
	{"us-core-respiratory-rate", "Observation", vital("9279-1", "/min"), vitals("9279-1", "/min", unit("/min", "fixed"))},
	{"pediatric-bmi-for-age", "Observation", vital("59576-9", "%"), vitals("59576-9", "%", unit("%", "fixed"))},
	{"pediatric-weight-for-height", "Observation", vital("77606-2", "%"), vitals("77606-2", "%", unit("%", "fixed"))},
	{"head-occipital-frontal-circumference-percentile", "Observation", vital("8289-1", "%"), vitals("8289-1", "%", unit("%", "fixed"))},
	{"us-core-vital-signs", "Observation", vital("8480-6", "mm[Hg]"), vitals("8480-6", "mm[Hg]")[:6]},
	{"us-core-pulse-oximetry", "Observation", strings.Replace(vital("59408-5", "%"), `"59408-5"}`, `"59408-5"},{"system":"http://loinc.org","code":"2708-6"}`, 1), []broken{
		{shows: "one code of two", old: `,{"system":"http://loinc.org","code":"2708-6"}`, want: "min Observation.code.coding\nslice-min Observation.code.coding"},
		unit("%", "fixed"),
	}},
	{"us-core-careplan", "CarePlan", `{"status":"active","intent":"plan",` + who + `,"category":[{"coding":[{"system":"http://hl7.org/fhir/us/core/CodeSystem/careplan-category","code":"assess-plan"}]}]}`,
		[]broken{{shows: "another category", old: `assess-plan`, new: `other`, want: "slice-min CarePlan.category"}}},
	{"us-core-careteam", "CareTeam", `{` + who + `,"participant":[{"role":[{"text":"x"}],"member":{"reference":"Practitioner/1"}}]}`, []broken{
		{shows: "a participant who is nobody", old: `"role":[{"text":"x"}],"member":{"reference":"Practitioner/1"}`, new: `"role":[{"text":"x"}]`, want: "min CareTeam.participant[0].member"},
		{shows: "no role", old: `"role":[{"text":"x"}],`, want: "min CareTeam.participant[0].role"},
	}},
	{"us-core-condition-encounter-diagnosis", "Condition", `{` + who + `,` + word + `,"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"encounter-diagnosis"}]}]}`, []broken{
		{shows: "the category of the other profile", old: `encounter-diagnosis`, new: `problem-list-item`, want: "slice-min Condition.category"},
		{shows: "no code", old: `"code":{"text":"x"},`, want: "min Condition.code"},
	}},
	{"us-core-condition-problems-health-concerns", "Condition", `{"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},` + who + `,` + word + `,"category":[{"coding":[{"system":"http://hl7.org/fhir/us/core/CodeSystem/condition-category","code":"health-concern"}]}]}`, []broken{
		{shows: "a category that the value set does not have", old: `health-concern`, new: `death-diagnosis`, want: "slice-min Condition.category"},
		{shows: "no category", old: `,"category":[{"coding":[{"system":"http://hl7.org/fhir/us/core/CodeSystem/condition-category","code":"health-concern"}]}]`, want: "min Condition.category\nslice-min Condition.category"},
	}},
	{"us-core-coverage", "Coverage", `{"status":"active","subscriberId":"1","beneficiary":{"reference":"Patient/1"},"relationship":{"text":"self"},"payor":[{"reference":"Organization/1"}]}`, []broken{
		{shows: "no number of the member", old: `"subscriberId":"1",`, want: "us-core-15 Coverage"},
		{shows: "two who pay", old: `[{"reference":"Organization/1"}]`, new: `[{"reference":"Organization/1"},{"reference":"Organization/2"}]`, want: "max Coverage.payor"},
	}},
	{"us-core-diagnosticreport-lab", "DiagnosticReport", `{"status":"final",` + who + `,` + word + `,` + when + `,"issued":"2020-01-01T00:00:00Z","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0074","code":"LAB"}]}]}`, []broken{
		{shows: "final and never issued", old: `"issued":"2020-01-01T00:00:00Z",`, want: "us-core-9 DiagnosticReport"},
		{shows: "final and of no time", old: when + `,`, want: "us-core-8 DiagnosticReport"},
		{shows: "of another service", old: `"LAB"`, new: `"RAD"`, want: "slice-min DiagnosticReport.category"},
	}},
	{"us-core-diagnosticreport-note", "DiagnosticReport", `{"status":"registered",` + who + `,` + word + `,"category":[{"coding":[{"system":"http://loinc.org","code":"LP29684-5"}]}]}`, []broken{
		{shows: "final and of no time", old: `registered`, new: `final`, want: "us-core-10 DiagnosticReport"},
		{shows: "of a Group", old: `Patient/1`, new: `Group/1`, want: "reference-target DiagnosticReport.subject"},
	}},
	{"us-core-documentreference", "DocumentReference", `{"status":"current",` + who + `,"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-NullFlavor","code":"UNK"}]},"category":[{"coding":[{"system":"http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category","code":"clinical-note"}]}],"content":[{"attachment":{"contentType":"text/plain","url":"http://a.example"}}]}`, []broken{
		{shows: "an attachment that is nowhere", old: `,"url":"http://a.example"`, want: "us-core-6 DocumentReference.content[0].attachment"},
		{shows: "a type of another system", old: `http://terminology.hl7.org/CodeSystem/v3-NullFlavor","code":"UNK"`, new: `http://a.example","code":"UNK"`, want: "required-binding DocumentReference.type"},
		{shows: "no category", old: `"category":[{"coding":[{"system":"http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category","code":"clinical-note"}]}],`, want: "min DocumentReference.category"},
	}},
	{"us-core-encounter", "Encounter", `{"status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"type":[{"text":"x"}],` + who + `}`, []broken{
		{shows: "no type", old: `"type":[{"text":"x"}],`, want: "min Encounter.type"},
		{shows: "nobody", old: `,` + who, want: "min Encounter.subject"},
	}},
	{"us-core-goal", "Goal", `{"lifecycleStatus":"active","description":{"text":"x"},` + who + `}`, []broken{{shows: "of a Group", old: `Patient/1`, new: `Group/1`, want: "reference-target Goal.subject"}}},
	{"us-core-immunization", "Immunization", `{"status":"completed","vaccineCode":{"text":"x"},` + patient + `,"occurrenceDateTime":"2020"}`, []broken{{shows: "no such status", old: `completed`, new: `done`, want: "required-binding Immunization.status"}}},
	{"us-core-implantable-device", "Device", `{"udiCarrier":[{"deviceIdentifier":"1"}],"type":{"text":"x"},` + patient + `}`, []broken{
		{shows: "no device identifier", old: `"deviceIdentifier":"1"`, new: `"issuer":"http://a.example"`, want: "min Device.udiCarrier[0].deviceIdentifier"},
		{shows: "nobody", old: `,` + patient, want: "min Device.patient"},
	}},
	{"us-core-location", "Location", `{"name":"x"}`, []broken{{shows: "no name", old: `"name":"x"`, new: `"status":"active"`, want: "min Location.name"}}},
	{"us-core-medication", "Medication", `{` + word + `}`, []broken{{shows: "no code", old: word, new: `"status":"active"`, want: "min Medication.code"}}},
	{"us-core-medicationdispense", "MedicationDispense", `{"status":"completed","medicationCodeableConcept":{"text":"x"},` + who + `,"whenHandedOver":"2020-01-01"}`, []broken{
		{shows: "completed and never handed over", old: `,"whenHandedOver":"2020-01-01"`, want: "us-core-20 MedicationDispense"},
	}},
	{"us-core-medicationrequest", "MedicationRequest", `{"status":"active","intent":"order","medicationCodeableConcept":{"text":"x"},` + who + `,"requester":{"reference":"Practitioner/1"}}`, []broken{
		{shows: "an order of nobody", old: `,"requester":{"reference":"Practitioner/1"}`, want: "us-core-21 MedicationRequest"},
	}},
	{"us-core-observation-clinical-result", "Observation", seen("procedure", "1-8", `"valueString":"x"`), []broken{
		{shows: "no value", old: `,"valueString":"x"`, want: "us-core-2 Observation"},
	}},
	{"us-core-observation-lab", "Observation", seen("laboratory", "1-8", `"valueString":"x"`), []broken{
		{shows: "another category", old: `"laboratory"`, new: `"imaging"`, want: "slice-min Observation.category"},
		{shows: "no value", old: `,"valueString":"x"`, want: "us-core-2 Observation"},
	}},
	{"us-core-observation-occupation", "Observation", strings.Replace(seen("social-history", "11341-5", `"valueCodeableConcept":{"text":"x"}`), when, `"effectivePeriod":{"start":"2020"}`, 1), []broken{
		{shows: "a value of another type", old: `"valueCodeableConcept":{"text":"x"}`, new: `"valueString":"x"`, want: "choice Observation.valueString\nslice Observation.valueString\nslice-min Observation.value"},
	}},
	{"us-core-observation-pregnancyintent", "Observation", seen("social-history", "86645-9", `"valueCodeableConcept":{"text":"x"}`), []broken{{shows: "another code", old: `86645-9`, new: `1-8`, want: "pattern Observation.code"}}},
	{"us-core-observation-pregnancystatus", "Observation", seen("social-history", "82810-3", `"valueCodeableConcept":{"text":"x"}`), []broken{{shows: "another code", old: `82810-3`, new: `1-8`, want: "pattern Observation.code"}}},
	{"us-core-observation-sexual-orientation", "Observation", seen("social-history", "76690-7", `"valueCodeableConcept":{"text":"x"}`), []broken{{shows: "no value", old: `,"valueCodeableConcept":{"text":"x"}`, want: "us-core-2 Observation"}}},
	{"us-core-observation-screening-assessment", "Observation", seen("survey", "1-8", `"valueString":"x"`), []broken{{shows: "another category", old: `"survey"`, new: `"exam"`, want: "slice-min Observation.category"}}},
	{"us-core-simple-observation", "Observation", seen("exam", "1-8", `"valueString":"x"`), []broken{{shows: "nobody", old: who + `,`, want: "min Observation.subject"}}},
	{"us-core-smokingstatus", "Observation", seen("social-history", "72166-2", `"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"449868002"}]}`), []broken{
		{shows: "not final", old: `"final"`, new: `"preliminary"`, want: "required-binding Observation.status"},
		{shows: "a code that is none of SNOMED CT", old: `http://snomed.info/sct`, new: `http://a.example`, want: "required-binding Observation.valueCodeableConcept"},
		{shows: "another category", old: `"social-history"`, new: `"survey"`, want: "slice-min Observation.category"},
	}},
	{"us-core-organization", "Organization", `{"active":true,"name":"x","identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"1234567893"},{"system":"urn:oid:2.16.840.1.113883.4.7","value":"12D4567890"}]}`, []broken{
		{shows: "an NPI of nine digits", old: `1234567893`, new: `123456789`, want: "us-core-16 Organization.identifier[0]\nus-core-17 Organization.identifier[0]"},
		{shows: "an NPI with another check digit", old: `1234567893`, new: `1234567894`, want: "us-core-17 Organization.identifier[0]"},
		{shows: "a CLIA number without D", old: `12D4567890`, new: `1214567890`, want: "us-core-18 Organization.identifier[1]"},
		{shows: "no name", old: `"name":"x",`, want: "min Organization.name"},
	}},
	{"us-core-practitioner", "Practitioner", `{"name":[{"family":"x"}],"identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"1234567893"}]}`, []broken{
		{shows: "no family name", old: `"family"`, new: `"text"`, want: "min Practitioner.name[0].family"},
		{shows: "an NPI with another check digit", old: `1234567893`, new: `1234567890`, want: "us-core-17 Practitioner.identifier[0]"},
	}},
	{"us-core-practitionerrole", "PractitionerRole", `{"practitioner":{"reference":"Practitioner/1"},"telecom":[{"system":"phone","value":"1"}]}`, []broken{
		{shows: "no way to reach anybody", old: `,"telecom":[{"system":"phone","value":"1"}]`, want: "pd-1 PractitionerRole"},
		{shows: "the role of nobody", old: `"practitioner":{"reference":"Practitioner/1"},`, want: "us-core-13 PractitionerRole"},
	}},
	{"us-core-procedure", "Procedure", `{"status":"completed",` + word + `,` + who + `,"performedDateTime":"2020"}`, []broken{
		{shows: "completed and of no time", old: `,"performedDateTime":"2020"`, want: "us-core-7 Procedure"},
		{shows: "no code", old: word + `,`, want: "min Procedure.code"},
	}},
	{"us-core-provenance", "Provenance", `{"target":[{"reference":"Patient/1"}],"recorded":"2020-01-01T00:00:00Z","agent":[{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/provenance-participant-type","code":"author"}]},"who":{"reference":"Organization/1"}}]}`, []broken{
		{shows: "a person who acts for nobody", old: `"who":{"reference":"Organization/1"}}]`, new: `"who":{"reference":"#p"}}],"contained":[{"resourceType":"Practitioner","id":"p","name":[{"family":"x"}],"identifier":[{"system":"http://a.example","value":"1"}]}]`, want: "provenance-1 Provenance.agent[0]"},
		{shows: "a person who is no practitioner of US Core", old: `"who":{"reference":"Organization/1"}}]`, new: `"who":{"reference":"#p"},"onBehalfOf":{"reference":"Organization/1"}}],"contained":[{"resourceType":"Practitioner","id":"p"}]`, want: "reference-target Provenance.agent[0].who"},
	}},
	{"us-core-questionnaireresponse", "QuestionnaireResponse", `{"questionnaire":"http://a.example/q","status":"completed",` + who + `,"authored":"2020","item":[{"linkId":"1","item":[{"linkId":"2","answer":[{"valueString":"x"}]}]}]}`, []broken{
		{shows: "no questionnaire", old: `"questionnaire":"http://a.example/q",`, want: "min QuestionnaireResponse.questionnaire"},
		{shows: "of no time", old: `"authored":"2020",`, want: "min QuestionnaireResponse.authored"},
	}},
	{"us-core-relatedperson", "RelatedPerson", `{"active":true,` + patient + `,"relationship":[{"text":"x"}]}`, []broken{
		{shows: "neither name nor relationship", old: `,"relationship":[{"text":"x"}]`, want: "us-core-14 RelatedPerson"},
		{shows: "not said whether active", old: `"active":true,`, want: "min RelatedPerson.active"},
	}},
	{"us-core-servicerequest", "ServiceRequest", `{"status":"active","intent":"order",` + word + `,` + who + `}`, []broken{{shows: "no code", old: word + `,`, want: "min ServiceRequest.code"}}},
	{"us-core-specimen", "Specimen", `{"type":{"text":"x"},` + who + `}`, []broken{{shows: "no type", old: `"type":{"text":"x"},`, want: "min Specimen.type"}}},
}

// added is Patients with one extension each, or an Organization or others where it belongs there.
var added = []conforming{
	{"us-core-race", "Patient", extended("us-core-race", `"extension":[{"url":"ombCategory","valueCoding":{"system":"urn:oid:2.16.840.1.113883.6.238","code":"2131-1"}},{"url":"text","valueString":"x"}]`), []broken{
		{shows: "no text", old: `,{"url":"text","valueString":"x"}`, want: "slice-min Patient.extension[0].extension"},
		{shows: "an ethnicity for a race", old: `2131-1`, new: `2135-2`, want: "required-binding Patient.extension[0].extension[0].valueCoding"},
		{shows: "a race for no race", old: `urn:oid:2.16.840.1.113883.6.238`, new: `http://a.example`, want: "required-binding Patient.extension[0].extension[0].valueCoding"},
		{shows: "two texts", old: `{"url":"text","valueString":"x"}`, new: `{"url":"text","valueString":"x"},{"url":"text","valueString":"y"}`, want: "slice-max Patient.extension[0].extension"},
	}},
	{"us-core-ethnicity", "Patient", extended("us-core-ethnicity", `"extension":[{"url":"ombCategory","valueCoding":{"system":"http://terminology.hl7.org/CodeSystem/v3-NullFlavor","code":"ASKU"}},{"url":"text","valueString":"x"}]`), []broken{
		{shows: "no text", old: `,{"url":"text","valueString":"x"}`, want: "slice-min Patient.extension[0].extension"},
		{shows: "another null", old: `ASKU`, new: `OTH`, want: "required-binding Patient.extension[0].extension[0].valueCoding"},
		{shows: "a code where a Coding stands", old: `"valueCoding":{"system":"http://terminology.hl7.org/CodeSystem/v3-NullFlavor","code":"ASKU"}`, new: `"valueCode":"ASKU"`, want: "choice Patient.extension[0].extension[0].valueCode"},
	}},
	{"us-core-birthsex", "Patient", extended("us-core-birthsex", `"valueCode":"OTH"`), []broken{{shows: "no such code", old: `OTH`, new: `X`, want: "required-binding Patient.extension[0].valueCode"}}},
	{"us-core-sex", "Patient", extended("us-core-sex", `"valueCode":"248152002"`), []broken{{shows: "another type", old: `valueCode`, new: `valueString`, want: "choice Patient.extension[0].valueString"}}},
	{"us-core-genderIdentity", "Patient", extended("us-core-genderIdentity", `"valueCodeableConcept":{"text":"x"}`), []broken{{shows: "another type", old: `"valueCodeableConcept":{"text":"x"}`, new: `"valueString":"x"`, want: "choice Patient.extension[0].valueString"}}},
	{"us-core-tribal-affiliation", "Patient", extended("us-core-tribal-affiliation", `"extension":[{"url":"tribalAffiliation","valueCodeableConcept":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-TribalEntityUS","code":"170"}]}},{"url":"isEnrolled","valueBoolean":false}]`), []broken{
		{shows: "enrolled nowhere", old: `{"url":"tribalAffiliation","valueCodeableConcept":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-TribalEntityUS","code":"170"}]}},`, want: "slice-min Patient.extension[0].extension"},
		{shows: "perhaps enrolled", old: `"valueBoolean":false`, new: `"valueString":"perhaps"`, want: "choice Patient.extension[0].extension[1].valueString"},
	}},
	{"us-core-direct", "Practitioner", `{"telecom":[` + extended("us-core-direct", `"valueBoolean":true`) + `]}`, []broken{{shows: "another type", old: `"valueBoolean":true`, new: `"valueString":"x"`, want: "choice Practitioner.telecom[0].extension[0].valueString"}}},
	{"us-core-jurisdiction", "Practitioner", `{"qualification":[` + strings.TrimSuffix(extended("us-core-jurisdiction", `"valueCodeableConcept":{"text":"x"}`), "}") + `,"code":{"text":"x"}}]}`,
		[]broken{{shows: "another type", old: `"valueCodeableConcept":{"text":"x"}`, new: `"valueString":"x"`, want: "choice Practitioner.qualification[0].extension[0].valueString"}}},
	{"us-core-extension-questionnaire-uri", "QuestionnaireResponse", `{"status":"completed","_questionnaire":` + extended("us-core-extension-questionnaire-uri", `"valueUri":"http://a.example"`) + `}`,
		[]broken{{shows: "another type", old: `valueUri`, new: `valueString`, want: "choice QuestionnaireResponse.questionnaire.extension[0].valueString"}}},
	{"uscdi-requirement", "Patient", extended("uscdi-requirement", `"valueBoolean":true`), []broken{{shows: "another type", old: `"valueBoolean":true`, new: `"valueString":"x"`, want: "choice Patient.extension[0].valueString"}}},
}

func extended(name, value string) string {
	return `{"extension":[{"url":"` + core6 + name + `",` + value + `}]}`
}

// TestUSCoreBuiltin validates against US Core 6.1.0 with nothing loaded, and wants each of its profiles tried.
func TestUSCoreBuiltin(t *testing.T) {
	tried := map[string]bool{}
	for _, c := range append(usCore6, conforming{"us-core-patient", "Patient", coreExamples[0], coreBroken[:7]}, conforming{"us-core-blood-pressure", "Observation", coreExamples[1], coreBroken[7:]}) {
		t.Run(c.profile, func(t *testing.T) { conform(t, c, core6+c.profile, core6+c.profile+"|6.1.0") })
		tried[core6+c.profile] = true
	}
	for _, c := range added {
		t.Run(c.profile, func(t *testing.T) { conform(t, c) })
		tried[core6+c.profile] = true
	}
	for _, url := range guide.URLs("StructureDefinition") {
		if strings.HasPrefix(url, core6) && !tried[url] {
			t.Errorf("nothing is tried against %s", url)
		}
	}
}

// conform validates against profiles, or, without any, as R4 is.
func conform(t *testing.T, c conforming, profiles ...string) {
	t.Helper()
	l, good := judge.NewLibrary(), complete(c.typ, c.good)
	if len(c.bad) > 0 && !strings.Contains(good, c.bad[len(c.bad)-1].old) {
		good = tight(t, []byte(good)) // what is replaced is written so
	}
	for _, url := range profiles {
		if found := errorsOf(t, l, parse(t, good), url); len(found) > 0 {
			t.Errorf("the good one: %s", strings.Join(found, "\n"))
		}
	}
	for _, b := range c.bad {
		if !strings.Contains(good, b.old) {
			t.Errorf("%s: there is no %s", b.shows, b.old)
			continue
		}
		have := strings.Join(errorsOf(t, l, parse(t, strings.Replace(good, b.old, b.new, 1)), profiles...), "\n")
		if have != b.want {
			t.Errorf("%s\nhave %s\nwant %s", b.shows, have, b.want)
		}
	}
}
