package subset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
	"cairn/test/npm"
)

const patient = `{"resourceType":"Patient","id":"1", "meta":{"versionId":"7","tag":[{"code":"a"}]},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},
"name":[{"family":"A","extension":[{"url":"http://a.example","valueString":"x"}]}],"_birthDate":{"extension":[{"url":"http://a.example","valueString":"x"}]},"contact":[{"name":{"family":"B"}}],"photo":[{"data":"AAAA"}],"deceasedBoolean":false,"maritalStatus":{"text":"x"}}`

const tag = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`

func TestChoices(t *testing.T) {
	const head = `{"resourceType":"Patient","id":"1","meta":{"versionId":"7","tag":[{"code":"a"},` + tag + `]}`
	for _, c := range []struct {
		choice Choice
		body   string
		want   string
	}{
		{Choice{}, patient, patient},
		{Choice{Summary: "false"}, patient, patient},
		{Choice{Summary: "true"}, patient, head + `,"name":[{"family":"A"}],"_birthDate":{"extension":[{"url":"http://a.example","valueString":"x"}]},"deceasedBoolean":false}`},
		{Choice{Summary: "text"}, patient, head + `,"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}}`},
		{Choice{Elements: []string{"Patient.contact", "deceased"}}, patient, head + `,"contact":[{"name":{"family":"B"}}],"deceasedBoolean":false}`},
		{Choice{Elements: []string{"photo"}}, `{"resourceType":"Patient"}`, `{"resourceType":"Patient","meta":{"tag":[` + tag + `]}}`},
		{Choice{Summary: "true"}, `{"resourceType":"Patient","photo":[{"data":"AAAA"}]}`, `{"resourceType":"Patient","meta":{"tag":[` + tag + `]}}`},
		{Choice{Summary: "true"}, `{"resourceType":"Observation","status":"final","code":{"text":"x","extension":[{"url":"http://a.example","valueString":"x"}]},"valueQuantity":{"value":6.10},"note":[{"text":"x"}]}`,
			`{"resourceType":"Observation","meta":{"tag":[` + tag + `]},"status":"final","code":{"text":"x"},"valueQuantity":{"value":6.10}}`},
	} {
		doc, err := resource.Parse([]byte(c.body), resource.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := string(Of(doc.Root(), c.choice)); got != c.want {
			t.Errorf("%+v\n got %s\nwant %s", c.choice, got, c.want)
		}
	}
}

func TestInBundle(t *testing.T) {
	doc, err := resource.Parse([]byte(`{"resourceType":"Bundle","type":"searchset","total":1,"entry":[{"resource":{"resourceType":"Patient","photo":[{"data":"AAAA"}]},"search":{"mode":"match"}},{"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"invalid","diagnostics":"x"}]}}]}`), resource.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resourceType":"Bundle","type":"searchset","total":1,"entry":[{"resource":{"resourceType":"Patient","meta":{"tag":[` + tag + `]}},"search":{"mode":"match"}},{"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"invalid","diagnostics":"x"}]}}]}`
	if got := string(InBundle(doc.Root(), Choice{Summary: "true"})); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// TestOfficialExamples cuts every official example down in each way: what is
// left is a resource of R4 that lacks nothing that must be there, and says that
// it is not the whole.
func TestOfficialExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(npm.Folder(t, npm.Examples), "*.json"))
	if err != nil || len(files) < 5000 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	choices := []Choice{{Summary: "true"}, {Summary: "text"}, {Summary: "data"}, {Elements: []string{"name"}}}
	for i, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := resource.Parse(raw, resource.Limits{})
		if err != nil || len(profile.Check(doc)) > 0 {
			continue // package.json, and what fhir/profile/testdata lists as refused
		}
		c := choices[i%len(choices)]
		cut, err := resource.Parse(Of(doc.Root(), c), resource.Limits{})
		if err != nil {
			t.Fatalf("%s %+v: %v", filepath.Base(file), c, err)
		}
		for _, found := range profile.Check(cut) {
			if !strings.HasSuffix(found.Expression, ".reference") { // contained resources are no part of a summary
				t.Errorf("%s %+v: %s %s", filepath.Base(file), c, found.Expression, found.Text)
			}
		}
		if !strings.Contains(string(cut.Root().Get("meta").Raw()), tag) || cut.ID() != doc.ID() {
			t.Errorf("%s %+v: no tag, or another id", filepath.Base(file), c)
		}
	}
}
