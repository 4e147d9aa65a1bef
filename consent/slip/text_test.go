package slip

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cairn/consent"
)

var update = flag.Bool("update", false, "write the golden texts")

// The files testdata/*.txt are what the patient is shown for each draft; -update
// writes them.
func TestText(t *testing.T) {
	drafts := map[string]consent.Draft{
		"share": {
			Custodian: "north", CustodianName: "North Hospital", Grantee: "east", GranteeName: "East Hospital",
			Actions: []consent.Action{consent.Access}, Purposes: []string{"TREAT", "HPAYMT"}, Categories: []string{"laboratory", "vital-signs"},
			Period:     consent.Span{Lo: 1_780_272_000_000, Hi: 1_811_808_000_000},
			DataPeriod: consent.Span{Lo: 1_735_689_600_000, Hi: 1_811_808_000_000},
			Exceptions: []consent.Rule{
				{Data: []consent.Datum{{Meaning: "instance", Reference: "Observation/9"}}},
				{Labels: []consent.Coding{{System: consent.SensitivitySystem, Code: "PSY"}, {System: consent.ConfidentialitySystem, Code: "V"}}},
			},
		},
		"closure": {
			Custodian: "north", Deny: true, Records: []string{"DocumentReference/3"},
			Exceptions: []consent.Rule{{
				Purposes: []consent.Coding{{System: consent.PurposeSystem, Code: "BTG"}},
				Actors:   []consent.Party{{Type: "Group", Ref: "Group/emergency", Name: "Emergency department"}},
			}},
		},
		"research": {
			Custodian: "north", Grantee: "lab", GranteeName: "Research Institute", Purposes: []string{"HRESCH"},
			Types: []string{"Observation", "Condition"}, Codes: []consent.Coding{{System: "http://loinc.org", Code: "4548-4"}},
			Labels: []consent.Coding{{System: consent.ConfidentialitySystem, Code: "N"}},
			Period: consent.Span{Lo: 1_780_315_200_000, Hi: 1_780_315_260_000},
		},
	}
	for name, d := range drafts {
		d.Patient = "p-1"
		raw, err := consent.Build(d)
		if err != nil {
			t.Fatal(err)
		}
		terms, err := consent.Compile(raw)
		if err != nil {
			t.Fatal(err)
		}
		got, file := Text(terms), filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || got != string(want) {
			t.Errorf("%s (%v): got\n%s", file, err, got)
		}
		if strings.Contains(got, "p-1") {
			t.Errorf("%s names the patient's number", name)
		}
	}
}
