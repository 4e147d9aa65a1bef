package store

import (
	"cairn/node/fault"
)

// Recovery is a row of the time lock on a patient's sign-in. Body is the
// caller's, and sealed, as is the meaning of State.
type Recovery struct {
	ID      [32]byte
	Subject string
	State   uint8
	Body    []byte
}

const recoveryColumns = "SELECT id, subject, state, body FROM recovery "

// AddRecovery keeps a row. It fails with fault.Conflict if there is one with its
// id.
func (tx *Tx) AddRecovery(r *Recovery) error {
	n, err := tx.exec("INSERT INTO recovery (id, subject, state, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
		r.ID[:], r.Subject, int64(r.State), r.Body)
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "store.recovery-exists", "This is here already.")
	}
	return err
}

// SetRecovery changes a row that is in the state before, and reports whether it
// was.
func (tx *Tx) SetRecovery(r *Recovery, before uint8) (bool, error) {
	n, err := tx.exec("UPDATE recovery SET state = ?, body = ? WHERE id = ? AND state = ?", int64(r.State), r.Body, r.ID[:], int64(before))
	return n == 1, err
}

// DropRecoveries forgets a subject's rows in a state.
func (tx *Tx) DropRecoveries(subject string, state uint8) error {
	_, err := tx.exec("DELETE FROM recovery WHERE subject = ? AND state = ?", subject, int64(state))
	return err
}

// Recovery returns the row with this id.
func (v *View) Recovery(id [32]byte) (*Recovery, error) {
	all, err := v.recoveries("WHERE id = ?", id[:])
	if err == nil && len(all) == 0 {
		return nil, missing("store.no-recovery", "There is no such recovery here.")
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// Recoveries returns a subject's rows, in no particular order.
func (v *View) Recoveries(subject string) ([]*Recovery, error) {
	return v.recoveries("WHERE subject = ?", subject)
}

// RecoveriesIn returns all rows in a state, in no particular order.
func (v *View) RecoveriesIn(state uint8) ([]*Recovery, error) {
	return v.recoveries("WHERE state = ?", int64(state))
}

func (v *View) recoveries(where string, key any) (all []*Recovery, err error) {
	err = v.c.each(recoveryColumns+where, func(r row) error {
		one := &Recovery{Subject: r.text(1), State: uint8(r.int(2)), Body: r.blob(3)} //nolint:gosec // we wrote it
		if !r.hash(0, &one.ID) {
			return damaged("a recovery")
		}
		all = append(all, one)
		return nil
	}, key)
	return all, err
}

// Plea is what somebody who lost every device asks her recovery circle with. Its
// id is a secret of which Hash is kept.
type Plea struct {
	Hash   [32]byte
	Device []byte // public key that shares are sealed to
	Ends   int64  // Unix milliseconds
	Shares [][]byte
}

// AddPlea keeps a plea and forgets those that have ended. It fails with
// fault.TooLarge when limit of them are there.
func (tx *Tx) AddPlea(p *Plea, now int64, limit int) error {
	if _, err := tx.exec("DELETE FROM plea_share WHERE hash IN (SELECT hash FROM plea WHERE ends < ?)", now); err != nil {
		return err
	}
	if _, err := tx.exec("DELETE FROM plea WHERE ends < ?", now); err != nil {
		return err
	}
	have, err := tx.c.number("SELECT count(*) FROM plea")
	if err != nil {
		return err
	}
	if have >= int64(limit) {
		return fault.New(fault.Busy, "store.pleas", "Too many ask their recovery circles here at once.").WithHint("Try again tomorrow, or at another hospital.")
	}
	_, err = tx.exec("INSERT INTO plea (hash, device, ends) VALUES (?, ?, ?)", p.Hash[:], p.Device, p.Ends)
	return err
}

// AddShare adds what a guardian released. It fails with fault.NotFound when the
// plea is unknown or over, and with fault.TooLarge beyond limit; what is there
// already is not added twice.
func (tx *Tx) AddShare(plea [32]byte, share []byte, now int64, limit int) error {
	p, err := (&View{c: tx.c}).Plea(plea, now)
	if err != nil {
		return err
	}
	if len(p.Shares) >= limit {
		return fault.New(fault.TooLarge, "store.shares", "Enough shares came for this already.")
	}
	_, err = tx.exec("INSERT INTO plea_share (hash, share) VALUES (?, ?) ON CONFLICT DO NOTHING", plea[:], share)
	return err
}

// Plea returns a plea that is not over, with its shares.
func (v *View) Plea(hash [32]byte, now int64) (*Plea, error) {
	p := &Plea{Hash: hash}
	found, err := v.c.one("SELECT device, ends FROM plea WHERE hash = ? AND ends >= ?", func(r row) error {
		p.Device, p.Ends = r.blob(0), r.int(1)
		return nil
	}, hash[:], now)
	if err == nil && !found {
		err = missing("store.no-plea", "This is not known here, or it is over.")
	}
	if err != nil {
		return nil, err
	}
	err = v.c.each("SELECT share FROM plea_share WHERE hash = ? ORDER BY share", func(r row) error {
		p.Shares = append(p.Shares, r.blob(0))
		return nil
	}, hash[:])
	return p, err
}
