package store

import (
	"bytes"
	"fmt"
	"slices"
)

// Entry is one entry of the hospital's log. Leaf is the entry's leaf data, a
// blinded hash that says nothing without the salt in Body; Body is sealed.
//
// IDs that grow with time (UUIDv7) keep the index of ids small and fast.
type Entry struct {
	Index   uint64 // assigned by Append
	ID      [16]byte
	Kind    string
	Time    int64  // Unix milliseconds
	Subject string // local patient id, or empty
	Leaf    [32]byte
	Body    []byte
}

const entryColumns = "SELECT idx, id, kind, time, subject, leaf, body FROM entry "

// Append adds an entry at the end of the log and sets its Index. Indexes run
// from 0 without a gap, in the order in which updates commit; an Index counts
// for nothing until Update has returned nil.
func (tx *Tx) Append(e *Entry) error {
	e.Index = tx.w.next
	err := tx.insert(sheetEntry, int64(e.Index), e.ID[:], e.Kind, e.Time, e.Subject, e.Leaf[:], e.Body)
	if err == nil {
		tx.w.next++
	}
	return err
}

// Next returns the Index that the next entry will have.
func (tx *Tx) Next() uint64 { return tx.w.next }

// Entry returns the entry with this index.
func (v *View) Entry(index uint64) (*Entry, error) {
	return v.entry(entryColumns+"WHERE idx = ?", clampInt64(index), func(e *Entry) bool { return e.Index == index })
}

// EntryByID returns the entry with this id.
func (v *View) EntryByID(id [16]byte) (*Entry, error) {
	return v.entry(entryColumns+"WHERE id = ?", id[:], func(e *Entry) bool { return e.ID == id })
}

func (v *View) entry(sql string, key any, is func(*Entry) bool) (*Entry, error) {
	var e *Entry
	found, err := v.c.one(sql, func(r row) (err error) { e, err = scanEntry(r); return err }, key)
	if err != nil || found {
		return e, err
	}
	if i := slices.IndexFunc(v.spooled, is); i >= 0 {
		return v.spooled[i].clone(), nil
	}
	return nil, missing("store.no-entry", "There is no such entry in the log.")
}

// clone copies an entry, so that whoever asked for it may do with it as he likes.
func (e *Entry) clone() *Entry {
	c := *e
	c.Body = bytes.Clone(e.Body)
	return &c
}

// beyond returns the entries that are in the spool and not in what the View sees
// of the table: those behind it. The table has everything that is not in the
// spool, since that was looked at first.
func (v *View) beyond() ([]*Entry, error) {
	if len(v.spooled) == 0 {
		return nil, nil
	}
	size, err := v.tabled()
	first := v.spooled[0].Index
	return v.spooled[min(max(size, first)-first, uint64(len(v.spooled))):], err
}

// tabled returns how many entries the table has.
func (v *View) tabled() (uint64, error) {
	n, err := v.c.number("SELECT max(idx) + 1 FROM entry")
	return uint64(n), err //nolint:gosec // not negative
}

func scanEntry(r row) (*Entry, error) {
	e := &Entry{Index: r.uint(0), Kind: r.text(2), Time: r.int(3), Subject: r.text(4), Body: r.blob(6)}
	if copy(e.ID[:], r.blob(1)) != len(e.ID) || !r.hash(5, &e.Leaf) {
		return nil, damaged(fmt.Sprintf("log entry %d", e.Index))
	}
	return e, nil
}

// Entries returns up to limit entries of a subject, newest first, all with an
// index below before. Page on with the last one's Index; begin with
// math.MaxInt64 or anything not below Size.
func (v *View) Entries(subject string, before uint64, limit int) ([]*Entry, error) {
	newest, err := v.beyond()
	if err != nil {
		return nil, err
	}
	var all []*Entry
	for _, e := range slices.Backward(newest) {
		if e.Subject == subject && subject != "" && e.Index < before && len(all) < limit {
			all = append(all, e.clone())
		}
	}
	err = v.c.each(entryColumns+"WHERE subject = ? AND subject <> '' AND idx < ? ORDER BY idx DESC LIMIT ?",
		func(r row) error {
			e, err := scanEntry(r)
			all = append(all, e)
			return err
		}, subject, clampInt64(before), int64(limit-len(all)))
	return all, err
}

// CountEntries returns how many entries a subject has.
func (v *View) CountEntries(subject string) (int, error) {
	newest, err := v.beyond()
	if err != nil {
		return 0, err
	}
	n, err := v.c.number("SELECT count(*) FROM entry WHERE subject = ? AND subject <> ''", subject)
	for _, e := range newest {
		if e.Subject == subject && subject != "" {
			n++
		}
	}
	return int(n), err
}

// HasEntry tells whether a subject has an entry of a kind.
func (v *View) HasEntry(subject, kind string) (bool, error) {
	n, err := v.c.number("SELECT count(*) FROM (SELECT 1 FROM entry WHERE subject = ? AND subject <> '' AND kind = ? LIMIT 1) AS found", subject, kind)
	return n > 0, err
}

// Size returns the number of entries in the log as this View sees it.
func (v *View) Size() (uint64, error) {
	n, err := v.tabled()
	if len(v.spooled) > 0 {
		n = max(n, v.spooled[len(v.spooled)-1].Index+1)
	}
	return n, err
}

// Leaves returns the leaf data of the entries from index from up to, and not
// including, to. It fails if one of them is missing.
func (v *View) Leaves(from, to uint64) ([][32]byte, error) {
	if to <= from {
		return nil, nil
	}
	newest, err := v.beyond()
	if err != nil {
		return nil, err
	}
	all := make([][32]byte, 0, min(to-from, 1<<16))
	err = v.c.each("SELECT idx, leaf FROM entry WHERE idx >= ? AND idx < ? ORDER BY idx", func(r row) error {
		var h [32]byte
		want := from + uint64(len(all))
		if r.uint(0) != want || !r.hash(1, &h) {
			return damaged(fmt.Sprintf("log entry %d", want))
		}
		all = append(all, h)
		return nil
	}, clampInt64(from), clampInt64(to))
	for _, e := range newest {
		if e.Index == from+uint64(len(all)) && e.Index < to {
			all = append(all, e.Leaf)
		}
	}
	if err == nil && uint64(len(all)) != to-from {
		err = damaged(fmt.Sprintf("log entry %d", from+uint64(len(all))))
	}
	return all, err
}

// EachEntry calls f with every entry from index from on, in order, until f fails
// or the log ends.
func (v *View) EachEntry(from uint64, f func(*Entry) error) error {
	newest, err := v.beyond()
	if err != nil {
		return err
	}
	err = v.c.each(entryColumns+"WHERE idx >= ? ORDER BY idx", func(r row) error {
		e, err := scanEntry(r)
		if err != nil {
			return err
		}
		return f(e)
	}, clampInt64(from))
	for _, e := range newest {
		if err == nil && e.Index >= from {
			err = f(e.clone())
		}
	}
	return err
}

func clampInt64(n uint64) int64 {
	return int64(min(n, 1<<63-1))
}
