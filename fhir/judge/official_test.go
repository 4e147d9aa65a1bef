package judge_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cairn/fhir/judge"
	"cairn/fhir/profile"
	"cairn/fhir/resource"
	"cairn/test/npm"
)

// asWritten is the official examples with an extension that is not as its definition says, and why.
var asWritten = map[string]string{
	"Observation-example-genetics-brcapat.json": "it has US Core's ethnicity as its second edition wrote it",
}

// TestOfficialExamples validates the official examples as they are, and by the profiles of R4 that they claim: of each
// fiftieth file, or of all where CAIRN_ALL_EXAMPLES is set. Nothing is wrong with them by any built-in profile or
// extension. What R4's own rules find is the business of fhir/profile and fhir/fhirpath.
func TestOfficialExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(npm.Folder(t, npm.Examples), "*.json"))
	if err != nil || len(files) < 5000 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	l, n, claiming := judge.NewLibrary(), 0, 0
	for i, file := range files {
		name := filepath.Base(file)
		if asWritten[name] != "" || i%50 != 0 && os.Getenv("CAIRN_ALL_EXAMPLES") == "" {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := resource.Parse(raw, resource.Limits{})
		if err != nil {
			continue // fhir/profile lists them
		}
		n++
		claims := slices.DeleteFunc(judge.Claimed(doc), func(url string) bool { return judge.Builtin(url) == nil })
		if len(claims) > 0 {
			claiming++
		}
		for _, i := range l.Profiles().Validate(doc, claims) {
			if i.Severity == profile.Error && i.Profile != "" {
				t.Errorf("%s: %s %s (%s)", name, i.Rule, i.Expression, i.Profile)
			}
		}
	}
	t.Logf("%d examples, %d of them claim a profile of R4", n, claiming)
}
