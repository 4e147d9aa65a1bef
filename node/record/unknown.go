package record

import (
	"context"

	"cairn/consent"
	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
)

// A record that is closed to somebody is to a write of his what a record that is
// not there would be: the answers are the same, and both leave one entry in the
// log on their way. One thing cannot be hidden, see taken.

// knows asks the gate whether the actor may know of a record that he wants to
// change. Of a deleted one, and of one that is not there, nobody does who wants
// to delete or patch it.
func (d *Desk) knows(ctx context.Context, actor identity.Actor, action string, n name) (bool, error) {
	var head *store.Hit
	err := d.store.Once(ctx, func(v *store.View) error {
		h, err := v.Current(n.typ, n.id)
		if err == nil && (action == "update" || !h.Deleted) {
			head = &h
		}
		return err
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return false, err
	}
	ask := gate.Ask{Interaction: action, Action: consent.Access, Type: n.typ, Query: n.typ + "/" + n.id}
	return d.gate.Knows(ctx, actor, ask, head)
}

// fits tells what an update requires of the record that is there, the zero Head
// if there is none.
func (d *Desk) fits(expect Expect, head store.Head) error {
	err := expect.check(head.Version, head.Version > 0 && !head.Deleted)
	if err == nil && head.Version == 0 && d.rules.ServerIDs {
		err = noClientIDs()
	}
	return err
}

// taken is the refusal of an update of a record that the actor may not know of.
// Whatever would be refused if there were none is refused in the same words. What
// would be created cannot be, because the id is not free: that much the answer
// says, and nothing of whose it is, or was (ADR 18). A hospital that chooses the
// ids of its records itself says nothing.
func (d *Desk) taken(ctx context.Context, actor identity.Actor, doc *resource.Doc, id string, expect Expect, with *among) error {
	if err := d.fits(expect, store.Head{}); err != nil {
		return err
	}
	if _, err := d.prepare(ctx, actor, doc, id, 1, with); err != nil {
		return err
	}
	return fault.New(fault.Conflict, "id-taken", "a record cannot be created under this id").
		WithHint("choose another id, or POST the record: the answer tells the id that it gets").At(doc.Type() + ".id")
}
