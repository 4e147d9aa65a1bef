package emergency

import (
	"context"

	"cairn/consent/mandate"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
)

// Acting says for whom somebody acts, if she has a power over her.
type Acting interface {
	Holds(ctx context.Context, actor identity.Actor, p mandate.Power) (subject string, err error)
}

// About returns the emergencies of which the patient, or who may watch for her, is
// told by now, newest first.
func (d *Desk) About(ctx context.Context, actor identity.Actor, acting Acting) ([]Emergency, error) {
	subject, err := acting.Holds(ctx, actor, mandate.Watch)
	if err != nil {
		return nil, err
	}
	return d.list(ctx, func(v *store.View) ([]*store.Matter, error) {
		return v.MattersAbout(gate.MatterEmergency, subject, d.gate.Now(), listed)
	})
}

// List returns emergencies, newest first: a person of the hospital her own, a
// privacy officer all that were begun before a time.
func (d *Desk) List(ctx context.Context, actor identity.Actor, before int64) ([]Emergency, error) {
	if actor.Has(identity.RightReview) {
		if err := mayReview(actor); err != nil {
			return nil, err
		}
		return d.list(ctx, func(v *store.View) ([]*store.Matter, error) {
			return v.MattersBefore(gate.MatterEmergency, before, listed)
		})
	}
	if actor.Kind() != identity.Staff || actor.Person() == "" || actor.Scopes() != nil {
		return nil, fault.New(fault.Refused, "policy.emergency", "only people of this hospital see emergencies here")
	}
	return d.list(ctx, func(v *store.View) ([]*store.Matter, error) {
		return v.MattersOf(gate.MatterEmergency, actor.Person(), listed)
	})
}

// Queue returns the emergencies that wait for their review, those that are due
// first. It is for privacy officers.
func (d *Desk) Queue(ctx context.Context, actor identity.Actor) ([]Emergency, error) {
	if err := mayReview(actor); err != nil {
		return nil, err
	}
	return d.list(ctx, func(v *store.View) ([]*store.Matter, error) {
		return v.MattersIn(gate.MatterEmergency, Waiting, listed)
	})
}

func (d *Desk) list(ctx context.Context, find func(*store.View) ([]*store.Matter, error)) (out []Emergency, err error) {
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
			out = append(out, d.shown(m, r))
		}
	}
	return out, err
}

// Count is how many emergencies there were in a month, and how their reviews ended.
// It names nobody.
type Count struct {
	Month        string `json:"month"` // "2026-11"
	All          int64  `json:"all"`
	Justified    int64  `json:"justified"`
	NotJustified int64  `json:"not_justified"`
	Waiting      int64  `json:"waiting"`
	Overdue      int64  `json:"overdue"` // of those that wait
}

// Counts returns the counts of all months in which there were any, for everybody.
func (d *Desk) Counts(ctx context.Context) ([]Count, error) {
	var rows []store.MatterCount
	err := d.store.View(ctx, func(v *store.View) (err error) {
		rows, err = v.CountMatters(gate.MatterEmergency, d.gate.Now())
		return err
	})
	out := []Count{}
	for _, r := range rows {
		if len(out) == 0 || out[len(out)-1].Month != r.Month {
			out = append(out, Count{Month: r.Month})
		}
		c := &out[len(out)-1]
		c.All += r.All
		switch r.State {
		case Justified:
			c.Justified += r.All
		case NotJustified:
			c.NotJustified += r.All
		case Waiting:
			c.Waiting, c.Overdue = r.All, r.Overdue
		}
	}
	return out, err
}
