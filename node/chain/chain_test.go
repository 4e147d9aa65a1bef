package chain

import (
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"golang.org/x/mod/sumdb/tlog"

	"cairn/ledger/machine"
	"cairn/ledger/member"
	"cairn/ledger/register"
	"cairn/node/fault"
)

func TestOneValidatorKeepsItsStateOverRestarts(t *testing.T) {
	n := newNetwork(t, 1)
	c := start(t, n.configs[0])
	east := newBook(n, "east")
	marks := bucket("first")
	for range 5 {
		east.submit(t, c, 3)
	}
	height := east.submit(t, c, 3, marks...)
	entry, _ := c.Sealed("east")
	if entry.Size != 18 || entry.Height != height {
		t.Fatalf("sealed size %d at height %d, want 18 at %d", entry.Size, entry.Height, height)
	}
	before := root(c)
	for _, lost := range []string{"", booksFile, leavesFile} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if lost != "" { // what can be made again from the blocks
			remove(t, n.configs[0], booksFile)
			remove(t, n.configs[0], lost)
		}
		c = start(t, n.configs[0])
		if c.Height() < height || root(c) != before {
			t.Fatalf("without %q: height %d and root %x, before %d and %x", lost, c.Height(), root(c), height, before)
		}
		if at, there := c.Mark(register.Image(marks[3])); !there || at != height {
			t.Fatalf("without %q: mark at %d, %t", lost, at, there)
		}
		if err := c.Scrub(t.Context(), nil); err != nil {
			t.Fatalf("without %q: %v", lost, err)
		}
	}
	east.submit(t, c, 1)
}

func remove(t *testing.T, cfg Config, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(cfg.Dir, name)); err != nil {
		t.Fatal(err)
	}
}

func TestFourValidatorsAgree(t *testing.T) {
	n := newNetwork(t, 4)
	chains := startAll(t, n)
	var books []*book
	for i, c := range chains {
		books = append(books, newBook(n, names[i]))
		books[i].submit(t, c, 2, bucket(names[i])...)
	}
	if err := chains[3].Close(); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		for i, c := range chains[:3] {
			books[i].submit(t, c, 2)
		}
	}
	chains[3] = start(t, n.configs[3])
	until(t, "the stopped node catches up", func() bool {
		return chains[3].Height() >= chains[0].Height() && chains[3].Fresh(time.Now().UnixMilli()) == nil
	})
	books[3].submit(t, chains[3], 1)
	height := books[0].submit(t, chains[0], 1)
	for _, c := range chains {
		until(t, "every node has the last block", func() bool { return c.Height() >= height })
	}
	agree(t, chains, height)
	for _, c := range chains {
		if err := c.Scrub(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
}

// agree compares what the nodes hold at every common height.
func agree(t *testing.T, chains []*Chain, height uint64) {
	t.Helper()
	for h := int64(1); h <= int64(height); h++ {
		want := chains[0].node.BlockStore().LoadBlockMeta(h)
		for i, c := range chains[1:] {
			got := c.node.BlockStore().LoadBlockMeta(h)
			if got.Header.AppHash.String() != want.Header.AppHash.String() || !got.BlockID.Equals(want.BlockID) {
				t.Fatalf("block %d of node %d is %s, of node 0 %s", h, i+1, got.BlockID, want.BlockID)
			}
		}
	}
	for _, name := range names[:len(chains)] {
		want, _ := chains[0].Sealed(name)
		for i, c := range chains {
			if got, found := c.Sealed(name); !found || got != want {
				t.Fatalf("node %d says %+v of %s, node 0 %+v", i, got, name, want)
			}
		}
	}
}

func TestSubmitAnswers(t *testing.T) {
	n := newNetwork(t, 1)
	c := start(t, n.configs[0])
	east := newBook(n, "east")
	height := east.submit(t, c, 4, bucket("a")...)

	east.sealed = 0 // the same seal again, as after a restart
	again := east.seal(bucket("a")...)
	if got, err := c.Submit(t.Context(), again); err != nil || got != height {
		t.Errorf("submitting again gave %d, %v; want height %d", got, err, height)
	}
	east.sealed = east.size

	stranger := newBook(n, "west")
	stranger.grow(9)
	rewritten := newBook(n, "other entries")
	rewritten.grow(9)
	rewritten.member, rewritten.sealed = "east", 4
	for _, test := range []struct {
		name string
		tx   []byte
		want machine.Code
	}{
		{"nothing", nil, machine.CodeMalformed},
		{"no seal", []byte{machine.KindSeal, 1, 2, 3}, machine.CodeMalformed},
		{"a stranger", stranger.seal(), machine.CodeUnknownMember},
		{"three marks", east.seal(bucket("b")[:3]...), machine.CodeBadMarks},
		{"what is sealed already", east.seal(), machine.CodeOK},
		{"a rewritten log", rewritten.seal(), machine.CodeInconsistent},
	} {
		_, err := c.Submit(t.Context(), test.tx)
		var refusal *Refusal
		switch {
		case test.want == machine.CodeOK && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.want != machine.CodeOK && (!errors.As(err, &refusal) || refusal.Code != test.want):
			t.Errorf("%s: got %v, want a refusal with %q", test.name, err, test.want)
		}
	}
}

func TestNoHonestProposerHasSuchABlock(t *testing.T) {
	n := newNetwork(t, 1)
	c := open(t, n.configs[0])
	east := newBook(n, "east")
	east.grow(3)
	good := east.seal()
	forged := append([]byte(nil), good...)
	forged[len(forged)-1] ^= 1
	for _, test := range []struct {
		name string
		txs  [][]byte
		want abci.ResponseProcessProposal_ProposalStatus
	}{
		{"empty", nil, abci.ResponseProcessProposal_ACCEPT},
		{"a seal", [][]byte{good}, abci.ResponseProcessProposal_ACCEPT},
		{"a seal twice", [][]byte{good, good}, abci.ResponseProcessProposal_ACCEPT},
		{"garbage", [][]byte{good, {7}}, abci.ResponseProcessProposal_REJECT},
		{"a forged signature", [][]byte{forged}, abci.ResponseProcessProposal_REJECT},
	} {
		got, err := c.app.ProcessProposal(t.Context(), &abci.RequestProcessProposal{Height: 2, Txs: test.txs})
		if err != nil || got.Status != test.want {
			t.Errorf("%s: %v, %v; want %v", test.name, got, err, test.want)
		}
		mine, err := c.app.PrepareProposal(t.Context(), &abci.RequestPrepareProposal{Height: 2, Txs: test.txs})
		if err != nil {
			t.Fatal(err)
		}
		again, err := c.app.ProcessProposal(t.Context(), &abci.RequestProcessProposal{Height: 2, Txs: mine.Txs})
		if err != nil || again.Status != abci.ResponseProcessProposal_ACCEPT {
			t.Errorf("%s: what this node would propose is %v, %v", test.name, again, err)
		}
	}
}

func TestEvidenceHolds(t *testing.T) {
	n := newNetwork(t, 1)
	c := start(t, n.configs[0])
	if _, err := c.Evidence("east", 0); !fault.Is(err, fault.NotFound) {
		t.Errorf("evidence of an empty calendar: %v", err)
	}
	east := newBook(n, "east")
	marks := bucket("m")
	for range 6 {
		east.submit(t, c, 7)
	}
	east.submit(t, c, 7, marks...)
	size := c.CalendarSize()
	parts, err := c.Evidence("east", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := parts.Path.Verify(parts.Seals, parts.Entry); err != nil || parts.Entry.Size != 49 {
		t.Errorf("entry of size %d: %v", parts.Entry.Size, err)
	}
	ties(t, parts.Books)
	for _, wrong := range []uint64{size - 1, size + 1} {
		if _, err := c.Evidence("east", wrong); !fault.Is(err, fault.Conflict) {
			t.Errorf("evidence at size %d of %d: %v", wrong, size, err)
		}
	}
	for _, mark := range [][32]byte{marks[0], bucket("never")[0]} {
		parts, err := c.MarkProof(register.Image(mark))
		if err != nil {
			t.Fatal(err)
		}
		height, present, err := parts.Proof.Verify(parts.Register, parts.Image)
		if err != nil || present != (mark == marks[0]) || present != parts.Present || height != parts.Height {
			t.Errorf("mark at %d, %t, %v; said %d, %t", height, present, err, parts.Height, parts.Present)
		}
		ties(t, parts.Books)
	}
	east.submit(t, c, 7)
	extends(t, c, parts.Books)
}

// ties checks that the roots of the books lead to the calendar's root.
func ties(t *testing.T, b Books) {
	t.Helper()
	if machine.BooksRoot(b.Members, b.Register, b.Seals) != b.Leaf.Books {
		t.Error("the leaf does not bind the books")
	}
	if err := checkPath(b.CalendarPath, b.CalendarSize, b.CalendarRoot, b.LeafIndex, b.Leaf.Hash()); err != nil {
		t.Error(err)
	}
}

func checkPath(path [][32]byte, size uint64, root [32]byte, index uint64, leaf [32]byte) error {
	return tlog.CheckRecord(tlogHashes(path), int64(size), root, int64(index), leaf)
}

func tlogHashes(list [][32]byte) []tlog.Hash {
	proof := make([]tlog.Hash, len(list))
	for i, h := range list {
		proof[i] = h
	}
	return proof
}

// extends checks that an old proof can be brought under the calendar as it is, and that it only grew.
func extends(t *testing.T, c *Chain, old Books) {
	t.Helper()
	size := c.CalendarSize()
	now, err := c.CalendarRoot(size)
	if err != nil {
		t.Fatal(err)
	}
	path, err := c.CalendarPath(old.LeafIndex, size)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkPath(path, size, now, old.LeafIndex, old.Leaf.Hash()); err != nil {
		t.Error(err)
	}
	for from := uint64(1); from <= size; from++ {
		proof, err := c.CalendarConsistency(from, size)
		if err != nil {
			t.Fatal(err)
		}
		then, err := c.CalendarRoot(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckTree(tlogHashes(proof), int64(size), now, int64(from), then); err != nil {
			t.Errorf("from %d to %d: %v", from, size, err)
		}
	}
	if _, err := c.CalendarRoot(size + 1); !fault.Is(err, fault.Conflict) {
		t.Errorf("root beyond the end: %v", err)
	}
}

func TestALeafIsNotStampedBeforeItsSealWasMade(t *testing.T) {
	n := newNetwork(t, 1)
	c := start(t, n.configs[0])
	east := newBook(n, "east")
	east.submit(t, c, 1)
	time.Sleep((restMillis + 200) * time.Millisecond)
	made := time.Now().UnixMilli()
	height := east.submit(t, c, 1)
	leaf, err := c.CalendarLeaf(c.CalendarSize() - 1)
	if err != nil || leaf.Height != height {
		t.Fatalf("leaf of height %d, %v; want %d", leaf.Height, err, height)
	}
	if leaf.Time < made {
		t.Errorf("the leaf is stamped %d ms before its seal was made", made-leaf.Time)
	}
}

func TestMembersAndKeys(t *testing.T) {
	n := newNetwork(t, 4)
	c := open(t, n.configs[0])
	if got := c.Members(); len(got) != 4 || got[1].ID != "north" {
		t.Errorf("members are %v", got)
	}
	if m, found := c.Member("south"); !found || m.Name != "Hospital south" {
		t.Errorf("south is %v, %t", m, found)
	}
	k, found := c.Key("west", member.UseSeal)
	if !found || !ed25519.PublicKey(k.Public).Equal(ed25519.PublicKey(public(key("seal", "west")))) {
		t.Errorf("the key of west is %v, %t", k, found)
	}
	if _, found := c.Key("west", member.UseClient); found {
		t.Error("west has a client key")
	}
}

// TestTheCourierCarriesWhatABlockNeeds lets CometBFT's own gossip pause for so long that it alone would decide only a few
// of these seals while a test has patience.
func TestTheCourierCarriesWhatABlockNeeds(t *testing.T) {
	n := newNetwork(t, 4)
	for i := range n.configs {
		n.configs[i].gossip = 2 * time.Second
	}
	chains := startAll(t, n)
	for _, c := range chains {
		until(t, "every node has the first block", func() bool { return c.Height() > 0 })
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i, c := range chains {
		b := newBook(n, names[i])
		for range 4 {
			b.grow(1)
			if _, err := c.Submit(ctx, b.seal()); err != nil {
				t.Fatal(err)
			}
			b.sealed = b.size
		}
	}
}

// TestAClosedStoreIsEmpty reads as CometBFT's routines do while a node stops: they panic on an error.
func TestAClosedStoreIsEmpty(t *testing.T) {
	n := newNetwork(t, 1)
	c := start(t, n.configs[0])
	newBook(n, "east").submit(t, c, 1)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	blocks := c.node.BlockStore()
	if meta, commit := blocks.LoadBlockMeta(1), blocks.LoadBlockCommit(99); meta != nil || commit != nil {
		t.Errorf("a closed store has %v and %v", meta, commit)
	}
}
