package fhirpath

import (
	"path/filepath"
	"testing"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/test/npm"
)

func observationExample(b *testing.B) *resource.Doc {
	b.Helper()
	return example(b, filepath.Join(npm.Folder(b, npm.Examples), "Observation-blood-pressure.json"))
}

// BenchmarkSearchParameters selects the values of all search parameters of an Observation: with the general engine, with
// one path program after the other, and as a store does when it writes the Observation.
func BenchmarkSearchParameters(b *testing.B) {
	d := observationExample(b)
	programs := search.Programs("Observation")
	compiled := make([]Program, len(programs))
	for i, p := range programs {
		var err error
		if compiled[i], err = Compile(p.Expression); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("engine", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s := Of(d)
			for _, p := range compiled {
				if _, err := s.Root().Eval(p); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("programs", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, p := range programs {
				p.Select(d.Root())
			}
		}
	})
	b.Run("extract", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := search.Extract(d); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkInvariants evaluates the invariants of an Observation as a resource.
func BenchmarkInvariants(b *testing.B) {
	d := observationExample(b)
	var programs []Program
	for s := profile.Of("Observation"); s != nil; s = s.Base {
		for _, r := range s.Rules {
			p, err := Compile(r.Expression)
			if err != nil {
				b.Fatal(err)
			}
			programs = append(programs, p)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		s := Of(d)
		for _, p := range programs {
			if _, err := s.Root().Eval(p); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, c := range []struct{ name, expression string }{
		{"short", "Patient.name.where(use='official').given.first()"},
		{"dom-3", "contained.where((('#'+id in (%resource.descendants().reference | %resource.descendants().as(canonical) | %resource.descendants().as(uri) | %resource.descendants().as(url))) or descendants().where(reference = '#').exists()).not()).trace('unmatched', id).empty()"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				kept = cache[Program]{}
				if _, err := Compile(c.expression); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
