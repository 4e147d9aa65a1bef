package recovery

import (
	"context"
	"encoding/json"
	"fmt"

	"cairn/consent/recovery"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// Options are what a device needs to make a fresh passkey for whoever knows the
// secret that opens a deposit. It fails with Unauthenticated for every other
// secret, and for one that was used.
func (d *Desk) Options(ctx context.Context, secret [32]byte) (json.RawMessage, error) {
	image := gate.Image(secret)
	if _, _, err := d.usable(ctx, image); err != nil {
		return nil, err
	}
	return d.door.RecoverOptions(image)
}

// Began is a recovery that has begun.
type Began struct {
	Patient string // her id at this hospital
	Height  uint64 // of the block from whose time the delay runs
	Until   int64  // when it takes effect unless it is cancelled, block time in Unix milliseconds
}

// Begin takes the secret that opens a deposit and a fresh passkey, made with
// Options. The passkey is durable here before the secret goes to the ledger,
// where everybody can read it: so nobody else can use it. Until the secret is
// sealed a later passkey takes the place of an earlier one; from then on the
// secret is spent. If the ledger does not answer in time it fails with Busy, and
// the same call is to be made again.
func (d *Desk) Begin(ctx context.Context, secret [32]byte, response []byte, name string) (Began, error) {
	about, fresh, err := d.door.Recovering(response, name)
	if err != nil {
		return Began{}, err
	}
	image := gate.Image(secret)
	if about != image {
		return Began{}, unknown()
	}
	row, l, err := d.usable(ctx, image)
	if err != nil {
		return Began{}, err
	}
	before := row.State
	l.State, l.Fresh, l.Alerted = stateWaiting, fresh.Encode(), d.chain.BlockTime()
	if err := d.seal(row, l); err != nil {
		return Began{}, err
	}
	draft, err := d.event(proof.KindRecoveryBegun, row.Subject, "recovery", herself)
	if err != nil {
		return Began{}, err
	}
	if err := d.change(ctx, row, before, draft); err != nil {
		return Began{}, err
	}
	height, err := d.marks.Mark(ctx, [][32]byte{secret})
	if err != nil {
		return Began{}, err
	}
	_, until, err := d.stands(l)
	return Began{row.Subject, height, until}, err
}

// change writes a row that is still as it was, with its event.
func (d *Desk) change(ctx context.Context, row *store.Recovery, before uint8, draft *evidence.Draft, also ...func(*store.Tx) error) error {
	return d.store.Update(ctx, func(tx *store.Tx) error {
		was, err := tx.SetRecovery(row, before)
		if err != nil {
			return err
		}
		if !was {
			return fault.New(fault.Conflict, "recovery-changed", "this recovery was changed at this moment").WithHint("look at it again")
		}
		for _, f := range also {
			if err := f(tx); err != nil {
				return err
			}
		}
		return draft.Append(tx)
	})
}

// usable finds the deposit that an image opens and that is not spent.
func (d *Desk) usable(ctx context.Context, image [32]byte) (*store.Recovery, lock, error) {
	var row *store.Recovery
	err := d.store.View(ctx, func(v *store.View) (err error) {
		row, err = v.Recovery(image)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil, lock{}, unknown()
	}
	if err != nil {
		return nil, lock{}, err
	}
	l, err := d.open(row)
	if err != nil {
		return nil, lock{}, err
	}
	s, _, err := d.stands(l)
	if err != nil {
		return nil, lock{}, err
	}
	if s != recovery.Quiet || l.State > stateWaiting {
		return nil, lock{}, unknown()
	}
	return row, l, nil
}

func unknown() error {
	return fault.New(fault.Unauthenticated, "recovery", "this secret opens no recovery here, or it was used").
		WithHint("ask the hospital to prove who you are and to invite you anew")
}

// Invited lets the passkey that somebody registered with a hospital's code wait
// if the patient has or had passkeys: whoever can issue codes could otherwise act
// in her name at once. It is for the transaction of the registration. What cancels
// her deposit here, if she left one, cancels this too.
func (d *Desk) Invited(tx *store.Tx, subject string, fresh identity.Fresh) (waits bool, err error) {
	had, err := tx.HasEntry(subject, proof.KindPasskeyRegistered)
	if err != nil || !had {
		return false, err
	}
	now := d.chain.BlockTime()
	l := lock{State: stateWaiting, Fresh: fresh.Encode(), Opened: now, Delay: max(d.Least, 1), Alerted: now}
	if l.Cancel, err = d.cancels(tx, subject); err != nil {
		return false, err
	}
	row := &store.Recovery{ID: fresh.ID(), Subject: subject}
	if err := d.seal(row, l); err != nil {
		return false, err
	}
	draft, err := d.event(proof.KindRecoveryBegun, subject, "invitation", herself)
	if err != nil {
		return false, err
	}
	if err := tx.AddRecovery(row); err != nil {
		return false, fmt.Errorf("letting a passkey wait: %w", err)
	}
	return true, draft.Append(tx)
}

// cancels returns the image of what cancels a patient's deposit, if she left one
// that nobody opened.
func (d *Desk) cancels(tx *store.Tx, subject string) (image [32]byte, err error) {
	rows, err := tx.Recoveries(subject)
	for _, row := range rows {
		if err != nil || row.State != stateQuiet {
			continue
		}
		var l lock
		if l, err = d.open(row); err != nil {
			continue
		}
		dep, bad := l.deposit()
		if err = bad; dep != nil {
			image = dep.Cancel
		}
	}
	return image, err
}
