package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cairn/consent"
)

// decide times consent.Decide for a search, which looks at every rule, and for
// a single record.
func decide(ctx context.Context, r *runner) error {
	for _, c := range []struct {
		consents int
		name     string
	}{{1, "one consent of ten rules"}, {50, "fifty consents of ten rules"}} {
		grants, err := exampleGrants(c.consents)
		if err != nil {
			return err
		}
		ask := consent.Ask{
			Actor:  consent.Actor{Person: "east/Practitioner/17", Organisation: "east", Role: "physician"},
			Action: consent.Access, Purpose: "TREAT", Now: exampleNow,
		}
		item := &consent.Item{
			Type: "Observation", ID: "x", Categories: []consent.Coding{{System: consent.ObservationCategory, Code: "laboratory"}},
			Codes:  []consent.Coding{{System: "http://loinc.org", Code: "4548-4"}},
			Labels: []consent.Coding{{System: consent.ConfidentialitySystem, Code: "N"}}, Lo: 1, Hi: 2,
		}
		var slowest Quantiles
		for _, asked := range []*consent.Item{nil, item} {
			ask.Item = asked
			q, err := r.timed(ctx, func() error {
				if d := consent.Decide(ask, grants, consent.Policy{Home: "north"}); !d.Allowed {
					return errors.New("a consent that permits did not: " + d.Rule)
				}
				return nil
			})
			if err != nil {
				return err
			}
			if q.P50 > slowest.P50 {
				slowest = q
			}
		}
		f := less("decide", c.name, slowest.P50*1000, "us", 5)
		f.Times, f.Note = &slowest, "times of single decisions, each the mean of a batch of 50; the slower of a search and a single record"
		r.add(f)
	}
	return nil
}

const exampleNow = 1_780_315_200_000

// exampleGrants returns consents of one permit with nine exceptions each, all
// for the organisation that asks.
func exampleGrants(n int) ([]consent.Grant, error) {
	out := make([]consent.Grant, n)
	for i := range out {
		d := consent.Draft{
			Patient: "1", Custodian: "north", Grantee: "east", Purposes: []string{"TREAT", "HPAYMT"}, Actions: []consent.Action{consent.Access},
			Categories: []string{"laboratory", "vital-signs"}, Period: consent.Span{Lo: 1, Hi: 1 << 41},
		}
		for j := range 9 {
			d.Exceptions = append(d.Exceptions, consent.Rule{Data: []consent.Datum{{Meaning: "instance", Reference: fmt.Sprintf("Observation/%d", 100*i+j)}}})
		}
		raw, err := consent.Build(d)
		if err != nil {
			return nil, err
		}
		terms, err := consent.Compile(raw)
		if err != nil {
			return nil, err
		}
		out[i] = consent.Grant{Ref: fmt.Sprint(i), Terms: terms, Facts: consent.Facts{Committed: true}}
	}
	return out, nil
}

// timed runs f in batches for a fifth of the span and returns the mean times of
// the batches.
func (r *runner) timed(ctx context.Context, f func() error) (Quantiles, error) {
	const batch = 50
	var times []time.Duration
	for end := time.Now().Add(r.span(0) / 5); time.Now().Before(end) && ctx.Err() == nil; {
		begin := time.Now()
		for range batch {
			if err := f(); err != nil {
				return Quantiles{}, err
			}
		}
		times = append(times, time.Since(begin)/batch)
	}
	return quantiles(times), ctx.Err()
}
