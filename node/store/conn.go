package store

import (
	"database/sql/driver"
	"encoding/binary"
	"errors"
)

// session is one connection to the database below, with its prepared
// statements: SQLite's (sqlite.go) or PostgreSQL's (postgres.go). One goroutine
// at a time. Statements have ? for each argument; an argument is int64, string
// or []byte, and always of the same kind at the same place of a statement.
type session interface {
	// exec runs a statement and returns how many rows it changed.
	exec(sql string, args ...any) (int64, error)
	// queue runs a statement without asking what came of it. An error may come
	// from a later statement, or from commit.
	queue(sql string, args ...any) error
	// must is queue for a statement that has to change exactly one row. If it
	// does not, the transaction has failed with the error that is given.
	must(otherwise error, sql string, args ...any) error
	// insert adds a row to a table, soon: before any other statement but peek
	// and aside, or before commit. Errors are those of queue, and at once, with
	// nothing written, the sheet's otherwise, or one for a text that cannot be
	// stored.
	insert(into *sheet, args ...any) error
	// lenient says that rows which are inserted until the transaction ends may be
	// there already, where the sheet leaves such rows out: that costs more.
	lenient()
	// pour has the rows that were inserted precede whatever comes after it.
	pour() error
	// peek is each, and aside is queue, for a statement that has nothing to do
	// with the rows that were inserted, but for those of sheetRecord, which peek
	// sees.
	peek(sql string, f func(row) error, args ...any) error
	aside(sql string, args ...any) error
	// each calls f with every row of the answer to a constant statement until f
	// fails or returns errStop.
	each(sql string, f func(row) error, args ...any) error
	// ask is each for a statement that was put together.
	ask(sql string, f func(row) error, args ...any) error
	// script runs several statements without arguments, as migrations are.
	script(sql string) error

	look() error   // begins a transaction that sees one state and changes nothing
	single()       // instead: lets one question be asked, outside any transaction
	doubled() bool // ends that, and reports whether another was asked
	hold() error   // begins a transaction that changes, before which no other process's is under way
	commit() error // ends it, durably; after an error it must be rolled back
	rollback() error
	save() error    // marks a place within a transaction
	undo() error    // goes back to it
	release() error // forgets it

	// sweep wipes what is not in use in a part of the database's files and
	// returns where the next part begins, 0 at the end.
	sweep(from int64) (next int64, err error)
	// checkpoint sees to it that what was deleted is gone from the database's
	// files as far as this program can, and reports false when a reader is in
	// the way.
	checkpoint() (bool, error)
	// verify runs the database's own check of what it keeps.
	verify() error
	// failed reports whether an error has cost the whole transaction.
	failed() bool
	// lost reports whether the connection is of no use any more.
	lost() bool
	close() error
}

// conn is a session with what follows from it.
type conn struct {
	session
	spare bool // to be closed after use
}

// first is one for a statement that peek may run.
func (c *conn) first(sql string, f func(row) error, args ...any) (found bool, err error) {
	err = c.peek(sql, once(&found, f), args...)
	return found, err
}

// one calls f with the first row and reports whether there was one.
func (c *conn) one(sql string, f func(row) error, args ...any) (bool, error) {
	found := false
	err := c.each(sql, once(&found, f), args...)
	return found, err
}

// once calls f with the first row and notes that there was one.
func once(found *bool, f func(row) error) func(row) error {
	return func(r row) error {
		*found = true
		if err := f(r); err != nil {
			return err
		}
		return errStop
	}
}

// number returns the single integer that a statement answers with, 0 if none.
func (c *conn) number(sql string, args ...any) (n int64, err error) {
	_, err = c.one(sql, func(r row) error { n = r.int(0); return nil }, args...)
	return n, err
}

var errStop = errors.New("stop")

// lone counts the questions of a session that may ask one.
type lone struct {
	alone     bool
	questions int
}

func (l *lone) single() { *l = lone{alone: true} }

func (l *lone) doubled() bool {
	more := l.questions > 1
	*l = lone{}
	return more
}

// may refuses a second question. Nobody is told: it is all done again.
func (l *lone) may() error {
	if l.alone {
		l.questions++
	}
	if l.questions > 1 {
		return errDoubled
	}
	return nil
}

var errDoubled = errors.New("a second question was asked where one was announced")

// row is one row of an answer, as SQLite's driver hands it over or as it comes
// over the wire from PostgreSQL. It is valid until the callback returns, its
// strings and blobs for ever.
type row struct {
	values []driver.Value
	wire   [][]byte // binary format; in use when values is nil
}

func (r row) int(i int) int64 {
	if r.values != nil {
		n, _ := r.values[i].(int64)
		return n
	}
	switch b := r.wire[i]; len(b) {
	case 8:
		return int64(binary.BigEndian.Uint64(b)) //nolint:gosec // as it was sent
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b))) //nolint:gosec // as it was sent
	case 1:
		return int64(b[0])
	}
	return 0
}

func (r row) uint(i int) uint64 { return uint64(r.int(i)) } //nolint:gosec // what we wrote

func (r row) text(i int) string {
	if r.values != nil {
		s, _ := r.values[i].(string)
		return s
	}
	return string(r.wire[i])
}

func (r row) blob(i int) []byte {
	if r.values != nil {
		b, _ := r.values[i].([]byte)
		return b
	}
	return r.wire[i]
}

// null tells whether a column has no value.
func (r row) null(i int) bool {
	if r.values != nil {
		return r.values[i] == nil
	}
	return r.wire[i] == nil
}

// hash copies a 32-byte blob into h and reports whether it had that length.
func (r row) hash(i int, h *[32]byte) bool {
	if r.values != nil {
		return copy(h[:], r.blob(i)) == 32
	}
	return copy(h[:], r.wire[i]) == 32
}
