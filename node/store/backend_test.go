package store_test

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"cairn/node/store"
	"cairn/test/postgres"
)

// The tests run twice: on SQLite, then on a PostgreSQL server of their own.
// CAIRN_TEST_STORE=sqlite or postgres runs them on one only.
const backendEnv = "CAIRN_TEST_STORE"

// server is the PostgreSQL server that tests run on, nil while they run on
// SQLite.
var server *postgres.Server

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		victim(dir, os.Getenv(victimURL))
		return
	}
	only, code := os.Getenv(backendEnv), 0
	if only != "postgres" {
		code = m.Run()
	}
	if only != "sqlite" && code == 0 {
		code = onPostgres(m)
	}
	for _, f := range slices.Backward(atEnd) {
		f()
	}
	os.Exit(code)
}

func onPostgres(m *testing.M) int {
	var err error
	if server, err = postgres.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "starting PostgreSQL:", err)
		return 1
	}
	fmt.Println("the same on PostgreSQL:")
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping PostgreSQL:", err)
		return 1
	}
	return code
}

var schemas sync.Map // of data directories on the server, by directory

// options are those that open the store of a directory: in it, or in a schema
// of the server that stands for it.
func options(t testing.TB, dir string) (o store.Options) {
	t.Helper()
	os.Getenv(backendEnv) // so that go test keeps the results of each choice apart; it does not see what TestMain reads
	if server == nil {
		return o
	}
	if url, ok := schemas.Load(dir); ok {
		o.URL, _ = url.(string)
		return o
	}
	url, err := server.Fresh()
	if err != nil {
		t.Fatal(err)
	}
	schemas.Store(dir, url)
	o.URL = url
	return o
}

// sqliteOnly skips a test of what only a file has.
func sqliteOnly(t testing.TB, why string) {
	t.Helper()
	if server != nil {
		t.Skip("of SQLite only: " + why)
	}
}

// postgresOnly skips a test of what only a server has.
func postgresOnly(t testing.TB, why string) {
	t.Helper()
	if server == nil {
		t.Skip("of PostgreSQL only: " + why)
	}
}
