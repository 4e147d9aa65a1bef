package consent

import (
	"fmt"
	"testing"

	"cairn/fhir/resource"
	"pgregory.net/rapid"
)

// Generators of consents, asks and items from a world small enough that rules
// meet what is asked.

var (
	someOrgs     = rapid.SampledFrom([]string{"north", "east", "west"})
	somePurposes = rapid.SampledFrom([]string{"TREAT", "ETREAT", "BTG", "HRESCH", "HPAYMT", "MLTRAINING"})
	someTypes    = rapid.SampledFrom([]string{"Observation", "Condition", "DocumentReference", "Patient"})
	someTimes    = rapid.Int64Range(1, 100)
	someCodes    = rapid.Custom(func(t *rapid.T) Coding {
		system := rapid.SampledFrom([]string{"http://loinc.org", ObservationCategory}).Draw(t, "system")
		return Coding{system, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "code")}
	})
	someClasses = rapid.Custom(func(t *rapid.T) Coding {
		return Coding{"http://loinc.org", rapid.SampledFrom([]string{"a", "b"}).Draw(t, "code")}
	})
	someLabels = rapid.Custom(func(t *rapid.T) Coding {
		if rapid.Bool().Draw(t, "sensitivity") {
			return Coding{SensitivitySystem, rapid.SampledFrom([]string{"PSY", "HIV", "PSYTHPN"}).Draw(t, "code")}
		}
		return Coding{ConfidentialitySystem, rapid.SampledFrom([]string{"L", "N", "R", "V"}).Draw(t, "code")}
	})
	someRefs = rapid.Custom(func(t *rapid.T) string {
		return someTypes.Draw(t, "type") + "/" + rapid.SampledFrom([]string{"1", "2"}).Draw(t, "id")
	})
	someParties = rapid.Custom(func(t *rapid.T) Party {
		role := rapid.SampledFrom([]string{"", "", "nurse"}).Draw(t, "role")
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			return Party{Type: "Practitioner", Ref: "Practitioner/1", Role: role}
		case 1:
			return Party{Type: "Practitioner", Ref: "east/Practitioner/1", Role: role}
		case 2:
			return Party{Type: "Group", Ref: "Group/1", Role: role}
		}
		return Party{Type: "Organization", Ref: someOrgs.Draw(t, "org"), Role: role}
	})
	someSpans = rapid.Custom(func(t *rapid.T) Span {
		lo := someTimes.Draw(t, "lo")
		s := Span{lo, lo + someTimes.Draw(t, "length")}
		switch rapid.IntRange(0, 2).Draw(t, "open") {
		case 0:
			s.Lo = resource.Past
		case 1:
			s.Hi = resource.Future
		}
		return s
	})
	someData = rapid.Custom(func(t *rapid.T) Datum {
		m := rapid.SampledFrom([]string{"instance", "related", "dependents", "authoredby"}).Draw(t, "meaning")
		return Datum{m, someRefs.Draw(t, "reference")}
	})
)

// seldom draws a list, empty more often than not.
func seldom[T any](t *rapid.T, g *rapid.Generator[T], label string) []T {
	if rapid.IntRange(0, 3).Draw(t, "has "+label) > 0 {
		return nil
	}
	return rapid.SliceOfNDistinct(g, 1, 2, func(v T) string { return fmt.Sprint(v) }).Draw(t, label)
}

func drawRule(t *rapid.T, depth int) Rule {
	r := Rule{
		Says:   rapid.SampledFrom([]Outcome{Permit, Deny}).Draw(t, "says"),
		Actors: seldom(t, someParties, "actors"),
		Types:  seldom(t, someTypes, "types"), Classes: seldom(t, someClasses, "classes"), Codes: seldom(t, someCodes, "codes"),
		Labels: seldom(t, someLabels, "labels"), Data: seldom(t, someData, "data"),
		Actions: seldom(t, rapid.SampledFrom([]Action{Access, Disclose}), "actions"),
	}
	for _, p := range seldom(t, somePurposes, "purposes") {
		r.Purposes = append(r.Purposes, Coding{PurposeSystem, p})
	}
	if s := seldom(t, someSpans, "period"); s != nil {
		r.Period = s[0]
	}
	if s := seldom(t, someSpans, "data period"); s != nil {
		r.DataPeriod = s[0]
	}
	if depth > 0 {
		for range rapid.IntRange(0, 3).Draw(t, "exceptions") {
			r.Rules = append(r.Rules, drawRule(t, depth-1))
		}
	}
	return r
}

// blur gives some rules conditions of unknown outcome.
func blur(t *rapid.T, r *Rule) {
	if rapid.IntRange(0, 5).Draw(t, "blur") == 0 {
		r.unclear = rapid.SampledFrom([]aspect{inAction, inPurpose, inActor, inPeriod, inClass, inCode, inLabel, inDates, inData, inElse}).Draw(t, "aspect")
		r.Unclear = []string{"somewhere"}
	}
	for i := range r.Rules {
		blur(t, &r.Rules[i])
	}
}

var anyGrant = rapid.Custom(func(t *rapid.T) Grant {
	p := &program{counts: rapid.IntRange(0, 9).Draw(t, "scope") > 0, root: drawRule(t, 3)}
	blur(t, &p.root)
	if rapid.IntRange(0, 5).Draw(t, "silent root") == 0 {
		p.root.Says = NoConsent
	}
	if p.root.Says == Permit {
		p.root.Uses, p.root.Onward = rapid.Int64Range(0, 2).Draw(t, "uses"), rapid.Int64Range(0, 2).Draw(t, "onward")
	}
	p.assemble()
	return Grant{
		Ref: "g", Terms: Terms{p},
		Facts: Facts{
			Committed: rapid.IntRange(0, 9).Draw(t, "committed") > 0, Stopped: rapid.IntRange(0, 9).Draw(t, "stopped") == 0,
			Used: rapid.Int64Range(0, 2).Draw(t, "used"),
		},
	}
})

// someGrants are consents of which some are passed on from those before them.
var someGrants = rapid.Custom(func(t *rapid.T) []Grant {
	grants := rapid.SliceOfN(anyGrant, 0, 4).Draw(t, "consents")
	for i := range grants {
		g := &grants[i]
		g.Ref = fmt.Sprint(i)
		if i == 0 || rapid.IntRange(0, 2).Draw(t, "passed on") > 0 {
			continue
		}
		under := grants[rapid.IntRange(0, i-1).Draw(t, "from")]
		p := *g.Terms.program
		p.under, p.by = under.Ref, someOrgs.Draw(t, "by")
		g.Terms, g.Under = Terms{&p}, &under
	}
	return grants
})

var anyAsk = rapid.Custom(func(t *rapid.T) Ask {
	org := someOrgs.Draw(t, "org")
	a := Ask{
		Actor: Actor{
			Organisation: org, Person: org + "/Practitioner/" + rapid.SampledFrom([]string{"1", "2"}).Draw(t, "person"),
			Role: rapid.SampledFrom([]string{"nurse", "doctor"}).Draw(t, "role"), Subject: rapid.IntRange(0, 9).Draw(t, "subject") == 0,
			Teams: rapid.SampledFrom([][]string{{}, {"Group/1"}, {"north/Group/1"}, nil}).Draw(t, "teams"),
		},
		Action: rapid.SampledFrom([]Action{0, Access, Disclose}).Draw(t, "action"),
		Now:    someTimes.Draw(t, "now"), Purpose: somePurposes.Draw(t, "purpose"),
	}
	a.Actor.Acting = !a.Actor.Subject && rapid.IntRange(0, 9).Draw(t, "acting") == 0
	if rapid.IntRange(0, 9).Draw(t, "software") == 0 {
		a.Actor.Person, a.Actor.Role = "", ""
	}
	return a
})

var anyItem = rapid.Custom(func(t *rapid.T) Item {
	it := Item{
		Type: someTypes.Draw(t, "type"), ID: rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "id"),
		Labels: seldom(t, someLabels, "labels"), References: seldom(t, someRefs, "references"), Authors: seldom(t, someRefs, "authors"),
	}
	if rapid.IntRange(0, 9).Draw(t, "codes read") > 0 {
		it.Codes, it.Categories = []Coding{}, []Coding{}
	}
	for _, c := range rapid.SliceOfN(someCodes, 0, 2).Draw(t, "codes") {
		if c.System == ObservationCategory {
			it.Categories = append(it.Categories, c)
		} else {
			it.Codes = append(it.Codes, c)
		}
	}
	if rapid.Bool().Draw(t, "dated") {
		it.Lo = someTimes.Draw(t, "lo")
		it.Hi = it.Lo + rapid.Int64Range(1, 20).Draw(t, "length")
	}
	return it
})

func TestBuildSaysWhatTheDraftSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRule(t, 2)
		d := Draft{
			Patient: "1", Custodian: "north", Signed: 1, Deny: r.Says == Deny, Grantee: "east", GranteeName: "East Hospital",
			Types: r.Types, Codes: r.Codes, Labels: r.Labels, Period: r.Period, DataPeriod: r.DataPeriod, Exceptions: r.Rules,
			Actions: r.Actions, Categories: []string{"laboratory"}, Purposes: []string{"TREAT"},
		}
		raw, err := Build(d)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Build(d)
		if err != nil || string(raw) != string(again) {
			t.Fatalf("the same draft gives other bytes: %v", err)
		}
		terms, err := Compile(raw)
		if err != nil {
			t.Fatal(err)
		}
		want := d.Rule()
		if root := terms.Root(); !root.equal(&want) {
			t.Fatalf("%+v\nis not\n%+v", root, want)
		}
		if terms.Patient() != "Patient/1" || terms.Custodian().Ref != "north" {
			t.Fatalf("patient %s, custodian %s", terms.Patient(), terms.Custodian().Ref)
		}
	})
}
