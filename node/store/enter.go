package store

import "strings"

// enterRows adds entries to the log of a database that other processes write to
// as well, if this process was the last that did.
var enterRows = "INSERT INTO entry (" + strings.Join(sheetEntry.columns, ", ") + ") SELECT * FROM unnest(?" +
	strings.Repeat(", ?", len(sheetEntry.columns)-1) + ") WHERE EXISTS (SELECT 1 FROM turn WHERE holder = ?)"

// entered makes notes durable in a database that other processes write to as
// well and answers their callers, unless it returns false. It takes one round
// trip: the lock of writers, the entries with the indexes that they have if no
// other process wrote since this one did, and the commit. If another did, nothing
// was written.
func (w *writer) entered(notes []*job) bool {
	if w.connect() != nil {
		return false
	}
	e, ok := w.c.session.(*elephant)
	if !ok {
		return false
	}
	before := w.memory
	rows, fit := w.number(notes)
	n, err := int64(len(rows)), error(nil)
	if fit && n > 0 {
		n, err = e.enter(rows, w.me)
	}
	switch {
	case err != nil && e.lost(): // they may be there
		w.answer(err)
	case err != nil || !fit || n != int64(len(rows)):
		w.memory = before
		w.putBack()
		return false
	default:
		w.answer(nil)
	}
	return true
}

// number takes notes and gives their entries the next indexes. It returns their
// rows, and false if a check failed, which may be by an epoch that is over, if
// they are too many, or if they hold something that cannot be stored.
func (w *writer) number(notes []*job) (rows [][]any, fit bool) {
	size := 0
	fit = true
	w.taking(notes, func(e *Entry) {
		rows = append(rows, []any{int64(e.Index), e.ID[:], e.Kind, e.Time, e.Subject, e.Leaf[:], e.Body}) //nolint:gosec // below 2^63
		size += len(e.Body)
		fit = fit && size < mostKept && storable(e.Kind) == nil && storable(e.Subject) == nil
	})
	for _, j := range w.group {
		fit = fit && j.err == nil
	}
	return rows, fit
}

// enter runs enterRows in a transaction of its own and returns how many rows
// were added. They are durable if there is no error. Statements up to a Sync are
// one transaction (PostgreSQL 15, 55.2.3), and each has a snapshot of its own
// (writerSettings), the second one from when the lock was had.
func (c *elephant) enter(rows [][]any, holder int64) (n int64, err error) {
	if err := c.replan(); err != nil {
		return 0, err
	}
	args := make([]any, len(sheetEntry.columns), len(sheetEntry.columns)+1)
	for i := range args {
		args[i] = cells{rows, i}
	}
	if err = c.add(lockWriters, "", 0, request{}, nil); err == nil {
		err = c.add(enterRows, "", 0, request{changed: &n}, append(args, holder))
	}
	if err != nil {
		c.cut(0, 0)
		return 0, err
	}
	err = c.roundTrip()
	return n, err
}
