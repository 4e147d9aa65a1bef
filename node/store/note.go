package store

import (
	"context"
	"errors"
	"time"
)

// note is entries that describe nothing that is stored.
type note struct {
	entries []*Entry
	check   func(epoch uint64) error // may be nil
}

// Log appends entries that describe nothing stored, as those of reads do, and
// returns when they are durable: all of them or, with an error, none, with the
// exception that Update has. check is called on the writer's goroutine with the
// count of changes of consents (View.Epoch) as it is at this place of the log,
// perhaps twice; if it fails, nothing is appended and its error returned.
//
// With a database file the entries are durable in the spool beside it first,
// which costs less than a transaction and leaves the readers' caches alone. A
// View that begins when Log has returned sees them all the same.
func (s *Store) Log(ctx context.Context, entries []*Entry, check func(epoch uint64) error) error {
	n := &note{entries, check}
	return s.writer.do(ctx, s.closing, &job{f: n.append, note: n})
}

// append is the note as an update.
func (n *note) append(tx *Tx) error {
	if err := n.may(tx.Epoch()); err != nil {
		return err
	}
	for _, e := range n.entries {
		if err := tx.Append(e); err != nil {
			return err
		}
	}
	return nil
}

func (n *note) may(epoch uint64) error {
	if n.check == nil {
		return nil
	}
	return n.check(epoch)
}

// takeNote makes a note, and those that wait behind it, durable: in the spool, or
// in a database that is shared with other processes. If there is an update among
// what waits, or if that cannot be, they are part of a transaction like any other.
func (w *writer) takeNote(first *job) {
	notes, after := []*job{first}, (*job)(nil)
	for len(notes) < groupLength && after == nil {
		j := w.waiting()
		if j == nil {
			break
		}
		if j.note != nil {
			notes = append(notes, j)
		} else {
			after = j
		}
	}
	mixed := after != nil && after.alone == nil
	durable := w.spooled
	if w.shared {
		durable = w.entered
	}
	if mixed || !durable(notes) {
		w.front = append(w.front, notes[1:]...)
		if after != nil {
			w.front = append(w.front, after)
		}
		w.commitGroup(first)
		return
	}
	if after != nil {
		w.take(after)
	}
}

// spooled makes notes durable in the spool and answers their callers, unless it
// returns false.
func (w *writer) spooled(notes []*job) bool {
	now := time.Now()
	if !w.spool.takes() || w.space.check(now) != nil {
		return false
	}
	before, entries := w.memory, []*Entry(nil)
	w.taking(notes, func(e *Entry) { entries = append(entries, e) })
	if len(entries) > 0 && w.spool.add(entries, now) != nil {
		w.memory = before
		w.putBack()
		return false
	}
	w.answer(nil)
	switch {
	case w.spool.full():
		w.fold()
	case len(entries) == len(w.spool.pending()):
		w.late.Reset(foldWithin)
	}
	return true
}

// taking takes those notes whose callers still wait, and calls f with every entry
// that may be appended, which has the next index.
func (w *writer) taking(notes []*job, f func(*Entry)) {
	for _, j := range notes {
		if !j.state.CompareAndSwap(jobWaiting, jobTaken) {
			continue
		}
		w.group = append(w.group, j)
		if j.err = j.note.may(w.epoch); j.err != nil {
			continue
		}
		for _, e := range j.note.entries {
			e.Index = w.next
			w.next++
			f(e)
		}
	}
}

// putBack has what was taken wait again.
func (w *writer) putBack() {
	for i, j := range w.group {
		j.state.Store(jobWaiting) // its caller still waits, or may give up
		w.group[i] = nil
	}
	w.group = w.group[:0]
}

// foldWithin is how long entries stay in the spool alone when there are few.
const foldWithin = time.Second

// fold brings what the spool holds into the table, in a transaction of its own.
func (w *writer) fold() {
	if len(w.spool.pending()) == 0 {
		return
	}
	err := w.begin(time.Now())
	if err == nil {
		err = w.commit()
	}
	if err != nil {
		_ = w.forget() // whoever comes next is told what is wrong
		w.spool.jam = true
		w.late.Reset(foldWithin)
	}
}

// wipeSpool overwrites the spool once the table has what it holds.
func (w *writer) wipeSpool() error {
	if w.fold(); len(w.spool.pending()) > 0 {
		return busy(errors.New("the spool is in use"))
	}
	return w.spool.wipe()
}

const foldEntry = "INSERT INTO entry (idx, id, kind, time, subject, leaf, body) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (idx) DO NOTHING"

// unspool begins a transaction with what the spool holds, so that the table has
// everything that comes before what the transaction appends. An entry may be
// there already, when the answer to a commit was lost.
func (w *writer) unspool() error {
	for _, e := range w.spool.pending() {
		err := w.c.queue(foldEntry, int64(e.Index), e.ID[:], e.Kind, e.Time, e.Subject, e.Leaf[:], e.Body) //nolint:gosec // below 2^63
		if err != nil {
			return err
		}
	}
	return nil
}

// commit ends a transaction. What the spool held is in the table then.
func (w *writer) commit() error {
	if err := w.c.commit(); err != nil {
		return err
	}
	if w.spool != nil {
		w.spool.emptied(time.Now())
		w.late.Stop()
	}
	return nil
}
