package profile_test

import (
	"flag"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
	"cairn/test/npm"
)

var rewrite = flag.Bool("rewrite", false, "write golden files again")

// TestOfficialExamples checks all official R4 examples. testdata/refused.txt lists those that are refused, each with the
// rule and the elements; testdata/README.md says why each refusal is right.
func TestOfficialExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(npm.Folder(t, npm.Examples), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(files)
	var refused []string
	count := 0
	for _, file := range files {
		if name := filepath.Base(file); name != "package.json" && name != ".index.json" {
			count++
			refused = append(refused, refusals(t, file)...)
		}
	}
	if count != 5306 {
		t.Errorf("%d examples, want 5306", count)
	}
	golden(t, "testdata/refused.txt", strings.Join(refused, "\n")+"\n")
}

// refusals is one line for each rule that an example breaks, with the first element.
func refusals(t *testing.T, file string) (out []string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSuffix(filepath.Base(file), ".json")
	doc, err := resource.Parse(raw, resource.Limits{})
	if err != nil {
		refusal := err.(*resource.Error)
		return []string{name + " parse:" + refusal.Code + " " + refusal.Expression}
	}
	met := map[string]bool{}
	for _, issue := range profile.Check(doc) {
		if !met[issue.Rule] {
			out = append(out, name+" "+issue.Rule+" "+issue.Expression)
		}
		met[issue.Rule] = true
	}
	return out
}

func golden(t *testing.T, file, have string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(file, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if have != string(want) {
		t.Errorf("%s differs; -rewrite writes it again, then read the difference. Have:\n%s", file, have)
	}
}

// TestSyntheaIsAccepted checks each Synthea bundle as a whole, resources in it included.
func TestSyntheaIsAccepted(t *testing.T) {
	files, err := filepath.Glob("../../../shared/data/synthea/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no Synthea bundles: put them in shared/data/synthea beside the project (%v)", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := resource.Parse(raw, resource.Limits{Nodes: 1_000_000})
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		for _, issue := range profile.Check(doc) {
			t.Errorf("%s: %s %s: %s", filepath.Base(file), issue.Rule, issue.Expression, issue.Text)
		}
	}
}

// BenchmarkSynthea checks every resource of the Synthea bundles: nanoseconds a resource.
func BenchmarkSynthea(b *testing.B) {
	files, err := filepath.Glob("../../../shared/data/synthea/*.json")
	if err != nil || len(files) == 0 {
		b.Fatalf("no Synthea bundles: put them in shared/data/synthea beside the project (%v)", err)
	}
	var docs []*resource.Doc
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		bundle, err := resource.Parse(raw, resource.Limits{Nodes: 1_000_000})
		if err != nil {
			b.Fatal(err)
		}
		for entry := range bundle.Root().Get("entry").Items() {
			doc, err := resource.Parse(entry.Get("resource").Raw(), resource.Limits{})
			if err != nil {
				b.Fatal(err)
			}
			docs = append(docs, doc)
		}
	}
	for b.Loop() {
		for _, doc := range docs {
			profile.Check(doc)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(docs)), "ns/resource")
}
