package order

import (
	"context"

	"cairn/consent/mandate"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// Acting says for whom somebody acts, if she has a power over her.
type Acting interface {
	Holds(ctx context.Context, actor identity.Actor, p mandate.Power) (subject string, err error)
}

// About returns the orders of which the patient, or who may watch for her, is told
// by now, newest first.
func (d *Desk) About(ctx context.Context, actor identity.Actor, acting Acting) ([]Order, error) {
	subject, err := acting.Holds(ctx, actor, mandate.Watch)
	if err != nil {
		return nil, err
	}
	return d.list(ctx, func(v *store.View) ([]*store.Matter, error) {
		return v.MattersAbout(gate.MatterOrder, subject, d.gate.Now(), listed)
	})
}

// List returns the orders that were entered before a time, newest first, to who
// deals with them.
func (d *Desk) List(ctx context.Context, actor identity.Actor, before int64) ([]Order, error) {
	if err := d.may(actor); err != nil {
		return nil, err
	}
	return d.list(ctx, func(v *store.View) ([]*store.Matter, error) { return v.MattersBefore(gate.MatterOrder, before, listed) })
}

func (d *Desk) list(ctx context.Context, find func(*store.View) ([]*store.Matter, error)) (out []Order, err error) {
	var rows []*store.Matter
	err = d.store.View(ctx, func(v *store.View) (err error) {
		rows, err = find(v)
		return err
	})
	for _, row := range rows {
		if err != nil {
			return nil, err
		}
		var m gate.Matter
		var r rest
		if m, r, err = d.opened(ctx, row); err == nil {
			out = append(out, shown(m, r))
		}
	}
	return out, err
}

// Bounds of Disclosures.
const (
	disclosuresAtMost = 1000
	lookedAtOnce      = 500
)

// Disclosures returns the entries of the log that say what was handed out by an
// order, or refused: each with the versions of the records and their commitments,
// newest first, at most a thousand.
func (d *Desk) Disclosures(ctx context.Context, actor identity.Actor, id string) (out []evidence.Opened, err error) {
	if err := d.may(actor); err != nil {
		return nil, err
	}
	m, _, err := d.find(ctx, id)
	if err != nil {
		return nil, err
	}
	err = d.store.View(ctx, func(v *store.View) error {
		for before := uint64(1<<63 - 1); ; {
			rows, err := v.Entries(m.Subject, before, lookedAtOnce)
			if err != nil {
				return err
			}
			for _, row := range rows {
				before = row.Index
				opened, err := d.journal.Open(row)
				if err != nil {
					return err
				}
				ev := &opened.Event
				if ev.Kind == proof.KindOrderEntered && gate.MatterOf(ev) == id {
					return nil // nothing of it is older
				}
				if (ev.Kind != proof.KindAccessOrder && ev.Kind != proof.KindAccessRefused) || gate.MatterOf(ev) != id {
					continue
				}
				if out = append(out, opened); len(out) > disclosuresAtMost {
					return fault.New(fault.TooLarge, "order-disclosures", "more than a thousand accesses were made by this order")
				}
			}
			if len(rows) < lookedAtOnce {
				return nil
			}
		}
	})
	return out, err
}
