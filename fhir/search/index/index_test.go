package index

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cairn/fhir/resource"
)

const pressure = `{"resourceType":"Observation","id":"b","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"subject":{"reference":"Group/g"},
 "component":[{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"valueQuantity":{"value":120,"system":"http://unitsofmeasure.org","code":"mm[Hg]"}},
 {"code":{"coding":[{"system":"http://loinc.org","code":"8462-4"}]},"valueQuantity":{"value":80,"system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`

const patient1 = `{"resourceType":"Patient","identifier":[{"type":{"coding":[{"code":"MR"}],"text":"t"},"system":"s","value":"v"}],"name":[{"family":"a","given":["b"]}],"telecom":[{"system":"phone","value":"1"}],"deceasedBoolean":true}`

const place1 = `{"resourceType":"Location","position":{"latitude":1,"longitude":2},"managingOrganization":{"identifier":{"value":"x"}}}`

// TestSubjectIsWhatPatientMeans compares the elements that say whom a record is about with those that the parameters
// "patient" and "subject" look at: a single one of those is answered by the former alone.
func TestSubjectIsWhatPatientMeans(t *testing.T) {
	for _, typ := range resource.Types() {
		about := strings.Split(subjectPaths[typ], " | ")
		for _, name := range []string{"patient", "subject"} {
			p := Of(typ).Param(name)
			if p == nil || subjectPaths[typ] == "" {
				continue
			}
			for _, path := range strings.Split(p.Path, " | ") {
				if path = strings.TrimSuffix(path, ".where(resolve() is Patient)"); !slices.Contains(about, path) {
					t.Errorf("%s of %s looks at %s, but the record is about %v", name, typ, path, about)
				}
			}
		}
	}
}

func TestPrograms(t *testing.T) {
	d := parse(t, []byte(pressure))
	total := 0
	for _, typ := range resource.Types() {
		total += len(Programs(typ))
		for _, p := range Programs(typ) {
			if p.Type != typ || p.Name == "" || p.Kind == "" || !strings.HasPrefix(p.Definition, "http://hl7.org/fhir/") || p.Expression == "" || strings.Contains(p.Expression, "[x]") {
				t.Errorf("%+v", p)
			}
			if typ != "Observation" {
				continue
			}
			found := len(p.Select(d.Root()))
			switch p.Name {
			case "combo-code":
				if found != 3 || p.Expression != "Observation.code | Observation.component.code" || p.String() != "Observation combo-code" {
					t.Errorf("%s finds %d", p.Expression, found)
				}
			case "code-value-quantity":
				if found != 1 || p.Expression != "Observation" {
					t.Errorf("%s finds %d", p.Expression, found)
				}
			}
		}
	}
	if total < 1700 {
		t.Errorf("%d programs", total)
	}
	for _, p := range Programs("Patient") {
		if holds, is := p.Holds(parse(t, []byte(`{"resourceType":"Patient","deceasedBoolean":true}`)).Root()); is != (p.Name == "deceased") || holds != is {
			t.Errorf("%s holds %v, is a condition %v", p, holds, is)
		}
		if p.Name == "deceased" && p.Expression != "Patient.deceased.exists() and Patient.deceased != false" {
			t.Error(p.Expression)
		}
	}
}

func TestSortKey(t *testing.T) {
	for _, c := range []struct {
		typ, rule string
		ascending []string // records in their order under the rule
	}{
		{"Observation", "date", []string{`"effectivePeriod":{"end":"2019"}`, `"effectiveDateTime":"2020"`, `"effectiveDateTime":"2020-02"`, `"effectivePeriod":{"start":"2021"}`, `"issued":"2000-01-01T00:00:00Z"`}},
		{"Observation", "-date", []string{`"effectivePeriod":{"start":"2021"}`, `"effectiveDateTime":"2020-02"`, `"effectiveDateTime":"2020"`, `"effectivePeriod":{"end":"2019"}`, `"status":"final"`}},
		{"Observation", "value-quantity", []string{`"valueQuantity":{"value":-2.5}`, `"valueQuantity":{"value":-1}`, `"valueQuantity":{"value":0}`, `"valueQuantity":{"value":0.5}`, `"valueQuantity":{"value":10}`, `"valueString":"x"`}},
		{"Observation", "code", []string{`"code":{"coding":[{"code":"b"},{"code":"a"}]}`, `"code":{"coding":[{"code":"ab"}]}`, `"code":{"coding":[{"code":"c"}]}`}},
		{"Observation", "-code", []string{`"code":{"coding":[{"code":"c"}]}`, `"code":{"coding":[{"code":"a"},{"code":"b"}]}`, `"code":{"coding":[{"code":"ab"}]}`}},
		{"Patient", "family", []string{`"name":[{"family":"Álvarez"}]`, `"name":[{"family":"baker"}]`, `"name":[{"family":"Čech"}]`, `"gender":"male"`}},
		{"Patient", "organization", []string{`"managingOrganization":{"reference":"Organization/1"}`, `"managingOrganization":{"reference":"Organization/2"}`, `"gender":"male"`}},
		{"Patient", "_profile", []string{`"meta":{"profile":["http://a"]}`, `"meta":{"profile":["http://b"]}`, `"gender":"male"`}},
		{"RiskAssessment", "probability", []string{`"prediction":[{"probabilityDecimal":0.1}]`, `"prediction":[{"probabilityDecimal":0.2}]`, `"status":"final"`}},
	} {
		name, descending := strings.CutPrefix(c.rule, "-")
		var before []byte
		for i, record := range c.ascending {
			x := extract(t, `{"resourceType":"`+c.typ+`",`+record+`}`)
			key, ok := x.SortKey(SortRule{name, descending})
			last := i == len(c.ascending)-1 && !strings.Contains(record, `"code"`)
			switch {
			case ok == last:
				t.Errorf("%s of %s: a value is %v", c.rule, record, ok)
			case ok && before != nil && (bytes.Compare(before, key) > 0) != descending && !bytes.Equal(before, key):
				t.Errorf("%s: %s is out of order", c.rule, record)
			}
			before = key
		}
	}
	early, late := Index{Updated: -5, Facets: Facets{Type: "Patient", ID: "a"}}, Index{Updated: 7, Facets: Facets{Type: "Patient", ID: "b"}}
	for _, param := range []string{"_lastUpdated", "_id"} {
		a, _ := early.SortKey(SortRule{Param: param})
		b, ok := late.SortKey(SortRule{Param: param})
		if bytes.Compare(a, b) >= 0 || !ok {
			t.Errorf("%s is out of order", param)
		}
	}
	if _, ok := early.SortKey(SortRule{Param: "nothing"}); ok {
		t.Error("an unknown parameter has a key")
	}
}

func TestOrdered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Float64().Draw(t, "a"), rapid.Float64().Draw(t, "b")
		if (a < b) != (Ordered(a) < Ordered(b)) {
			t.Fatalf("%v and %v", a, b)
		}
	})
	if Ordered(0) != Ordered(0*-1.0) {
		t.Error("there are two zeros")
	}
}

func TestSoundex(t *testing.T) {
	for word, want := range map[string]string{
		"robert": "r163", "rupert": "r163", "rubin": "r150", "ashcraft": "a261", "ashcroft": "a261", "tymczak": "t522", "pfister": "p236", "honeyman": "h555", "": "", "王": "", "x1y": "x000",
	} {
		if got := Soundex(word); got != want {
			t.Errorf("%s sounds %q, want %q", word, got, want)
		}
	}
}

// FuzzExtract takes the values out of whatever is a resource, and reads back what is kept of them.
func FuzzExtract(f *testing.F) {
	for _, text := range []string{pressure, patient1, place1} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := resource.Parse(raw, resource.Limits{})
		if err != nil {
			return
		}
		x, err := Extract(d)
		if err != nil {
			return
		}
		kept, err := Decode(x.Encode())
		if err != nil || !sameIndex(&x, &kept) {
			t.Errorf("%+v became %+v, %v", x, kept, err)
		}
		x.Postings()
	})
}

// TestPostingsAreFew counts what a store keeps: nothing twice, nothing that another parameter has, nothing for the
// patient whom a record is about.
func TestPostingsAreFew(t *testing.T) {
	for _, c := range []struct {
		text               string
		keys, words, spans int
	}{
		{`{"resourceType":"Patient","name":[{"family":"A","given":["B","C"]},{"family":"a"}],"gender":"male","birthDate":"1980"}`, 2, 3 + 3, 1}, // gender, deceased; a b c and their sounds
		{`{"resourceType":"Observation","code":{"coding":[{"code":"a"},{"system":"s","code":"a"}]},"subject":{"reference":"Patient/1"},"performer":[{"reference":"Patient/1"}],"valueQuantity":{"value":1,"code":"x"}}`, 1, 0, 1},
		{`{"resourceType":"Observation","code":{"text":"a"},"subject":{"reference":"Group/1"},"component":[{"code":{"coding":[{"code":"b"}]},"valueQuantity":{"value":1}}],"effectiveDateTime":"2020"}`, 2, 0, 2},
	} {
		x := extract(t, c.text)
		if p := x.Postings(); len(p.Keys) != c.keys || len(p.Words) != c.words || len(p.Spans) != c.spans {
			t.Errorf("%s: %d keys, %d words, %d spans", c.text, len(p.Keys), len(p.Words), len(p.Spans))
		}
	}
}
