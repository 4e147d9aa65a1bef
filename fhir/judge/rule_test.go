package judge_test

import (
	"fmt"
	"strings"
	"testing"

	"cairn/fhir/judge"
	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// rule is one rule of a profile, as the elements of a differential, with a resource that meets it and one that does not.
// want is "severity rule expression", a line each, of what is found in the bad one.
type rule struct {
	shows, typ, elements string
	good, bad, want      string
}

const (
	obs  = `"resourceType":"Observation","status":"final"`
	code = `"code":{"text":"x"}`
	text = `"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}`
)

var rules = []rule{
	{"min", "Patient", `{"id":"Patient.birthDate","min":1}`, `{"birthDate":"1970"}`, `{}`, "error min Patient.birthDate"},
	{"max", "Patient", `{"id":"Patient.name","max":"1"}`, `{"name":[{"text":"a"}]}`, `{"name":[{"text":"a"},{"text":"b"}]}`, "error max Patient.name"},
	{"max 0", "Patient", `{"id":"Patient.photo","max":"0"}`, `{}`, `{"photo":[{"title":"a"}]}`, "error max Patient.photo"},
	{"an element below one that is not there", "Patient", `{"id":"Patient.name.family","min":1}`, `{}`, `{"name":[{"family":"a"},{"text":"b"}]}`, "error min Patient.name[1].family"},
	{"a primitive with only an extension is there", "Patient", `{"id":"Patient.birthDate","min":1}`,
		`{"_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}}`, `{}`, "error min Patient.birthDate"},
	{"an extension of a primitive", "Patient", `{"id":"Patient.birthDate.extension","min":1}`,
		`{"birthDate":"1970","_birthDate":{"extension":[{"url":"http://a.example/x","valueCode":"a"}]}}`, `{"birthDate":"1970"}`, "error min Patient.birthDate.extension"},
	{"fixed", "Patient", `{"id":"Patient.gender","fixedCode":"male"}`, `{"gender":"male"}`, `{"gender":"female"}`, "error fixed Patient.gender"},
	{"fixed is all there is", "Patient", `{"id":"Patient.maritalStatus","fixedCodeableConcept":{"text":"a"}}`, `{"maritalStatus":{"text":"a"}}`,
		`{"maritalStatus":{"text":"a","id":"b"}}`, "error fixed Patient.maritalStatus"},
	{"fixed numbers by value", "Observation", `{"id":"Observation.value[x]:valueQuantity.value","fixedDecimal":1.50}`,
		`{` + obs + `,` + code + `,"valueQuantity":{"value":1.5}}`, `{` + obs + `,` + code + `,"valueQuantity":{"value":1.51}}`, "error fixed Observation.valueQuantity.value"},
	{"pattern", "Observation", `{"id":"Observation.method","patternCodeableConcept":{"coding":[{"system":"http://a.example","code":"b"}]}}`,
		`{` + obs + `,` + code + `,"method":{"text":"t","coding":[{"code":"z"},{"code":"b","system":"http://a.example","display":"c"}]}}`,
		`{` + obs + `,` + code + `,"method":{"coding":[{"code":"b"},{"system":"http://a.example","code":"c"}]}}`, "error pattern Observation.method"},
	{"max length", "Patient", `{"id":"Patient.name.family","maxLength":3}`, `{"name":[{"family":"äbc"}]}`, `{"name":[{"family":"abcd"}]}`, "error max-length Patient.name[0].family"},
	{"a least date", "Patient", `{"id":"Patient.birthDate","minValueDate":"1900-06-15"}`, `{"birthDate":"1900"}`, `{"birthDate":"1900-06-14"}`, "error min-value Patient.birthDate"},
	{"a greatest time", "Observation", `{"id":"Observation.effective[x]","maxValueDateTime":"2020-01-01T12:00:00Z"}`,
		`{` + obs + `,` + code + `,"effectiveDateTime":"2020-01-01T13:59:59+02:00"}`, `{` + obs + `,` + code + `,"effectiveDateTime":"2020-01-01T12:00:01Z"}`, "error max-value Observation.effectiveDateTime"},
	{"a least time of day", "Observation", `{"id":"Observation.value[x]","minValueTime":"08:00:00.0"}`,
		`{` + obs + `,` + code + `,"valueTime":"08:00:00"}`, `{` + obs + `,` + code + `,"valueTime":"07:59:59.9"}`, "error min-value Observation.valueTime"},
	{"a least number", "Observation", `{"id":"Observation.value[x]","minValueInteger":-1}`, `{` + obs + `,` + code + `,"valueInteger":-1}`, `{` + obs + `,` + code + `,"valueInteger":-2}`, "error min-value Observation.valueInteger"},
	{"a greatest number, to the last digit", "RiskAssessment", `{"id":"RiskAssessment.prediction.relativeRisk","maxValueDecimal":0.1}`,
		`{"status":"final","subject":{"reference":"Patient/1"},"prediction":[{"relativeRisk":0.10}]}`, `{"status":"final","subject":{"reference":"Patient/1"},"prediction":[{"relativeRisk":0.1000000000000000000001}]}`, "error max-value RiskAssessment.prediction[0].relativeRisk"},
	{"a least and a greatest quantity", "Observation", `{"id":"Observation.value[x]","minValueQuantity":{"value":1,"system":"http://unitsofmeasure.org","code":"g"},"maxValueQuantity":{"value":2,"system":"http://unitsofmeasure.org","code":"g"}}`,
		`{` + obs + `,` + code + `,"valueQuantity":{"value":1500,"system":"http://unitsofmeasure.org","code":"mg"}}`, `{` + obs + `,` + code + `,"valueQuantity":{"value":0.5,"system":"http://unitsofmeasure.org","code":"mg"}}`, "error min-value Observation.valueQuantity"},
	{"a quantity that is at most what it says", "Observation", `{"id":"Observation.value[x]","minValueQuantity":{"value":1,"unit":"x"},"maxValueQuantity":{"value":2,"unit":"x"}}`,
		`{` + obs + `,` + code + `,"valueQuantity":{"value":3,"unit":"x","comparator":"<"}}`, `{` + obs + `,` + code + `,"valueQuantity":{"value":1,"unit":"x","comparator":"<"}}`, "error min-value Observation.valueQuantity"},
	{"a limit of another unit", "Observation", `{"id":"Observation.value[x]","maxValueQuantity":{"value":1,"system":"http://unitsofmeasure.org","code":"g"}}`,
		``, `{` + obs + `,` + code + `,"valueQuantity":{"value":5,"system":"http://unitsofmeasure.org","code":"cm"}}`, "information max-value Observation.valueQuantity"},
	{"a limit that is counted from now", "Patient", `{"id":"Patient.birthDate","maxValueQuantity":{"value":1,"system":"http://unitsofmeasure.org","code":"a"}}`, ``, `{"birthDate":"1970"}`, "information max-value Patient.birthDate"},
	{"the types of a choice", "Observation", `{"id":"Observation.value[x]","type":[{"code":"Quantity"},{"code":"string"}]}`,
		`{` + obs + `,` + code + `,"valueString":"a"}`, `{` + obs + `,` + code + `,"valueInteger":1}`, "error choice Observation.valueInteger"},
	{"a choice by its short name", "Observation", `{"id":"Observation.valueQuantity","min":1},{"id":"Observation.valueQuantity.code","min":1}`,
		`{` + obs + `,` + code + `,"valueQuantity":{"system":"http://a.example","code":"mg"}}`, `{` + obs + `,` + code + `,"valueString":"a"}`, "error slice-min Observation.value"},
	{"a slice by value", "Patient", sliced("identifier", "value", "system", "open") + `,{"id":"Patient.identifier:a","min":1,"max":"1"},{"id":"Patient.identifier:a.system","min":1,"fixedUri":"http://a.example"},{"id":"Patient.identifier:a.value","min":1}`,
		`{"identifier":[{"system":"http://b.example"},{"system":"http://a.example","value":"1"}]}`, `{"identifier":[{"system":"http://a.example"}]}`, "error min Patient.identifier[0].value"},
	{"too few of a slice", "Patient", sliced("identifier", "value", "system", "open") + `,{"id":"Patient.identifier:a","min":1},{"id":"Patient.identifier:a.system","fixedUri":"http://a.example"}`,
		`{"identifier":[{"system":"http://a.example"}]}`, `{"identifier":[{"system":"http://b.example"}]}`, "error slice-min Patient.identifier"},
	{"too many of a slice", "Patient", sliced("identifier", "value", "system", "open") + `,{"id":"Patient.identifier:a","max":"1"},{"id":"Patient.identifier:a.system","fixedUri":"http://a.example"}`,
		`{"identifier":[{"system":"http://a.example"}]}`, `{"identifier":[{"system":"http://a.example"},{"system":"http://a.example"}]}`, "error slice-max Patient.identifier"},
	{"closed slicing", "Patient", sliced("identifier", "value", "system", "closed") + `,{"id":"Patient.identifier:a"},{"id":"Patient.identifier:a.system","fixedUri":"http://a.example"}`,
		`{"identifier":[{"system":"http://a.example"}]}`, `{"identifier":[{"system":"http://a.example"},{"system":"http://b.example"}]}`, "error slice Patient.identifier[1]"},
	{"open at the end", "Patient", sliced("identifier", "value", "system", "openAtEnd") + `,{"id":"Patient.identifier:a"},{"id":"Patient.identifier:a.system","fixedUri":"http://a.example"}`,
		`{"identifier":[{"system":"http://a.example"},{"system":"http://b.example"}]}`, `{"identifier":[{"system":"http://b.example"},{"system":"http://a.example"}]}`, "error slice Patient.identifier[1]"},
	{"ordered slices", "Patient", `{"id":"Patient.identifier","slicing":{"discriminator":[{"type":"value","path":"system"}],"rules":"open","ordered":true}},{"id":"Patient.identifier:a"},{"id":"Patient.identifier:a.system","fixedUri":"http://a.example"},{"id":"Patient.identifier:b"},{"id":"Patient.identifier:b.system","fixedUri":"http://b.example"}`,
		`{"identifier":[{"system":"http://a.example"},{"system":"http://b.example"}]}`, `{"identifier":[{"system":"http://b.example"},{"system":"http://a.example"}]}`, "error slice Patient.identifier[1]"},
	{"a slice by pattern of itself", "Observation", sliced2("Observation", "category", "pattern", "$this") + `,{"id":"Observation.category:lab","min":1,"patternCodeableConcept":{"coding":[{"code":"laboratory"}]}}`,
		`{` + obs + `,` + code + `,"category":[{"text":"a"},{"coding":[{"code":"laboratory"}]}]}`, `{` + obs + `,` + code + `,"category":[{"coding":[{"code":"exam"}]}]}`, "error slice-min Observation.category"},
	{"a slice by a value in a pattern further up", "Observation", sliced2("Observation", "component", "value", "code.coding.code") + `,{"id":"Observation.component:a","min":1},{"id":"Observation.component:a.code","patternCodeableConcept":{"coding":[{"code":"8480-6"}]}},{"id":"Observation.component:a.valueQuantity","min":1}`,
		`{` + obs + `,` + code + `,"component":[{"code":{"coding":[{"code":"8480-6"}]},"valueQuantity":{"value":1}}]}`, `{` + obs + `,` + code + `,"component":[{"code":{"coding":[{"code":"8480-6"}]},"valueString":"a"}]}`,
		"error slice-min Observation.component[0].value"},
	{"a slice by type", "Observation", sliced2("Observation", "value[x]", "type", "$this") + `,{"id":"Observation.value[x]:valueQuantity","type":[{"code":"Quantity"}]},{"id":"Observation.value[x]:valueQuantity.unit","min":1}`,
		`{` + obs + `,` + code + `,"valueString":"a"}`, `{` + obs + `,` + code + `,"valueQuantity":{"value":1}}`, "error min Observation.valueQuantity.unit"},
	{"a slice by what exists", "Patient", sliced("identifier", "exists", "period", "open") + `,{"id":"Patient.identifier:old"},{"id":"Patient.identifier:old.period","min":1},{"id":"Patient.identifier:old.use","min":1},{"id":"Patient.identifier:fresh"},{"id":"Patient.identifier:fresh.period","max":"0"},{"id":"Patient.identifier:fresh.value","min":1}`,
		`{"identifier":[{"period":{"start":"2020"},"use":"old"},{"value":"1"}]}`, `{"identifier":[{"period":{"start":"2020"}},{"use":"usual"}]}`, "error min Patient.identifier[0].use\nerror min Patient.identifier[1].value"},
	{"a slice by a profile", "Patient", sliced("identifier", "profile", "$this", "open") + `,{"id":"Patient.identifier:national","min":1,"type":[{"code":"Identifier","profile":["http://a.example/national"]}]}`,
		`{"identifier":[{"system":"http://national.example","value":"1"}]}`, `{"identifier":[{"system":"http://other.example","value":"1"}]}`, "error slice-min Patient.identifier"},
	{"a slice by the type of what is referred to", "Observation", sliced2("Observation", "performer", "type", "resolve()") + `,{"id":"Observation.performer:who","min":1,"type":[{"code":"Reference","targetProfile":["http://hl7.org/fhir/StructureDefinition/Practitioner"]}]}`,
		`{` + obs + `,` + code + `,"contained":[{"resourceType":"Practitioner","id":"p"}],"performer":[{"reference":"#p"}]}`, `{` + obs + `,` + code + `,"contained":[{"resourceType":"Patient","id":"p"}],"performer":[{"reference":"#p"}]}`, "error slice-min Observation.performer"},
	{"a slice by an extension", "Patient", `{"id":"Patient.identifier","slicing":{"discriminator":[{"type":"value","path":"extension('http://a.example/kind').value"}],"rules":"open"}},{"id":"Patient.identifier:a","min":1},{"id":"Patient.identifier:a.extension","slicing":{"discriminator":[{"type":"value","path":"url"}],"rules":"open"}},{"id":"Patient.identifier:a.extension:kind"},{"id":"Patient.identifier:a.extension:kind.url","fixedUri":"http://a.example/kind"},{"id":"Patient.identifier:a.extension:kind.value[x]","patternCode":"a"}`,
		`{"identifier":[{"extension":[{"url":"http://a.example/kind","valueCode":"a"}]}]}`, `{"identifier":[{"extension":[{"url":"http://a.example/kind","valueCode":"b"}]}]}`, "error slice-min Patient.identifier"},
	{"an extension by its profile", "Patient", `{"id":"Patient.extension:born","min":1,"type":[{"code":"Extension","profile":["http://a.example/born"]}]}`,
		`{"extension":[{"url":"http://a.example/born","valueCode":"home"}]}`, `{"extension":[{"url":"http://a.example/born","valueString":"home"}]}`, "error choice Patient.extension[0].valueString"},
	{"an extension that is missing", "Patient", `{"id":"Patient.extension:born","min":1,"type":[{"code":"Extension","profile":["http://a.example/born"]}]}`,
		`{"extension":[{"url":"http://a.example/born","valueCode":"home"}]}`, `{"extension":[{"url":"http://a.example/other","valueCode":"home"}]}`, "error slice-min Patient.extension"},
	{"a slice of a slice", "Patient", sliced("identifier", "value", "system", "open") + `,{"id":"Patient.identifier:a","slicing":{"discriminator":[{"type":"value","path":"use"}],"rules":"open"}},{"id":"Patient.identifier:a.system","fixedUri":"http://a.example"},{"id":"Patient.identifier:a/old"},{"id":"Patient.identifier:a/old.use","fixedCode":"old"},{"id":"Patient.identifier:a/old.period","min":1}`,
		`{"identifier":[{"system":"http://a.example","use":"usual"}]}`, `{"identifier":[{"system":"http://a.example","use":"old"}]}`, "error min Patient.identifier[0].period"},
	{"a required value set of R4", "Patient", `{"id":"Patient.maritalStatus","binding":{"strength":"required","valueSet":"http://hl7.org/fhir/ValueSet/marital-status"}}`,
		`{"maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M"}]}}`, `{"maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"XX"}]}}`,
		"warning extensible Patient.maritalStatus\nerror required-binding Patient.maritalStatus"},
	{"a required value set that was loaded", "Patient", `{"id":"Patient.language","binding":{"strength":"required","valueSet":"http://a.example/languages"}}`, `{"language":"de"}`, `{"language":"tlh"}`,
		"information preferred Patient.language\nerror required-binding Patient.language"},
	{"an extensible value set", "Observation", `{"id":"Observation.code","binding":{"strength":"extensible","valueSet":"http://a.example/languages"}}`,
		`{` + obs + `,"code":{"coding":[{"system":"http://a.example/l","code":"de"}]}}`, `{` + obs + `,"code":{"coding":[{"system":"http://a.example/l","code":"tlh"}]}}`, "warning extensible Observation.code"},
	{"a value set that is not known", "Observation", `{"id":"Observation.code","binding":{"strength":"required","valueSet":"http://a.example/unknown"}}`,
		``, `{` + obs + `,"code":{"coding":[{"code":"x"}]}}`, "information required-binding Observation.code"},
	{"a required value set and no code at all", "Observation", `{"id":"Observation.code","binding":{"strength":"required","valueSet":"http://a.example/unknown"}}`,
		``, `{` + obs + `,` + code + `}`, "error required-binding Observation.code"},
	{"a code beyond all that may be", "Observation", `{"id":"Observation.code","binding":{"strength":"preferred","valueSet":"http://a.example/unknown","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet","valueCanonical":"http://a.example/languages"}]}}`,
		`{` + obs + `,"code":{"coding":[{"system":"http://a.example/l","code":"de"}]}}`, `{` + obs + `,"code":{"coding":[{"system":"http://a.example/l","code":"tlh"}]}}`, "error required-binding Observation.code"},
	{"an invariant that gives nothing", "Patient", `{"id":"Patient","constraint":[{"key":"a-4","severity":"error","human":"A phone or a photo.","expression":"telecom.system or photo.title"}]}`,
		`{"telecom":[{"system":"phone","value":"1"}]}`, `{}`, "error a-4 Patient"},
	{"a slice by the code of a slice of its codes", "Observation", sliced2("Observation", "component", "value", "code.coding.code") + `,{"id":"Observation.component:a","min":1},{"id":"Observation.component:a.code.coding","slicing":{"discriminator":[{"type":"value","path":"code"}],"rules":"open"}},{"id":"Observation.component:a.code.coding:x"},{"id":"Observation.component:a.code.coding:x.code","fixedCode":"8480-5"},{"id":"Observation.component:a.code.coding:b","min":1},{"id":"Observation.component:a.code.coding:b.code","fixedCode":"8480-6"}`,
		`{` + obs + `,` + code + `,"component":[{"code":{"coding":[{"code":"8480-6"}]},"valueString":"a"}]}`, `{` + obs + `,` + code + `,"component":[{"code":{"coding":[{"code":"8480-7"}]},"valueString":"a"}]}`,
		"error slice-min Observation.component"},
	{"the type that a reference points to", "Observation", `{"id":"Observation.subject","type":[{"code":"Reference","targetProfile":["http://hl7.org/fhir/StructureDefinition/Group"]}]}`,
		`{` + obs + `,` + code + `,"subject":{"reference":"Group/1"}}`, `{` + obs + `,` + code + `,"subject":{"reference":"Patient/1"}}`, "error reference-target Observation.subject"},
	{"the type of the profile that a reference points to", "Observation", `{"id":"Observation.subject","type":[{"code":"Reference","targetProfile":["http://a.example/named"]}]}`,
		`{` + obs + `,` + code + `,"subject":{"reference":"Patient/1"}}`, `{` + obs + `,` + code + `,"subject":{"reference":"Group/1"}}`, "error reference-target Observation.subject"},
	{"the profile that a contained resource meets", "Observation", `{"id":"Observation.subject","type":[{"code":"Reference","targetProfile":["http://a.example/named"]}]}`,
		`{` + obs + `,` + code + `,"contained":[{"resourceType":"Patient","id":"p","name":[{"text":"a"}]}],"subject":{"reference":"#p"}}`,
		`{` + obs + `,` + code + `,"contained":[{"resourceType":"Patient","id":"p"}],"subject":{"reference":"#p"}}`, "error reference-target Observation.subject"},
	{"an invariant", "Patient", `{"id":"Patient","constraint":[{"key":"a-1","severity":"error","human":"A name or an identifier.","expression":"name.exists() or identifier.exists()"}]}`,
		`{"name":[{"text":"a"}]}`, `{"gender":"male"}`, "error a-1 Patient"},
	{"an invariant that warns, on an element", "Patient", `{"id":"Patient.name","constraint":[{"key":"a-2","severity":"warning","human":"A family name.","expression":"family.exists()"}]}`,
		`{"name":[{"family":"a"}]}`, `{"name":[{"family":"a"},{"text":"b"}]}`, "warning a-2 Patient.name[1]"},
	{"an invariant that cannot be evaluated", "Patient", `{"id":"Patient","constraint":[{"key":"a-3","severity":"error","human":"?","expression":"nobody()"}]}`, ``, `{}`, "information invariant-failure Patient"},
	{"what the profile is based on", "Patient", `{"base":"http://a.example/named"},{"id":"Patient.gender","min":1}`, `{"gender":"male","name":[{"text":"a"}]}`, `{"gender":"male"}`, "error min Patient.name"},
	{"a slice of the profile that this is based on", "Patient", `{"base":"http://a.example/sliced"},{"id":"Patient.identifier:a","min":1}`,
		`{"identifier":[{"system":"http://a.example"}]}`, `{"identifier":[{"system":"http://b.example"}]}`, "error slice-min Patient.identifier"},
	{"the content of another element", "Questionnaire", `{"id":"Questionnaire.item","min":1},{"id":"Questionnaire.item.text","min":1},{"id":"Questionnaire.item.item","contentReference":"#Questionnaire.item"}`,
		`{"status":"active","item":[{"linkId":"1","text":"a","type":"group","item":[{"linkId":"2","text":"b","type":"string"}]}]}`,
		`{"status":"active","item":[{"linkId":"1","text":"a","type":"group","item":[{"linkId":"2","type":"string"}]}]}`, "error min Questionnaire.item[0].item[0].text"},
	{"a profile for another type", "Group", `{"id":"Group.name","min":1}`, ``, `{"resourceType":"Patient"}`, "error profile Patient"},
}

// sliced is how an element of Patient is sliced; sliced2 how one of another type is.
func sliced(element, kind, path, how string) string {
	return fmt.Sprintf(`{"id":"Patient.%s","slicing":{"discriminator":[{"type":%q,"path":%q}],"rules":%q}}`, element, kind, path, how)
}

func sliced2(typ, element, kind, path string) string {
	return fmt.Sprintf(`{"id":"%s.%s","slicing":{"discriminator":[{"type":%q,"path":%q}],"rules":"open"}}`, typ, element, kind, path)
}

// loaded is what the library has beside the profile at hand.
var loaded = []string{
	definition("http://a.example/national", "Identifier", "", `{"id":"Identifier.system","min":1,"fixedUri":"http://national.example"}`),
	definition("http://a.example/born", "Extension", "", `{"id":"Extension.url","fixedUri":"http://a.example/born"},{"id":"Extension.value[x]","min":1,"type":[{"code":"code"}]}`),
	definition("http://a.example/named", "Patient", "", `{"id":"Patient.name","min":1}`),
	definition("http://a.example/sliced", "Patient", "", sliced("identifier", "value", "system", "open")+`,{"id":"Patient.identifier:a"},{"id":"Patient.identifier:a.system","fixedUri":"http://a.example"}`),
	`{"resourceType":"CodeSystem","status":"active","url":"http://a.example/l","content":"complete","concept":[{"code":"de"},{"code":"en"}]}`,
	`{"resourceType":"ValueSet","status":"active","url":"http://a.example/languages","compose":{"include":[{"system":"http://a.example/l"},{"system":"urn:ietf:bcp:47","concept":[{"code":"de"}]}]}}`,
}

func definition(url, typ, base, elements string) string {
	if rest, ok := strings.CutPrefix(elements, `{"base":"`); ok {
		base, elements, _ = strings.Cut(rest, `"},`)
	}
	if base == "" {
		base = "http://hl7.org/fhir/StructureDefinition/" + typ
	}
	return fmt.Sprintf(`{"resourceType":"StructureDefinition","url":%q,"name":"A","status":"active","kind":"resource","abstract":false,"type":%q,"baseDefinition":%q,"derivation":"constraint","differential":{"element":[%s]}}`,
		url, typ, base, elements)
}

func library(t testing.TB, more ...string) *judge.Library {
	t.Helper()
	l := judge.NewLibrary()
	for _, raw := range append(more, loaded...) {
		if taken, err := l.Add(parse(t, raw)); err != nil || !taken {
			t.Fatalf("%v: %s", err, raw)
		}
	}
	return l
}

func parse(t testing.TB, raw string) *resource.Doc {
	t.Helper()
	doc, err := resource.Parse([]byte(raw), resource.Limits{Nodes: 1_000_000})
	if err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return doc
}

func TestRules(t *testing.T) {
	const url = "http://a.example/StructureDefinition/at-hand"
	for _, r := range rules {
		t.Run(r.shows, func(t *testing.T) {
			l := library(t, definition(url, r.typ, "", r.elements))
			if r.good != "" {
				if have := told(t, l, complete(r.typ, r.good), url); have != "" {
					t.Errorf("of the good one: %s", have)
				}
			}
			if have := told(t, l, complete(r.typ, r.bad), url); have != r.want {
				t.Errorf("have %s\nwant %s", have, r.want)
			}
		})
	}
}

// complete gives a resource its type and a narrative, so that dom-6 has nothing to say.
func complete(typ, raw string) string {
	rest := strings.TrimPrefix(raw, "{")
	if !strings.Contains(raw, `"resourceType":"`+typ) && !strings.HasPrefix(rest, `"resourceType"`) {
		rest = strings.TrimSuffix(`"resourceType":"`+typ+`",`+rest, ",}")
	}
	rest = strings.TrimSuffix(rest, "}")
	rest = strings.TrimSuffix(rest, ",")
	return "{" + rest + "," + text + "}"
}

func told(t testing.TB, l *judge.Library, raw string, profiles ...string) string {
	t.Helper()
	issues := l.Profiles().Validate(parse(t, raw), profiles)
	var out []string
	for _, i := range issues {
		out = append(out, fmt.Sprintf("%s %s %s", i.Severity, i.Rule, i.Expression))
	}
	return strings.Join(out, "\n")
}

func TestUnknownProfile(t *testing.T) {
	if have := told(t, library(t), complete("Patient", `{}`), "http://a.example/nothing"); have != "error profile Patient" {
		t.Error(have)
	}
}

// TestRoundInCircles validates against profiles that are based on each other, and on themselves.
func TestRoundInCircles(t *testing.T) {
	l := library(t, definition("http://a.example/1", "Patient", "http://a.example/2", `{"id":"Patient.gender","min":1}`),
		definition("http://a.example/2", "Patient", "http://a.example/1", `{"id":"Patient.birthDate","min":1}`),
		definition("http://a.example/3", "Extension", "", `{"id":"Extension.extension","type":[{"code":"Extension","profile":["http://a.example/3"]}]}`),
		definition("http://a.example/4", "Patient", "", `{"id":"Patient.extension","type":[{"code":"Extension","profile":["http://a.example/3"]}]}`))
	if have := told(t, l, complete("Patient", `{}`), "http://a.example/1"); !strings.Contains(have, "Patient.gender") || !strings.Contains(have, "Patient.birthDate") {
		t.Error(have)
	}
	deep := strings.Repeat(`"extension":[{"url":"u",`, 20) + `"valueCode":"a"` + strings.Repeat(`}]`, 20)
	if have := told(t, l, complete("Patient", `{`+deep+`}`), "http://a.example/4"); have != "" {
		t.Error(have)
	}
}

func TestNoProfile(t *testing.T) {
	for shows, raw := range map[string]string{
		"an element that the type does not have": definition("http://a.example/x", "Patient", "", `{"id":"Patient.color","min":1}`),
		"an element of another type":             definition("http://a.example/x", "Patient", "", `{"id":"Group.name","min":1}`),
		"a type that R4 does not have":           definition("http://a.example/x", "Animal", "", `{"id":"Animal.name","min":1}`),
		"no url":                                 strings.Replace(definition("http://a.example/x", "Patient", "", ``), `"url":"http://a.example/x",`, "", 1),
		"no base":                                strings.Replace(definition("http://a.example/x", "Patient", "", `{"id":"Patient"}`), `"baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient",`, "", 1),
		"the content of nothing":                 definition("http://a.example/x", "Patient", "", `{"id":"Patient.name","contentReference":"#Patient.nothing"}`),
	} {
		raw = strings.Replace(raw, `"differential":{"element":[]}`, `"experimental":true`, 1)
		if _, err := judge.NewLibrary().Add(parse(t, raw)); err == nil {
			t.Errorf("accepted %s", shows)
		}
	}
}

// TestBounded validates a resource that is large beyond use against a profile that compares all with all.
func TestBounded(t *testing.T) {
	many := strings.Repeat(`{"system":"http://b.example"},`, 20_000) + `{"system":"http://a.example"}`
	l := library(t, definition("http://a.example/x", "Patient", "",
		sliced("identifier", "value", "system", "open")+`,{"id":"Patient.identifier:a","constraint":[{"key":"a","severity":"error","human":"a","expression":"system.exists()"}]},{"id":"Patient.identifier:a.system","fixedUri":"http://a.example"},`+
			`{"id":"Patient.identifier","constraint":[{"key":"b","severity":"error","human":"b","expression":"%resource.identifier.where(system = 'x').empty()"}]}`))
	issues := l.Profiles().Validate(parse(t, complete("Patient", `{"identifier":[`+many+`]}`)), []string{"http://a.example/x"})
	if len(issues) == 0 {
		t.Fatal("no issues")
	}
	if last := issues[len(issues)-1]; last.Rule != profile.RuleTooMany || last.Severity != profile.Error {
		t.Errorf("the last of %d issues is %s %s", len(issues), last.Rule, last.Text)
	}
}
