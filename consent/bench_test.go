package consent

import (
	"fmt"
	"syscall"
	"testing"
)

// benchGrants returns n consents of ten provisions each. With alike they are all
// for east, else each is for another organisation and the last for east. With
// everyone they name no actor, so that each rule must be looked at.
func benchGrants(b *testing.B, n int, who func(i int) string) []Grant {
	b.Helper()
	out := make([]Grant, n)
	for i := range out {
		d := Draft{
			Patient: "1", Custodian: "north", Grantee: who(i), Purposes: []string{"TREAT", "HPAYMT"},
			Actions: []Action{Access}, Categories: []string{"laboratory", "vital-signs"}, Period: Span{1, 1 << 41},
		}
		for j := range 9 {
			d.Exceptions = append(d.Exceptions, Rule{Data: []Datum{{"instance", fmt.Sprintf("Observation/%d", 100*i+j)}}})
		}
		raw, err := Build(d)
		if err != nil {
			b.Fatal(err)
		}
		terms, err := Compile(raw)
		if err != nil {
			b.Fatal(err)
		}
		out[i] = Grant{Ref: fmt.Sprint(i), Terms: terms, Facts: Facts{Committed: true}}
	}
	return out
}

// processor reports the processor time of an operation as cpu-ns/op, garbage
// collection included: what counts where other work runs on the same machine.
func processor(b *testing.B) func() {
	b.Helper()
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

func BenchmarkDecide(b *testing.B) {
	item := &Item{
		Type: "Observation", ID: "x", Categories: []Coding{{ObservationCategory, "laboratory"}}, Codes: []Coding{{"http://loinc.org", "4548-4"}},
		Labels: []Coding{{ConfidentialitySystem, "N"}}, Lo: 1, Hi: 2,
	}
	ask := Ask{
		Actor:  Actor{Person: "east/Practitioner/17", Organisation: "east", Role: "doctor", Teams: []string{}},
		Action: Access, Purpose: "TREAT", Now: 1_780_315_200_000,
	}
	for name, who := range map[string]func(int) string{
		"one-for-the-asker": func(i int) string {
			if i == 0 {
				return "east"
			}
			return fmt.Sprintf("org-%d", i)
		},
		"all-for-the-asker": func(int) string { return "east" },
		"all-for-everyone":  func(int) string { return "" },
	} {
		for _, n := range []int{1, 50} {
			grants := benchGrants(b, n, who)
			for _, kind := range []string{"item", "search"} {
				ask.Item = nil
				if kind == "item" {
					ask.Item = item
				}
				b.Run(fmt.Sprintf("%s/consents=%d/%s", name, n, kind), func(b *testing.B) {
					defer processor(b)()
					b.ReportAllocs()
					for b.Loop() {
						if d := Decide(ask, grants, tablePolicy); !d.Allowed {
							b.Fatal(d.Rule)
						}
					}
				})
			}
			ask.Item = nil
			filter := Decide(ask, grants, tablePolicy).Filter
			b.Run(fmt.Sprintf("%s/consents=%d/match", name, n), func(b *testing.B) {
				defer processor(b)()
				b.ReportAllocs()
				for b.Loop() {
					if !filter.Match(*item) {
						b.Fatal("not matched")
					}
				}
			})
		}
	}
}

// BenchmarkExplain is about a patient of fifty consents of ten rules, each for
// another organisation: who of all can see one record, and what.
func BenchmarkExplain(b *testing.B) {
	grants := benchGrants(b, 50, func(i int) string { return fmt.Sprintf("org-%d", i) })
	item := &Item{Type: "Observation", ID: "x", Categories: []Coding{{ObservationCategory, "laboratory"}}, Codes: []Coding{}}
	for name, it := range map[string]*Item{"item": item, "any": nil} {
		b.Run(name, func(b *testing.B) {
			defer processor(b)()
			for b.Loop() {
				if len(Explain(it, grants, grants, tablePolicy, 1_780_315_200_000)) < 50 {
					b.Fatal("too few")
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	raw, err := Build(Draft{Patient: "1", Custodian: "north", Grantee: "east", Purposes: []string{"TREAT"}, Categories: []string{"laboratory"}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := Compile(raw); err != nil {
			b.Fatal(err)
		}
	}
}
