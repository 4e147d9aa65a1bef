package chain

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	dbm "github.com/cometbft/cometbft-db"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/store"
	"github.com/cosmos/gogoproto/proto"

	"cairn/ledger/machine"
	"cairn/node/fault"
)

// ledgerOfSix is a directory with six seals, the fourth with marks, each in a block of its own with an empty one after it.
type ledgerOfSix struct {
	*network
	cfg     Config
	txs     [][]byte
	heights []uint64
}

func sealed(t *testing.T) ledgerOfSix {
	t.Helper()
	n := newNetwork(t, 1)
	c := start(t, n.configs[0])
	east := newBook(n, "east")
	l := ledgerOfSix{network: n, cfg: n.configs[0]}
	for i := range 6 {
		east.grow(3)
		var marks [][32]byte
		if i == 3 {
			marks = bucket("damage")
		}
		l.txs = append(l.txs, east.seal(marks...))
		height, err := east.offer(c, marks...)
		if err != nil {
			t.Fatal(err)
		}
		l.heights = append(l.heights, height)
		until(t, "the block after a seal", func() bool { return c.Height() > height })
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return l
}

// scrubbed opens a directory without joining the network and scrubs it.
func scrubbed(t *testing.T, cfg Config) error {
	t.Helper()
	c := open(t, cfg)
	defer c.Close()
	return c.Scrub(t.Context(), nil)
}

// flip changes one byte of a file.
func flip(t *testing.T, cfg Config, name string, offset int64) {
	t.Helper()
	path := filepath.Join(cfg.Dir, name)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[offset] ^= 0x40
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

func damage(t *testing.T, err error, part string, height, row uint64) {
	t.Helper()
	var d *Damage
	if !errors.As(err, &d) || d.Part != part || d.Height != height || d.Row != row {
		t.Errorf("got %v, want damage of %s at height %d, row %d", err, part, height, row)
	}
}

func TestScrubIsContentWithWhatIsWhole(t *testing.T) {
	c := open(t, sealed(t).cfg)
	var last, total uint64
	if err := c.Scrub(t.Context(), func(d, of uint64) { last, total = d, of }); err != nil {
		t.Fatal(err)
	}
	if last != c.Height() || total != last {
		t.Errorf("progress ended at %d of %d, height is %d", last, total, c.Height())
	}
}

func TestScrubNamesARowOfTheCalendar(t *testing.T) {
	for _, offset := range []int64{0, 9, 20} { // height, time, root
		l := sealed(t)
		flip(t, l.cfg, leavesFile, 2*leafSize+offset)
		damage(t, scrubbed(t, l.cfg), leavesFile, l.heights[2], 2)
	}
	l := sealed(t)
	flip(t, l.cfg, nodesFile, 1*nodeSize+5) // the hash of leaf 1, below the peaks
	damage(t, scrubbed(t, l.cfg), nodesFile, l.heights[1], 1)
}

func TestAProofIsNotMadeFromADamagedCalendar(t *testing.T) {
	l := sealed(t)
	flip(t, l.cfg, nodesFile, 0)
	c := open(t, l.cfg)
	if _, err := c.CalendarPath(1, 6); !errors.Is(err, fault.New(fault.Broken, "chain.calendar-damaged", "")) {
		t.Errorf("got %v", err)
	}
}

func TestBooksThatAreDamagedAreRefused(t *testing.T) {
	l := sealed(t)
	info, err := os.Stat(filepath.Join(l.cfg.Dir, booksFile))
	if err != nil {
		t.Fatal(err)
	}
	flip(t, l.cfg, booksFile, info.Size()/2)
	refused(t, l.cfg, "chain.books-damaged")
}

// forge writes books and a calendar that are whole and fit each other, with other marks than the blocks have.
func (l ledgerOfSix) forge(t *testing.T, blocks *store.BlockStore) (dir string) {
	t.Helper()
	dir = t.TempDir()
	r, err := openReplica(dir, l.genesis, 0)
	if err != nil {
		t.Fatal(err)
	}
	east := newBook(l.network, "east")
	east.grow(9)
	east.sealed = 9
	east.grow(3)
	other := east.seal(bucket("forged")...)
	for h := int64(1); h <= blocks.Height(); h++ {
		block := blocks.LoadBlock(h)
		txs := block.Txs.ToSliceOfBytes()
		if uint64(h) == l.heights[3] {
			txs = [][]byte{other}
		}
		if _, err := r.apply(machine.Block{Height: uint64(h), Time: block.Time.UnixMilli(), Txs: txs}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestBooksThatAreForgedAreFound(t *testing.T) {
	l := sealed(t)
	c := open(t, l.cfg)
	dir := l.forge(t, c.node.BlockStore())
	height := c.Height()
	place := func(name string) {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = writeWhole(filepath.Join(l.cfg.Dir, name), raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	place(booksFile) // while the node runs
	damage(t, c.Scrub(t.Context(), nil), booksFile, height, 0)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	place(booksFile)
	refused(t, l.cfg, "chain.calendar-damaged")
	place(leavesFile)
	place(nodesFile)
	refused(t, l.cfg, "chain.damaged")
}

// edit changes what the block store holds under a key.
func edit(t *testing.T, cfg Config, key string, change func([]byte) []byte) {
	t.Helper()
	db, err := dbm.NewGoLevelDB(blockStore, cfg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	value, err := db.Get([]byte(key))
	if err != nil || value == nil {
		t.Fatalf("%s: %v, %v", key, value, err)
	}
	if value = change(value); value == nil {
		err = db.DeleteSync([]byte(key))
	} else {
		err = db.SetSync([]byte(key), value)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestScrubNamesABlock(t *testing.T) {
	bit := func(v []byte) []byte { v[len(v)/2] ^= 1; return v }
	last := func(v []byte) []byte { v[len(v)-1] ^= 1; return v }
	gone := func([]byte) []byte { return nil }
	for _, test := range []struct {
		name, key string
		change    func([]byte) []byte
		later     uint64
	}{
		{"a byte of a transaction", "P:%d:0", bit, 0},
		{"a block that is cut short", "P:%d:0", func(v []byte) []byte { return v[:len(v)/2] }, 0},
		{"a block that is gone", "P:%d:0", gone, 0},
		{"a header that is gone", "H:%d", gone, 0},
		{"a byte of a header", "H:%d", bit, 0},
		{"a signature", "C:%d", last, 1}, // the copy is compared with the block above
		{"signatures that are gone", "SC:%d", gone, 0},
		{"a signature that was seen", "SC:%d", last, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := sealed(t)
			edit(t, l.cfg, fmt.Sprintf(test.key, l.heights[2]), test.change)
			damage(t, scrubbed(t, l.cfg), "blocks", l.heights[2]+test.later, 0)
		})
	}
}

// TestScrubNamesASwappedTransaction gives a block another transaction together with hashes that fit it: only the members'
// signatures do not.
func TestScrubNamesASwappedTransaction(t *testing.T) {
	l := sealed(t)
	var part cmtproto.Part
	edit(t, l.cfg, fmt.Sprintf("P:%d:0", l.heights[2]), func(v []byte) []byte {
		if err := proto.Unmarshal(v, &part); err != nil {
			t.Fatal(err)
		}
		var block cmtproto.Block
		if err := proto.Unmarshal(part.Bytes, &block); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(block.Data.Txs[0], l.txs[2]) {
			t.Fatal("the block holds another transaction")
		}
		block.Data.Txs[0] = l.txs[0]
		raw, err := proto.Marshal(&block)
		if err != nil {
			t.Fatal(err)
		}
		part.Bytes = raw
		out, err := proto.Marshal(&part)
		if err != nil {
			t.Fatal(err)
		}
		return out
	})
	damage(t, scrubbed(t, l.cfg), "blocks", l.heights[2], 0)
}

// TestABitOfTheBlockStoreFlips flips bits all over the block store's files: each is refused at the start, found by the
// scrub, or in a place that nothing is read from.
func TestABitOfTheBlockStoreFlips(t *testing.T) {
	cfg := sealed(t).cfg
	keep := filepath.Join(t.TempDir(), "keep")
	if err := os.CopyFS(keep, os.DirFS(cfg.Dir)); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(cfg.Dir, blockStore+".db", "*.l*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	found := 0
	for i := range 24 {
		remove(t, cfg, "")
		if err := os.CopyFS(cfg.Dir, os.DirFS(keep)); err != nil {
			t.Fatal(err)
		}
		file := files[i%len(files)]
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() == 0 {
			continue
		}
		name, _ := filepath.Rel(cfg.Dir, file)
		flip(t, cfg, name, info.Size()*int64(i)/24)
		c, err := Open(cfg)
		if err == nil {
			err = errors.Join(c.Scrub(t.Context(), nil), c.Close())
		}
		if err != nil {
			found++
		}
	}
	if found < 12 {
		t.Errorf("of 24 flipped bits only %d were found", found)
	}
}
