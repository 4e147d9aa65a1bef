package resource

import (
	"os"
	"path/filepath"
	"testing"
)

const syntheaFolder = "../../../shared/data/synthea"

// synthea is every Synthea bundle as read from disk, by file name.
func synthea(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(syntheaFolder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no Synthea bundles: put them in shared/data/synthea beside the project (%v)", err)
	}
	out := map[string][]byte{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("reading a Synthea bundle: %v", err)
		}
		out[filepath.Base(file)] = raw
	}
	return out
}

// eachResource calls visit with the bytes of every resource of every bundle.
func eachResource(t testing.TB, visit func(raw []byte)) {
	t.Helper()
	for name, raw := range synthea(t) {
		bundle, err := Parse(raw, Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for entry := range bundle.Root().Get("entry").Items() {
			visit(entry.Get("resource").Raw())
		}
	}
}

func TestSyntheaIsAccepted(t *testing.T) {
	count := 0
	eachResource(t, func(raw []byte) {
		if _, err := Parse(raw, Limits{}); err != nil {
			t.Errorf("resource %d: %v", count, err)
		}
		count++
	})
	if count != 3268 {
		t.Errorf("%d resources, want 3268", count)
	}
}
