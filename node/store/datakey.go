package store

// AddKey keeps the wrapped data key of a subject unless there is one, and
// returns the one that is kept.
func (tx *Tx) AddKey(subject string, wrapped []byte) (kept []byte, err error) {
	n, err := tx.exec("INSERT INTO datakey (subject, wrapped) VALUES (?, ?) ON CONFLICT DO NOTHING", subject, wrapped)
	if err != nil || n == 1 {
		return wrapped, err
	}
	return tx.Key(subject)
}

// Key returns the wrapped data key of a subject.
func (v *View) Key(subject string) ([]byte, error) {
	var wrapped []byte
	found, err := v.c.one("SELECT wrapped FROM datakey WHERE subject = ?",
		func(r row) error { wrapped = r.blob(0); return nil }, subject)
	if err == nil && !found {
		err = missing("store.no-key", "There is no key for this record.")
	}
	return wrapped, err
}

// DeleteKey destroys the wrapped data key of a subject and reports whether
// there was one. Checkpoint takes it out of the write-ahead log as well.
func (tx *Tx) DeleteKey(subject string) (bool, error) {
	n, err := tx.exec("DELETE FROM datakey WHERE subject = ?", subject)
	return n == 1, err
}
