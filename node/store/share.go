package store

// What is here lets several processes of one hospital share a database.

// Shared reports whether other processes may have the same database open.
func (s *Store) Shared() bool { return s.writer.shared }

// Epoch returns the count of changes of consents as far as this process knows it:
// what a View that begins now has at least. See View.Epoch.
func (s *Store) Epoch() uint64 { return s.writer.seen.Load() }

// Epoch returns a count of changes of the hospital's consents that a decision
// is made by: a View sees at least all that were counted when it began. Who
// keeps what he read of them keeps the count that his View had with it, and
// compares it with the Tx's when it matters: a Tx has the count as it is, of all
// processes.
func (v *View) Epoch() uint64 { return v.epoch }

// EpochNow returns the count that the View itself sees.
func (v *View) EpochNow() (uint64, error) {
	n, err := v.c.number("SELECT epoch FROM turn")
	return uint64(n), err //nolint:gosec // counts up from 0
}

// changed counts a change of consents.
func (tx *Tx) changed() error {
	tx.w.epoch++
	tx.epoch = tx.w.epoch
	return tx.put("UPDATE turn SET epoch = ?", int64(tx.w.epoch)) //nolint:gosec // counts up from 0
}

// Use marks a hash used until a time and reports whether it was not before. Now
// and then it forgets those that ended before now.
func (tx *Tx) Use(hash [32]byte, until, now int64) (first bool, err error) {
	if hash[0]%32 == 0 {
		if err := tx.put("DELETE FROM used WHERE until < ?", now); err != nil {
			return false, err
		}
	}
	n, err := tx.exec("INSERT INTO used (hash, until) VALUES (?, ?) ON CONFLICT DO NOTHING", hash[:], until)
	return n == 1, err
}
