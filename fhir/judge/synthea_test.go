package judge_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cairn/fhir/judge"
	"cairn/fhir/resource"
)

// synthea is the profile of US Core that a resource of Synthea is meant to meet: by type, of Observations by their first
// code, else by category. Our data claim none.
var synthea = map[string]string{
	"AllergyIntolerance": "allergyintolerance", "CarePlan": "careplan", "Condition": "condition-encounter-diagnosis", "DiagnosticReport": "diagnosticreport-lab",
	"Encounter": "encounter", "Goal": "goal", "Immunization": "immunization", "MedicationRequest": "medicationrequest", "Organization": "organization",
	"Patient": "patient", "Practitioner": "practitioner", "Procedure": "procedure",
	"85354-9": "blood-pressure", "55284-4": "blood-pressure", "8302-2": "body-height", "29463-7": "body-weight", "39156-5": "bmi", "8310-5": "body-temperature",
	"72166-2": "smokingstatus", "vital-signs": "vital-signs", "laboratory": "observation-lab", "survey": "observation-screening-assessment",
}

// syntheaMeets is how many resources meet their profile, and what is wrong with the others:
//   - the blood pressures have another code (55284-4) than US Core's (85354-9);
//   - US Core wants a category of its own of CarePlans, Conditions and smoking, and they have another or none;
//   - the numbers of practitioners are invented and have three digits;
//   - three patients have an ethnicity where their race stands.
var syntheaMeets = `
allergyintolerance 1
blood-pressure 113 pattern Observation.code
bmi 109
body-height 113
body-weight 113
careplan 28 slice-min CarePlan.category
condition-encounter-diagnosis 115 min Condition.category, slice-min Condition.category
diagnosticreport-lab 97
encounter 296
goal 20
immunization 170
medicationrequest 48
observation-lab 751
organization 128
patient 16
patient 3 required-binding Patient.extension.extension.valueCoding
practitioner 26 us-core-16 Practitioner.identifier, us-core-17 Practitioner.identifier
procedure 219
smokingstatus 113 slice-min Observation.category
vital-signs 130
`

// TestSynthea validates what Synthea makes against US Core.
func TestSynthea(t *testing.T) {
	files, err := filepath.Glob("../../../shared/data/synthea/*.json")
	if err != nil || len(files) != 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	l, count := judge.NewLibrary(), map[string]int{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bundle, err := resource.Parse(raw, resource.Limits{Nodes: 1_000_000})
		if err != nil {
			t.Fatal(err)
		}
		for entry := range bundle.Root().Get("entry").Items() {
			doc := parse(t, string(entry.Get("resource").Raw()))
			if len(judge.Claimed(doc)) > 0 {
				t.Fatalf("%s claims a profile", doc.Type())
			}
			if name := meant(doc); name != "" {
				count[name+" %d "+wrong(t, l, doc, core6+"us-core-"+name)]++
			}
		}
	}
	var out []string
	for line, n := range count {
		out = append(out, strings.TrimSpace(fmt.Sprintf(line, n)))
	}
	slices.Sort(out)
	if have := strings.Join(out, "\n"); have != strings.TrimSpace(syntheaMeets) {
		t.Errorf("have\n%s\nwant%s", have, syntheaMeets)
	}
}

func meant(doc *resource.Doc) string {
	if doc.Type() != "Observation" {
		return synthea[doc.Type()]
	}
	first := func(n resource.Node) string {
		code, _ := n.Get("coding").At(0).Get("code").Text()
		return code
	}
	if name := synthea[first(doc.Root().Get("code"))]; name != "" {
		return name
	}
	return synthea[first(doc.Root().Get("category").At(0))]
}

var position = regexp.MustCompile(`\[\d+\]`)

// wrong is the errors of a resource by one profile, each once and without positions.
func wrong(t *testing.T, l *judge.Library, doc *resource.Doc, url string) string {
	found := errorsOf(t, l, doc, url)
	for i := range found {
		found[i] = position.ReplaceAllString(found[i], "")
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), ", ")
}
