package chain

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"cairn/ledger/machine"
	"cairn/ledger/member"
	"cairn/ledger/seal"
)

// patience is how long a test waits for what must happen. It is a deadline, not a figure.
const patience = 60 * time.Second

var names = []string{"east", "north", "south", "west", "centre", "harbour"}

// key returns an Ed25519 key that is the same in every run.
func key(use string, name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(use + "/" + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func public(k ed25519.PrivateKey) []byte {
	p, _ := k.Public().(ed25519.PublicKey)
	return p
}

// network is the configuration of n members with one vote each, on free ports of this machine.
type network struct {
	genesis machine.Genesis
	configs []Config
}

func newNetwork(t testing.TB, n int) *network {
	t.Helper()
	g := machine.Genesis{
		Name: "testnet", Time: time.Now().Add(-time.Hour).UnixMilli(),
		Params: machine.Params{GraceMillis: 3000, SkewMillis: 60_000, BeatMillis: 1000, RecoveryMillis: 1000},
	}
	var peers []Peer
	for _, name := range names[:n] {
		g.Members = append(g.Members, member.Member{
			ID: name, Name: "Hospital " + name, Power: 10, Active: true,
			Keys: []member.Key{
				{Use: member.UseSeal, Public: public(key("seal", name))},
				{Use: member.UseValidator, Public: public(key("validator", name))},
			},
		})
		peers = append(peers, Peer{Member: name, ID: NodeID(public(key("node", name))), Addr: freeAddress(t)})
	}
	net := &network{genesis: g}
	dir := t.TempDir()
	for i, name := range names[:n] {
		c := Config{
			Dir: filepath.Join(dir, name), Listen: peers[i].Addr, Genesis: g, Member: name,
			ValidatorKeys: []ed25519.PrivateKey{key("validator", name)}, NodeKey: key("node", name),
			Logger: slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
		}
		for j, p := range peers {
			if j != i {
				c.Peers = append(c.Peers, p)
			}
		}
		net.configs = append(net.configs, c)
	}
	return net
}

type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	if testing.Verbose() {
		fmt.Print(string(p))
	}
	return len(p), nil
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func start(t testing.TB, cfg Config) *Chain {
	t.Helper()
	c := open(t, cfg)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// open opens a chain that is closed when the test ends, if it was not before.
func open(t testing.TB, cfg Config) *Chain {
	t.Helper()
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func startAll(t testing.TB, n *network) []*Chain {
	t.Helper()
	var list []*Chain
	for _, cfg := range n.configs {
		list = append(list, start(t, cfg))
	}
	return list
}

// book is a member's own log, as far as seals need it.
type book struct {
	member  string
	network [32]byte
	hashes  []tlog.Hash
	size    int64
	sealed  int64
}

func newBook(n *network, name string) *book {
	return &book{member: name, network: n.genesis.ID()}
}

func (b *book) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		list[i] = b.hashes[index]
	}
	return list, nil
}

func (b *book) grow(entries int) {
	for range entries {
		leaf := binary.BigEndian.AppendUint64([]byte(b.member), uint64(b.size))
		hashes, err := tlog.StoredHashes(b.size, leaf, b)
		if err != nil {
			panic(err)
		}
		b.hashes = append(b.hashes, hashes...)
		b.size++
	}
}

// seal returns the transaction that seals the log as it is, with these marks.
func (b *book) seal(marks ...[32]byte) []byte {
	root, err := tlog.TreeHash(b.size, b)
	if err != nil {
		panic(err)
	}
	s := &seal.Seal{Member: b.member, Size: uint64(b.size), Root: root, Marks: marks}
	if b.sealed > 0 && b.sealed < b.size {
		proof, err := tlog.ProveTree(b.size, b.sealed, b)
		if err != nil {
			panic(err)
		}
		s.Consistency = hashes(proof)
	}
	s.Sign(key("seal", b.member), b.network)
	return machine.SealTx(s)
}

// bucket returns eight marks that begin with those given.
func bucket(label string, marks ...[32]byte) [][32]byte {
	for i := len(marks); i < 8; i++ {
		marks = append(marks, sha256.Sum256(fmt.Appendf(nil, "%s/%d", label, i)))
	}
	return marks
}

// submit seals a log that grew by so many entries.
func (b *book) submit(t testing.TB, c *Chain, entries int, marks ...[32]byte) uint64 {
	t.Helper()
	b.grow(entries)
	height, err := b.offer(c, marks...)
	if err != nil {
		t.Fatal(err)
	}
	return height
}

func (b *book) offer(c *Chain, marks ...[32]byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	height, err := c.Submit(ctx, b.seal(marks...))
	if err == nil {
		b.sealed = b.size
	}
	return height, err
}

// until waits for what must become true.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("waited %s in vain for: %s", patience, what)
}

func root(c *Chain) [32]byte {
	c.replica.mu.RLock()
	defer c.replica.mu.RUnlock()
	return c.replica.machine.Root()
}

var _ io.Writer = testLog{}
