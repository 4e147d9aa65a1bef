package store

import "cairn/node/fault"

// Matter is a broken glass or a legal order. Body is the caller's, sealed. Times
// are Unix milliseconds.
type Matter struct {
	ID, Kind string
	Subject  string // local patient id
	Person   string // "member/id"
	State    string
	Month    string // in which it was begun: "2026-11"
	Body     []byte
	Begun    int64
	Due      int64 // until when somebody has to decide about it
	Shows    int64 // from when on the patient is told
	Changed  int64 // grows with each change
}

const matterColumns = "SELECT id, kind, subject, person, state, month, body, begun, due, shows, changed FROM matter "

// AddMatter keeps a matter.
func (tx *Tx) AddMatter(m *Matter) error {
	return tx.put("INSERT INTO matter (id, kind, subject, person, state, month, body, begun, due, shows, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		m.ID, m.Kind, m.Subject, m.Person, m.State, m.Month, m.Body, m.Begun, m.Due, m.Shows, m.Changed)
}

// ChangeMatter changes state, body, due, shows and changed of a matter that was
// last changed at a time. It fails with fault.Conflict when somebody else was
// faster. Decisions under way that were made with it are made anew.
func (tx *Tx) ChangeMatter(m *Matter, was int64) error {
	n, err := tx.exec("UPDATE matter SET state = ?, body = ?, due = ?, shows = ?, changed = ? WHERE id = ? AND changed = ?",
		m.State, m.Body, m.Due, m.Shows, m.Changed, m.ID, was)
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "store.matter-changed", "Somebody else changed this in the meantime.").WithHint("read it again and repeat the change")
	}
	if err != nil {
		return err
	}
	return tx.changed()
}

// Matter returns the matter with this id.
func (v *View) Matter(id string) (*Matter, error) {
	all, err := v.matters("WHERE id = ?", id)
	if err == nil && len(all) == 0 {
		err = missing("store.no-matter", "There is nothing with this id.")
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// MattersAbout returns up to limit matters of a kind about a patient of which she
// is told at a time, newest first.
func (v *View) MattersAbout(kind, subject string, now int64, limit int) ([]*Matter, error) {
	return v.matters("WHERE subject = ? AND kind = ? AND shows <= ? ORDER BY begun DESC, id LIMIT ?", subject, kind, now, int64(limit))
}

// Withheld returns all matters about a patient of which she is not told at a time.
func (v *View) Withheld(subject string, now int64) ([]*Matter, error) {
	return v.matters("WHERE subject = ? AND shows > ?", subject, now)
}

// MattersOf returns up to limit matters of a kind of a person, newest first.
func (v *View) MattersOf(kind, person string, limit int) ([]*Matter, error) {
	return v.matters("WHERE person = ? AND kind = ? ORDER BY begun DESC, id LIMIT ?", person, kind, int64(limit))
}

// MattersBefore returns up to limit matters of a kind that were begun before a
// time, newest first.
func (v *View) MattersBefore(kind string, begun int64, limit int) ([]*Matter, error) {
	return v.matters("WHERE kind = ? AND begun < ? ORDER BY begun DESC, id LIMIT ?", kind, begun, int64(limit))
}

// MattersIn returns up to limit matters of a kind in a state, those that are due
// first.
func (v *View) MattersIn(kind, state string, limit int) ([]*Matter, error) {
	return v.matters("WHERE kind = ? AND state = ? ORDER BY due, id LIMIT ?", kind, state, int64(limit))
}

func (v *View) matters(where string, args ...any) (all []*Matter, err error) {
	err = v.c.each(matterColumns+where, func(r row) error {
		all = append(all, &Matter{ID: r.text(0), Kind: r.text(1), Subject: r.text(2), Person: r.text(3), State: r.text(4), Month: r.text(5), Body: r.blob(6),
			Begun: r.int(7), Due: r.int(8), Shows: r.int(9), Changed: r.int(10)})
		return nil
	}, args...)
	return all, err
}

// MatterCount is how many matters of a month are in a state.
type MatterCount struct {
	Month, State string
	All, Overdue int64
}

// CountMatters counts the matters of a kind, by month and state.
func (v *View) CountMatters(kind string, now int64) (out []MatterCount, err error) {
	err = v.c.each("SELECT month, state, count(*), sum(CASE WHEN due < ? THEN 1 ELSE 0 END) FROM matter WHERE kind = ? GROUP BY month, state ORDER BY month, state", func(r row) error {
		out = append(out, MatterCount{r.text(0), r.text(1), r.int(2), r.int(3)})
		return nil
	}, now, kind)
	return out, err
}

// Alert tells a patient of an entry of her log. Times are Unix milliseconds.
type Alert struct {
	ID, Subject string
	Matter      string   // that it is about, "" for none
	Event       [16]byte // id of the entry
	Made        int64
	Shows       int64 // from when on she is told
	Seen        int64 // when she said that she has read it, 0 if she has not
}

// AddAlert keeps an alert.
func (tx *Tx) AddAlert(a *Alert) error {
	return tx.put("INSERT INTO alert (id, subject, matter, event, made, shows, seen) VALUES (?, ?, ?, ?, ?, ?, ?)",
		a.ID, a.Subject, a.Matter, a.Event[:], a.Made, a.Shows, a.Seen)
}

// ShowAlerts has the alerts about a matter be shown from another time on.
func (tx *Tx) ShowAlerts(matter string, shows int64) error {
	return tx.put("UPDATE alert SET shows = ? WHERE matter = ?", shows, matter)
}

// SeeAlert notes that a patient has read an alert that is shown at a time, and
// reports whether there is such a one.
func (tx *Tx) SeeAlert(subject, id string, now int64) (bool, error) {
	n, err := tx.exec("UPDATE alert SET seen = CASE WHEN seen = 0 THEN ? ELSE seen END WHERE subject = ? AND id = ? AND shows <= ?", now, subject, id, now)
	return n == 1, err
}

// Alerts returns up to limit alerts of a patient that are shown at a time, newest
// first.
func (v *View) Alerts(subject string, now int64, limit int) (all []*Alert, err error) {
	err = v.c.each("SELECT id, subject, matter, event, made, shows, seen FROM alert WHERE subject = ? AND shows <= ? ORDER BY shows DESC, id LIMIT ?", func(r row) error {
		a := &Alert{ID: r.text(0), Subject: r.text(1), Matter: r.text(2), Made: r.int(4), Shows: r.int(5), Seen: r.int(6)}
		if copy(a.Event[:], r.blob(3)) != len(a.Event) {
			return damaged("an alert")
		}
		all = append(all, a)
		return nil
	}, subject, now, int64(limit))
	return all, err
}
