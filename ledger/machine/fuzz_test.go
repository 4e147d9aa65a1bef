package machine_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"reflect"
	"testing"

	"cairn/ledger/machine"
	"cairn/ledger/member"
)

// mended returns an export whose checksum fits again.
func mended(raw []byte) []byte {
	raw = bytes.Clone(raw)
	if len(raw) < sha256.Size {
		return raw
	}
	sum := sha256.Sum256(raw[:len(raw)-sha256.Size])
	copy(raw[len(raw)-sha256.Size:], sum[:])
	return raw
}

func TestGenesisReadsBack(t *testing.T) {
	g := genesis("north", "south")
	back, err := machine.DecodeGenesis(g.Encode())
	if err != nil || !reflect.DeepEqual(back, g) || back.ID() != g.ID() {
		t.Fatalf("came back as %+v, %v", back, err)
	}
	if swapped := genesis("south", "north"); swapped.ID() != g.ID() {
		t.Error("the order of members makes another network")
	}
	for what, edit := range map[string]func(*machine.Genesis){
		"name":   func(g *machine.Genesis) { g.Name = "other" },
		"time":   func(g *machine.Genesis) { g.Time++ },
		"params": func(g *machine.Genesis) { g.Params.SkewMillis++ },
		"member": func(g *machine.Genesis) { g.Members[0].Power++ },
	} {
		other := genesis("north", "south")
		edit(&other)
		if other.ID() == g.ID() {
			t.Errorf("another %s is the same network", what)
		}
	}
}

// A network that began when there was no rule about recoveries stays the network that it was, and the default holds.
func TestGenesisWithoutRecovery(t *testing.T) {
	g := genesis("north", "south")
	whole := g.Encode()
	g.Params.RecoveryMillis = 0
	raw := g.Encode()
	back, err := machine.DecodeGenesis(raw)
	if err != nil || !reflect.DeepEqual(back, g) || back.Params.Recovery() != machine.DefaultRecoveryMillis {
		t.Fatalf("came back as %+v, %v", back, err)
	}
	if len(whole) != len(raw)+8 {
		t.Errorf("%d bytes without the parameter, %d with it", len(raw), len(whole))
	}
	for cut := range whole {
		bad := bytes.Clone(whole)
		bad[cut] ^= 0x80
		if g, err := machine.DecodeGenesis(bad); err == nil && !bytes.Equal(g.Encode(), bad) {
			t.Fatalf("byte %d altered: it encodes to other bytes", cut)
		}
	}
	zero := append(bytes.Clone(raw[:len(raw)-len(members(g))]), make([]byte, 8)...)
	if _, err := machine.DecodeGenesis(append(zero, members(g)...)); err == nil {
		t.Error("a parameter that is said to be nothing decodes")
	}
}

// members returns the part of an encoded genesis that has its members.
func members(g machine.Genesis) []byte {
	raw := g.Encode()
	size := 2
	for _, m := range g.Members {
		size += 4 + len(m.Encode())
	}
	return raw[len(raw)-size:]
}

func TestWhatIsNoGenesis(t *testing.T) {
	for what, edit := range map[string]func(*machine.Genesis){
		"no name":          func(g *machine.Genesis) { g.Name = "" },
		"a time long ago":  func(g *machine.Genesis) { g.Time = -1 },
		"no grace":         func(g *machine.Genesis) { g.Params.GraceMillis = 0 },
		"no beat":          func(g *machine.Genesis) { g.Params.BeatMillis = 0 },
		"two years' skew":  func(g *machine.Genesis) { g.Params.SkewMillis = 2 * 366 * 24 * 3600 * 1000 },
		"no members":       func(g *machine.Genesis) { g.Members = nil },
		"nobody who votes": func(g *machine.Genesis) { g.Members[0].Power, g.Members[1].Active = 0, false },
		"a member twice":   func(g *machine.Genesis) { g.Members[1] = g.Members[0] },
	} {
		g := genesis("north", "south")
		edit(&g)
		if _, err := machine.New(g); err == nil {
			t.Errorf("%s begins a network", what)
		}
		if _, err := machine.DecodeGenesis(g.Encode()); err == nil {
			t.Errorf("%s decodes", what)
		}
	}
}

func FuzzDecodeGenesis(f *testing.F) {
	f.Add(genesis("north", "south").Encode())
	older := genesis("north", "south")
	older.Params.RecoveryMillis = 0
	f.Add(older.Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if g, err := machine.DecodeGenesis(raw); err == nil && !bytes.Equal(g.Encode(), raw) {
			t.Fatal("decoded bytes encode to others")
		}
	})
}

// Any bytes as a transaction: the check and the block agree, and what is refused changes nothing.
func FuzzApply(f *testing.F) {
	n := lived(f)
	start := export(f, n.Machine)
	n.logs["north"].grow(1)
	f.Add(n.sealed("north", n.logs["north"], n.fresh(8)...))
	f.Add(n.sealed("south", n.logs["south"], n.fresh(8)...))
	f.Add([]byte{machine.KindSeal})
	f.Add([]byte{machine.KindEpoch})
	e := &member.Epoch{Member: "north", Use: member.UseSeal, Public: public("north", "next"), From: n.Height() + 30}
	e.Possession = ed25519.Sign(secret("north", "next"), e.PossessionBytes(n.Network()))
	e.Signature = ed25519.Sign(secret("north", "first"), e.SigningBytes(n.Network()))
	if n.Check(machine.EpochTx(e)) != machine.CodeOK {
		f.Fatal(n.Check(machine.EpochTx(e)))
	}
	f.Add(machine.EpochTx(e))
	f.Fuzz(func(t *testing.T, tx []byte) {
		m, err := machine.Import(bytes.NewReader(start))
		if err != nil {
			t.Fatal(err)
		}
		root, code := m.Root(), m.Check(tx)
		out := m.Apply(machine.Block{Height: m.Height() + 1, Time: m.Time(), Txs: [][]byte{tx}})
		if out.Codes[0] != code || (code == machine.CodeOK) == (out.Root == root) {
			t.Fatalf("check says %v, the block %v", code, out.Codes[0])
		}
	})
}

// Any bytes as an export, with a checksum that fits: what is taken is written out as the same bytes.
func FuzzImport(f *testing.F) {
	f.Add(export(f, lived(f).Machine))
	f.Add(export(f, newNetwork(f, "north").Machine))
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = mended(raw)
		m, err := machine.Import(bytes.NewReader(raw))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := m.Export(&again); err != nil || !bytes.Equal(again.Bytes(), raw) {
			t.Fatal("imported bytes export to others")
		}
	})
}
