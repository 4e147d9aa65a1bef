package store

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// This file, wire.go and server.go alone know PostgreSQL: how it is reached, how
// it begins, commits and rolls back, and what its errors mean.

const (
	maxKnown = 512 // prepared statements that a connection keeps

	// Rows of the first fetch: of statements that may bring bodies, and of
	// those that searches put together. Later fetches are of about fetchBytes.
	firstRows  = 64
	firstHits  = 1024
	fetchBytes = 1 << 20
)

// elephant is a session of PostgreSQL.
type elephant struct {
	wire
	lone
	begin []string // statements that open the transaction, added when one follows
	open  bool     // a transaction is open at the backend, or will be
	depth int      // answers that are being gone through

	unsure bool // a row was added since the transaction began that may be there already

	planned time.Time     // when the plans of statements were given up last
	span    time.Duration // after which they are again

	rows kept
	lax  bool // rows that are there already are looked for in this transaction

	// A savepoint is only set when what follows it has to be sent before it is
	// known to stay.
	saving         bool
	set            bool
	wrote          bool // something that changes was added since and not sent
	mark, unsentAt int  // where it would be set: in out, in statements that are not sent
}

func (c *elephant) close() error {
	c.out = append(c.out[:0], 'X', 0, 0, 0, 4)
	_ = c.raw.SetDeadline(time.Now().Add(time.Second)) // at worst the backend notices later
	_, _ = c.raw.Write(c.out)
	if c.dead != nil {
		return nil // closed already
	}
	return c.raw.Close()
}

// lost reports whether the connection has ended, as when the server was
// restarted meanwhile. It reads what the last transaction left to be read.
func (c *elephant) lost() bool {
	if c.dead == nil && c.syncs > 0 {
		_ = c.settle() // of a transaction that only read, or is counted as failed already
	}
	for c.dead == nil && time.Since(c.used) > restful && pending(c.raw) {
		msg, err := c.front.Receive() // the last word of a backend that ends, or a notice
		if err != nil {
			return c.kill(err) != nil
		}
		c.take(msg)
	}
	return c.dead != nil
}

// restful is how long a connection is taken to be alive after it was used.
const restful = 100 * time.Millisecond

// pending reports whether there is something to read on a connection on which
// nothing was asked: bytes, or its end.
func pending(raw net.Conn) bool {
	if secure, ok := raw.(interface{ NetConn() net.Conn }); ok {
		raw = secure.NetConn()
	}
	sock, ok := raw.(syscall.Conn)
	if !ok || raw.SetDeadline(time.Now().Add(time.Second)) != nil {
		return false
	}
	rc, err := sock.SyscallConn()
	if err != nil {
		return false
	}
	some := false
	_ = rc.Read(func(fd uintptr) bool {
		_, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT) //nolint:gosec // a file descriptor
		some = !errors.Is(err, unix.EAGAIN)
		return true
	})
	return some
}

// start encodes what opens the transaction, if that was put off.
func (c *elephant) start() error {
	for len(c.begin) > 0 {
		sql := c.begin[0]
		c.begin = c.begin[1:]
		if err := c.add(sql, "", 0, request{}, nil); err != nil {
			return err
		}
	}
	return nil
}

// exec runs a statement and returns how many rows it changed.
func (c *elephant) exec(sql string, args ...any) (n int64, err error) {
	if err := c.pour(); err != nil {
		return 0, err
	}
	if err := c.add(sql, "", 0, request{changed: &n}, args); err != nil {
		return 0, err
	}
	c.wrote = true
	err = c.flush()
	return n, err
}

// queue adds a statement to what is sent next.
func (c *elephant) queue(sql string, args ...any) error { return c.later(request{}, sql, args) }

// must adds a statement that is looked at before the transaction is committed.
func (c *elephant) must(otherwise error, sql string, args ...any) error {
	c.unsure = true
	return c.later(request{otherwise: otherwise, want: 1}, sql, args)
}

func (c *elephant) later(r request, sql string, args []any) error {
	if err := c.pour(); err != nil {
		return err
	}
	if err := c.add(sql, "", 0, r, args); err != nil {
		return err
	}
	if c.wrote = true; c.unsent < mostAsked && len(c.out) < mostOut {
		return nil
	}
	return c.flush()
}

func (c *elephant) aside(sql string, args ...any) error { return c.queue(sql, args...) }

func (c *elephant) peek(sql string, f func(row) error, args ...any) error {
	return c.each(sql, f, args...)
}

// insert keeps a row for pour.
func (c *elephant) insert(into *sheet, args ...any) error {
	if c.dead != nil {
		return c.dead
	}
	for _, a := range args {
		if err := storable(a); err != nil {
			return err
		}
	}
	c.rows.add(into, args)
	if c.rows.size < mostKept {
		return nil
	}
	return c.pour()
}

func (c *elephant) lenient() { c.lax = true }

// pour adds the statements for the rows that were kept to what is sent next:
// one for each table.
func (c *elephant) pour() error {
	if err := c.earlier(); err != nil || c.rows.empty() {
		return err
	}
	err := c.encode(true)
	c.rows.clear()
	if c.wrote = true; err != nil || len(c.out) < mostOut {
		return err
	}
	return c.dispatch()
}

// earlier adds the statements for rows that were kept before save. Nothing else
// was added since.
func (c *elephant) earlier() error {
	if err := c.start(); err != nil || !c.saving || c.rows.marks == [len(sheets)]int{} {
		return err
	}
	err := c.encode(false)
	c.rows.drop()
	c.mark, c.unsentAt = len(c.out), c.unsent
	return err
}

func (c *elephant) encode(all bool) error {
	for _, s := range sheets {
		rows := c.rows.take(s, all)
		if len(rows) == 0 {
			continue
		}
		sql, r := s.strict, request{}
		if s.otherwise != nil {
			c.unsure, r = true, request{otherwise: s.otherwise, want: int64(len(rows))}
		}
		if c.wary || c.lax {
			sql = s.lenient
		}
		args := make([]any, len(s.columns))
		for i := range args {
			args[i] = cells{rows, i}
		}
		if err := c.add(sql, "", 0, r, args); err != nil {
			return err
		}
	}
	return nil
}

func (c *elephant) failed() bool { return c.dead != nil || c.status == 'E' || c.missed }

func (c *elephant) each(sql string, f func(row) error, args ...any) error {
	return c.fetch(sql, firstRows, f, args)
}

func (c *elephant) ask(sql string, f func(row) error, args ...any) error {
	if len(c.known) >= maxKnown {
		if err := c.forget(); err != nil {
			return err
		}
	}
	return c.fetch(sql, firstHits, f, args)
}

// forget gives all prepared statements up, so that statements that were put
// together do not fill the backend.
func (c *elephant) forget() error {
	if err := c.flush(); err != nil {
		return err
	}
	clear(c.known)
	return c.do("DEALLOCATE ALL")
}

// replan gives prepared statements up from time to time, soon at first. A plan
// stays as it was made, which in an empty database is for a few rows, until the
// server has counted them; made anew it is for as many as there are.
func (c *elephant) replan() error {
	if c.span == 0 {
		c.planned, c.span = time.Now(), replanAfter
	}
	if len(c.known) < maxKnown && c.used.Sub(c.planned) < c.span {
		return nil
	}
	c.planned, c.span = c.used, min(2*c.span, time.Minute)
	return c.forget()
}

// replanAfter is when that is for the first time; each time it is twice as long,
// up to a minute.
var replanAfter = time.Second

// fetch calls f with every row of an answer. f may run other statements: the
// rows come in portions from a portal of their own.
func (c *elephant) fetch(sql string, first uint32, f func(row) error, args []any) error {
	if err := c.may(); err != nil {
		return err
	}
	if err := c.pour(); err != nil {
		return err
	}
	portal, rows := "", answer{}
	if c.open {
		portal = "p" + strconv.Itoa(c.depth)
		c.out = appendClose(c.out, portal) // the one that had this name before, if any
	} else {
		first = 0 // a portal ends with its transaction
	}
	if err := c.add(sql, portal, first, request{rows: &rows}, args); err != nil {
		return err
	}
	of := c.asked[len(c.asked)-1].of
	c.depth++
	defer func() { c.depth-- }()
	for {
		if err := c.flush(); err != nil {
			return err
		}
		if err := rows.each(f); err == errStop {
			return nil
		} else if err != nil || !rows.more {
			return err
		}
		count := uint32(len(rows.cells)/rows.width) + 1
		next := uint32(min(1<<14, max(1, fetchBytes/(rows.bytes/int(count)+1))))
		rows = answer{}
		if err := c.more(of, portal, next, &rows); err != nil {
			return err
		}
	}
}

// flush sends what was collected and waits for the answers.
func (c *elephant) flush() error {
	if err := c.dispatch(); err != nil {
		return err
	}
	return c.settle()
}

// dispatch sends what was collected. The server works on it while more is
// collected, and its answers are read when one is waited for.
func (c *elephant) dispatch() error {
	if c.saving && !c.set && c.wrote {
		if err := c.setSavepoint(); err != nil {
			return err
		}
	}
	c.mark, c.unsentAt, c.wrote = 0, 0, false
	return c.send()
}

// setSavepoint puts a savepoint before what was collected since save.
func (c *elephant) setSavepoint() error {
	tail := append([]byte(nil), c.out[c.mark:]...)
	since := len(c.asked) - (c.unsent - c.unsentAt)
	moved := append([]request(nil), c.asked[since:]...)
	c.out, c.asked, c.unsent = c.out[:c.mark], c.asked[:since], c.unsentAt
	if err := c.add("SAVEPOINT one", "", 0, request{}, nil); err != nil {
		return err
	}
	c.set = true
	c.out, c.asked, c.unsent = append(c.out, tail...), append(c.asked, moved...), c.unsent+len(moved)
	return nil
}

// do runs a statement without arguments by itself.
func (c *elephant) do(sql string) error {
	if err := c.add(sql, "", 0, request{}, nil); err != nil {
		return err
	}
	return c.flush()
}

// script runs statements one after the other, in the words of PostgreSQL.
func (c *elephant) script(sql string) error {
	if err := c.pour(); err != nil {
		return err
	}
	for _, statement := range strings.Split(postgresSchema(sql), ";") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if err := c.do(statement); err != nil {
			return fmt.Errorf("migrating the database: %w", err)
		}
	}
	return nil
}

func (c *elephant) look() error {
	if err := c.replan(); err != nil {
		return err
	}
	c.begin, c.open = []string{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}, true
	return c.dead
}

// hold takes the lock of writers within the transaction. What comes after it
// sees all that others committed: each statement has a snapshot of its own.
func (c *elephant) hold() error {
	if err := c.replan(); err != nil {
		return err
	}
	c.begin, c.open = []string{"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", lockWriters}, true
	return c.dead
}

var lockWriters = fmt.Sprintf("SELECT pg_advisory_xact_lock(%d, hashtext(current_schema())) IS NULL", lockWrite)

func (c *elephant) commit() error {
	if err := c.pour(); err != nil {
		return err
	}
	if c.unsure {
		if err := c.flush(); err != nil {
			return err
		}
	}
	if err := c.add("COMMIT", "", 0, request{}, nil); err != nil {
		return err
	}
	err := c.flush()
	c.open, c.unsure, c.lax = false, false, false
	return err
}

// rollback does not wait for the answer: it is read before the next question.
func (c *elephant) rollback() error {
	unbegun := len(c.begin) > 0
	c.begin, c.open, c.saving, c.unsure, c.missed, c.lax = nil, false, false, false, false, false
	c.rows.clear()
	c.cut(0, 0)
	if unbegun || c.dead != nil {
		return c.dead
	}
	if err := c.add("ROLLBACK", "", 0, request{}, nil); err != nil {
		return err
	}
	return c.send()
}

func (c *elephant) save() error {
	c.saving, c.set, c.wrote = true, false, false
	c.mark, c.unsentAt = len(c.out), c.unsent
	c.rows.mark()
	return nil
}

func (c *elephant) undo() error {
	c.rows.back()
	c.cut(c.mark, c.unsentAt)
	if !c.set {
		return nil
	}
	return c.add("ROLLBACK TO SAVEPOINT one", "", 0, request{}, nil)
}

func (c *elephant) release() error {
	c.saving = false
	if !c.set {
		return nil
	}
	c.set = false
	return c.add("RELEASE SAVEPOINT one", "", 0, request{}, nil)
}
