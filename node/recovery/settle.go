package recovery

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"cairn/consent/recovery"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// alertEvery is how often the patient's log says that a recovery waits, in
// milliseconds of block time.
const alertEvery = 24 * 3600 * 1000

// Settle carries out what has become of a patient's recoveries, so that what is
// decided next is decided by the passkeys that count. The door calls it before
// it takes a passkey.
func (d *Desk) Settle(ctx context.Context, subject string) error {
	var rows []*store.Recovery
	err := d.store.Once(ctx, func(v *store.View) (err error) {
		rows, err = v.Recoveries(subject)
		return err
	})
	for _, row := range rows {
		if err == nil && row.State == stateWaiting {
			err = d.settle(ctx, row)
		}
	}
	return err
}

// settle carries out what has become of one that waits.
func (d *Desk) settle(ctx context.Context, row *store.Recovery) error {
	l, err := d.open(row)
	if err != nil {
		return err
	}
	s, _, err := d.stands(l)
	if err != nil {
		return err
	}
	switch s {
	case recovery.Cancelled:
		return d.end(ctx, row, l, stateCancelled, proof.KindRecoveryCancelled, herself)
	case recovery.Effective:
		return d.take(ctx, row, l)
	}
	if now := d.chain.BlockTime(); now-l.Alerted >= alertEvery {
		l.Alerted = now
		return d.end(ctx, row, l, stateWaiting, proof.KindRecoveryWaits, d.itself())
	}
	return nil
}

// end writes what has become of a row; who was slower than another process has
// nothing to do.
func (d *Desk) end(ctx context.Context, row *store.Recovery, l lock, state uint8, kind string, by proof.Actor, also ...func(*store.Tx) error) error {
	l.State = state
	if err := d.seal(row, l); err != nil {
		return err
	}
	draft, err := d.event(kind, row.Subject, "recovery", by)
	if err != nil {
		return err
	}
	err = d.change(ctx, row, stateWaiting, draft, also...)
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// take puts the fresh passkey in the place of the old ones: these, the sessions
// and the tokens that were given by them are nobody's any more. What she allowed
// stays, and so do her records.
func (d *Desk) take(ctx context.Context, row *store.Recovery, l lock) error {
	fresh, err := identity.DecodeFresh(l.Fresh)
	if err != nil {
		return broken(err)
	}
	return d.end(ctx, row, l, stateEffective, proof.KindRecoveryEffective, d.itself(), func(tx *store.Tx) error {
		return d.door.Instate(tx, row.Subject, fresh)
	})
}

// retryAfter is how long what could not be settled waits.
const retryAfter = 5 * time.Second

// Run settles what waits at each block until ctx ends, and says in the
// patient's log, day by day, that it waits. The door settles besides, so nothing
// depends on Run but that a log is written in time.
func (d *Desk) Run(ctx context.Context) {
	for {
		changed := d.chain.Changed()
		var retry <-chan time.Time
		if err := d.settleAll(ctx); err != nil && ctx.Err() == nil {
			d.log.LogAttrs(ctx, slog.LevelError, "recoveries could not be settled yet", slog.Any("cause", err))
			retry, changed = time.After(retryAfter), nil
		}
		select {
		case <-changed:
		case <-retry:
		case <-ctx.Done():
			return
		}
	}
}

func (d *Desk) settleAll(ctx context.Context) error {
	rows, err := d.waiting(ctx)
	errs := []error{err}
	for _, row := range rows {
		errs = append(errs, d.settle(ctx, row))
	}
	return errors.Join(errs...)
}

func (d *Desk) waiting(ctx context.Context) (rows []*store.Recovery, err error) {
	err = d.store.View(ctx, func(v *store.View) (err error) {
		rows, err = v.RecoveriesIn(stateWaiting)
		return err
	})
	return rows, err
}

// Shown is a recovery as the patient sees it.
type Shown struct {
	ID     [32]byte
	State  recovery.State
	Until  int64  // when one that waits takes effect, block time in Unix milliseconds
	Delay  int64  // milliseconds
	Device string // what the fresh passkey calls itself
	By     string // "deposit" or "invitation"
	Kit    [32]byte
}

// List returns how the signed-in patient can be recovered, and what waits.
func (d *Desk) List(ctx context.Context, actor identity.Actor) ([]Shown, error) {
	if err := patientOnly(actor); err != nil {
		return nil, err
	}
	var rows []*store.Recovery
	err := d.store.View(ctx, func(v *store.View) (err error) {
		rows, err = v.Recoveries(actor.Patient())
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Shown, 0, len(rows))
	for _, row := range rows {
		l, err := d.open(row)
		if err != nil {
			return nil, err
		}
		one, err := d.shown(row, l)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

func (d *Desk) shown(row *store.Recovery, l lock) (Shown, error) {
	s, until, err := d.stands(l)
	if err != nil {
		return Shown{}, err
	}
	switch l.State { // what was carried out stays
	case stateCancelled:
		s, until = recovery.Cancelled, 0
	case stateEffective:
		s = recovery.Effective
	}
	out := Shown{ID: row.ID, State: s, Until: until, Delay: l.Delay, By: "deposit", Kit: l.Kit}
	if l.Deposit == nil {
		out.By = "invitation"
	}
	if l.Fresh != nil {
		fresh, err := identity.DecodeFresh(l.Fresh)
		if err != nil {
			return Shown{}, broken(err)
		}
		out.Device = fresh.Name()
	}
	return out, nil
}

// Cancel ends every recovery of the signed-in patient that waits. Her sign-in was
// by an old passkey: the fresh one signs nobody in while it waits. It returns
// how many there were.
func (d *Desk) Cancel(ctx context.Context, actor identity.Actor) (n int, err error) {
	if err := patientOnly(actor); err != nil {
		return 0, err
	}
	if err := d.Settle(ctx, actor.Patient()); err != nil { // what took effect before cannot be cancelled
		return 0, err
	}
	rows, err := d.waiting(ctx)
	if err != nil {
		return 0, err
	}
	for _, row := range rows {
		if row.Subject != actor.Patient() {
			continue
		}
		l, err := d.open(row)
		if err != nil {
			return n, err
		}
		l.Cancelled = max(d.chain.BlockTime(), 1)
		if err := d.end(ctx, row, l, stateCancelled, proof.KindRecoveryCancelled, gate.Describe(actor)); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Due is a patient whom the hospital should tell, by whatever means it reaches
// her, that somebody recovers her sign-in.
type Due struct {
	Patient string
	Until   int64 // block time, Unix milliseconds; 0 while the mark is not on the ledger
}

// Waiting returns who is to be told, for software with the right to invite.
func (d *Desk) Waiting(ctx context.Context, actor identity.Actor) ([]Due, error) {
	if !actor.May(identity.RightInvite) {
		return nil, fault.New(fault.Refused, "policy.invite", "this software was not registered with the right to invite patients")
	}
	rows, err := d.waiting(ctx)
	out := make([]Due, 0, len(rows))
	for _, row := range rows {
		l, err := d.open(row)
		if err != nil {
			return nil, err
		}
		s, until, err := d.stands(l)
		if err != nil {
			return nil, err
		}
		if s == recovery.Waiting || s == recovery.Quiet {
			out = append(out, Due{row.Subject, until})
		}
	}
	return out, err
}
