package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/ledger/machine"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
)

// open founds a hospital that is a consortium of its own and opens its node.
func open(t *testing.T) (*Node, Config) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "north")
	founder := Founder{ID: "north", Name: "North Hospital", Dir: dir, Listen: free(t), P2P: free(t)}
	if err := Found("test", []Founder{founder}); err != nil {
		t.Fatal(err)
	}
	cfg, err := ReadConfig(filepath.Join(dir, "cairn.toml"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n, cfg
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestNothingWithoutTicket: the zero values of the stations open nothing.
func TestNothingWithoutTicket(t *testing.T) {
	n, _ := open(t)
	ctx := context.Background()
	ref := gate.Ref{Type: "Patient", ID: "1", Version: 1}
	if _, err := n.vault.Seal(ctx, gate.Permit{}, "", ref, nil, []byte("{}")); !fault.Is(err, fault.Refused) {
		t.Errorf("the zero Permit seals: %v", err)
	}
	if _, err := n.vault.Open(ctx, gate.Pass{}, ref, &store.Version{}); !fault.Is(err, fault.Refused) {
		t.Errorf("the zero Pass opens: %v", err)
	}
	if _, err := n.Records.Read(ctx, identity.Actor{}, "Patient", "1"); err == nil {
		t.Error("the zero Actor reads")
	}
	if _, err := n.Records.Create(ctx, identity.Actor{}, "Patient", []byte(`{"resourceType":"Patient"}`)); !fault.Is(err, fault.Refused) {
		t.Errorf("the zero Actor writes: %v", err)
	}
}

// TestOneProcessOneDirectory: a second node on the same data is refused, and so
// is another hospital's configuration.
func TestOneProcessOneDirectory(t *testing.T) {
	n, cfg := open(t)
	if _, err := Open(context.Background(), cfg, slog.New(slog.DiscardHandler)); !fault.Is(err, fault.Busy) {
		t.Errorf("a second node on the same data: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	_, other := open(t)
	other.Data = cfg.Data
	if _, err := Open(context.Background(), other, slog.New(slog.DiscardHandler)); !fault.Is(err, fault.Conflict) {
		t.Errorf("another network on this data: %v", err)
	}
}

// TestFullDisk: without room, a new hospital does not begin; one that is there
// opens, so that it can be scrubbed and follow the ledger, but writes nothing.
// (That nothing is read either, since no read could be logged, is tested at
// the faces.)
func TestFullDisk(t *testing.T) {
	n, cfg := open(t)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.ReserveMB = maxReserveMB
	n, err := Open(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	err = n.store.Update(context.Background(), func(tx *store.Tx) error { return tx.SetMeta("x", []byte("y")) })
	if !fault.Is(err, fault.Full) {
		t.Errorf("writing on a full disk: %v", err)
	}
	fresh := cfg
	fresh.Data = filepath.Join(t.TempDir(), "data")
	if _, err := Open(context.Background(), fresh, slog.New(slog.DiscardHandler)); !fault.Is(err, fault.Full) {
		t.Errorf("beginning on a full disk: %v", err)
	}
}

func TestConfigNamesEveryFault(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cairn.toml")
	for text, want := range map[string][]string{
		"member = 3":                         {"member"},
		"membr = \"north\"":                  {"membr"},
		"member = \"North\"\nlisten = \"x\"": {"member", "listen", "p2p", "url"},
		"[[peer":                             {"1"},
		"":                                   {"member"},
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadConfig(file)
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Invalid {
			t.Fatalf("%q: %v", text, err)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q: %v does not name %s", text, err, w)
			}
		}
	}
}

func TestGenesisFileHasOneMeaning(t *testing.T) {
	_, cfg := open(t)
	data, err := os.ReadFile(cfg.Genesis)
	if err != nil {
		t.Fatal(err)
	}
	g, err := DecodeGenesis(data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := EncodeGenesis(g)
	if err != nil || string(again) != string(data) {
		t.Errorf("the genesis file does not survive a round trip: %v", err)
	}
	for cut := range len(data) - 2 {
		if _, err := DecodeGenesis(data[:cut]); err == nil {
			t.Fatalf("the first %d bytes are taken for a genesis", cut)
		}
	}
	for _, extra := range []string{`{"x":1}`, "x"} {
		if _, err := DecodeGenesis(append(append([]byte{}, data...), extra...)); err == nil {
			t.Errorf("a genesis with %q behind it was taken", extra)
		}
	}
}

// TestGenesisWithoutRecovery reads what a build wrote that did not know how long
// recoveries wait: it is the network that it was, with the default.
func TestGenesisWithoutRecovery(t *testing.T) {
	g, err := ReadGenesis(filepath.Join("testdata", "genesis-without-recovery.json"))
	if err != nil {
		t.Fatal(err)
	}
	const id = "6d6a686a1b25cf18c0191b2f41e390903dfd4c45c13b124ff181673b986a3c61" // as that build had it
	if have := fmt.Sprintf("%x", g.ID()); have != id || g.Params.Recovery() != machine.DefaultRecoveryMillis {
		t.Errorf("network %s, recoveries wait %d", have, g.Params.Recovery())
	}
}

// TestScrubOfALivingNode runs a node and scrubs it while it works.
func TestScrubOfALivingNode(t *testing.T) {
	n, _ := open(t)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := n.Run(ctx, func(ctx context.Context) error {
		defer cancel()
		var last ScrubLine
		if err := n.Scrub(ctx, func(l ScrubLine) { last = l }); err != nil {
			return err
		}
		if !last.OK {
			return errors.New("the scrub did not end well")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
