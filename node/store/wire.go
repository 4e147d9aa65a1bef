package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgproto3"

	"cairn/node/fault"
)

// wire carries statements to a PostgreSQL backend and answers back. Statements
// are collected and sent together when an answer is needed, so that a
// transaction costs as many round trips as it asks questions, and a commit.
//
// Every statement is prepared once per connection; arguments and answers are in
// binary format.
type wire struct {
	raw   net.Conn
	front *pgproto3.Frontend

	patience time.Duration // how long an answer may take; 0 for replyWithin

	known map[string]*prepared // statements by their text
	names int                  // statements that were ever named

	out    []byte    // encoded and not sent
	unsent int       // statements in out
	asked  []request // in out, or sent and not answered, oldest first from head on
	head   int
	syncs  int  // answers to a Sync that are still to come
	status byte // of the transaction, as of the last answer to a Sync
	used   time.Time
	heard  bool  // a notification came
	missed bool  // a statement of the transaction did not change what it had to
	wary   bool  // a stray row was met: those that are there are looked for
	failed error // the first error since settle
	dead   error // why the connection is of no use any more
}

// prepared is a statement that the backend knows, or will once it has read out.
type prepared struct {
	name, sql string
	ready     bool // the backend said so
}

// request is a statement whose answer has not come, or a Sync.
type request struct {
	of      *prepared // nil for a Sync
	parses  bool      // the statement is made together with its first execution
	rows    *answer   // where its rows go; nil if it has none or they do not matter
	changed *int64    // how many rows it changed, if that is asked

	want      int64 // rows that it has to change
	otherwise error // what has happened if it changes another number; nil if it may
}

// answer is the rows of one fetch.
type answer struct {
	cells [][]byte // row after row
	width int
	bytes int
	more  bool // the portal has further rows
}

const (
	replyWithin = 2 * time.Minute // after which a silent server is given up
	mostAsked   = 400             // statements on the way at most: their answers fit into the socket's buffer
	mostOut     = 256 << 10
)

// Object identifiers of the types that statements of this package use.
const (
	oidBool  = 16
	oidBytea = 17
	oidInt8  = 20
	oidInt4  = 23
	oidText  = 25

	oidByteas = 1001
	oidTexts  = 1009
	oidInt8s  = 1016
)

// add encodes one execution of a statement. Of the rows at most limit are
// fetched, 0 for all; the rest stays in the portal.
func (w *wire) add(sql, portal string, limit uint32, req request, args []any) error {
	if w.dead != nil {
		return w.dead
	}
	mark := len(w.out)
	if req.of = w.known[sql]; req.of == nil {
		var err error
		if req.of, err = w.prepare(sql, args); err != nil {
			return err
		}
		req.parses = true
	}
	out, err := appendBind(w.out, portal, req.of.name, args)
	if err != nil {
		if w.out = w.out[:mark]; req.parses {
			delete(w.known, sql)
		}
		return err
	}
	w.out = appendExecute(out, portal, limit)
	w.push(req)
	return nil
}

func (w *wire) push(r request) {
	w.asked = append(w.asked, r)
	w.unsent++
}

// more encodes the fetch of further rows from a portal.
func (w *wire) more(of *prepared, portal string, limit uint32, to *answer) error {
	if w.dead != nil {
		return w.dead
	}
	w.out = appendExecute(w.out, portal, limit)
	w.push(request{of: of, rows: to})
	return nil
}

// cut takes back what was added beyond a length of out that held so many
// statements.
func (w *wire) cut(length, unsent int) {
	keep := len(w.asked) - (w.unsent - unsent)
	for _, r := range w.asked[keep:] {
		if r.parses {
			delete(w.known, r.of.sql)
		}
	}
	w.out, w.asked, w.unsent = w.out[:length], w.asked[:keep], unsent
}

// prepare has the next send make a statement.
func (w *wire) prepare(sql string, args []any) (*prepared, error) {
	p := &prepared{name: "s" + strconv.Itoa(w.names), sql: sql}
	parse := pgproto3.Parse{Name: p.name, Query: dollars(sql)}
	for _, a := range args {
		oid := oidOf(a)
		if oid == 0 {
			return nil, broken(fmt.Errorf("an argument of type %T", a))
		}
		parse.ParameterOIDs = append(parse.ParameterOIDs, oid)
	}
	out, err := parse.Encode(w.out)
	if err == nil {
		out, err = (&pgproto3.Describe{ObjectType: 'S', Name: p.name}).Encode(out)
	}
	if err != nil {
		return nil, broken(fmt.Errorf("encoding a statement: %w", err))
	}
	w.names++
	w.out, w.known[sql] = out, p
	return p, nil
}

// oidOf returns the type of an argument, 0 for one that cannot be sent.
func oidOf(arg any) uint32 {
	switch v := arg.(type) {
	case int64:
		return oidInt8
	case string:
		return oidText
	case []byte:
		return oidBytea
	case cells:
		return map[uint32]uint32{oidInt8: oidInt8s, oidText: oidTexts, oidBytea: oidByteas}[oidOf(v.rows[0][v.at])]
	}
	return 0
}

// storable refuses a text that the server could not keep.
func storable(arg any) error {
	v, text := arg.(string)
	if !text || strings.IndexByte(v, 0) < 0 && utf8.ValidString(v) {
		return nil
	}
	return fault.New(fault.Invalid, "store.text", "A text holds a character that cannot be stored.").
		WithHint("Remove the character U+0000 and send it again.")
}

// cells are one column of some rows: an argument that is an array.
type cells struct {
	rows [][]any
	at   int
}

// column is one column of values, of which there must be some.
func column[T string | int64](values []T) cells {
	rows := make([][]any, len(values))
	for i, v := range values {
		rows[i] = []any{v}
	}
	return cells{rows: rows}
}

// append is the array with its length, in binary format (PostgreSQL 15,
// array_recv): dimensions, nulls, type, size and lower bound, then the elements.
func (c cells) append(b []byte) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, oidOf(c.rows[0][c.at]))
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.rows)))
	b = append(b, 0, 0, 0, 1)
	for _, row := range c.rows {
		switch v := row[c.at].(type) {
		case int64:
			b = binary.BigEndian.AppendUint32(b, 8)
			b = binary.BigEndian.AppendUint64(b, uint64(v))
		case string:
			b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
			b = append(b, v...)
		case []byte:
			b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
			b = append(b, v...)
		}
	}
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

// appendBind is the message Bind (PostgreSQL 15, 55.7), all values binary.
func appendBind(b []byte, portal, statement string, args []any) ([]byte, error) {
	start := len(b)
	b = append(b, 'B', 0, 0, 0, 0)
	b = append(append(b, portal...), 0)
	b = append(append(b, statement...), 0)
	b = append(b, 0, 1, 0, 1) // one format for all arguments: binary
	b = binary.BigEndian.AppendUint16(b, uint16(len(args)))
	for _, a := range args {
		switch v := a.(type) {
		case int64:
			b = binary.BigEndian.AppendUint32(b, 8)
			b = binary.BigEndian.AppendUint64(b, uint64(v))
		case string:
			if err := storable(a); err != nil {
				return b, err
			}
			b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
			b = append(b, v...)
		case []byte:
			b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
			b = append(b, v...)
		case cells:
			b = v.append(b)
		default:
			return b, broken(fmt.Errorf("an argument of type %T", a))
		}
	}
	b = append(b, 0, 1, 0, 1) // one format for all results: binary
	binary.BigEndian.PutUint32(b[start+1:], uint32(len(b)-start-1))
	return b, nil
}

// appendExecute is the message Execute.
func appendExecute(b []byte, portal string, limit uint32) []byte {
	b = append(b, 'E')
	b = binary.BigEndian.AppendUint32(b, uint32(4+len(portal)+1+4))
	b = append(append(b, portal...), 0)
	return binary.BigEndian.AppendUint32(b, limit)
}

// appendClose is the message Close of a portal.
func appendClose(b []byte, portal string) []byte {
	b = append(b, 'C')
	b = binary.BigEndian.AppendUint32(b, uint32(4+1+len(portal)+1))
	return append(append(append(b, 'P'), portal...), 0)
}

var syncMessage = []byte{'S', 0, 0, 0, 4}

// send writes what was collected and a Sync.
func (w *wire) send() error {
	if w.dead != nil {
		return w.dead
	}
	w.out = append(w.out, syncMessage...)
	w.used = time.Now()
	err := w.raw.SetDeadline(w.used.Add(cmp.Or(w.patience, replyWithin)))
	if err == nil {
		_, err = w.raw.Write(w.out)
	}
	if cap(w.out) > 2*mostKept {
		w.out = nil
	}
	w.out, w.unsent = w.out[:0], 0
	w.asked = append(w.asked, request{})
	w.syncs++
	if err != nil {
		return w.kill(err)
	}
	return nil
}

// roundTrip sends what was collected and waits for all answers. The error is
// the first that any of the statements ended with.
func (w *wire) roundTrip() error {
	if err := w.send(); err != nil {
		return err
	}
	return w.settle()
}

// settle reads every answer that is still to come.
func (w *wire) settle() error {
	for w.syncs > 0 {
		if w.dead != nil {
			return w.dead
		}
		msg, err := w.front.Receive()
		if err != nil {
			return w.kill(err)
		}
		w.take(msg)
	}
	err := w.failed
	w.failed = nil
	if w.dead != nil {
		return w.dead
	}
	return err
}

// take takes one message of the backend.
func (w *wire) take(msg pgproto3.BackendMessage) {
	switch m := msg.(type) { // what comes by itself
	case *pgproto3.NotificationResponse:
		w.heard = true
		return
	case *pgproto3.ErrorResponse:
		w.refused(m)
		return
	}
	if w.head == len(w.asked) {
		return // a notice
	}
	switch m := msg.(type) {
	case *pgproto3.DataRow:
		if r := w.asked[w.head].rows; r != nil {
			r.add(m.Values)
		}
	case *pgproto3.CommandComplete:
		if n := w.asked[w.head].changed; n != nil {
			*n = rowsIn(m.CommandTag)
		}
		if r := w.asked[w.head]; r.otherwise != nil && rowsIn(m.CommandTag) != r.want {
			err := r.otherwise
			w.missed = true
			w.fail(err)
		}
		if string(m.CommandTag) == "ROLLBACK" && w.asked[w.head].of.sql == "COMMIT" {
			w.fail(errRolledBack)
		}
		w.next()
	case *pgproto3.EmptyQueryResponse:
		w.next()
	case *pgproto3.PortalSuspended:
		if r := w.asked[w.head].rows; r != nil {
			r.more = true
		}
		w.next()
	case *pgproto3.ParseComplete:
		w.asked[w.head].of.ready = true
	case *pgproto3.RowDescription:
		for _, f := range m.Fields {
			switch f.DataTypeOID {
			case oidBool, oidBytea, oidInt8, oidInt4, oidText:
			default:
				w.fail(broken(fmt.Errorf("a statement answers with a type that this program does not read (%d)", f.DataTypeOID)))
			}
		}
	case *pgproto3.ReadyForQuery:
		w.status = m.TxStatus
		w.syncs--
		w.skip()
	}
}

var errRolledBack = errors.New("the transaction had failed and was rolled back")

// next goes on to the next request.
func (w *wire) next() {
	if w.head++; w.head == len(w.asked) {
		w.asked, w.head = w.asked[:0], 0
	}
}

// skip goes on behind the Sync that was answered. Requests before it were
// passed over because of an error, and what was to be prepared for them is not.
func (w *wire) skip() {
	for w.head < len(w.asked) {
		r := w.asked[w.head]
		w.next()
		if r.of == nil {
			return
		}
		if r.parses && !r.of.ready {
			delete(w.known, r.of.sql)
		}
	}
}

func (w *wire) fail(err error) {
	if w.failed == nil {
		w.failed = err
	}
}

func (w *wire) refused(m *pgproto3.ErrorResponse) {
	err := postgresFault("answering", wireError(m))
	if m.SeverityUnlocalized == "FATAL" || m.SeverityUnlocalized == "PANIC" {
		_ = w.kill(err) // the backend ends
		return
	}
	if m.Code == "23505" && isLoose(m.TableName) {
		w.wary, err = true, errStray
	}
	w.fail(err)
}

// errStray: a row stands where none should, as when somebody edited the
// database. From then on the connection looks before it adds.
var errStray = busy(errors.New("a row that follows from a record was there without it"))

// kill gives the connection up.
func (w *wire) kill(err error) error {
	if w.dead == nil {
		w.dead = postgresFault("speaking to the database", err)
		_ = w.raw.Close() // it is of no use any more
	}
	return w.dead
}

// add keeps a row. Each row has memory of its own, since its blobs may be kept.
func (a *answer) add(values [][]byte) {
	size := 0
	for _, v := range values {
		size += len(v)
	}
	a.width, a.bytes = len(values), a.bytes+size
	room := make([]byte, 0, size)
	for _, v := range values {
		if v == nil {
			a.cells = append(a.cells, nil)
			continue
		}
		from := len(room)
		room = append(room, v...)
		a.cells = append(a.cells, room[from:len(room):len(room)])
	}
}

// each calls f with every row that was fetched.
func (a *answer) each(f func(row) error) error {
	for cells := a.cells; len(cells) > 0 && a.width > 0; cells = cells[a.width:] {
		if err := f(row{wire: cells[:a.width:a.width]}); err != nil {
			return err
		}
	}
	return nil
}

// rowsIn returns the count at the end of a command tag: "INSERT 0 3".
func rowsIn(tag []byte) int64 {
	s := string(tag)
	n, err := strconv.ParseInt(s[strings.LastIndexByte(s, ' ')+1:], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
