package xml_test

import (
	"bytes"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"cairn/fhir/markup"
	"cairn/fhir/resource"
	"cairn/fhir/xml"
	"cairn/test/npm"
)

// large is limits beyond those of the faces, for the few examples that are larger.
var (
	largeJSON = resource.Limits{Bytes: 100_000_000, Nodes: 10_000_000}
	largeXML  = markup.Limits{Bytes: 100_000_000, Nodes: 10_000_000}
)

// TestOfficialExamples writes every official example as XML and reads it back: the same JSON, value for value, decimals
// with their digits.
func TestOfficialExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(npm.Folder(t, npm.Examples), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := resource.Parse(raw, largeJSON)
		if filepath.Base(file) == "package.json" || err != nil {
			continue // fhir/profile/testdata/refused.txt names the reason
		}
		count++
		roundTrip(t, filepath.Base(file), doc)
	}
	if count != 5303 { // of 5306: two have an ill-formed reference, one an id that is too long
		t.Errorf("%d examples were tried, want 5303", count)
	}
}

func roundTrip(t *testing.T, name string, doc *resource.Doc) {
	t.Helper()
	text, err := xml.Encode(doc)
	if err != nil {
		t.Errorf("%s: encoding: %v", name, err)
		return
	}
	back, err := xml.Decode(text, largeXML)
	if err != nil {
		t.Errorf("%s: decoding: %v", name, err)
		return
	}
	if !sameJSON(t, doc.Raw(), back) {
		t.Errorf("%s: comes back as another value", name)
	}
}

// sameJSON reports whether two resources have the same values: members in any order, numbers as they are written.
func sameJSON(t testing.TB, a, b []byte) bool {
	t.Helper()
	x, err := resource.Parse(a, largeJSON)
	y, also := resource.Parse(b, largeJSON)
	if err != nil || also != nil {
		t.Errorf("this is no resource: %v %v", err, also)
		return false
	}
	return same(x.Root(), y.Root())
}

func same(a, b resource.Node) bool {
	if a.Kind() != b.Kind() || a.Len() != b.Len() {
		return false
	}
	switch a.Kind() {
	case resource.Object:
		for m := range a.Children() {
			if !same(m, b.Get(string(m.Name()))) {
				return false
			}
		}
		return true
	case resource.Array:
		next, stop := iter.Pull(b.Items())
		defer stop()
		for m := range a.Items() {
			if twin, _ := next(); !same(m, twin) {
				return false
			}
		}
		return true
	case resource.String:
		x, _ := a.Content()
		y, _ := b.Content()
		return bytes.Equal(x, y)
	}
	return bytes.Equal(a.Raw(), b.Raw())
}
