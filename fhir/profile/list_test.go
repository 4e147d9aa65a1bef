package profile_test

import (
	"slices"
	"testing"

	"cairn/fhir/profile"
)

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
