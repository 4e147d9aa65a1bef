package store

import (
	"cairn/node/fault"
)

// AddInvitation keeps the hash of a one-time code with which a subject may
// register a passkey until expires (Unix milliseconds). owner names all
// invitations of one person.
func (tx *Tx) AddInvitation(hash [32]byte, owner, subject string, expires int64) error {
	n, err := tx.exec("INSERT INTO invitation (hash, owner, subject, expires, used) VALUES (?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
		hash[:], owner, subject, expires)
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "store.invitation-exists", "This invitation exists already.")
	}
	return err
}

// UseInvitation uses an invitation up and returns whose it is. Of any number of
// callers one succeeds; the others, and those who come at or after its end, get
// fault.Gone.
func (tx *Tx) UseInvitation(hash [32]byte, now int64) (subject string, err error) {
	n, err := tx.exec("UPDATE invitation SET used = 1 WHERE hash = ? AND used = 0 AND expires > ?", hash[:], now)
	if err != nil {
		return "", err
	}
	found, err := tx.c.one("SELECT subject FROM invitation WHERE hash = ?",
		func(r row) error { subject = r.text(0); return nil }, hash[:])
	switch {
	case err != nil:
		return "", err
	case !found:
		return "", missing("store.no-invitation", "This invitation is not known here.")
	case n == 0:
		return "", fault.New(fault.Gone, "store.invitation-over", "This invitation has been used or has run out.")
	}
	return subject, nil
}

// DropInvitations removes the invitations that ended before a time and returns
// how many.
func (tx *Tx) DropInvitations(before int64) (int, error) {
	n, err := tx.exec("DELETE FROM invitation WHERE expires < ?", before)
	return int(n), err
}

// DropInvitation removes an invitation that was not used, and returns whose it
// was and whether there was one.
func (tx *Tx) DropInvitation(hash [32]byte) (subject string, there bool, err error) {
	there, err = tx.c.one("SELECT subject FROM invitation WHERE hash = ? AND used = 0",
		func(r row) error { subject = r.text(0); return nil }, hash[:])
	if err == nil && there {
		err = tx.put("DELETE FROM invitation WHERE hash = ?", hash[:])
	}
	return subject, there, err
}

// DropInvitationsOf removes all invitations of one person that were not used and
// returns how many there were.
func (tx *Tx) DropInvitationsOf(owner string) (int, error) {
	n, err := tx.exec("DELETE FROM invitation WHERE owner = ? AND used = 0", owner)
	return int(n), err
}
