package store

// Locator says that a patient of ours has records at another member, under
// which id there, and under which slip we may ask for them.
type Locator struct {
	Subject    string // her local id here
	Member     string // the custodian
	Patient    string // her id there
	Commitment [32]byte
	Added      int64 // Unix milliseconds
}

// PutLocator keeps a locator in place of the one for the same subject and member.
func (tx *Tx) PutLocator(l *Locator) error {
	err := tx.put("INSERT INTO locator (subject, member, patient, commitment, added) VALUES (?, ?, ?, ?, ?) "+
		"ON CONFLICT (subject, member) DO UPDATE SET patient = excluded.patient, "+
		"commitment = excluded.commitment, added = excluded.added",
		l.Subject, l.Member, l.Patient, l.Commitment[:], l.Added)
	return err
}

// DeleteLocator removes a locator and reports whether there was one.
func (tx *Tx) DeleteLocator(subject, member string) (bool, error) {
	n, err := tx.exec("DELETE FROM locator WHERE subject = ? AND member = ?", subject, member)
	return n == 1, err
}

// Locators returns where else a subject has records, by member id.
func (v *View) Locators(subject string) ([]*Locator, error) {
	var all []*Locator
	err := v.c.each("SELECT member, patient, commitment, added FROM locator WHERE subject = ? ORDER BY member",
		func(r row) error {
			l := &Locator{Subject: subject, Member: r.text(0), Patient: r.text(1), Added: r.int(3)}
			if !r.hash(2, &l.Commitment) {
				return damaged("a locator")
			}
			all = append(all, l)
			return nil
		}, subject)
	return all, err
}
