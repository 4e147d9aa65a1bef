package emergency

import (
	"context"
	"encoding/json"
	"strings"

	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// Widen opens the rest of the records: the summary was not enough. Only who broke
// the glass may, while it is broken.
func (d *Desk) Widen(ctx context.Context, actor identity.Actor, id, text string) (Emergency, error) {
	text = strings.TrimSpace(text)
	if err := checkText(text, "emergency-text"); err != nil {
		return Emergency{}, err
	}
	return d.change(ctx, actor, id, change{kind: proof.KindEmergencyWidened, more: "because: " + text, may: d.hers, do: func(m *gate.Matter, r *rest) error {
		if !m.Valid || d.gate.Now() >= m.Ends {
			return over()
		}
		if m.Types == nil {
			return fault.New(fault.Conflict, "emergency-wide", "all records are open already")
		}
		m.Types, r.More = nil, text
		return nil
	}})
}

// End ends an emergency before its time. Only who broke the glass may.
func (d *Desk) End(ctx context.Context, actor identity.Actor, id string) error {
	_, err := d.change(ctx, actor, id, change{kind: proof.KindEmergencyEnded, may: d.hers, do: func(m *gate.Matter, _ *rest) error {
		if !m.Valid || d.gate.Now() >= m.Ends {
			return over()
		}
		m.Valid = false
		return nil
	}})
	return err
}

// Review decides whether an emergency was justified. A privacy officer does, who is
// not the one who broke the glass. What was decided stays.
func (d *Desk) Review(ctx context.Context, actor identity.Actor, id, outcome, finding string) (Emergency, error) {
	finding = strings.TrimSpace(finding)
	if outcome != Justified && outcome != NotJustified {
		return Emergency{}, fault.New(fault.Invalid, "review-outcome", "a review says justified or not-justified")
	}
	if err := checkText(finding, "review-text"); err != nil {
		return Emergency{}, err
	}
	return d.change(ctx, actor, id, change{kind: proof.KindEmergencyReviewed, more: outcome + ": " + finding, may: d.officer, tells: true, do: func(m *gate.Matter, r *rest) error {
		if m.State != Waiting {
			return fault.New(fault.Conflict, "review-done", "this was reviewed already")
		}
		m.State = outcome
		r.Reviewer, r.ReviewerName, r.Finding, r.Reviewed = actor.Person(), actor.Name(), finding, d.gate.Now()
		return nil
	}})
}

// Tell has the patient be told now of what she would have been told later. A
// privacy officer does.
func (d *Desk) Tell(ctx context.Context, actor identity.Actor, id string) (Emergency, error) {
	return d.change(ctx, actor, id, change{kind: proof.KindEmergencyTold, may: d.officer, do: func(m *gate.Matter, _ *rest) error {
		now := d.gate.Now()
		if m.Shows <= now {
			return fault.New(fault.Conflict, "emergency-told", "the patient is told already")
		}
		m.Shows = now
		return nil
	}})
}

func over() error {
	return fault.New(fault.Gone, "emergency-over", "this emergency is over").WithHint("if there is still one, break the glass again")
}

// hers allows who broke the glass.
func (d *Desk) hers(a identity.Actor, m *gate.Matter) error {
	if a.Kind() != identity.Staff || a.Scopes() != nil || a.Person() != m.Person {
		return none()
	}
	return a.Assured(identity.LevelBound, d.rules.Window)
}

// officer allows a privacy officer who is somebody else.
func (d *Desk) officer(a identity.Actor, m *gate.Matter) error {
	if err := mayReview(a); err != nil {
		return err
	}
	if a.Person() == m.Person {
		return fault.New(fault.Refused, "policy.second-person", "nobody reviews what she did herself").WithHint("another privacy officer does")
	}
	return nil
}

func mayReview(a identity.Actor) error {
	if !a.Has(identity.RightReview) || a.Scopes() != nil {
		return fault.New(fault.Refused, "policy.review", "this is for a privacy officer of this hospital")
	}
	return a.Assured(identity.LevelBound, identity.StepUp)
}

func none() error { return fault.New(fault.NotFound, "not-found", "there is no such emergency") }

// change is what somebody does to an emergency.
type change struct {
	kind, more string
	may        func(identity.Actor, *gate.Matter) error
	do         func(*gate.Matter, *rest) error
	tells      bool // the patient is told of it
}

// change does it, with its event, unless somebody else was faster.
func (d *Desk) change(ctx context.Context, actor identity.Actor, id string, c change) (Emergency, error) {
	if actor.Kind() != identity.Staff {
		return Emergency{}, fault.New(fault.Refused, "policy.emergency", "only people of this hospital who signed in here do this")
	}
	m, r, err := d.open(ctx, id)
	if err != nil {
		return Emergency{}, err
	}
	if err := c.may(actor, &m); err != nil {
		return Emergency{}, err
	}
	was := m.Changed
	if err := c.do(&m, &r); err != nil {
		return Emergency{}, err
	}
	m.Changed = max(d.gate.Now(), was+1)
	row, err := d.keep(ctx, &m, r)
	if err != nil {
		return Emergency{}, err
	}
	draft, err := d.journal.Draft(d.event(c.kind, actor, &m, c.more))
	if err != nil {
		return Emergency{}, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.ChangeMatter(row, was); err != nil {
			return err
		}
		if c.tells {
			return d.tell(tx, draft, &m)
		}
		if c.kind == proof.KindEmergencyTold {
			if err := tx.ShowAlerts(m.ID, m.Shows); err != nil {
				return err
			}
		}
		return draft.Append(tx)
	})
	return d.shown(m, r), err
}

// open returns an emergency. It fails with NotFound.
func (d *Desk) open(ctx context.Context, id string) (m gate.Matter, r rest, err error) {
	var row *store.Matter
	err = d.store.View(ctx, func(v *store.View) (err error) {
		row, err = v.Matter(id)
		return err
	})
	if fault.Is(err, fault.NotFound) || err == nil && row.Kind != gate.MatterEmergency {
		return m, r, none()
	}
	if err != nil {
		return m, r, err
	}
	return d.opened(ctx, row)
}

func (d *Desk) opened(ctx context.Context, row *store.Matter) (m gate.Matter, r rest, err error) {
	if m, err = d.gate.Matter(ctx, row); err != nil {
		return m, r, err
	}
	if err := json.Unmarshal(m.Rest, &r); err != nil {
		return m, r, fault.Wrap(fault.Broken, "emergency", "a stored emergency is damaged", err)
	}
	return m, r, nil
}
