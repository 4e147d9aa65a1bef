package store

// Done remembers the answer to a request that was carried out, under a key of
// the caller's that names the request, so that a repeat is not carried out
// again.
func (tx *Tx) Done(key [32]byte, now int64, answer []byte) error {
	if err := tx.put("DELETE FROM done WHERE time < ?", now-doneFor); err != nil {
		return err
	}
	err := tx.put("INSERT INTO done (key, time, answer) VALUES (?, ?, ?)", key[:], now, answer)
	return err
}

// doneFor is how long answers are remembered, in milliseconds: 35 days.
const doneFor = 35 * 24 * 60 * 60 * 1000

// WasDone returns the answer that is remembered under a key, nil if none is.
func (v *View) WasDone(key [32]byte) (answer []byte, err error) {
	_, err = v.c.one("SELECT answer FROM done WHERE key = ?", func(r row) error { answer = r.blob(0); return nil }, key[:])
	return answer, err
}
