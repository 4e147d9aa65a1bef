package store

// App is an app that is registered here.
type App struct {
	ID      string
	Body    []byte // the caller's, sealed
	Changed int64  // Unix milliseconds
}

// PutApp keeps an app in place of the one with the same id.
func (tx *Tx) PutApp(a *App) error {
	return tx.put("INSERT INTO app (id, body, changed) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body, changed = excluded.changed",
		a.ID, a.Body, a.Changed)
}

// DeleteApp removes an app with all that stands on it, at once and at every
// process, and reports whether there was one.
func (tx *Tx) DeleteApp(id string) (bool, error) {
	for _, sql := range []string{
		"DELETE FROM ticket WHERE family IN (SELECT id FROM family WHERE app = ?)",
		"DELETE FROM family WHERE app = ?", "DELETE FROM approval WHERE app = ?",
	} {
		if err := tx.put(sql, id); err != nil {
			return false, err
		}
	}
	n, err := tx.exec("DELETE FROM app WHERE id = ?", id)
	return n == 1, err
}

// App returns an app.
func (v *View) App(id string) (*App, error) {
	all, err := v.apps("WHERE id = ?", id)
	if err == nil && len(all) == 0 {
		err = missing("store.no-app", "There is no such app.")
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// Apps returns all apps by their ids.
func (v *View) Apps() ([]*App, error) { return v.apps("ORDER BY id") }

func (v *View) apps(where string, args ...any) (all []*App, err error) {
	err = v.c.each("SELECT id, body, changed FROM app "+where, func(r row) error {
		all = append(all, &App{r.text(0), r.blob(1), r.int(2)})
		return nil
	}, args...)
	return all, err
}

// Approval is what a person has allowed an app.
type Approval struct {
	Owner, App string
	Body       []byte // the caller's, sealed
	Given      int64  // Unix milliseconds
}

// PutApproval keeps what a person has allowed an app, in place of what she allowed
// it before.
func (tx *Tx) PutApproval(a *Approval) error {
	return tx.put("INSERT INTO approval (owner, app, body, given) VALUES (?, ?, ?, ?) "+
		"ON CONFLICT (owner, app) DO UPDATE SET body = excluded.body, given = excluded.given", a.Owner, a.App, a.Body, a.Given)
}

// DeleteApproval takes back what a person has allowed an app, and reports whether
// there was anything. What stands on it is EndFamiliesOf's.
func (tx *Tx) DeleteApproval(owner, app string) (bool, error) {
	n, err := tx.exec("DELETE FROM approval WHERE owner = ? AND app = ?", owner, app)
	return n == 1, err
}

// Approvals returns what a person has allowed apps, the latest first.
func (v *View) Approvals(owner string) (all []*Approval, err error) {
	err = v.c.each("SELECT owner, app, body, given FROM approval WHERE owner = ? ORDER BY given DESC, app", func(r row) error {
		all = append(all, &Approval{r.text(0), r.text(1), r.blob(2), r.int(3)})
		return nil
	}, owner)
	return all, err
}

// Family is one sign-in of an app on behalf of a person: what its tokens stand on.
// All times are Unix milliseconds.
type Family struct {
	ID         string
	Owner, App string
	Session    string // of the person, with which it ends; "" for none
	Begun      int64
	Used       int64
	Ends       int64
	Over       bool // its session is over
}

// AddFamily keeps a new family, and forgets those that ended before it began.
func (tx *Tx) AddFamily(f *Family) error {
	if err := tx.put("DELETE FROM family WHERE ends < ?", f.Begun); err != nil {
		return err
	}
	if err := tx.put("DELETE FROM ticket WHERE ends < ?", f.Begun); err != nil {
		return err
	}
	return tx.put("INSERT INTO family (id, owner, app, session, begun, used, ends) VALUES (?, ?, ?, ?, ?, ?, ?)",
		f.ID, f.Owner, f.App, f.Session, f.Begun, f.Used, f.Ends)
}

// TouchFamily notes that a family was used, and until when it lives on. It reports
// false when it is gone.
func (tx *Tx) TouchFamily(id string, used, ends int64) (bool, error) {
	n, err := tx.exec("UPDATE family SET used = ?, ends = ? WHERE id = ?", used, ends, id)
	return n == 1, err
}

// EndFamily ends a family, at once and at every process.
func (tx *Tx) EndFamily(id string) error {
	if err := tx.put("DELETE FROM ticket WHERE family = ?", id); err != nil {
		return err
	}
	return tx.put("DELETE FROM family WHERE id = ?", id)
}

// EndFamilies ends all families of a person.
func (tx *Tx) EndFamilies(owner string) error {
	if err := tx.put("DELETE FROM ticket WHERE family IN (SELECT id FROM family WHERE owner = ?)", owner); err != nil {
		return err
	}
	return tx.put("DELETE FROM family WHERE owner = ?", owner)
}

// EndFamiliesOf ends all families of a person with one app.
func (tx *Tx) EndFamiliesOf(owner, app string) error {
	if err := tx.put("DELETE FROM ticket WHERE family IN (SELECT id FROM family WHERE owner = ? AND app = ?)", owner, app); err != nil {
		return err
	}
	return tx.put("DELETE FROM family WHERE owner = ? AND app = ?", owner, app)
}

const familyColumns = "SELECT f.id, f.owner, f.app, f.session, f.begun, f.used, f.ends, " +
	"(SELECT count(*) FROM session s WHERE s.id = f.session) FROM family f "

func scanFamily(r row) Family {
	f := Family{ID: r.text(0), Owner: r.text(1), App: r.text(2), Session: r.text(3), Begun: r.int(4), Used: r.int(5), Ends: r.int(6)}
	f.Over = f.Session != "" && r.int(7) == 0
	return f
}

// Family returns a family, over or not.
func (v *View) Family(id string) (f Family, err error) {
	found, err := v.c.one(familyColumns+"WHERE f.id = ?", func(r row) error { f = scanFamily(r); return nil }, id)
	if err == nil && !found {
		err = missing("store.no-family", "There is no such sign-in.")
	}
	return f, err
}

// Families returns the families of a person, the latest first.
func (v *View) Families(owner string) (all []Family, err error) {
	err = v.c.each(familyColumns+"WHERE f.owner = ? ORDER BY f.begun DESC, f.id", func(r row) error { all = append(all, scanFamily(r)); return nil }, owner)
	return all, err
}

// Ticket is a secret that is good once.
type Ticket struct {
	Hash   [32]byte // of the secret
	Kind   string
	Family string // "" for none
	Spent  bool
	Ends   int64  // Unix milliseconds
	Body   []byte // the caller's, sealed
}

// AddTicket keeps a new ticket.
func (tx *Tx) AddTicket(t *Ticket) error {
	return tx.put("INSERT INTO ticket (hash, kind, family, spent, ends, body) VALUES (?, ?, ?, ?, ?, ?)",
		t.Hash[:], t.Kind, t.Family, flag(t.Spent), t.Ends, t.Body)
}

// SpendTicket marks a ticket spent, and reports whether it was there and was not.
func (tx *Tx) SpendTicket(hash [32]byte, kind string) (bool, error) {
	n, err := tx.exec("UPDATE ticket SET spent = 1 WHERE hash = ? AND kind = ? AND spent = 0", hash[:], kind)
	return n == 1, err
}

// DeleteTicket removes a ticket. One that is not there is no error.
func (tx *Tx) DeleteTicket(hash [32]byte, kind string) error {
	return tx.put("DELETE FROM ticket WHERE hash = ? AND kind = ?", hash[:], kind)
}

// Ticket returns a ticket, spent or not, ended or not.
func (v *View) Ticket(hash [32]byte, kind string) (*Ticket, error) {
	t := &Ticket{Hash: hash, Kind: kind}
	found, err := v.c.one("SELECT family, spent, ends, body FROM ticket WHERE hash = ? AND kind = ?", func(r row) error {
		t.Family, t.Spent, t.Ends, t.Body = r.text(0), r.int(1) != 0, r.int(2), r.blob(3)
		return nil
	}, hash[:], kind)
	if err == nil && !found {
		err = missing("store.no-ticket", "There is no such ticket.")
	}
	return t, err
}

// UsedUp tells whether a hash was marked used (Tx.Use) and is remembered.
func (v *View) UsedUp(hash [32]byte) (bool, error) {
	return v.c.one(usedRow, func(row) error { return nil }, hash[:])
}

const usedRow = "SELECT until FROM used WHERE hash = ?"
