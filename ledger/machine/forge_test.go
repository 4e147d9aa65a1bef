package machine_test

import (
	"bytes"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"cairn/ledger/machine"
	"cairn/ledger/register"
	"cairn/ledger/seal"
)

// A member that rewrote or cut its log tries every proof that it can compute from either log, for every size, and
// signs it properly. None is taken.
func TestRewrittenOrCutLogNeverSealsAgain(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := newNetwork(t, "north")
		honest := new(history)
		honest.grow(rapid.IntRange(1, 20).Draw(rt, "sealed"))
		n.mustApply(t, n.sealed("north", honest))
		before := n.Root()

		forged := honest.rewritten(rapid.IntRange(0, int(honest.size())-1).Draw(rt, "changed"))
		cut := honest.cut(rapid.IntRange(0, int(honest.size())-1).Draw(rt, "cut"))
		for grown := range rapid.IntRange(0, 12).Draw(rt, "grown") {
			forged.add([]byte{byte(grown)})
			cut.add([]byte{byte(grown)})
			honest.grow(1)
		}
		n.tryEverything(rt, forged, honest)
		n.tryEverything(rt, cut, honest)
		if n.Root() != before || n.latest("north").Root == forged.root() {
			rt.Fatal("the books moved")
		}
	})
}

// tryEverything seals a forged log with proofs from every earlier size of it and of the honest one.
func (n *network) tryEverything(t *rapid.T, log, honest *history) {
	for since := range log.size() + 2 {
		for _, proof := range [][][32]byte{nil, log.since(since), honest.since(since), append(log.since(since), honest.root())} {
			s := &seal.Seal{Member: "north", Size: log.size(), Root: log.root(), Consistency: proof, Marks: n.fresh(8)}
			tx := n.signed("north", s)
			code := n.Check(tx)
			if code != machine.CodeInconsistent && code != machine.CodeStale {
				t.Fatalf("a log of %d entries with a proof from %d: %v", log.size(), since, code)
			}
			if out := n.apply(tx); out.Codes[0] != code || out.Leaf != nil {
				t.Fatalf("check says %v, the block %v", code, out.Codes[0])
			}
		}
	}
}

// Any blocks whatever, good, bad, replayed and damaged, in any order: every mark that was there keeps its place and its
// height, every sealed log only grows, and the deltas alone rebuild the register.
func TestNothingIsEverTakenBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := newNetwork(t, "north", "south", "west")
		var past [][]byte
		seen, rebuilt := make(map[[32]byte]uint64), register.New()
		for range rapid.IntRange(1, 15).Draw(rt, "blocks") {
			var txs [][]byte
			for range rapid.IntRange(0, 4).Draw(rt, "txs") {
				txs = append(txs, n.anything(rt, past))
			}
			past = append(past, txs...)
			sizes := map[string]uint64{"north": n.latest("north").Size, "south": n.latest("south").Size, "west": n.latest("west").Size}
			root := n.Root()
			out := n.apply(txs...)
			for _, m := range out.Delta.Marks {
				seen[m.Image] = m.Height
				rebuilt.Load(m.Image, m.Height)
			}
			for id, size := range sizes {
				if n.latest(id).Size < size {
					rt.Fatalf("the sealed log of %s shrank", id)
				}
			}
			if (out.Leaf == nil) != (root == out.Root) || out.Root != n.Root() {
				rt.Fatal("the root moved without a leaf, or a leaf came without moving it")
			}
			if out.Leaf != nil && out.Leaf.Books != n.BooksRoot() {
				rt.Fatal("the leaf binds other books")
			}
		}
		_, marks, _, _ := n.Books()
		if marks.Root() != rebuilt.Root() {
			rt.Fatal("the deltas do not rebuild the register")
		}
		for image, height := range seen {
			if got, there, err := marks.Prove(image).Verify(marks.Root(), image); err != nil || !there || got != height {
				rt.Fatalf("a mark of height %d became %d %v %v", height, got, there, err)
			}
		}
	})
}

// anything draws a transaction: an honest seal, one of before, or a damaged one.
func (n *network) anything(t *rapid.T, past [][]byte) []byte {
	id := rapid.SampledFrom([]string{"north", "south", "west"}).Draw(t, "member")
	kind := rapid.IntRange(0, 4).Draw(t, "kind")
	if kind == 3 && len(past) > 0 {
		return rapid.SampledFrom(past).Draw(t, "replayed")
	}
	log := n.logs[id]
	log.grow(rapid.IntRange(0, 3).Draw(t, "grown"))
	var marks [][32]byte
	if rapid.Bool().Draw(t, "marks") {
		marks = n.fresh(8)
		n.serial -= rapid.IntRange(0, 8).Draw(t, "repeated")
	}
	tx := n.sealed(id, log, marks...)
	if kind == 4 {
		tx = bytes.Clone(tx)
		tx[rapid.IntRange(0, len(tx)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "damage"))
	}
	return tx
}

// Between two blocks any number of readers share a machine; the race detector is the judge.
func TestManyReadBetweenBlocks(t *testing.T) {
	n := newNetwork(t, "north", "south")
	read := func() {
		var readers sync.WaitGroup
		tx := n.sealed("north", n.logs["north"])
		for range 4 {
			readers.Go(func() {
				members, marks, seals, calendar := n.Books()
				n.Check(tx)
				for i := range marks.Len() {
					image, _ := marks.At(i)
					if _, there, err := marks.Prove(image).Verify(marks.Root(), image); !there || err != nil {
						t.Error("a mark is not proved")
					}
				}
				for _, m := range members.All() {
					if members.Prove(m.ID).Verify(members.Root(), m) != nil {
						t.Error("a member is not proved")
					}
				}
				for _, e := range seals.All() {
					if seals.Prove(e.Member).Verify(seals.Root(), e) != nil {
						t.Error("a seal is not proved")
					}
				}
				if calendar.Root() != n.Root() || n.BooksRoot() == [32]byte{} || n.Genesis().ID() != n.Network() {
					t.Error("the roots disagree")
				}
				export(t, n.Machine)
			})
		}
		readers.Wait()
	}
	read()
	for range 3 {
		n.logs["north"].grow(1)
		n.logs["south"].grow(1)
		n.mustApply(t, n.sealed("north", n.logs["north"], n.fresh(8)...), n.sealed("south", n.logs["south"]))
		read()
	}
	m, err := machine.Import(bytes.NewReader(export(t, n.Machine)))
	if err != nil {
		t.Fatal(err)
	}
	n.Machine = m
	read()
}
