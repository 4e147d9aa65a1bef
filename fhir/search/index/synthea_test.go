package index

import (
	"os"
	"path/filepath"
	"testing"

	"cairn/fhir/resource"
)

// synthea is every resource of every Synthea bundle, with the references of its transaction resolved.
func synthea(t testing.TB) []*resource.Doc {
	t.Helper()
	files, err := filepath.Glob("../../../../shared/data/synthea/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no Synthea bundles: put them in shared/data/synthea beside the project (%v)", err)
	}
	ids := map[string]string{} // hospitals stand in a bundle of their own
	var bundles []*resource.Doc
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("reading a Synthea bundle: %v", err)
		}
		bundle := parse(t, raw)
		for entry := range bundle.Root().Get("entry").Items() {
			url, _ := entry.Get("fullUrl").Text()
			typ, _ := entry.Get("resource").Get("resourceType").Text()
			id, _ := entry.Get("resource").Get("id").Text()
			ids[url] = typ + "/" + id
		}
		bundles = append(bundles, bundle)
	}
	var all []*resource.Doc
	for _, bundle := range bundles {
		resolved := parse(t, resource.Rewrite(bundle, func(reference string) (string, bool) {
			target, ok := ids[reference]
			return target, ok
		}))
		for entry := range resolved.Root().Get("entry").Items() {
			all = append(all, parse(t, entry.Get("resource").Raw()))
		}
	}
	return all
}

func parse(t testing.TB, raw []byte) *resource.Doc {
	t.Helper()
	d, err := resource.Parse(raw, resource.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSyntheaIsIndexed(t *testing.T) {
	aboutNobody := map[string]bool{"Organization": true, "Practitioner": true}
	undated := map[string]bool{"Organization": true, "Practitioner": true, "Patient": true}
	uncoded := map[string]bool{"Practitioner": true, "Patient": true, "CarePlan": true}
	for _, d := range synthea(t) {
		x, err := Extract(d)
		if err != nil {
			t.Fatalf("%s: %v", d.Type(), err)
		}
		if (x.Subject == "") != aboutNobody[d.Type()] {
			t.Errorf("%s is about %q", d.Type(), x.Subject)
		}
		if f := x.Facets; f.Type != d.Type() || f.ID != d.ID() {
			t.Errorf("%s has the facets of %s", d.Type(), f.Type)
		}
		if (x.Facets.Hi == 0) != undated[d.Type()] && d.Type() != "Goal" && d.Type() != "MedicationRequest" {
			t.Errorf("%s lies in [%d, %d)", d.Type(), x.Facets.Lo, x.Facets.Hi)
		}
		if (len(x.Facets.Codes) == 0) != uncoded[d.Type()] && d.Type() != "ImagingStudy" && d.Type() != "Goal" {
			t.Errorf("%s has %d codes", d.Type(), len(x.Facets.Codes))
		}
	}
}

// first is the first Synthea resource of a type that a condition holds for.
func first(t testing.TB, typ string, holds func(resource.Node) bool) *resource.Doc {
	t.Helper()
	for _, d := range synthea(t) {
		if d.Type() == typ && holds(d.Root()) {
			return d
		}
	}
	t.Fatalf("Synthea has no such %s", typ)
	return nil
}

func BenchmarkExtract(b *testing.B) {
	all := synthea(b)
	for _, c := range []struct {
		name string
		docs []*resource.Doc
	}{
		{"all", all},
		{"Patient", []*resource.Doc{first(b, "Patient", resource.Node.Exists)}},
		{"Observation", []*resource.Doc{first(b, "Observation", func(n resource.Node) bool { return n.Get("valueQuantity").Exists() })}},
		{"Panel", []*resource.Doc{first(b, "Observation", func(n resource.Node) bool { return n.Get("component").Exists() })}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				for _, d := range c.docs {
					if _, err := Extract(d); err != nil {
						b.Fatal(err)
					}
					n++
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/resource")
		})
	}
}

// BenchmarkKeep is what a store does with an index when it writes.
func BenchmarkKeep(b *testing.B) {
	x, err := Extract(first(b, "Observation", func(n resource.Node) bool { return n.Get("valueQuantity").Exists() }))
	if err != nil {
		b.Fatal(err)
	}
	raw := x.Encode()
	b.Run("Encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			x.Encode()
		}
		b.ReportMetric(float64(len(raw)), "bytes")
	})
	b.Run("Postings", func(b *testing.B) {
		b.ReportAllocs()
		var p Postings
		for b.Loop() {
			p = x.Postings()
		}
		b.ReportMetric(float64(len(p.Keys)+len(p.Words)+len(p.Spans)), "postings")
	})
}
