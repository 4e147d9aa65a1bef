package store

import (
	"cmp"
	"context"
	"time"
)

// InOrder compares records of different subjects as searches do.
func InOrder(a, b Record) int {
	lo, _ := bucket(a.Subject)
	other, _ := bucket(b.Subject)
	return cmp.Compare(lo, other)
}

// Settings returns what the database says of its durability settings, for the
// writer and for a reader.
func Settings(s *Store, name string) (writer, reader int64, err error) {
	err = s.Update(context.Background(), func(tx *Tx) (err error) { writer, err = tx.c.number("PRAGMA " + name); return err })
	if err != nil {
		return 0, 0, err
	}
	err = s.View(context.Background(), func(v *View) (err error) { reader, err = v.c.number("PRAGMA " + name); return err })
	return writer, reader, err
}

// SetSchema pretends that a program with this schema wrote the database.
func SetSchema(s *Store, version int64) error {
	return s.Update(context.Background(), func(tx *Tx) error {
		_, err := tx.exec("INSERT INTO schema (version, applied) VALUES (?, 0)", version)
		return err
	})
}

// RemoveEntry takes a row out of the log, as somebody with the file could.
func RemoveEntry(s *Store, index int64) error {
	return s.Update(context.Background(), func(tx *Tx) error {
		_, err := tx.exec("DELETE FROM entry WHERE idx = ?", index)
		return err
	})
}

// Tight makes a store choose plans, chunks and bounds on few records as it
// would on many.
func Tight(s *Store) {
	s.bounds.few, s.bounds.many, s.bounds.all, s.bounds.outer, s.bounds.chunk = 2, 6, 12, 3, 5
}

// Least sets the bounds of what a search may cost.
func Least(s *Store, looks, targets, included int) {
	s.bounds.looks, s.bounds.targets, s.bounds.included = looks, targets, included
}

// Later lets time pass for the cursors of a store.
func Later(s *Store, d time.Duration) { s.cursors.now = func() time.Time { return time.Now().Add(d) } }

// Spoil runs a statement, as somebody with the database could.
func Spoil(s *Store, sql string, args ...any) error {
	return s.Update(context.Background(), func(tx *Tx) error {
		_, err := tx.exec(sql, args...)
		return err
	})
}

// LookAgain lets the time pass in which a store goes on to say that a search
// parameter cannot be searched by.
func LookAgain(s *Store) { s.bounds.lag.seen.Store(0) }

// BreakSpool takes the file below a spool away, so that writing to it fails.
func BreakSpool(s *Store) { _ = s.writer.spool.file.Close() }

// LoadSpool returns what the content of a spool holds beyond the entries of the
// table.
func LoadSpool(raw []byte, entries uint64) []*Entry {
	s := &spool{}
	s.load(raw, entries)
	return s.pending()
}

// Strew puts rows where those of the next versions will stand, as somebody with
// the database could.
func Strew(s *Store) error {
	return s.Update(context.Background(), func(tx *Tx) error {
		lo, _ := bucket("p")
		for n := range int64(4) {
			if err := tx.put("INSERT INTO posting (key, rid) VALUES (?, ?)", typeKey("Observation"), lo|(int64(tx.w.seq)+1+n)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Piped returns how many questions went through pipelines, and in how many round
// trips.
func Piped(s *Store) (asked, trips uint64) {
	if s.pipes == nil {
		return 0, 0
	}
	for _, p := range []*pipeline{s.pipes.once, s.pipes.brief} {
		asked, trips = asked+p.asked.Load(), trips+p.trips.Load()
	}
	return asked, trips
}

// Stall has questions wait until the function that it returns is called.
func Stall(s *Store) (free func()) {
	p := s.pipes.once
	t, _ := p.come(nil)
	return func() { p.lead(t.c, &question{sql: "SELECT 1"}) }
}

// ErasesFrom tells whether an erasure removes rows from a table.
func ErasesFrom(table string) bool {
	for _, h := range hers {
		if h.table == table {
			return true
		}
	}
	return false
}

// PlanAnew has connections that are opened from now on give their plans up after
// a while, which grows. The function that it returns undoes that.
func PlanAnew(after time.Duration) (undo func()) {
	before := replanAfter
	replanAfter = after
	return func() { replanAfter = before }
}

// Planned returns how many statements the writer has prepared, and how many of
// them it has.
func Planned(s *Store) (ever, now int) {
	_ = s.Update(context.Background(), func(tx *Tx) error {
		if e, ok := tx.c.session.(*elephant); ok {
			ever, now = e.names, len(e.known)
		}
		return nil
	})
	return ever, now
}

// Number asks for a number in the words of the database.
func Number(s *Store, sql string) (n int64, err error) {
	err = s.Once(context.Background(), func(v *View) (err error) { n, err = v.c.number(sql); return err })
	return n, err
}
