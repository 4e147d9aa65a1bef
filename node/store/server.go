package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"cairn/node/fault"
)

// Keys of the advisory locks that the processes of one hospital share. The other
// half of a key is the schema, so that several hospitals can be in one database.
const (
	lockWrite = 0x63610001 // held by whose group of updates is under way
	lockSeal  = 0x63610002 // held by the process that seals
)

// postgresVersion is the oldest server that is accepted.
const postgresVersion = 140000

// Settings of a session. A backend whose process is stopped in the middle of a
// group of updates lets go of the lock after a while.
var (
	sessionSettings = map[string]string{"jit": "off", "timezone": "UTC", "client_encoding": "UTF8"}
	writerSettings  = map[string]string{"lock_timeout": "15s", "idle_in_transaction_session_timeout": "30s",
		"default_transaction_isolation": "read committed", "default_transaction_read_only": "off"}
	readerSettings = map[string]string{"default_transaction_read_only": "on", "statement_timeout": "60s", "enable_seqscan": "off",
		"default_transaction_isolation": "read committed"}
)

// server says how to reach a PostgreSQL database and as what.
type server struct {
	config *pgconn.Config
	unsafe bool // the operator said that losing data is no matter
}

// parseServer reads a URL postgres://.... What it leaves out comes from where
// libpq looks: the environment, ~/.pgpass, the service file. Its one parameter
// of our own, fsync=off, accepts a server that may lose what it acknowledged.
func parseServer(address string) (server, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return server{}, fault.New(fault.Invalid, "store.url", "The address of the database is not postgres://....").
			WithHint("Write postgres://user@host:port/database, or leave it out for a file.")
	}
	q := u.Query()
	s := server{unsafe: q.Get("fsync") == "off"}
	q.Del("fsync")
	u.RawQuery = q.Encode()
	if s.config, err = pgconn.ParseConfig(u.String()); err != nil {
		return server{}, fault.New(fault.Invalid, "store.url", "The address of the database cannot be read.").
			WithHint("It has the form postgres://user@host:port/database?sslmode=verify-full; the password can stand in ~/.pgpass.")
	}
	if err := encrypted(s.config); err != nil {
		return server{}, err
	}
	if s.config.ConnectTimeout == 0 {
		s.config.ConnectTimeout = 5 * time.Second
	}
	return s, nil
}

// encrypted refuses a connection that leaves this machine unless it is
// encrypted and the server shows who it is.
func encrypted(cfg *pgconn.Config) error {
	ways := []*pgconn.FallbackConfig{{Host: cfg.Host, TLSConfig: cfg.TLSConfig}}
	for _, way := range append(ways, cfg.Fallbacks...) {
		ip := net.ParseIP(way.Host)
		if strings.HasPrefix(way.Host, "/") || way.Host == "localhost" || ip != nil && ip.IsLoopback() {
			continue
		}
		if t := way.TLSConfig; t == nil || t.InsecureSkipVerify && t.VerifyPeerCertificate == nil && t.VerifyConnection == nil {
			return fault.New(fault.Invalid, "store.plain", "The database is on another machine, and the connection to it would not be safe.").
				WithHint("Add sslmode=verify-full to its address, and sslrootcert=FILE for an authority of your own.")
		}
	}
	return nil
}

// CheckURL says what is wrong with the address of a database, as a fault that
// does not repeat it. It looks at no network.
func CheckURL(address string) error {
	_, err := parseServer(address)
	return err
}

// MaskURL returns the address of a database without its password.
func MaskURL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "postgres://(not readable)"
	}
	q := u.Query()
	for key := range q {
		if strings.Contains(strings.ToLower(key), "pass") {
			q.Set(key, "xxxxx")
		}
	}
	u.RawQuery = q.Encode()
	return u.Redacted()
}

// dial opens a connection. Settings are set for the session.
func (s server) dial(settings map[string]string) (*conn, error) {
	cfg := s.config.Copy()
	for key, value := range settings {
		cfg.RuntimeParams[key] = value
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "cairn"
	}
	ctx, cancel := context.WithTimeout(context.Background(), cfg.ConnectTimeout)
	defer cancel()
	up, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, postgresFault("connecting to the database", err)
	}
	taken, err := up.Hijack()
	if err != nil {
		return nil, broken(fmt.Errorf("connecting to the database: %w", err))
	}
	return &conn{session: &elephant{wire: wire{raw: taken.Conn, front: taken.Frontend, known: map[string]*prepared{}}}}, nil
}

// serverBase is a database on a server, which it reaches to see that it is fit.
func serverBase(address string) (base, error) {
	to, err := parseServer(address)
	if err != nil {
		return base{}, err
	}
	dial := func(more map[string]string) (*conn, error) {
		settings := maps.Clone(sessionSettings)
		maps.Copy(settings, more)
		return to.dial(settings)
	}
	b := base{
		shared: true,
		writer: func() (*conn, error) { return surely(dial(writerSettings)) },
		reader: func() (*conn, error) { return dial(readerSettings) },
		leader: func() (*conn, error) { return dial(leaderSettings) },
	}
	c, err := b.writer()
	if err != nil {
		return base{}, err
	}
	return b, cmp.Or(checkServer(c, to.unsafe), c.close())
}

// surely has every commit of a connection wait until it is on disk.
func surely(c *conn, err error) (*conn, error) {
	if err == nil {
		_, err = c.exec("SELECT set_config('synchronous_commit', 'on', false) FROM pg_settings " +
			"WHERE name = 'synchronous_commit' AND setting NOT IN ('on', 'remote_apply')")
	}
	if err != nil && c != nil {
		_ = c.close() // the first error is the one to tell
	}
	return c, err
}

// checkServer refuses a server that would not keep what the package promises.
func checkServer(c *conn, unsafe bool) error {
	var version int64
	set := map[string]string{}
	err := c.each("SELECT name, setting FROM pg_settings WHERE name IN "+
		"('server_version_num', 'fsync', 'synchronous_commit', 'full_page_writes', 'server_encoding')", func(r row) error {
		set[r.text(0)] = r.text(1)
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Sscan(set["server_version_num"], &version); err != nil || version < postgresVersion {
		return unfit("The database server is too old: PostgreSQL 14 or later is needed.", "Upgrade the server.")
	}
	if set["server_encoding"] != "UTF8" {
		return unfit("The database does not keep texts as UTF-8.", "Make it with ENCODING 'UTF8' TEMPLATE template0.")
	}
	if !unsafe && (set["fsync"] != "on" || set["full_page_writes"] != "on") {
		return unfit("The database server may lose what it has acknowledged: fsync or full_page_writes is off.",
			"Switch both on in postgresql.conf. Where losing data is no matter, add fsync=off to the address.")
	}
	return nil
}

func unfit(text, hint string) error {
	return fault.New(fault.Unsupported, "store.server", text).WithHint(hint)
}

// sweep does nothing: what the server does not use any more it wipes by itself
// or never, see checkpoint.
func (c *elephant) sweep(int64) (int64, error) { return 0, nil }

// checkpoint rewrites the table of wrapped data keys, so that a deleted one is
// no longer in its file, and has the server free what the other tables do not
// need any more. It reports false when somebody is reading.
func (c *elephant) checkpoint() (bool, error) {
	if err := c.do("SET lock_timeout = '500ms'"); err != nil {
		return false, err
	}
	err := c.do("VACUUM (FULL) datakey")
	if err == nil {
		err = c.do("VACUUM")
	}
	if back := c.do("SET lock_timeout = '" + writerSettings["lock_timeout"] + "'"); err == nil {
		err = back
	}
	if fault.Is(err, fault.Busy) {
		return false, nil
	}
	return err == nil, err
}

// verify has amcheck, where the database has it and this role may use it, go
// through every table and index. Elsewhere it reads every table as a whole, in
// which the server checks its pages if it was made with checksums, and counts
// the rows once more by an index.
func (c *elephant) verify() error {
	here := &conn{session: c}
	if _, err := here.exec("SET LOCAL statement_timeout = 0"); err != nil {
		return err
	}
	var tables []string
	err := here.each("SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace ORDER BY 1",
		func(r row) error { tables = append(tables, r.text(0)); return nil })
	if err != nil {
		return err
	}
	able, err := here.number("SELECT count(*) FROM pg_extension e JOIN pg_proc p ON p.pronamespace = e.extnamespace " +
		"WHERE e.extname = 'amcheck' AND p.proname IN ('verify_heapam', 'bt_index_check') AND has_function_privilege(p.oid, 'EXECUTE')")
	if err != nil {
		return err
	}
	check := here.recount
	if able >= 3 { // bt_index_check comes twice
		check = here.amcheck
	}
	for _, table := range tables {
		if err := check(table); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) amcheck(table string) error {
	wrong, err := c.number("SELECT count(*) FROM verify_heapam(relation => ?::text::regclass)", table)
	if err != nil {
		return err
	}
	if wrong > 0 {
		return corrupt(fmt.Errorf("%d tuples of the table %s are damaged", wrong, table))
	}
	var indexes []string
	err = c.each("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = ?::text::regclass",
		func(r row) error { indexes = append(indexes, r.text(0)); return nil }, table)
	for i := 0; err == nil && i < len(indexes); i++ {
		_, err = c.number("SELECT 1 FROM bt_index_check(index => ?::text::regclass, heapallindexed => true)", indexes[i])
	}
	return err
}

// recount compares how many rows a table has with how many an index finds.
func (c *conn) recount(table string) error {
	var counts [2]int64
	for i, way := range []string{"off", "on"} {
		for _, setting := range []string{"enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"} {
			if _, err := c.exec("SET LOCAL " + setting + " = " + way); err != nil {
				return err
			}
		}
		var err error
		if counts[i], err = c.number(fmt.Sprintf("SELECT count(*) FROM %s %s", table, [2]string{"x WHERE x::text IS NOT NULL", ""}[i])); err != nil {
			return err
		}
	}
	if counts[0] != counts[1] {
		return corrupt(fmt.Errorf("the table %s has %d rows and its index leads to %d", table, counts[0], counts[1]))
	}
	return nil
}

// wireError turns what the server says into an error without what the server
// may quote: values of rows.
func wireError(m *pgproto3.ErrorResponse) error {
	return &pgconn.PgError{Severity: m.Severity, Code: m.Code, TableName: m.TableName, ConstraintName: m.ConstraintName, Routine: m.Routine}
}

// postgresFault turns an error of the server or of the connection to it into a
// fault (PostgreSQL 15, appendix A). Messages of the server are left out: they
// quote values.
func postgresFault(doing string, err error) error {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		var f *fault.Error
		if errors.As(err, &f) {
			return err
		}
		return away(fmt.Errorf("%s: %w", doing, err))
	}
	clean := fmt.Errorf("%s: SQLSTATE %s %s %s %s", doing, said.Code, said.TableName, said.ConstraintName, said.Routine)
	if said.Code == "42501" {
		return denied(clean)
	}
	switch said.Code[:min(2, len(said.Code))] {
	case "08", "57":
		return away(clean)
	case "28", "3D":
		return denied(clean)
	case "40", "55", "25":
		return busy(clean)
	case "53":
		if said.Code == "53300" {
			return away(clean)
		}
		return full(clean)
	case "58":
		return unreadable(clean)
	case "XX":
		return corrupt(clean)
	}
	return broken(clean)
}

func away(cause error) error {
	return fault.Wrap(fault.Busy, "store.away", "The database does not answer. Please try again in a moment.", cause).
		WithHint("See that the database server runs and can be reached; the node goes on by itself.")
}

func denied(cause error) error {
	return fault.Wrap(fault.Broken, "store.denied", "The database refuses this node.", cause).
		WithHint("Check user, password, database and rights: docs/runbooks/postgresql.md.")
}
