package order

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// approve adds somebody's yes to a list, and tells whether two people of different
// roles are in it.
func approve(list []Approval, a identity.Actor, now int64) ([]Approval, bool, error) {
	if slices.ContainsFunc(list, func(have Approval) bool { return have.Person == a.Person() }) {
		return nil, false, fault.New(fault.Conflict, "order-own-approval", "nobody approves twice").WithHint("somebody in another role must")
	}
	if slices.ContainsFunc(list, func(have Approval) bool { return have.Role == a.Role() }) {
		return nil, false, fault.New(fault.Refused, "policy.two-roles", "two people of different roles approve an order").WithHint("somebody in another role must")
	}
	list = append(slices.Clone(list), Approval{a.Person(), a.Name(), a.Role(), now})
	return list, len(list) == 2, nil
}

// Approve approves an order. With the second approval, of somebody in another role,
// it can be carried out by the two.
func (d *Desk) Approve(ctx context.Context, actor identity.Actor, id string) (Order, error) {
	return d.change(ctx, actor, id, proof.KindOrderApproved, func(m *gate.Matter, r *rest) (more string, err error) {
		now, both := d.gate.Now(), false
		switch {
		case m.State != Entered:
			return "", fault.New(fault.Conflict, "order-approved", "this order is approved, or ended, already")
		case now >= m.Ends:
			return "", over()
		}
		if r.Approvals, both, err = approve(r.Approvals, actor, now); err != nil || !both {
			return "first approval", err
		}
		m.State, m.Valid, m.People = Approved, true, []string{r.Approvals[0].Person, r.Approvals[1].Person}
		return "second approval", nil
	})
}

// Extend approves that the patient is told later. It is so once a second person, in
// another role, has approved the same date; until then the date that was set holds.
// What she is told already cannot be taken back.
func (d *Desk) Extend(ctx context.Context, actor identity.Actor, id string, opens int64) (Order, error) {
	return d.change(ctx, actor, id, proof.KindOrderExtended, func(m *gate.Matter, r *rest) (more string, err error) {
		now, both := d.gate.Now(), false
		switch {
		case m.Shows <= now:
			return "", fault.New(fault.Gone, "order-open", "the patient is told of this order already")
		case opens <= m.Shows || opens > m.Begun+d.secret.Milliseconds():
			return "", fault.New(fault.Invalid, "order-opens", fmt.Sprintf("the later date is after the one that is set, and at most %d days after the order was entered", int(d.secret.Hours()/24)))
		}
		if r.Later == nil || r.Later.Opens != opens {
			r.Later = &Later{Opens: opens}
		}
		if r.Later.Approvals, both, err = approve(r.Later.Approvals, actor, now); err != nil {
			return "", err
		}
		if both {
			m.Shows, r.Later = opens, nil
			return "second approval: the patient is told from " + moment(opens) + " on", nil
		}
		return "first approval of " + moment(opens), nil
	})
}

// End ends an order before its time: nothing more can be read by it.
func (d *Desk) End(ctx context.Context, actor identity.Actor, id string) error {
	_, err := d.change(ctx, actor, id, proof.KindOrderEnded, func(m *gate.Matter, _ *rest) (string, error) {
		if m.State == Ended || d.gate.Now() >= m.Ends {
			return "", over()
		}
		m.State, m.Valid = Ended, false
		return "", nil
	})
	return err
}

func over() error { return fault.New(fault.Gone, "order-over", "this order is over") }

// Open returns the token with which one of the two who approved an order reads what
// it reaches. It is good for an hour, and no longer than the order.
func (d *Desk) Open(ctx context.Context, actor identity.Actor, id string) (identity.Token, error) {
	if err := d.may(actor); err != nil {
		return identity.Token{}, err
	}
	m, _, err := d.find(ctx, id)
	if err != nil {
		return identity.Token{}, err
	}
	left := time.Duration(m.Ends-d.gate.Now()) * time.Millisecond
	switch {
	case m.State == Entered:
		return identity.Token{}, fault.New(fault.Conflict, "order-waits", "this order waits for approvals")
	case !m.Valid || left <= 0:
		return identity.Token{}, over()
	case !slices.Contains(m.People, actor.Person()):
		return identity.Token{}, fault.New(fault.Refused, "policy.order-people", "one of the two who approved the order carries it out")
	}
	draft, err := d.journal.Draft(d.event(proof.KindSignIn, actor, &m, ""))
	if err != nil {
		return identity.Token{}, err
	}
	return d.door.OpenMatter(ctx, actor, identity.Matter{Kind: identity.Legal, ID: m.ID, Patient: m.Subject, Life: min(tokenLife, left)}, draft.Append)
}

// change does something to an order, with its event, unless somebody else was
// faster.
func (d *Desk) change(ctx context.Context, actor identity.Actor, id, kind string, do func(*gate.Matter, *rest) (more string, err error)) (Order, error) {
	if err := d.may(actor); err != nil {
		return Order{}, err
	}
	m, r, err := d.find(ctx, id)
	if err != nil {
		return Order{}, err
	}
	was, state := m.Changed, m.State
	more, err := do(&m, &r)
	if err != nil {
		return Order{}, err
	}
	m.Changed = max(d.gate.Now(), was+1)
	row, err := d.keep(ctx, &m, r)
	if err != nil {
		return Order{}, err
	}
	draft, err := d.journal.Draft(d.event(kind, actor, &m, more))
	if err != nil {
		return Order{}, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.ChangeMatter(row, was); err != nil {
			return err
		}
		if err := draft.Append(tx); err != nil {
			return err
		}
		if state == Entered && m.State == Approved {
			return d.alert(tx, draft, &m)
		}
		return tx.ShowAlerts(m.ID, m.Shows)
	})
	return shown(m, r), err
}

// alert has the patient be told of an approval from the date on that was set.
func (d *Desk) alert(tx *store.Tx, draft *evidence.Draft, m *gate.Matter) error {
	event, err := uuid.Parse(draft.Receipt().ID)
	if err != nil {
		return err
	}
	now := d.gate.Now()
	return tx.AddAlert(&store.Alert{ID: uuid.NewString(), Subject: m.Subject, Matter: m.ID, Event: event, Made: now, Shows: max(now, m.Shows)})
}

// find returns an order. It fails with NotFound.
func (d *Desk) find(ctx context.Context, id string) (m gate.Matter, r rest, err error) {
	var row *store.Matter
	err = d.store.View(ctx, func(v *store.View) (err error) {
		row, err = v.Matter(id)
		return err
	})
	if fault.Is(err, fault.NotFound) || err == nil && row.Kind != gate.MatterOrder {
		return m, r, fault.New(fault.NotFound, "not-found", "there is no such order")
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
		return m, r, fault.Wrap(fault.Broken, "order", "a stored order is damaged", err)
	}
	return m, r, nil
}
