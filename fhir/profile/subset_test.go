package profile_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
	"cairn/test/npm"
)

const whole = `{"resourceType":"Patient","id":"p","meta":{"versionId":"1","tag":[{"code":"x"}]},"text":{"status":"generated","div":"<div xmlns='http://www.w3.org/1999/xhtml'>a</div>"},"active":true,"_gender":{"id":"g"},"photo":[{"title":"a"}],"contact":[{"gender":"male"}],"deceasedBoolean":false,"communication":[{"language":{"text":"de"},"preferred":true}],"link":[{"id":"l","type":"seealso","other":{"reference":"Patient/2","display":"b"}}]}`

const tagged = `"meta":{"versionId":"1","tag":[{"code":"x"},{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]}`

func TestSubset(t *testing.T) {
	for _, c := range []struct {
		what     string
		part     profile.Part
		elements []string
		want     string
	}{
		{"summary", profile.OnlySummary, nil, `{"resourceType":"Patient",` + tagged + `,"id":"p","active":true,"_gender":{"id":"g"},"deceasedBoolean":false,"link":[{"id":"l","type":"seealso","other":{"reference":"Patient/2","display":"b"}}]}`},
		{"text", profile.OnlyText, nil, `{"resourceType":"Patient",` + tagged + `,"id":"p","text":{"status":"generated","div":"<div xmlns='http://www.w3.org/1999/xhtml'>a</div>"}}`},
		{"data", profile.WithoutText, nil, `{"resourceType":"Patient",` + tagged + `,"id":"p","active":true,"_gender":{"id":"g"},"photo":[{"title":"a"}],"contact":[{"gender":"male"}],"deceasedBoolean":false,"communication":[{"language":{"text":"de"},"preferred":true}],"link":[{"id":"l","type":"seealso","other":{"reference":"Patient/2","display":"b"}}]}`},
		{"elements", profile.OnlyElements, []string{"photo", "Patient.deceased", "gender"}, `{"resourceType":"Patient",` + tagged + `,"id":"p","_gender":{"id":"g"},"photo":[{"title":"a"}],"deceasedBoolean":false}`},
	} {
		if have := string(profile.Subset(parse(t, whole), c.part, c.elements)); have != c.want {
			t.Errorf("%s\nhave %s\nwant %s", c.what, have, c.want)
		}
	}
	if have := string(profile.Subset(parse(t, `{"active":true,"resourceType":"Patient"}`), profile.OnlySummary, nil)); have != `{"active":true,"resourceType":"Patient","meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]}}` {
		t.Error(have)
	}
}

// TestSubsetsAreResources cuts every official example and checks what is left: still a resource, nothing mandatory lost.
// Contained resources that nobody refers to any more are the one rule that a subset may break.
func TestSubsetsAreResources(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(npm.Folder(t, npm.Examples), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range files {
		if i%5 != 0 { // a fifth of them, of all types
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := resource.Parse(raw, resource.Limits{})
		if err != nil || profile.Check(doc) != nil {
			continue
		}
		for part := profile.OnlySummary; part <= profile.OnlyElements; part++ {
			cut, err := resource.Parse(profile.Subset(doc, part, nil), resource.Limits{})
			if err != nil {
				t.Errorf("%s, part %d: %v", filepath.Base(file), part, err)
				continue
			}
			for _, issue := range profile.Check(cut) {
				if issue.Rule != profile.RuleContained && issue.Rule != "ref-1" {
					t.Errorf("%s, part %d: %s %s", filepath.Base(file), part, issue.Rule, issue.Expression)
				}
			}
		}
	}
}

func TestLists(t *testing.T) {
	if have := profile.Mandatory("Observation"); !slices.Equal(have, []string{"status", "code"}) {
		t.Errorf("mandatory: %v", have)
	}
	if have := profile.Summary("Slot"); !slices.Equal(have, []string{"id", "meta", "implicitRules", "identifier", "serviceCategory", "serviceType", "specialty", "appointmentType", "schedule", "status", "start", "end"}) {
		t.Errorf("summary: %v", have)
	}
	for _, c := range []struct {
		typ  string
		way  []string
		many bool
	}{
		{"Patient", []string{"name"}, true}, {"Patient", []string{"name", "family"}, false}, {"Patient", []string{"name", "given"}, true},
		{"Patient", []string{"contact", "telecom"}, true}, {"Observation", []string{"valueQuantity", "code"}, false}, {"Patient", []string{"color"}, false}, {"Nothing", []string{"id"}, false},
	} {
		if profile.IsArray(c.typ, c.way...) != c.many {
			t.Errorf("%s %v", c.typ, c.way)
		}
	}
}
