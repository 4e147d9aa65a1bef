package store

import (
	"cairn/node/fault"
)

// Slip is one custodian's part of a consent, as it is kept here. Body is the
// caller's, as is the meaning of State.
type Slip struct {
	Commitment [32]byte
	Subject    string
	Grantee    string
	Stop       [32]byte // image of the revocation secret
	Kit        [32]byte // image of the mark of the patient's kit; zero if there is none
	Body       []byte
	State      uint8
	Accepted   int64 // Unix milliseconds
}

// AddSignature keeps, beside a slip, what it was signed with.
func (tx *Tx) AddSignature(commitment [32]byte, body []byte) error {
	return tx.put("INSERT INTO signature (commitment, body) VALUES (?, ?)", commitment[:], body)
}

// Signature returns what a slip was signed with.
func (v *View) Signature(commitment [32]byte) (body []byte, err error) {
	found, err := v.c.one("SELECT body FROM signature WHERE commitment = ?", func(r row) error { body = r.blob(0); return nil }, commitment[:])
	if err == nil && !found {
		err = missing("store.no-signature", "There is no signature of this consent.")
	}
	return body, err
}

const slipColumns = "SELECT commitment, subject, grantee, stop, body, state, accepted, kit FROM slip "

// AddSlip keeps a slip. It fails with fault.Conflict if its commitment is
// already there.
func (tx *Tx) AddSlip(s *Slip) error {
	n, err := tx.exec("INSERT INTO slip (commitment, subject, grantee, stop, body, state, accepted, kit) "+
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		s.Commitment[:], s.Subject, s.Grantee, s.Stop[:], s.Body, int64(s.State), s.Accepted, s.Kit[:])
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "store.slip-exists", "This consent is already here.")
	}
	if err == nil {
		err = tx.changed()
	}
	return err
}

// SetSlipState changes the state of a slip.
func (tx *Tx) SetSlipState(commitment [32]byte, state uint8) error {
	n, err := tx.exec("UPDATE slip SET state = ? WHERE commitment = ?", int64(state), commitment[:])
	if err == nil && n == 0 {
		err = noSlip()
	}
	return err
}

// Slip returns the slip with this commitment.
func (v *View) Slip(commitment [32]byte) (*Slip, error) {
	all, err := v.slips("WHERE commitment = ?", commitment[:])
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, noSlip()
	}
	return all[0], nil
}

// Slips returns the slips of a subject, oldest first.
func (v *View) Slips(subject string) ([]*Slip, error) {
	return v.slips("WHERE subject = ? ORDER BY accepted, commitment", subject)
}

func (v *View) slips(where string, key any) ([]*Slip, error) {
	var all []*Slip
	err := v.c.each(slipColumns+where, func(r row) error {
		s := &Slip{Subject: r.text(1), Grantee: r.text(2), Body: r.blob(4), State: uint8(r.int(5)), Accepted: r.int(6)}
		if !r.hash(0, &s.Commitment) || !r.hash(3, &s.Stop) || !r.hash(7, &s.Kit) {
			return damaged("a consent")
		}
		all = append(all, s)
		return nil
	}, key)
	return all, err
}

// EachSlip calls f for every slip in a state, in no particular order.
func (v *View) EachSlip(state uint8, f func(*Slip) error) error {
	all, err := v.slips("WHERE state = ?", int64(state))
	for i := 0; err == nil && i < len(all); i++ {
		err = f(all[i])
	}
	return err
}

func noSlip() error { return missing("store.no-slip", "There is no such consent here.") }
