package record

import (
	"context"

	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
)

// Put is the next version of a record, made here from what was known of it.
type Put struct {
	Body    []byte // the resource, with its id
	Current uint64 // the version that must be current; 0: there was none ever
}

// Apply writes the next versions of records, all of them or none, and whatever
// also writes in the same transaction of the store; also may be nil, runs first
// and must be quick. It is for what this hospital's software puts together out
// of several records. It fails with a fault that Raced knows when a record is
// not at the version that it must be at: then the caller looks again.
func (d *Desk) Apply(ctx context.Context, actor identity.Actor, puts []Put, also func(*store.Tx) error) ([]Version, error) {
	if err := d.mayWrite(ctx, actor, "update", ""); err != nil {
		return nil, err
	}
	docs := make([]*resource.Doc, len(puts))
	with := &among{patients: make(map[string]bool)}
	for i, p := range puts {
		doc, err := parse("", p.Body)
		if err != nil {
			return nil, err
		}
		if doc.ID() == "" {
			return nil, fault.New(fault.Invalid, "required", "the resource has no id").At(doc.Type() + ".id")
		}
		if docs[i] = doc; doc.Type() == "Patient" {
			with.patients[doc.ID()] = true
		}
	}
	b := &batch{drafts: make([]*draft, len(puts)), patients: with.patients}
	if also != nil {
		b.holds = []hold{also}
	}
	err := each(len(puts), func(i int) (err error) {
		b.drafts[i], err = d.following(ctx, actor, docs[i], puts[i].Current, with)
		return err
	})
	if err == nil {
		err = d.commit(ctx, b)
	}
	if err != nil {
		return nil, err
	}
	out := make([]Version, len(b.drafts))
	for i, w := range b.drafts {
		out[i] = w.version
	}
	return out, nil
}

// following prepares the version after the one that must be current.
func (d *Desk) following(ctx context.Context, actor identity.Actor, doc *resource.Doc, current uint64, with *among) (*draft, error) {
	w, err := d.prepare(ctx, actor, doc, doc.ID(), current+1, with)
	if err != nil || current == 0 {
		return w, err
	}
	head, err := d.head(ctx, doc.Type(), doc.ID())
	if err != nil {
		return nil, err
	}
	if head.Version != current {
		return nil, fasterElsewhere()
	}
	if head.Subject != w.subject {
		return nil, fault.New(fault.Conflict, "business-rule", "a record cannot be moved to another patient").
			WithHint("delete it and create it anew for the right patient")
	}
	return w, nil
}

// Raced tells whether a write failed because somebody else changed meanwhile
// what it builds on.
func Raced(err error) bool { return raced(err) }
