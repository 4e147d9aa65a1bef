package search

import (
	"os"
	"path/filepath"
	"testing"

	"cairn/fhir/resource"
)

// synthea is every resource of every Synthea bundle, with the references of its transaction resolved.
func synthea(t testing.TB) []*resource.Doc {
	t.Helper()
	files, err := filepath.Glob("../../../shared/data/synthea/*.json")
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

func extract(t testing.TB, text string) Index {
	t.Helper()
	x, err := Extract(parse(t, []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// BenchmarkDecodeMatch is what a store does with each candidate of a search.
func BenchmarkDecodeMatch(b *testing.B) {
	for _, d := range synthea(b) {
		if d.Type() != "Observation" || !d.Root().Get("valueQuantity").Exists() {
			continue
		}
		x, err := Extract(d)
		if err != nil {
			b.Fatal(err)
		}
		raw, code := x.Encode(), x.Facets.Codes[0]
		q := query(b, "Observation", "patient="+x.Subject+"&code="+code.System+"|"+code.Code+"&date=ge1900")
		b.ReportAllocs()
		for b.Loop() {
			got, err := DecodeIndex(raw)
			if err != nil {
				b.Fatal(err)
			}
			got.Subject, got.Facets = x.Subject, x.Facets
			if !q.Match(&got) {
				b.Fatal("no match")
			}
		}
		return
	}
	b.Fatal("Synthea has no such Observation")
}
