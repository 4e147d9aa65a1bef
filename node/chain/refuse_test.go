package chain

import (
	"crypto/ed25519"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cairn/node/chain/signer"
	"cairn/node/fault"
)

// refused checks that a directory is refused as a fault with this code.
func refused(t *testing.T, cfg Config, code string) {
	t.Helper()
	c, err := Open(cfg)
	if err == nil {
		_ = c.Close()
	}
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != code {
		t.Errorf("got %v, want a fault %s", err, code)
	}
}

// used returns the configuration of a directory that holds a few blocks.
func used(t *testing.T) (*network, Config) {
	t.Helper()
	n := newNetwork(t, 1)
	c := start(t, n.configs[0])
	east := newBook(n, "east")
	for range 3 {
		east.submit(t, c, 2)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return n, n.configs[0]
}

func TestOneProcessAtATime(t *testing.T) {
	n := newNetwork(t, 1)
	c := start(t, n.configs[0])
	refused(t, n.configs[0], "chain.in-use")
	newBook(n, "east").submit(t, c, 1) // the first one was not disturbed
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, n.configs[0])
}

func TestThePortIsTaken(t *testing.T) {
	n := newNetwork(t, 1)
	l, err := net.Listen("tcp", n.configs[0].Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := open(t, n.configs[0])
	if err := c.Start(t.Context()); !errors.Is(err, fault.New(fault.Conflict, "chain.port", "")) {
		t.Errorf("got %v", err)
	}
}

func TestADirectoryOfAnotherLedger(t *testing.T) {
	_, cfg := used(t)
	cfg.Genesis.Name = "another"
	refused(t, cfg, "chain.other-genesis")
}

func TestFilesThatAreMissing(t *testing.T) {
	for _, name := range []string{genesisFile, signer.File} {
		_, cfg := used(t)
		remove(t, cfg, name)
		refused(t, cfg, "chain.file-missing")
	}
	_, cfg := used(t)
	remove(t, cfg, leavesFile)
	refused(t, cfg, "chain.calendar-damaged")
	_, cfg = used(t)
	remove(t, cfg, blockStore+".db")
	remove(t, cfg, "state.db")
	refused(t, cfg, "chain.blocks-missing")
	_, cfg = used(t)
	remove(t, cfg, blockStore+".db")
	remove(t, cfg, booksFile)
	refused(t, cfg, "chain.damaged")
}

func TestTheSignFileIsAnOldCopy(t *testing.T) {
	n := newNetwork(t, 1)
	c := start(t, n.configs[0])
	east := newBook(n, "east")
	east.submit(t, c, 2)
	path := filepath.Join(n.configs[0].Dir, signer.File)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		east.submit(t, c, 2)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, n.configs[0], "chain.sign-old")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, n.configs[0], "chain.sign-damaged")
}

func TestConfigurationsThatMakeNoSense(t *testing.T) {
	good := newNetwork(t, 2).configs[0]
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, want string
		change     func(*Config)
	}{
		{"no directory", "directory", func(c *Config) { c.Dir = "" }},
		{"no port", "address", func(c *Config) { c.Listen = "localhost" }},
		{"no genesis", "genesis", func(c *Config) { c.Genesis.Members = nil }},
		{"no node key", "node key", func(c *Config) { c.NodeKey = nil }},
		{"an unknown member", "not in the genesis", func(c *Config) { c.Member = "nowhere" }},
		{"no validator key", "needs its validator key", func(c *Config) { c.ValidatorKeys = nil }},
		{"half a validator key", "not an Ed25519", func(c *Config) { c.ValidatorKeys = []ed25519.PrivateKey{c.ValidatorKeys[0][:32]} }},
		{"a peer without an id", "not a node id", func(c *Config) { c.Peers = []Peer{{Member: "north", Addr: "a:1"}} }},
		{"itself as a peer", "own", func(c *Config) { c.Peers = []Peer{{Member: "north", ID: NodeID(c.nodePublic()), Addr: "a:1"}} }},
		{"a peer of no member", "not in the genesis", func(c *Config) { c.Peers = []Peer{{Member: "x", ID: c.Peers[0].ID, Addr: "a:1"}} }},
		{"a peer without a port", "address", func(c *Config) { c.Peers = []Peer{{Member: "north", ID: c.Peers[0].ID, Addr: "a"}} }},
	} {
		cfg := good
		test.change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want something about %q", test.name, err, test.want)
		}
	}
}
