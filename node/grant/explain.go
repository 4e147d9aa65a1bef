package grant

import (
	"context"
	"slices"

	"cairn/consent"
	"cairn/consent/mandate"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
)

// Seen is what somebody may read, and since when.
type Seen struct {
	consent.Seen
	Since int64 // when the hospital took the consent that decides; 0 for the policy
}

// Explain answers the signed-in patient who can see a record of hers, "" for any,
// for what, why, since when and until when. What the hospital withholds from her is
// refused with its reason.
func (d *Desk) Explain(ctx context.Context, actor identity.Actor, typ, id string) ([]Seen, error) {
	subject, err := d.acting.Holds(ctx, actor, mandate.Watch)
	if err != nil {
		return nil, err
	}
	said, err := d.gate.Said(ctx, subject)
	if err != nil {
		return nil, err
	}
	var item *consent.Item
	if typ != "" {
		if item, err = d.own(ctx, actor, &said, subject, typ, id); err != nil {
			return nil, err
		}
	}
	return dated(consent.Explain(item, said.Grants, said.Grants, said.Policy, said.Now), &said), nil
}

// Change is what would be different for somebody and a purpose.
type Change struct {
	Who, Purpose, For string
	Before, After     Seen
}

func dated(list []consent.Seen, said *gate.Said) []Seen {
	out := make([]Seen, len(list))
	for i, s := range list {
		out[i] = Seen{s, said.Since[s.Grant]}
	}
	return out
}

// own returns a record of the patient's as a decision sees it. One that is not
// there, or that is another's, is not found.
func (d *Desk) own(ctx context.Context, actor identity.Actor, said *gate.Said, subject, typ, id string) (*consent.Item, error) {
	none := fault.New(fault.NotFound, "not-found", "there is no such record of yours here")
	var head store.Hit
	err := d.store.View(ctx, func(v *store.View) (err error) {
		head, err = v.Current(typ, id)
		return err
	})
	if fault.Is(err, fault.NotFound) || err == nil && (head.Subject != subject || head.Deleted) {
		return nil, none
	}
	if err != nil {
		return nil, err
	}
	item := gate.Item(head.Facets)
	her := consent.Ask{Actor: actor.For(subject), Action: consent.Access, Purpose: actor.Purpose(), Now: said.Now, Item: &item}
	her.Actor.Acting = !her.Actor.Subject
	switch sees := consent.Decide(her, said.Grants, said.Policy); {
	case sees.Allowed:
		return &item, nil
	case her.Actor.Subject:
		return nil, fault.New(fault.Refused, sees.Rule, sees.Explanation)
	}
	return nil, none
}

// WhatIf answers the signed-in patient what would change, for whom, if she stopped
// some of her consents here and gave others: terms are FHIR Consents.
func (d *Desk) WhatIf(ctx context.Context, actor identity.Actor, stop []string, terms [][]byte) (out []Change, err error) {
	subject, err := d.acting.Holds(ctx, actor, mandate.Watch)
	if err != nil {
		return nil, err
	}
	said, err := d.gate.Said(ctx, subject)
	if err != nil {
		return nil, err
	}
	after, about, err := supposed(&said, subject, stop, terms)
	if err != nil {
		return nil, err
	}
	before, then := consent.Explain(nil, about, said.Grants, said.Policy, said.Now), consent.Explain(nil, about, after, said.Policy, said.Now)
	for _, c := range consent.Changes(before, then) {
		out = append(out, Change{c.Who, c.Purpose, c.For, Seen{c.Before, said.Since[c.Before.Grant]}, Seen{c.After, said.Since[c.After.Grant]}})
	}
	return out, nil
}

// supposed returns the consents as they would be, and all that there are before or
// after.
func supposed(said *gate.Said, subject string, stop []string, terms [][]byte) (after, about []consent.Grant, err error) {
	after = slices.Clone(said.Grants)
	for _, ref := range stop {
		at := slices.IndexFunc(after, func(g consent.Grant) bool { return g.Ref == ref })
		if at < 0 {
			return nil, nil, fault.New(fault.NotFound, "not-found", "there is no such consent of yours here")
		}
		after[at].Facts.Stopped = true
	}
	for i := range after { // what was passed on stands under what is stopped
		if u := after[i].Under; u != nil {
			if at := slices.IndexFunc(after, func(g consent.Grant) bool { return g.Ref == u.Ref }); at >= 0 {
				after[i].Under = &after[at]
			}
		}
	}
	about = slices.Clone(said.Grants)
	for _, raw := range terms {
		t, err := consent.Compile(raw)
		if err != nil {
			return nil, nil, fault.Wrap(fault.Invalid, "terms", "this is not a consent that is understood here", err)
		}
		if t.Patient() != "Patient/"+subject {
			return nil, nil, fault.New(fault.Invalid, "slip-subject", "this consent is about another patient")
		}
		g := consent.Grant{Ref: "supposed", Terms: t, Facts: consent.Facts{Committed: true}}
		after, about = append(after, g), append(about, g)
	}
	return after, about, nil
}

// Mine says what the actor may see of a patient's records: see gate.Explain.
func (d *Desk) Mine(ctx context.Context, actor identity.Actor, subject string) (gate.Mine, error) {
	return d.gate.Explain(ctx, actor, subject)
}
