package consent

import (
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	for _, c := range []struct {
		rule, want string
	}{
		{`permit`, `everyone | read, use, share and change | any reason | all records | `},
		{`permit org=east purpose=TREAT action=access category=laboratory`, `east | read | treatment | laboratory results | `},
		{`permit role=nurse@Organization/east type=Observation,Condition`, `the role nurse at east | read, use, share and change | any reason | measurements and conditions | `},
		{`permit type=Resource code=4548-4 related=Encounter/5 authoredby=Organization/7`, `everyone | read, use, share and change | any reason | all kinds of records, only 4548-4 (http://loinc.org), only Encounter/5 and what belongs to it and what Organization/7 made | `},
		{`permit purpose=my:Audit7`, `everyone | read, use, share and change | Audit7 (http://example.org/policies/purposeOfUse) | all records | `},
		{`permit label=N,R,PSY,HIV`, `everyone | read, use, share and change | any reason | all records, marked mental health or HIV and restricted or less private | `},
		{`deny label=V,R`, `everyone | read, use, share and change | any reason | all records, marked restricted or more private | `},
		{`permit period=2026-01-01..2026-12-31`, `everyone | read, use, share and change | any reason | all records | from the start of 1 January 2026 (UTC) until the end of 31 December 2026 (UTC)`},
		{`permit dataPeriod=..2026-06-01T12:00:00Z`, `everyone | read, use, share and change | any reason | all records, dated until 1 June 2026, 12:00:01 UTC | `},
		{`permit action=my:copy purpose=:TREAT actor=https://other.example/Practitioner/1`, `somebody whom this hospital cannot tell from others | something that this hospital does not know | a reason that this hospital does not know | all records, with a condition that this hospital cannot check | `},
	} {
		terms, err := compileText(t, "words", []string{"  " + c.rule})
		if err != nil {
			t.Fatal(err)
		}
		root := terms.Root()
		w := root.Words()
		if got := strings.Join([]string{w.Who, w.Do, w.Why, w.What, w.When}, " | "); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.rule, got, c.want)
		}
	}
}

func TestFilterInWords(t *testing.T) {
	for _, c := range []struct {
		rules []string
		ask   string
		want  string
	}{
		{nil, "north TREAT", "everything"},
		{nil, "east TREAT", "nothing"},
		{[]string{"  permit org=east category=laboratory", "    deny data=Observation/9"}, "east TREAT",
			"yes to laboratory results; exception: no to only the record Observation/9"},
		{[]string{"  permit org=east category=laboratory", "    deny data=Observation/9"}, "north TREAT",
			"what the policy allows where no consent speaks; exception: no to only the record Observation/9"},
		{[]string{"  permit org=north category=laboratory"}, "north TREAT", "yes to laboratory results"},
		{[]string{"  deny"}, "north TREAT", "nothing"},
		{[]string{"  permit"}, "east TREAT", "everything"},
	} {
		var grants []Grant
		if c.rules != nil {
			terms, err := compileText(t, "filter", c.rules)
			if err != nil {
				t.Fatal(err)
			}
			grants = []Grant{{Terms: terms, Facts: Facts{Committed: true}}}
		}
		ask, err := parseAsk(c.ask, "search")
		if err != nil {
			t.Fatal(err)
		}
		if got := Decide(ask, grants, tablePolicy).Filter.String(); got != c.want {
			t.Errorf("%v for %s\n got %s\nwant %s", c.rules, c.ask, got, c.want)
		}
	}
}
