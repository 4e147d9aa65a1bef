// Package store keeps what a node knows on disk: the sealed versions of records
// and their search values, the entries of the hospital's log, tiles, wrapped
// data keys, slips, passkeys, invitations, locators, the sealed files of exports,
// and the marks that wait for a seal.
//
// # What is promised
//
// When Update returns nil, everything its function wrote is on disk and
// survives the loss of power. When it returns an error, nothing of it is there,
// with one exception: if the machine dies between the disk's answer and ours,
// the write may turn out to be there after all, as with any database.
//
// Updates of many callers share one transaction and one flush (group commit).
// They are run one after the other, in the order in which they commit, each
// seeing what the ones before it wrote. Entries that describe nothing stored (Log)
// have their place in that order, and are as durable, but may be in a file of
// their own for a second (docs/adr/0020-a-spool-for-reads.md).
//
// # Trust
//
// A thief of the file sees who is a patient here (local ids), resource types
// and ids, the values that searches need (names, identifiers, addresses, birth
// dates, clinical codes, results and dates: all search parameters of R4), whom a
// slip is for and its marks, where else a patient has records, and times; he
// sees no body: those are sealed under keys that are wrapped by a key that is
// not here. The keys of postings are hashes without a secret: who guesses a
// value finds the records that have it.
// The facets of an old or deleted version (codes, dates, labels: what consent
// filters on) stay in clear beside its sealed body until the record is erased.
// A forger who edits the file is caught by the log (cairn/node/evidence): the
// store itself does not detect a change that the database finds well formed.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Options tune a store. The zero value is good for one hospital.
type Options struct {
	// ReserveBytes is the free disk space below which writes are refused with
	// fault.Full, so that the rest of the node keeps room to stop cleanly.
	// 0 means no reserve.
	ReserveBytes int64
	// Readers is the number of connections for View; 0 means twice the number
	// of processors, between 2 and 8.
	Readers int
	// URL is that of a PostgreSQL database, postgres://..., to keep everything in
	// instead of in a file. Several processes may have it open.
	URL string
	// CacheBytes is the page cache of the writer; each reader has a quarter.
	// 0 means 16 MiB.
	CacheBytes int64
}

// Store is an open store. Its methods may be called from any goroutine.
type Store struct {
	dir     string
	lock    *os.File // of dir
	writer  *writer
	readers *pool
	pipes   *pipes                // nil with a database file
	leader  func() (*conn, error) // a connection that tells who leads
	cursors *cursors
	bounds  bounds
	closing chan struct{}
	once    sync.Once
	err     error
}

// Open opens the store in dir, making dir and the database if they are missing
// and bringing an older schema up to date. With Options.URL only the lock is in
// dir.
//
// It fails with fault.Busy when another process has the directory open
// (store.in-use) or the database server does not answer (store.away), with
// fault.Unsupported when a newer program wrote it (store.schema-newer) or the
// server would not keep what is promised (store.server), and with fault.Broken
// (store.corrupt) when the file is not a sound database.
func Open(dir string, o Options) (*Store, error) {
	o = o.withDefaults()
	s := &Store{bounds: normal, closing: make(chan struct{})}
	s.bounds.lag = &lag{}
	if err := s.open(dir, o); err != nil {
		_ = s.disconnect() // the first error is the one to tell
		return nil, err
	}
	return s, nil
}

// open locks the directory and connects.
func (s *Store) open(dir string, o Options) (err error) {
	if s.dir, err = filepath.Abs(dir); err != nil {
		return fmt.Errorf("opening the store: %w", err)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	if s.lock, err = lockDir(s.dir); err != nil {
		return err
	}
	b, err := baseOf(s.dir, o)
	if err != nil {
		return err
	}
	return s.connect(b, o)
}

func baseOf(dir string, o Options) (base, error) {
	if o.URL != "" {
		return serverBase(o.URL)
	}
	return fileBase(dir, o.CacheBytes)
}

func (o Options) withDefaults() Options {
	if o.Readers <= 0 {
		o.Readers = max(2, min(8, 2*runtime.GOMAXPROCS(0)))
	}
	if o.CacheBytes <= 0 {
		o.CacheBytes = 16 << 20
	}
	return o
}

// base is a database that can be connected to.
type base struct {
	shared         bool // with other processes
	writer, reader func() (*conn, error)
	leader         func() (*conn, error) // if shared
}

// fileBase is the database file of a directory, which it makes.
func fileBase(dir string, cache int64) (base, error) {
	file := filepath.Join(dir, databaseFile)
	return base{
		writer: func() (*conn, error) { return openLite(file, cachePragma(cache)) },
		reader: func() (*conn, error) { return openLite(file, cachePragma(cache/4), "query_only=ON") },
	}, makeFile(file)
}

func (s *Store) connect(b base, o Options) error {
	s.leader = b.leader
	c, err := b.writer()
	if err != nil {
		return err
	}
	s.writer = &writer{c: c, open: b.writer, shared: b.shared, me: stranger(), queue: make(chan *job, queueLength),
		space: space{dir: s.dir, reserve: o.ReserveBytes}}
	if b.shared {
		s.writer.space.reserve = 0 // the disk is the server's
	}
	if err := migrate(c); err != nil {
		return err
	}
	if s.cursors, err = loadCursors(c); err != nil {
		return err
	}
	s.writer.cursors = s.cursors
	if err := s.writer.reload(); err != nil {
		return err
	}
	if s.writer.late = time.NewTimer(foldWithin); !b.shared {
		if s.writer.spool, err = openSpool(s.dir, s.writer.next); err != nil {
			return err
		}
		s.writer.next = max(s.writer.next, s.writer.spool.end())
		s.writer.size.Store(s.writer.next)
	}
	if s.readers, err = newPool(o.Readers, b.reader); err != nil {
		return err
	}
	if b.shared {
		s.pipes = &pipes{newPipeline(b.reader), newPipeline(b.reader)}
	}
	s.writer.stopped = make(chan struct{})
	go s.writer.run(s.closing)
	return s.Answering(context.Background())
}

// makeFile makes the database file, if it is missing, for its owner's eyes only,
// and makes its name durable. The database's other files copy its mode.
func makeFile(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return unreadable(fmt.Errorf("making the database file: %w", err))
	}
	if err := f.Close(); err != nil {
		return unreadable(fmt.Errorf("making the database file: %w", err))
	}
	dir := filepath.Dir(file)
	if err := syncDir(dir); err != nil {
		return unreadable(fmt.Errorf("making the database file: %w", err))
	}
	err = syncDir(filepath.Dir(dir))
	if err != nil && !errors.Is(err, os.ErrPermission) { // who may not read it did not make dir
		return unreadable(fmt.Errorf("making the data directory: %w", err))
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return cmp.Or(d.Sync(), d.Close())
}

func cachePragma(bytes int64) string { return fmt.Sprintf("cache_size=-%d", bytes>>10) }

// Close answers what is queued, stops, and gives the data directory free. It
// waits for running Views.
func (s *Store) Close() error {
	s.once.Do(func() {
		close(s.closing)
		<-s.writer.stopped
		s.err = s.disconnect()
	})
	return s.err
}

func (s *Store) disconnect() error {
	var first error
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	if s.pipes != nil {
		keep(s.pipes.close())
	}
	if s.readers != nil {
		keep(s.readers.close())
	}
	if s.writer != nil {
		keep(s.writer.c.close())
		keep(s.writer.spool.close())
	}
	if s.lock != nil {
		keep(s.lock.Close())
	}
	return first
}

// View runs f on a snapshot: f sees one committed state, whatever is written
// meanwhile. It must not keep v, and should be short, because the write-ahead
// log cannot be emptied while a View runs. A View within a View is another
// snapshot and costs a connection more.
func (s *Store) View(ctx context.Context, f func(v *View) error) error {
	c, err := s.readers.take(ctx, s.closing)
	if err != nil {
		return err
	}
	defer s.readers.give(c)
	// Before the snapshot, which has either of them then, or what came after.
	epoch, spooled := s.writer.seen.Load(), s.writer.spool.pending()
	if err := c.look(); err != nil {
		return err
	}
	defer func() { _ = c.rollback() }() // it wrote nothing
	return f(&View{c: c, ctx: ctx, cursors: s.cursors, epoch: epoch, spooled: spooled, bounds: &s.bounds})
}

// Once is View for an f that asks one question: if it asks more, each answer is
// of a state of its own. It costs less.
func (s *Store) Once(ctx context.Context, f func(v *View) error) error {
	if s.pipes != nil {
		c := s.pipes.once.join(ctx)
		return f(&View{c: c, ctx: ctx, cursors: s.cursors, epoch: s.writer.seen.Load()})
	}
	c, err := s.readers.take(ctx, s.closing)
	if err != nil {
		return err
	}
	defer s.readers.give(c)
	return f(&View{c: c, ctx: ctx, cursors: s.cursors, epoch: s.writer.seen.Load(), spooled: s.writer.spool.pending()})
}

// Brief is View for an f that in all likelihood asks one question. It costs less:
// f is called without a snapshot, which one question does not need; if it asks
// another, what it returned is dropped, and it is called once more, with one.
func (s *Store) Brief(ctx context.Context, f func(v *View) error) error {
	again, err := s.brief(ctx, f)
	if again {
		return s.View(ctx, f)
	}
	return err
}

func (s *Store) brief(ctx context.Context, f func(v *View) error) (again bool, err error) {
	if s.pipes != nil {
		c := s.pipes.brief.join(ctx)
		c.single()
		defer func() { again = c.doubled() }()
		return false, f(&View{c: c, ctx: ctx, cursors: s.cursors, epoch: s.writer.seen.Load(), bounds: &s.bounds, single: true})
	}
	c, err := s.readers.take(ctx, s.closing)
	if err != nil {
		return false, err
	}
	defer s.readers.give(c)
	epoch, spooled := s.writer.seen.Load(), s.writer.spool.pending()
	c.single()
	defer func() { again = c.doubled() }()
	return false, f(&View{c: c, ctx: ctx, cursors: s.cursors, epoch: epoch, spooled: spooled, bounds: &s.bounds, single: true})
}

// View reads. Its methods answer with fault.NotFound where one thing is asked
// for and there is none.
type View struct {
	c       *conn
	ctx     context.Context
	cursors *cursors
	epoch   uint64
	spooled []*Entry // entries that the table may not have yet
	bounds  *bounds
	single  bool // one question is expected
}

// Single tells whether the View is one of Brief, in which who can ask elsewhere
// should.
func (v *View) Single() bool { return v.single }

// Tx reads and writes within one Update.
type Tx struct {
	View
	w *writer
}

// Checkpoint goes through the database file and wipes what is not in use, then
// moves the write-ahead log into it and empties that and the spool, so that what
// was deleted is in none of the files. Updates go on meanwhile. It fails with fault.Busy while a
// View is running that began before the deletion.
func (s *Store) Checkpoint(ctx context.Context) error {
	for from := int64(1); from > 0; {
		err := s.writer.do(ctx, s.closing, &job{alone: func(c *conn) (err error) { from, err = c.sweep(from); return err }})
		if err != nil {
			return err
		}
	}
	return s.writer.do(ctx, s.closing, &job{alone: func(c *conn) error {
		ok, err := c.checkpoint()
		if err == nil && !ok {
			err = busy(fmt.Errorf("a reader holds the write-ahead log"))
		}
		if err == nil {
			err = s.writer.wipeSpool()
		}
		return err
	}})
}

// Verify runs the database's own check of pages and indexes and returns what is
// wrong first.
func (s *Store) Verify(ctx context.Context) error {
	return s.View(ctx, func(v *View) error { return v.c.verify() })
}

// Size returns the number of committed log entries.
func (s *Store) Size() uint64 { return s.writer.size.Load() }

// Stats counts what the writer did since Open.
type Stats struct {
	Updates uint64 // answered without an error
	Groups  uint64 // what was flushed for them: transactions, and batches of the spool
}

// Stats returns the writer's counters.
func (s *Store) Stats() Stats {
	return Stats{Updates: s.writer.updates.Load(), Groups: s.writer.groups.Load()}
}

type counters struct {
	size, updates, groups atomic.Uint64
	seen                  atomic.Uint64 // the committed epoch, as far as this process knows
}
