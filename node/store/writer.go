package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"cairn/node/fault"
)

const (
	queueLength = 1024                  // updates that may wait before callers block
	groupLength = 512                   // updates that share one flush at most
	groupTime   = 20 * time.Millisecond // after which a group stops taking more
)

// writer is the one goroutine that writes. It takes whatever waits, runs it in
// one transaction, each update under a savepoint, flushes once, then answers.
type writer struct {
	counters
	queue   chan *job
	stopped chan struct{}
	cursors *cursors

	// Owned by the writer's goroutine.
	c      *conn
	open   func() (*conn, error) // a connection in place of a lost one
	shared bool                  // other processes may write to the same database
	me     int64                 // who wrote last, if it was this process
	space  space
	memory
	poured uint64      // all versions up to this seq, with their postings, are at the database
	front  []*job      // taken from the queue, and to be served before it
	spool  *spool      // nil when other processes write to the same database
	late   *time.Timer // fires when the table should take what the spool holds
	spoil  error       // what went wrong below the running update, sticky
	wrote  bool        // whether the running update has written, or tried to
	group  []*job
}

// memory is what the writer knows of the tables without asking.
type memory struct {
	next  uint64 // index of the next log entry
	seq   uint64 // of the newest version
	epoch uint64 // of consents, see View.Epoch
}

// The life of a job: it waits until either the writer takes it or its caller
// gives up, whichever is first.
const (
	jobWaiting int32 = iota
	jobTaken
	jobGivenUp
)

type job struct {
	f     func(*Tx) error
	note  *note             // if f does nothing but append it
	alone func(*conn) error // instead of f: runs outside any transaction
	state atomic.Int32
	err   error
	done  chan struct{}
}

// errWritten: an update failed after it had written, and only the whole
// transaction can be undone.
var errWritten = errors.New("an update failed after it had written")

// Update runs f with everything it reads and writes in one transaction and
// returns when that is durable. If f fails or panics, what it wrote is undone
// and its error returned, and other updates of the same group are not affected.
//
// f runs on the writer's goroutine, while all other writers wait: it should
// prepare nothing, call nothing slow, and never call Update. It runs once, or,
// when the database failed below it or another of its group failed after it had
// written, once more after everything it wrote was undone: what it leaves in
// variables must come out the same. A function that may fail should look before
// it writes. When ctx ends before f has begun, f never runs; once it has begun,
// Update waits for the outcome.
func (s *Store) Update(ctx context.Context, f func(tx *Tx) error) error {
	return s.writer.do(ctx, s.closing, &job{f: f})
}

func (w *writer) do(ctx context.Context, closing <-chan struct{}, j *job) error {
	j.done = make(chan struct{})
	select {
	case <-closing:
		return closed()
	default:
	}
	select {
	case w.queue <- j:
	case <-ctx.Done():
		return fault.As(ctx.Err())
	case <-closing:
		return closed()
	}
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
	case <-w.stopped:
	}
	if j.state.CompareAndSwap(jobWaiting, jobGivenUp) {
		if ctx.Err() != nil {
			return fault.As(ctx.Err())
		}
		return closed()
	}
	<-j.done
	return j.err
}

func (w *writer) run(closing <-chan struct{}) {
	defer close(w.stopped)
	for {
		for len(w.front) > 0 {
			w.take(w.waiting())
		}
		select {
		case j := <-w.queue:
			w.take(j)
		case <-w.late.C:
			w.fold()
		case <-closing:
			w.drain()
			return
		}
	}
}

// drain answers what was queued before Close.
func (w *writer) drain() {
	for j := w.waiting(); j != nil; j = w.waiting() {
		w.take(j)
	}
	w.fold() // what cannot be stays in the spool
}

// waiting returns a job that waits, nil if none does.
func (w *writer) waiting() *job {
	if len(w.front) > 0 {
		j := w.front[0]
		w.front[0] = nil
		w.front = w.front[1:]
		return j
	}
	select {
	case j := <-w.queue:
		return j
	default:
		return nil
	}
}

func (w *writer) take(j *job) {
	if j.alone == nil {
		if j.note != nil {
			w.takeNote(j)
			return
		}
		w.commitGroup(j)
		return
	}
	if j.state.CompareAndSwap(jobWaiting, jobTaken) {
		if j.err = w.connect(); j.err == nil {
			j.err = j.alone(w.c)
		}
		close(j.done)
	}
}

// commitGroup runs first and whatever else is waiting, commits, and answers.
func (w *writer) commitGroup(first *job) {
	start := time.Now()
	err := w.begin(start)
	var after *job
	for j := first; j != nil; {
		if j.state.CompareAndSwap(jobWaiting, jobTaken) {
			w.group = append(w.group, j)
			if err == nil {
				err = w.runJob(j, w.shared)
			}
		}
		j = nil
		if len(w.group) < groupLength && time.Since(start) < groupTime {
			j, after = w.another()
		}
	}
	if err == nil {
		err = w.commit()
	}
	switch {
	case err == errWritten: //nolint:errorlint // never wrapped
		w.carefully()
	default:
		w.conclude(err)
	}
	if after != nil {
		w.take(after)
	}
}

// conclude answers a group, or runs it once more when that may help.
func (w *writer) conclude(err error) {
	again := errors.Is(err, errStray) || len(w.group) > 1
	if err != nil && again && w.c.failed() && !w.c.lost() {
		w.singly()
		return
	}
	w.answer(err)
}

// begin begins the transaction of a group.
func (w *writer) begin(now time.Time) error {
	if err := w.space.check(now); err != nil {
		return err
	}
	if err := w.connect(); err != nil {
		return err
	}
	err := w.c.hold()
	switch {
	case err != nil:
	case w.shared:
		err = w.turn()
	default:
		err = w.unspool()
	}
	w.poured = w.seq
	return err
}

// connect opens a connection in place of one that was lost.
func (w *writer) connect() error {
	if !w.c.lost() {
		return nil
	}
	fresh, err := w.open()
	if err != nil {
		return err
	}
	_ = w.c.close() // it is gone
	w.c = fresh
	return nil
}

// turn brings what the writer remembers up to date when another process wrote
// since.
func (w *writer) turn() error {
	holder, err := w.c.number("SELECT holder FROM turn")
	if err != nil || holder == w.me {
		return err
	}
	if err := w.reload(); err != nil {
		return err
	}
	return w.c.queue("UPDATE turn SET holder = ?", w.me)
}

// singly runs each update of a group in a transaction of its own, after one of
// them has cost all of them theirs.
func (w *writer) singly() {
	all := slices.Clone(w.group)
	_ = w.forget() // a shared database is asked at the next turn
	for _, j := range all {
		w.group = append(w.group[:0], j)
		err := w.begin(time.Now())
		if err == nil {
			err = w.runJob(j, true)
		}
		if err == nil {
			err = w.commit()
		}
		w.answer(err)
	}
}

// carefully runs a group once more, in which an update failed after it had
// written: each under a savepoint.
func (w *writer) carefully() {
	err := w.forget()
	if err == nil {
		err = w.begin(time.Now())
	}
	for i := 0; i < len(w.group) && err == nil; i++ {
		err = w.runJob(w.group[i], true)
	}
	if err == nil {
		err = w.commit()
	}
	w.conclude(err)
}

// another returns the next waiting update without blocking; a job that must run
// alone comes back as the second value.
func (w *writer) another() (update, alone *job) {
	j := w.waiting()
	if j != nil && j.alone != nil {
		return nil, j
	}
	return j, nil
}

// runJob runs one update, under a savepoint if careful: that costs copies of all
// pages that it writes to. The error it returns is one that has cost the whole
// transaction; the update's own error stays in the job.
func (w *writer) runJob(j *job, careful bool) error {
	if careful {
		if err := w.c.save(); err != nil {
			return err
		}
	}
	before := w.memory
	w.spoil, w.wrote = nil, false
	if j.err = w.call(j.f); j.err == nil {
		j.err = w.spoil
	}
	if w.c.failed() {
		return cmp.Or(w.spoil, j.err, errRolledBack)
	}
	if !careful {
		if j.err != nil && w.wrote {
			return errWritten
		}
		if j.err != nil {
			w.memory = before
		}
		return nil
	}
	if j.err != nil {
		w.memory = before
		if err := w.c.undo(); err != nil {
			return cmp.Or(w.spoil, err)
		}
	}
	return w.c.release()
}

// exec runs a statement for an update. After one that the database could not
// carry out, no other of the same update runs: the transaction may be gone, and
// then each would commit by itself.
func (tx *Tx) exec(sql string, args ...any) (int64, error) {
	if tx.w.spoil != nil {
		return 0, tx.w.spoil
	}
	n, err := tx.c.exec(sql, args...)
	tx.w.spoil, tx.w.wrote = err, true
	return n, err
}

// put is exec for a statement of which nothing is asked but that it is carried
// out.
func (tx *Tx) put(sql string, args ...any) error {
	if tx.w.spoil == nil {
		tx.w.spoil, tx.w.wrote = tx.c.queue(sql, args...), true
	}
	return tx.w.spoil
}

// must is put for a statement that has to change exactly one row; otherwise the
// update fails with the error that is given, at once or when it is committed.
func (tx *Tx) must(otherwise error, sql string, args ...any) error {
	if tx.w.spoil == nil {
		tx.w.spoil = tx.c.must(otherwise, sql, args...)
		tx.w.wrote = tx.w.wrote || tx.w.spoil != otherwise //nolint:errorlint // whether it is this one
	}
	return tx.w.spoil
}

// aside is put for a statement that has nothing to do with rows that were
// inserted in this transaction.
func (tx *Tx) aside(sql string, args ...any) error {
	if tx.w.spoil == nil {
		tx.w.spoil, tx.w.wrote = tx.c.aside(sql, args...), true
	}
	return tx.w.spoil
}

// insert adds a row to a table. If there is one with its key already, the update
// fails as the sheet says, at once or when it is committed.
func (tx *Tx) insert(into *sheet, args ...any) error {
	if tx.w.spoil == nil {
		tx.w.spoil = tx.c.insert(into, args...)
		tx.w.wrote = tx.w.wrote || tx.w.spoil == nil || tx.w.spoil != into.otherwise //nolint:errorlint // whether it is this one
	}
	return tx.w.spoil
}

// behind sees to it that what was inserted for a version is at the database.
func (tx *Tx) behind(seq uint64) error {
	if seq <= tx.w.poured || tx.w.spoil != nil {
		return tx.w.spoil
	}
	tx.w.poured = tx.w.seq
	tx.w.spoil = tx.c.pour()
	return tx.w.spoil
}

func (w *writer) call(f func(*Tx) error) (err error) {
	tx := &Tx{View: View{c: w.c, ctx: context.Background(), cursors: w.cursors, epoch: w.epoch, bounds: &normal}, w: w}
	defer func() {
		tx.c, tx.w = nil, nil
		if p := recover(); p != nil {
			err = fault.Wrap(fault.Broken, "store.panic", "Something went wrong on our side, so nothing was saved.",
				fmt.Errorf("panic in an update: %v\n%s", p, debug.Stack()))
		}
	}()
	return f(tx)
}

// answer tells every caller of the group how it ended. A failed group is rolled
// back and what the writer remembers of the log is read again.
func (w *writer) answer(err error) {
	if err != nil {
		if rerr := w.forget(); rerr != nil {
			err = rerr
		}
	} else {
		w.size.Store(w.next)
		w.seen.Store(w.epoch)
		w.groups.Add(1)
	}
	for i, j := range w.group {
		if err != nil {
			j.err = err
		} else if j.err == nil {
			w.updates.Add(1)
		}
		w.group[i] = nil
		close(j.done)
	}
	w.group = w.group[:0]
}

// forget rolls back and sees to it that what the writer remembers is read again.
func (w *writer) forget() error {
	_ = w.c.rollback() // fails if the database has rolled back by itself
	if w.shared {
		w.me = stranger() // so that the next turn reads it, under the lock
		return nil
	}
	return w.reload()
}

// stranger returns a number that stands for this process and for no other.
func stranger() int64 { return rand.Int64N(math.MaxInt64) + 1 }

// reload reads what the writer remembers from the database.
func (w *writer) reload() error {
	var m memory
	_, err := w.c.one("SELECT (SELECT max(idx) + 1 FROM entry), (SELECT max(seq) FROM version), epoch FROM turn", func(r row) error {
		m = memory{next: r.uint(0), seq: r.uint(1), epoch: r.uint(2)}
		return nil
	})
	if err != nil {
		return err
	}
	m.next = max(m.next, w.spool.end())
	w.memory = m
	w.size.Store(m.next)
	w.seen.Store(m.epoch)
	return nil
}
