package store

import (
	"cairn/node/fault"
)

// Safe is a patient's sealed wallet. Nobody here can open Body.
type Safe struct {
	Subject string
	Version uint64
	Body    []byte
	Updated int64 // Unix milliseconds
}

// PutSafe keeps a patient's sealed wallet in the place of an older one, with the
// hashes of the handles that fetch it. It fails with fault.Precondition unless
// its version is higher than that of the one that is there, and with
// fault.Conflict if somebody else's wallet has one of the handles.
func (tx *Tx) PutSafe(s *Safe, handles [][32]byte) error {
	n, err := tx.exec("INSERT INTO safe (subject, version, body, updated) VALUES (?, ?, ?, ?) "+
		"ON CONFLICT (subject) DO UPDATE SET version = excluded.version, body = excluded.body, updated = excluded.updated WHERE safe.version < excluded.version",
		s.Subject, clampInt64(s.Version), s.Body, s.Updated)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.New(fault.Precondition, "store.safe-older", "This hospital has a later version of the wallet.").
			WithHint("Fetch it, bring yours up to it, and keep it again.")
	}
	if _, err := tx.exec("DELETE FROM safe_handle WHERE subject = ?", s.Subject); err != nil {
		return err
	}
	for _, h := range handles {
		n, err := tx.exec("INSERT INTO safe_handle (hash, subject) VALUES (?, ?) ON CONFLICT DO NOTHING", h[:], s.Subject)
		if err == nil && n == 0 {
			err = fault.New(fault.Conflict, "store.safe-handle", "This handle is taken.")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// DropSafe forgets a patient's sealed wallet and reports whether there was one.
func (tx *Tx) DropSafe(subject string) (bool, error) {
	if _, err := tx.exec("DELETE FROM safe_handle WHERE subject = ?", subject); err != nil {
		return false, err
	}
	n, err := tx.exec("DELETE FROM safe WHERE subject = ?", subject)
	return n == 1, err
}

// Safe returns a patient's sealed wallet.
func (v *View) Safe(subject string) (*Safe, error) { return v.safe("subject = ?", subject) }

// SafeBy returns the sealed wallet that a handle fetches, by the handle's hash.
func (v *View) SafeBy(handle [32]byte) (*Safe, error) {
	return v.safe("subject = (SELECT subject FROM safe_handle WHERE hash = ?)", handle[:])
}

func (v *View) safe(where string, key any) (*Safe, error) {
	var s Safe
	found, err := v.c.one("SELECT subject, version, body, updated FROM safe WHERE "+where, func(r row) error {
		s = Safe{r.text(0), r.uint(1), r.blob(2), r.int(3)}
		return nil
	}, key)
	if err == nil && !found {
		err = missing("store.no-safe", "There is no such wallet here.")
	}
	return &s, err
}
