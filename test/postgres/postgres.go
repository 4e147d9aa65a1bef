// Package postgres runs a PostgreSQL server of its own for tests: fresh files
// in a temporary directory, a Unix socket and no port, ended by its process id.
//
// The programs are those of Debian's package postgresql, which test/tools.sh
// installs. A server refuses to run as root, so a test that does gives it
// another user.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Server is a running server. Its methods are not for many at once, but URL and
// Fresh are.
type Server struct {
	bin, dir string
	owner    *syscall.Credential // nil for who runs the test
	settings []string
	process  *exec.Cmd
	ended    chan error
	fresh    atomic.Int64
}

const startWithin = 30 * time.Second

// Start makes a server and starts it. Settings are lines of postgresql.conf,
// "name=value". The caller stops it.
func Start(settings ...string) (s *Server, err error) {
	s = &Server{settings: settings}
	if s.bin, err = programs(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "cairn-pg-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(s.dir))
		}
	}()
	if os.Getuid() == 0 {
		if s.owner, err = somebody(); err != nil {
			return nil, err
		}
		if err := os.Chown(s.dir, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			return nil, err
		}
	}
	init := s.command("initdb", "-D", s.data(), "-U", "cairn", "-A", "trust", "-E", "UTF8", "--no-locale", "--data-checksums", "--no-sync")
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("making a PostgreSQL database: %w\n%s", err, out)
	}
	return s, s.Run()
}

// programs returns the directory of the newest server that is installed.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return "", errors.New("PostgreSQL is not installed: run test/tools.sh")
	}
	sort.Strings(found)
	return filepath.Dir(found[len(found)-1]), nil
}

// somebody returns a user that is not root.
func somebody() (*syscall.Credential, error) {
	var errs []error
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
	}
	return nil, errors.Join(errs...)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...) //nolint:gosec // an installed program
	cmd.Dir = s.dir
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner, Setpgid: true, Pdeathsig: syscall.SIGQUIT}
	return cmd
}

// Run starts the server, after Stop or Kill anew, and waits until it answers.
func (s *Server) Run() error {
	args := []string{"-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=200", "-c", "log_min_messages=fatal"}
	for _, set := range s.settings {
		args = append(args, "-c", set)
	}
	cmd := s.command("postgres", args...)
	said, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = said, said
	err = cmd.Start()
	if err := errors.Join(err, said.Close()); err != nil {
		return err
	}
	s.process, s.ended = cmd, make(chan error, 1)
	go func(ended chan<- error) { ended <- cmd.Wait() }(s.ended)
	return s.answers()
}

// answers waits until the server takes connections.
func (s *Server) answers() error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	for {
		_, err := s.ask(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case end := <-s.ended:
			s.ended <- end
			out, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("the PostgreSQL server ended: %w\n%s", end, out)
		case <-ctx.Done():
			return fmt.Errorf("the PostgreSQL server does not answer: %w", err)
		}
	}
}

// PID returns the process id of the server.
func (s *Server) PID() int { return s.process.Process.Pid }

// Dir returns the directory of the server's files and its socket.
func (s *Server) Dir() string { return s.dir }

// URL returns the address of a schema of the server. It must be there.
func (s *Server) URL(schema string) string {
	q := url.Values{"host": {s.dir}, "sslmode": {"disable"}}
	if schema != "" {
		q.Set("search_path", schema)
	}
	return (&url.URL{Scheme: "postgres", User: url.User("cairn"), Path: "/postgres", RawQuery: q.Encode()}).String()
}

// Fresh makes an empty schema and returns its address.
func (s *Server) Fresh() (string, error) {
	name := fmt.Sprint("t", s.fresh.Add(1))
	_, err := s.Ask("CREATE SCHEMA " + name)
	return s.URL(name), err
}

// Ask runs a statement as the database's administrator and returns the first
// column of its rows.
func (s *Server) Ask(sql string) ([]string, error) { return s.ask(context.Background(), sql) }

func (s *Server) ask(ctx context.Context, sql string) (rows []string, err error) {
	c, err := pgconn.Connect(ctx, s.URL(""))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close(ctx)) }()
	results, err := c.Exec(ctx, sql).ReadAll()
	for _, r := range results {
		for _, row := range r.Rows {
			rows = append(rows, string(row[0]))
		}
	}
	return rows, err
}

// Kill ends the server at once, as a crash of it would: nothing is written out.
func (s *Server) Kill() error { return s.end(syscall.SIGQUIT) }

// Stop ends the server and removes its files.
func (s *Server) Stop() error {
	return errors.Join(s.end(syscall.SIGINT), os.RemoveAll(s.dir))
}

// endWithin is how long a server may take to end: it writes out all that it holds first.
const endWithin = 5 * time.Minute

// end signals the server and waits for its end.
func (s *Server) end(how syscall.Signal) error {
	if err := s.process.Process.Signal(how); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(endWithin):
		return errors.New("the PostgreSQL server does not end")
	}
}
