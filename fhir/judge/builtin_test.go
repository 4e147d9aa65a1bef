package judge_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cairn/fhir/guide"
	"cairn/fhir/judge"
	"cairn/test/npm"
)

// TestBuiltin compiles every built-in profile. What they lead to is built in too, but for what US Core takes from
// guides that are not.
func TestBuiltin(t *testing.T) {
	var missing []string
	for _, url := range guide.URLs("StructureDefinition") {
		p := judge.Builtin(url)
		if p == nil || p.URL != url || p.Type == "" {
			t.Fatalf("%s: %+v", url, p)
		}
		for _, other := range append(p.Needs(), p.Targets()...) {
			if !judge.IsCore(other) && judge.Builtin(other) == nil && !slices.Contains(missing, other) {
				missing = append(missing, other)
			}
		}
	}
	slices.Sort(missing)
	const sdc = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire"
	want := []string{sdc, sdc + "-itemAnswerMedia", sdc + "-itemMedia"}
	if !slices.Equal(missing, want) {
		t.Errorf("not built in: %s", strings.Join(missing, "\n"))
	}
}

const r4 = "http://hl7.org/fhir/StructureDefinition/"

// measured is what R4's profiles of vital signs refuse.
func measured(name, code, symbol string, more ...broken) conforming {
	return conforming{name, "Observation", vital(code, symbol), append([]broken{
		{shows: "another category", old: `"vital-signs"`, new: `"exam"`, want: "slice-min Observation.category"},
		{shows: "no time", old: `"effectiveDateTime":"2020-01-01",`, want: "min Observation.effective"},
		{shows: "nobody", old: who + `,`, want: "min Observation.subject"},
		{shows: "no unit to read", old: `"unit":"u",`, want: "min Observation.valueQuantity.unit"},
		{shows: "another code", old: `"code":"` + code + `"`, new: `"code":"1-8"`, want: "slice-min Observation.code.coding"},
	}, more...)}
}

var ofR4 = []conforming{
	measured("bodyheight", "8302-2", "cm", unit("cm", "required-binding")),
	measured("bodyweight", "29463-7", "kg", unit("kg", "required-binding")),
	measured("bodytemp", "8310-5", "Cel", unit("Cel", "required-binding")),
	measured("headcircum", "9843-4", "cm", unit("cm", "required-binding")),
	measured("heartrate", "8867-4", "/min", unit("/min", "fixed")),
	measured("resprate", "9279-1", "/min", unit("/min", "fixed")),
	measured("oxygensat", "2708-6", "%", unit("%", "fixed")),
	measured("bmi", "39156-5", "kg/m2", unit("kg/m2", "fixed")),
	{"vitalsigns", "Observation", vital("8480-6", "mm[Hg]"), []broken{{shows: "no value and no reason", old: `,"valueQuantity":{"value":1,"unit":"u","system":"http://unitsofmeasure.org","code":"mm[Hg]"}`, want: "vs-2 Observation"}}},
	{"bp", "Observation", "{" + coreExamples[1][strings.Index(coreExamples[1], `"status"`):], []broken{
		{shows: "no diastolic pressure", old: `"8462-4"`, new: `"8462-3"`, want: "slice-min Observation.component"},
		{shows: "another unit", old: `"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"`, new: `"unit":"kPa","system":"http://unitsofmeasure.org","code":"kPa"`, want: "required-binding Observation.component[0].valueQuantity\nfixed Observation.component[0].valueQuantity.code"},
		{shows: "a value of its own", old: `"component"`, new: `"valueQuantity":{"value":1,"unit":"u","system":"http://unitsofmeasure.org","code":"mm[Hg]"},"component"`, want: "slice-max Observation.value"},
	}},
	{"actualgroup", "Group", `{"type":"person","actual":true}`, []broken{{shows: "no actual group", old: `true`, new: `false`, want: "fixed Group.actual"}}},
	{"groupdefinition", "Group", `{"type":"person","actual":false}`, []broken{{shows: "members", old: `"actual":false`, new: `"actual":false,"member":[{"entity":{"reference":"Patient/1"}}]`, want: "grp-1 Group\nmax Group.member"}}},
	{"shareablevalueset", "ValueSet", `{"url":"http://a.example","version":"1","name":"A","status":"active","experimental":true,"publisher":"x","description":"x"}`, []broken{{shows: "no version", old: `"version":"1",`, want: "min ValueSet.version"}}},
	{"provenance-relevant-history", "Provenance", `{"target":[{"reference":"Patient/1"}],"occurredDateTime":"2020","recorded":"2020-01-01T00:00:00Z","activity":{"text":"x"},"agent":[{"type":{"text":"x"},"who":{"reference":"Practitioner/1"}}]}`, []broken{
		{shows: "over a while", old: `"occurredDateTime":"2020"`, new: `"occurredPeriod":{"start":"2020"}`, want: "choice Provenance.occurredPeriod"},
		{shows: "no activity", old: `"activity":{"text":"x"},`, want: "min Provenance.activity"},
	}},
	{"devicemetricobservation", "Observation", `{"status":"final",` + word + `,` + who + `,` + when + `,"device":{"reference":"DeviceMetric/1"}}`, []broken{
		{shows: "an encounter", old: when, new: when + `,"encounter":{"reference":"Encounter/1"}`, want: "max Observation.encounter"},
		{shows: "over a while", old: when, new: `"effectivePeriod":{"start":"2020"}`, want: "choice Observation.effectivePeriod\nslice Observation.effectivePeriod\nslice-min Observation.effective"},
		{shows: "of a device", old: `DeviceMetric/1`, new: `Device/1`, want: "reference-target Observation.device"},
	}},
}

// TestR4Profiles validates against profiles that R4 itself brings, by their URL with and without a version.
func TestR4Profiles(t *testing.T) {
	for _, c := range ofR4 {
		t.Run(c.profile, func(t *testing.T) { conform(t, c, r4+c.profile, r4+c.profile+"|4.0.1") })
	}
}

// TestR4Extensions validates extensions that R4 defines, wherever they stand.
func TestR4Extensions(t *testing.T) {
	for _, c := range []conforming{
		{"patient-birthPlace", "Patient", `{"extension":[{"url":"` + r4 + `patient-birthPlace","valueAddress":{"text":"x"}}]}`, []broken{{shows: "another type", old: `"valueAddress":{"text":"x"}`, new: `"valueString":"x"`, want: "choice Patient.extension[0].valueString"}}},
		{"data-absent-reason", "Patient", `{"_birthDate":{"extension":[{"url":"` + r4 + `data-absent-reason","valueCode":"unknown"}]}}`, []broken{{shows: "no such reason", old: `"unknown"`, new: `"lost"`, want: "required-binding Patient.birthDate.extension[0].valueCode"}}},
		{"patient-nationality", "Patient", `{"extension":[{"url":"` + r4 + `patient-nationality","extension":[{"url":"code","valueCodeableConcept":{"text":"x"}}]}]}`, []broken{
			{shows: "a part of another type", old: `"valueCodeableConcept":{"text":"x"}`, new: `"valueString":"x"`, want: "choice Patient.extension[0].extension[0].valueString"},
		}},
	} {
		t.Run(c.profile, func(t *testing.T) { conform(t, c) })
	}
}

// TestExtensions lists definitions, not the parts of an extension, each once and not without end.
func TestExtensions(t *testing.T) {
	doc := parse(t, `{"resourceType":"Patient","extension":[{"url":"http://a.example/1","extension":[{"url":"part","valueCode":"a"},{"url":"http://a.example/2","valueCode":"a"}]}],`+
		`"modifierExtension":[{"url":"urn:oid:1.2","valueCode":"a"}],"_birthDate":{"extension":[{"url":"http://a.example/1","valueCode":"a"}]}}`)
	if have := strings.Join(judge.Extensions(doc), " "); have != "http://a.example/1 http://a.example/2 urn:oid:1.2" {
		t.Error(have)
	}
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf(`{"url":"http://a.example/%d","valueCode":"a"}`, i))
	}
	if have := judge.Extensions(parse(t, `{"resourceType":"Patient","extension":[`+strings.Join(many, ",")+`]}`)); len(have) != 64 {
		t.Errorf("%d", len(have))
	}
}

// TestR4VitalSigns validates the official examples that claim to be vital signs.
func TestR4VitalSigns(t *testing.T) {
	l, n := judge.NewLibrary(), 0
	files, err := filepath.Glob(filepath.Join(npm.Folder(t, npm.Examples), "Observation-*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc := parse(t, string(raw))
		if !slices.Contains(judge.Claimed(doc), r4+"vitalsigns") {
			continue
		}
		n++
		for _, e := range errorsOf(t, l, doc) {
			t.Errorf("%s: %s", filepath.Base(file), e)
		}
	}
	if n != 12 {
		t.Errorf("%d examples", n)
	}
}

// TestLoadedStandsBefore loads a profile under the URL of a built-in one: it counts for the URL and for its own version,
// the built-in one for its own.
func TestLoadedStandsBefore(t *testing.T) {
	const url = core6 + "us-core-patient"
	loaded := strings.Replace(definition(url, "Patient", "", `{"id":"Patient.birthDate","min":1}`), `"name"`, `"version":"9","name"`, 1)
	l := library(t, loaded)
	for canonical, want := range map[string]string{
		url:                  "min Patient.birthDate",
		url + "|9":           "min Patient.birthDate",
		url + "|6.1.0":       "min Patient.identifier min Patient.name min Patient.gender",
		url + "|5.0.1":       "profile Patient",
		r4 + "Patient|4.0.1": "",
		r4 + "Group|4.0.1":   "profile Patient",
	} {
		if have := strings.Join(errorsOf(t, l, parse(t, complete("Patient", `{}`)), canonical), " "); have != want {
			t.Errorf("%s: %s, want %s", canonical, have, want)
		}
	}
	if l.Profiles().Loaded(url) == nil || judge.NewLibrary().Profiles().Loaded(url) != nil || judge.NewLibrary().Profiles().Find(url) == nil {
		t.Error("what was loaded and what is built in are taken for each other")
	}
}
