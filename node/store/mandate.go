package store

// Mandate says that one person may act for another. Body is the caller's, and
// sealed.
type Mandate struct {
	ID, Subject, Holder string
	Body                []byte
	Ended               int64 // Unix milliseconds of block time; 0 if nobody ended it
}

// AddMandate keeps a mandate. Decisions under way that were made without it are
// made anew.
func (tx *Tx) AddMandate(m *Mandate) error {
	_, err := tx.exec("INSERT INTO mandate (id, subject, holder, body, ended) VALUES (?, ?, ?, ?, ?)", m.ID, m.Subject, m.Holder, m.Body, m.Ended)
	if err == nil {
		err = tx.changed()
	}
	return err
}

// EndMandate ends a mandate that nobody has ended, and reports whether there was
// one. Decisions under way that were made with it are made anew.
func (tx *Tx) EndMandate(m *Mandate) (bool, error) {
	n, err := tx.exec("UPDATE mandate SET body = ?, ended = ? WHERE id = ? AND ended = 0", m.Body, m.Ended, m.ID)
	if err == nil && n == 1 {
		err = tx.changed()
	}
	return n == 1, err
}

// Mandates returns all mandates about a patient, ended or not, by id.
func (v *View) Mandates(subject string) ([]*Mandate, error) { return v.mandates("subject", subject) }

// MandatesOf returns all mandates of a person who acts for others, by id.
func (v *View) MandatesOf(holder string) ([]*Mandate, error) { return v.mandates("holder", holder) }

// Mandate returns the mandate with this id.
func (v *View) Mandate(id string) (*Mandate, error) {
	all, err := v.mandates("id", id)
	if err == nil && len(all) == 0 {
		return nil, missing("store.no-mandate", "There is no such mandate.")
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

func (v *View) mandates(column, key string) (all []*Mandate, err error) {
	err = v.c.each("SELECT id, subject, holder, body, ended FROM mandate WHERE "+column+" = ? ORDER BY id", func(r row) error {
		all = append(all, &Mandate{r.text(0), r.text(1), r.text(2), r.blob(3), r.int(4)})
		return nil
	}, key)
	return all, err
}
