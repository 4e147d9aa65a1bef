package chain

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cometbft/cometbft/p2p"

	"cairn/node/fault"
)

// why returns the code of Fresh's answer, "" for nil.
func why(c *Chain) string {
	var f *fault.Error
	if errors.As(c.Fresh(time.Now().UnixMilli()), &f) {
		return f.Code
	}
	return ""
}

func TestFreshFollowsTheNetwork(t *testing.T) {
	n := newNetwork(t, 4)
	var skew atomic.Int64
	n.configs[0].Clock = func() int64 { return time.Now().UnixMilli() + skew.Load() }
	c := open(t, n.configs[0])
	if got := why(c); got != "chain.stopped" {
		t.Errorf("before Start: %q", got)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := why(c); got != "chain.catching-up" {
		t.Errorf("alone after Start: %q", got)
	}
	chains := []*Chain{c}
	for _, cfg := range n.configs[1:] {
		chains = append(chains, start(t, cfg))
	}
	until(t, "the node is fresh", func() bool { return why(c) == "" })
	east := newBook(n, "east")
	east.submit(t, c, 1)

	skew.Store(-10 * 60_000)
	east.submit(t, c, 1)
	until(t, "the node sees that its clock is wrong", func() bool { return why(c) == "chain.clock" })
	skew.Store(0)
	east.submit(t, c, 1)
	east.submit(t, c, 1)
	until(t, "the node sees that its clock is right", func() bool { return why(c) == "" })

	for _, other := range chains[2:] {
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the node is lonely", func() bool { return why(c) == "chain.alone" })
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if got := why(c); got != "chain.stopped" {
		t.Errorf("after Close: %q", got)
	}
}

func TestFreshMindsWhatWaits(t *testing.T) {
	n := newNetwork(t, 4)
	n.configs[0].Genesis.Params.GraceMillis = 1 // of no other node: it is only what this one waits
	c := open(t, n.configs[0])
	following := func() bool { return true }
	c.vigil.following.Store(&following)
	c.vigil.arrived.Store(true)
	if got := why(c); got != "" {
		t.Fatalf("at first: %q", got)
	}
	entry := c.submits.enter([32]byte{1}, time.Now().UnixMilli()-1000)
	if got := why(c); got != "chain.standstill" {
		t.Errorf("while one waits: %q", got)
	}
	c.submits.leave([32]byte{1}, entry)
	if got := why(c); got != "" {
		t.Errorf("after it: %q", got)
	}
}

func TestASubmitThatIsGivenUp(t *testing.T) {
	n := newNetwork(t, 4)
	c := start(t, n.configs[0]) // alone: nothing is decided
	east := newBook(n, "east")
	east.grow(1)
	got := make(chan error, 1)
	go func() {
		_, err := c.Submit(t.Context(), east.seal())
		got <- err
	}()
	until(t, "the transaction waits", func() bool { return c.vigil.waiting.Load() != 0 })
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// failed waits for what Failed gives.
func failed(t *testing.T, c *Chain) error {
	t.Helper()
	select {
	case err := <-c.Failed():
		return err
	case <-time.After(patience):
		t.Fatal("the failure was not noticed")
		return nil
	}
}

func TestConsensusThatFailsIsNoticed(t *testing.T) {
	n := newNetwork(t, 1)
	c := start(t, n.configs[0])
	east := newBook(n, "east")
	east.submit(t, c, 1)
	if err := c.replica.calendar.rows.Close(); err != nil { // as a disk that is full
		t.Fatal(err)
	}
	east.grow(1)
	go func() { _, _ = c.Submit(t.Context(), east.seal()) }()
	if err := failed(t, c); !fault.Is(err, fault.Broken) {
		t.Errorf("got %v", err)
	}
	if got := why(c); got != "chain.failed" {
		t.Errorf("fresh says %q", got)
	}
}

func TestAHeightThatStandsStillIsNoticed(t *testing.T) {
	n := newNetwork(t, 4)
	n.configs[3].Standstill = 2 * time.Second
	var chains []*Chain
	for _, cfg := range n.configs {
		chains = append(chains, open(t, cfg))
	}
	stuck, free := new(atomic.Bool), make(chan struct{})
	t.Cleanup(func() { close(free) })
	chains[3].app.clock = func() int64 { // consensus asks it before each block
		if stuck.Load() {
			<-free
		}
		return time.Now().UnixMilli()
	}
	for _, c := range chains {
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	east := newBook(n, "east")
	east.submit(t, chains[0], 1)
	stuck.Store(true)
	for range 5 {
		east.submit(t, chains[0], 1)
	}
	if err := failed(t, chains[3]); err == nil || !strings.Contains(err.Error(), "other members are") {
		t.Errorf("got %v", err)
	}
}

func TestAMachineThatHangsIsNoticed(t *testing.T) {
	n := newNetwork(t, 1)
	n.configs[0].Standstill = time.Second
	c := start(t, n.configs[0])
	east := newBook(n, "east")
	height := east.submit(t, c, 1)
	until(t, "the block after it", func() bool { return c.Height() > height })
	c.vigil.running.Store(1)
	if err := failed(t, c); err == nil || !strings.Contains(err.Error(), "has not come back") {
		t.Errorf("got %v", err)
	}
}

func TestNobodyElseIsLetIn(t *testing.T) {
	n := newNetwork(t, 4)
	chains := startAll(t, n)
	intruder := n.configs[1]
	intruder.Dir, intruder.Listen = t.TempDir(), freeAddress(t)
	intruder.NodeKey = key("node", "intruder")
	intruder.Peers = []Peer{{Member: "east", ID: NodeID(n.configs[0].nodePublic()), Addr: n.configs[0].Listen}}
	for _, c := range chains { // one node of north at a time
		if c.cfg.Member == "north" {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	c := start(t, intruder)
	newBook(n, "east").submit(t, chains[0], 1)
	id := p2p.ID(NodeID(intruder.nodePublic()))
	for range 30 {
		if chains[0].node.Switch().Peers().Has(id) || c.Height() > 0 {
			t.Fatal("the intruder was let in")
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func TestTheWriteAheadLogIsSwept(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"wal", "wal.000", "wal.009", "wal.999", "wal.1000", "wal.1001", "wal.CORRUPTED", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sweep(dir)
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range left {
		got = append(got, e.Name())
	}
	if want := "other wal wal.1001 wal.CORRUPTED"; strings.Join(got, " ") != want {
		t.Errorf("%v is left, want %s", got, want)
	}
}
