package store

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"

	"modernc.org/sqlite"
)

// This file alone knows SQLite: how it is opened, how it begins, commits and
// rolls back, and what its errors mean.

const databaseFile = "store.db"

// Pragmas of every connection. page_size only matters when the file is made.
var pragmas = []string{
	"page_size=4096", "journal_mode=WAL", "wal_autocheckpoint=16000", "journal_size_limit=134217728", "synchronous=FULL", "secure_delete=ON",
	"foreign_keys=ON", "busy_timeout=500", "temp_store=MEMORY", "trusted_schema=OFF",
}

// lite is a session of SQLite.
//
// It drives the driver's own interfaces, without the pool, the locks and the
// conversions of database/sql in between: every statement of this package is
// prepared once per connection and stays so.
type lite struct {
	lone
	raw    driver.Conn
	stmts  map[string]*stmt // those of this package's constants
	shapes map[string]*stmt // those that searches put together; bounded

	rows   kept
	args   []any // of pour
	spoilt error // why rows could not be added: the transaction is to be given up
}

const maxShapes = 64

type stmt struct {
	driver.Stmt
	exec  driver.StmtExecContext
	query driver.StmtQueryContext
	args  []driver.NamedValue
}

// openLite opens the database file, making it if it is missing.
func openLite(file string, extra ...string) (*conn, error) {
	q := url.Values{"_pragma": append(append([]string{}, pragmas...), extra...)}
	dsn := (&url.URL{Scheme: "file", Path: file, RawQuery: q.Encode()}).String()
	raw, err := (&sqlite.Driver{}).Open(dsn)
	if err != nil {
		return nil, databaseFault("opening the database", err)
	}
	return &conn{session: &lite{raw: raw, stmts: map[string]*stmt{}, shapes: map[string]*stmt{}}}, nil
}

func (c *lite) close() error {
	drop(c.stmts)
	drop(c.shapes)
	return c.raw.Close()
}

func drop(stmts map[string]*stmt) {
	for _, s := range stmts {
		_ = s.Close() // nothing of it is needed any more
	}
	clear(stmts)
}

// statement returns the prepared form of a constant statement.
func (c *lite) statement(sql string, args []any) (*stmt, error) {
	s := c.stmts[sql]
	if s == nil {
		var err error
		if s, err = c.prepare(sql); err != nil {
			return nil, err
		}
		c.stmts[sql] = s
	}
	s.bind(args)
	return s, nil
}

// shape returns the prepared form of a statement that was put together.
func (c *lite) shape(sql string, args []any) (*stmt, error) {
	s := c.shapes[sql]
	if s == nil {
		if len(c.shapes) >= maxShapes {
			drop(c.shapes)
		}
		var err error
		if s, err = c.prepare(sql); err != nil {
			return nil, err
		}
		c.shapes[sql] = s
	}
	s.bind(args)
	return s, nil
}

func (c *lite) prepare(sql string) (*stmt, error) {
	raw, err := c.raw.Prepare(sql)
	if err != nil {
		return nil, databaseFault("preparing a statement", err)
	}
	s := &stmt{Stmt: raw}
	s.exec, _ = raw.(driver.StmtExecContext)
	s.query, _ = raw.(driver.StmtQueryContext)
	if s.exec == nil || s.query == nil {
		return nil, errors.New("the database driver cannot run prepared statements")
	}
	return s, nil
}

func (s *stmt) bind(args []any) {
	s.args = s.args[:0]
	for i, a := range args {
		if b, ok := a.([]byte); ok && b == nil {
			a = []byte{} // an empty blob: there are no nulls in our tables
		}
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
}

// insert keeps a row for pour, but for one of a sheet that takes single rows.
func (c *lite) insert(into *sheet, args ...any) error {
	if c.spoilt != nil {
		return c.spoilt
	}
	if into.single {
		res, err := c.run(into.lite[1], args)
		if err != nil || into.otherwise == nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return cmp.Or(err, into.otherwise)
		}
		return nil
	}
	c.rows.add(into, args)
	if c.rows.size < mostKept {
		return nil
	}
	return c.pour()
}

// lenient does nothing: it costs the same.
func (c *lite) lenient() {}

// pour adds the rows that were kept.
func (c *lite) pour() error {
	if c.spoilt != nil || c.rows.empty() {
		return c.spoilt
	}
	for _, s := range sheets {
		rows := c.rows.take(s, true)
		for _, portion := range litePortions {
			for ; len(rows) >= portion && c.spoilt == nil; rows = rows[portion:] {
				c.args = c.args[:0]
				for _, row := range rows[:portion] {
					c.args = append(c.args, row...)
				}
				_, c.spoilt = c.run(s.lite[portion], c.args)
			}
		}
	}
	clear(c.args[:cap(c.args)])
	c.rows.clear()
	return c.spoilt
}

// exec runs a statement and returns how many rows it changed. Arguments are
// int64, string or []byte.
func (c *lite) exec(sql string, args ...any) (int64, error) {
	if err := c.pour(); err != nil {
		return 0, err
	}
	res, err := c.run(sql, args)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (c *lite) run(sql string, args []any) (driver.Result, error) {
	s, err := c.statement(sql, args)
	if err != nil {
		return nil, err
	}
	res, err := s.exec.ExecContext(context.Background(), s.args)
	clear(s.args)
	if err != nil {
		return nil, databaseFault("writing to the database", err)
	}
	return res, nil
}

// each calls f with every row of the answer until f fails or returns errStop.
func (c *lite) each(sql string, f func(row) error, args ...any) error {
	if err := c.pour(); err != nil {
		return err
	}
	return c.peek(sql, f, args...)
}

// peek is each without the rows that are kept.
func (c *lite) peek(sql string, f func(row) error, args ...any) error {
	if err := c.may(); err != nil {
		return err
	}
	s, err := c.statement(sql, args)
	if err != nil {
		return err
	}
	return s.each(f)
}

func (s *stmt) each(f func(row) error) (err error) {
	rows, err := s.query.QueryContext(context.Background(), s.args)
	clear(s.args)
	if err != nil {
		return databaseFault("reading the database", err)
	}
	defer func() {
		if cerr := rows.Close(); err == nil && cerr != nil {
			err = databaseFault("reading the database", cerr)
		}
	}()
	r := row{values: make([]driver.Value, len(rows.Columns()))}
	for {
		if err := rows.Next(r.values); err == io.EOF {
			return nil
		} else if err != nil {
			return databaseFault("reading the database", err)
		}
		if err := f(r); err == errStop {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// ask is each for a statement that was put together.
func (c *lite) ask(sql string, f func(row) error, args ...any) error {
	if err := c.may(); err != nil {
		return err
	}
	if err := c.pour(); err != nil {
		return err
	}
	s, err := c.shape(sql, args)
	if err != nil {
		return err
	}
	return s.each(f)
}

func (c *lite) look() error    { return c.just("BEGIN") }
func (c *lite) hold() error    { return c.just("BEGIN IMMEDIATE") }
func (c *lite) commit() error  { return c.just("COMMIT") }
func (c *lite) save() error    { return c.just("SAVEPOINT one") }
func (c *lite) release() error { return c.just("RELEASE one") }
func (c *lite) failed() bool   { return c.spoilt != nil } // it rolls single statements back
func (c *lite) lost() bool     { return false }           // a file is not lost

func (c *lite) rollback() error {
	c.rows.clear()
	c.spoilt = nil
	return c.just("ROLLBACK")
}

// undo drops the rows that were kept since save: it poured those before.
func (c *lite) undo() error {
	c.rows.clear()
	return c.just("ROLLBACK TO one")
}

// must is exec: what is wrong is said at once.
func (c *lite) must(otherwise error, sql string, args ...any) error {
	n, err := c.exec(sql, args...)
	if err == nil && n != 1 {
		err = otherwise
	}
	return err
}

// queue is exec: there is no way to shorten.
func (c *lite) queue(sql string, args ...any) error {
	_, err := c.exec(sql, args...)
	return err
}

// aside is queue without the rows that are kept.
func (c *lite) aside(sql string, args ...any) error {
	if c.spoilt != nil {
		return c.spoilt
	}
	_, err := c.run(sql, args)
	return err
}

func (c *lite) just(sql string) error {
	_, err := c.exec(sql)
	return err
}

// script runs several statements, as migrations are.
func (c *lite) script(sql string) error {
	x, ok := c.raw.(driver.ExecerContext)
	if !ok {
		return errors.New("the database driver cannot run scripts")
	}
	if _, err := x.ExecContext(context.Background(), sql, nil); err != nil {
		return databaseFault("migrating the database", err)
	}
	return nil
}

// checkpoint moves the write-ahead log into the database file and empties it.
// It reports false when a reader still needs the log.
func (c *lite) checkpoint() (bool, error) {
	busy, err := (&conn{session: c}).number("PRAGMA wal_checkpoint(TRUNCATE)")
	return busy == 0, err
}

// verify runs the database's own check of its pages and indexes.
func (c *lite) verify() error {
	said := ""
	_, err := (&conn{session: c}).one("PRAGMA integrity_check(1)", func(r row) error { said = r.text(0); return nil })
	if err != nil {
		return err
	}
	if said != "ok" {
		return corrupt(fmt.Errorf("integrity check: %s", said))
	}
	return nil
}

// Primary result codes of SQLite, https://www.sqlite.org/rescode.html
const (
	codeBusy    = 5
	codeLocked  = 6
	codeIO      = 10
	codeCorrupt = 11
	codeFull    = 13
	codeNotADB  = 26
)

// databaseFault turns an error of the driver into a fault.
func databaseFault(doing string, err error) error {
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return broken(fmt.Errorf("%s: %w", doing, err))
	}
	err = fmt.Errorf("%s: %w", doing, err)
	switch se.Code() & 0xff {
	case codeBusy, codeLocked:
		return busy(err)
	case codeFull:
		return full(err)
	case codeIO:
		return unreadable(err)
	case codeCorrupt, codeNotADB:
		return corrupt(err)
	}
	return broken(err)
}
