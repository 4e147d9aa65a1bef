package search

import (
	"bytes"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cairn/fhir/resource"
	"cairn/fhir/search/index"
	"cairn/test/npm"
)

// examples goes over the official examples of R4 that fhir/resource accepts.
func examples(t *testing.T, visit func(file string, d *resource.Doc)) (n int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(npm.Folder(t, npm.Examples), "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := resource.Parse(raw, resource.Limits{}); err == nil {
			visit(filepath.Base(file), d)
			n++
		}
	}
	return n
}

// TestExamples takes the values out of all official examples, reads back what is kept of them, and asks for each by its
// own values. Of one parameter a few are enough.
func TestExamples(t *testing.T) {
	refused, asked := 0, 0
	kinds := map[Kind]int{}
	n := examples(t, func(file string, d *resource.Doc) {
		x, err := Extract(d)
		if err != nil {
			var refusal *resource.Error
			if !errors.As(err, &refusal) {
				t.Errorf("%s: %v", file, err)
			}
			refused++
			t.Logf("refused: %s: %v", file, err)
			return
		}
		kept, err := DecodeIndex(x.Encode())
		if err != nil || !bytes.Equal(kept.Encode(), x.Encode()) {
			t.Errorf("%s: what is kept is not what was found: %v", file, err)
		}
		p := x.Postings()
		count := map[string]int{}
		questions(&x, func(name, value string) {
			base, _, _ := strings.Cut(name, ":")
			if index.AboutPatient(base) && x.Subject == "" && (strings.HasPrefix(value, "Patient/") || strings.HasSuffix(name, ":Patient")) {
				return // about several or unknown patients: see Index.Subject
			}
			if count[name]++; count[name] > 5 || len(value) > maxAlternative {
				return
			}
			asked++
			kinds[index.Of(d.Type()).Param(base).Kind]++
			q, err := ParseQuery(d.Type(), url.Values{name: {value}}, Options{})
			if err != nil {
				t.Errorf("%s: %v", file, err)
				return
			}
			if !q.Match(&x) {
				t.Errorf("%s is not found by its %s", file, name)
			}
			for _, need := range q.Needs() {
				if !need.meets(&x, p) {
					t.Errorf("%s is found by its %s, but does not meet what that needs", file, name)
				}
			}
		})
	})
	t.Logf("%d examples, %d refused, %d questions: %v", n, refused, asked, kinds)
	if n < 5000 || asked < 80_000 || len(kinds) != 9 {
		t.Errorf("%d examples, %d questions of %d kinds: too few", n, asked, len(kinds))
	}
}
