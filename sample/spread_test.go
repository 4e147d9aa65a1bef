package sample_test

import (
	"slices"
	"strings"
	"testing"

	"cairn/sample"
)

// TestSpread looks at a thousand patients as a whole: is that a population?
func TestSpread(t *testing.T) {
	const n = 1000
	count, sizes, kinds := map[string]int{}, []int{}, map[string]int{}
	g := sample.New(42)
	for b := range g.All(n) {
		r := read(t, b)
		p := r.patient()
		sizes = append(sizes, len(r.Entry))
		tally(count, p, r)
		for _, res := range r.at {
			kinds[res.ResourceType]++
		}
		for _, c := range string(p.Name) {
			if c > 0x7f {
				count["other letters"]++
				break
			}
		}
	}
	slices.Sort(sizes)
	t.Logf("resources: least %d, 5%% %d, median %d, 95%% %d, most %d", sizes[0], sizes[n/20], sizes[n/2], sizes[n-n/20], sizes[n-1])
	t.Logf("%v", kinds)
	t.Logf("%v", count)
	for what, limits := range map[string][2]int{
		"women": {450, 570}, "children": {140, 280}, "old": {120, 280}, "dead": {25, 100}, "other letters": {250, 700},
		"44054006": {50, 140}, "59621000": {160, 340}, "195967001": {40, 130}, "370143000": {40, 130}, "72892002": {20, 90},
		"fracture": {60, 190}, "85189001": {10, 50},
	} {
		if got := count[what]; got < limits[0] || got > limits[1] {
			t.Errorf("%d of %d are or have %s, want %v", got, n, what, limits)
		}
	}
	if sizes[n/20] < 40 || sizes[n/2] < 70 || sizes[n/2] > 120 || sizes[n-n/20] > 180 {
		t.Error("bundles too small or too large")
	}
	for _, kind := range []string{
		"Patient", "Practitioner", "Organization", "Encounter", "Condition", "Observation", "MedicationRequest", "AllergyIntolerance",
		"Immunization", "Procedure", "DiagnosticReport", "DocumentReference",
	} {
		if kinds[kind] < n {
			t.Errorf("%d of type %s", kinds[kind], kind)
		}
	}
}

func tally(count map[string]int, p *resource, r *record) {
	switch year := p.BirthDate[:4]; {
	case year > "2007":
		count["children"]++
	case year < "1961":
		count["old"]++
	}
	if p.Gender == "female" {
		count["women"]++
	}
	if p.DeceasedDateTime != "" {
		count["dead"]++
	}
	had := map[string]bool{}
	for _, c := range r.all("Condition") {
		had[c.Code.Coding[0].Code] = true
		if strings.HasPrefix(c.Code.Text, "Fracture") {
			had["fracture"] = true
		}
	}
	for code := range had {
		count[code]++
	}
}
