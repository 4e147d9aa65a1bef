package store

// Used returns how many uses of a slip were taken.
func (v *View) Used(commitment [32]byte) (n int64, err error) {
	_, err = v.c.one("SELECT used FROM slip_use WHERE commitment = ?", func(r row) error { n = r.int(0); return nil }, commitment[:])
	return n, err
}

// TakeUse takes one use of a slip. The caller has looked, in the same transaction,
// whether there is one left.
func (tx *Tx) TakeUse(commitment [32]byte) error {
	return tx.put("INSERT INTO slip_use (commitment, used) VALUES (?, 1) ON CONFLICT (commitment) DO UPDATE SET used = slip_use.used + 1", commitment[:])
}
