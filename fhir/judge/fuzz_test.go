package judge_test

import (
	"testing"

	"cairn/fhir/guide"
	"cairn/fhir/judge"
	"cairn/fhir/resource"
)

// FuzzValidate reads a profile from anybody and validates a resource from anybody against it: it ends, and says
// something of each thing that is wrong.
func FuzzValidate(f *testing.F) {
	for _, r := range rules {
		f.Add(definition("http://a.example/x", r.typ, "", r.elements), complete(r.typ, r.bad))
	}
	l := judge.NewLibrary()
	for _, raw := range loaded {
		if _, err := l.Add(parse(f, raw)); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, definition, raw string) {
		d, err := resource.Parse([]byte(definition), resource.Limits{})
		if err != nil {
			return
		}
		p, err := judge.Read(d)
		if err != nil {
			return
		}
		doc, err := resource.Parse([]byte(raw), resource.Limits{})
		if err != nil {
			return
		}
		for _, i := range l.Profiles().With(p).Validate(doc, []string{p.URL}) {
			if i.Text == "" || i.Rule == "" || i.Code == "" {
				t.Errorf("an issue that says nothing: %+v", i)
			}
		}
	})
}

// BenchmarkValidate validates a blood pressure against R4 and a profile with slices: a small one, and that of US Core.
func BenchmarkValidate(b *testing.B) {
	l := library(b, definition("http://a.example/x", "Observation", "", sliced2("Observation", "component", "value", "code")+
		`,{"id":"Observation.component:a","min":1},{"id":"Observation.component:a.code","patternCodeableConcept":{"coding":[{"code":"8480-6"}]}}`))
	doc := parse(b, complete("Observation", coreExamples[1]))
	for name, url := range map[string]string{"small": "http://a.example/x", "uscore": core6 + "us-core-blood-pressure"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.Profiles().Validate(doc, []string{url})
			}
		})
	}
}

// BenchmarkRead compiles a built-in profile, as is done when it is first asked for.
func BenchmarkRead(b *testing.B) {
	for b.Loop() {
		if _, err := judge.Read(guide.Find("StructureDefinition", core6+"us-core-blood-pressure", "")); err != nil {
			b.Fatal(err)
		}
	}
}
