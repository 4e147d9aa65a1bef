package node

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"cairn/test/postgres"
)

// server is the PostgreSQL server that tests run on, nil while they run on
// SQLite.
var server *postgres.Server

// onBoth are the tests that run on both databases.
const onBoth = "^Test(Feed|Reindex)"

const backendEnv = "CAIRN_TEST_STORE"

// TestMain runs the tests on SQLite, then those of onBoth (or those that -run
// names) on a PostgreSQL server of their own. CAIRN_TEST_STORE=sqlite or postgres
// runs them on one only.
func TestMain(m *testing.M) {
	flag.Parse()
	only, code := os.Getenv(backendEnv), 0
	if only != "postgres" {
		code = m.Run()
	}
	if only != "sqlite" && code == 0 {
		code = onPostgres(m)
	}
	os.Exit(code)
}

func onPostgres(m *testing.M) int {
	if chosen := flag.Lookup("test.run"); chosen.Value.String() == "" {
		if err := chosen.Value.Set(onBoth); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	var err error
	if server, err = postgres.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "starting PostgreSQL:", err)
		return 1
	}
	fmt.Println("the same on PostgreSQL, as far as it meets the store:")
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping PostgreSQL:", err)
		return 1
	}
	return code
}

// onStore has a hospital that was founded keep its records where the tests run.
func onStore(t *testing.T, cfg *Config) {
	t.Helper()
	os.Getenv(backendEnv) // so that go test keeps the results of each choice apart; it does not see what TestMain reads
	if server == nil {
		return
	}
	url, err := server.Fresh()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Store = url
}
