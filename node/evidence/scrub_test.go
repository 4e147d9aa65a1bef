package evidence_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"cairn/ledger/seal"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/store"
)

// edit replaces bytes in the database file, as somebody with the disk in his
// hands would. They must be there exactly once.
func edit(t testing.TB, dir string, old, young []byte) {
	t.Helper()
	path := filepath.Join(dir, "store.db")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(raw, old); n != 1 || len(old) != len(young) {
		t.Fatalf("found %d times", n)
	}
	if err := os.WriteFile(path, bytes.Replace(raw, old, young, 1), 0o600); err != nil {
		t.Fatal(err)
	}
}

func flipped(b []byte) []byte {
	c := bytes.Clone(b)
	c[len(c)/2] ^= 1
	return c
}

// checkBody stands for Journal.Open: the leaf must be that of the body.
func checkBody(e *store.Entry) error {
	if sha256.Sum256(e.Body) == e.Leaf {
		return nil
	}
	return fault.New(fault.Broken, "entry-altered", fmt.Sprintf("entry %d was altered", e.Index))
}

const sealedSize = 66_000

// makeLog makes a log of sealedSize entries in a data directory and returns its
// root.
func makeLog(t testing.TB, dir string) [32]byte {
	t.Helper()
	st := openStore(t, dir)
	appendTo(t, st, sealedSize)
	_, root := openLog(t, st).Hashed()
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return root
}

// scrubDamaged copies a log, changes the copy, and scrubs it.
func scrubDamaged(t testing.TB, dir string, root [32]byte, change func(dir string), check func(*store.Entry) error) error {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	if err := os.WriteFile(filepath.Join(copied, "store.db"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	change(copied)
	st := openStore(t, copied)
	defer func() { _ = st.Close() }() // its file is thrown away
	l, err := evidence.Open(bg, st)
	if err != nil {
		return err
	}
	appendTo(t, st, sealedSize+10)
	sealed := seal.Entry{Member: "north", Size: sealedSize, Root: root, Height: 5}
	return l.Scrub(bg, evidence.Scrub{Sealed: sealed, Entry: check})
}

func TestScrubNamesWhatWasAltered(t *testing.T) {
	dir := t.TempDir()
	root := makeLog(t, dir)
	leaf := func(i uint64) []byte { leaf := entry(i).Leaf; return leaf[:] }
	hash := func(i uint64) []byte { h := tlog.RecordHash(leaf(i)); return h[:] }
	for _, c := range []struct {
		name   string
		change func(dir string)
		check  func(*store.Entry) error
		code   string
		text   string
	}{
		{name: "nothing", change: func(string) {}, check: checkBody},
		{"a body", func(dir string) { edit(t, dir, []byte("sealed 12345"), []byte("sealed 12346")[:12]) }, checkBody,
			"entry-altered", "entry 12345 was altered"},
		{"a leaf", func(dir string) { edit(t, dir, leaf(12345), flipped(leaf(12345))) }, nil,
			"evidence.entry-altered", "Entry 12345 of the log was altered: its leaf is not the one that was hashed."},
		{"the first leaf", func(dir string) { edit(t, dir, leaf(0), flipped(leaf(0))) }, checkBody,
			"entry-altered", "entry 0 was altered"},
		{"a leaf that is in no tile yet", func(dir string) { edit(t, dir, leaf(65_999), flipped(leaf(65_999))) }, nil,
			"evidence.not-sealed-log", "The log of this hospital is not the one whose 66000 entries were sealed in block 5."},
		{"a hash in a tile", func(dir string) { edit(t, dir, hash(300), flipped(hash(300))) }, nil,
			"evidence.entry-altered", "Entry 300 of the log was altered: its leaf is not the one that was hashed."},
		{"a leaf and its hash", func(dir string) {
			other := flipped(leaf(300))
			h := tlog.RecordHash(other)
			edit(t, dir, leaf(300), other)
			edit(t, dir, hash(300), h[:])
		}, nil, "evidence.tile-altered", "Tile 1/0 of the log was altered."},
	} {
		err := scrubDamaged(t, dir, root, c.change, c.check)
		if c.code == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Broken || f.Code != c.code || f.Text != c.text {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestScrubTellsHowFarItIs(t *testing.T) {
	st := openStore(t, t.TempDir())
	appendTo(t, st, 5000)
	l := openLog(t, st)
	var steps []uint64
	err := l.Scrub(bg, evidence.Scrub{Entry: checkBody, Progress: func(done, total uint64) {
		if total != 5000 {
			t.Errorf("%d in all", total)
		}
		steps = append(steps, done)
	}})
	if err != nil || len(steps) != 3 || steps[2] != 5000 {
		t.Fatalf("%v, %v", steps, err)
	}
	empty := openLog(t, openStore(t, t.TempDir()))
	if err := empty.Scrub(bg, evidence.Scrub{}); err != nil {
		t.Fatal(err)
	}
}

func TestScrubFindsTilesThatDoNotBelong(t *testing.T) {
	st := openStore(t, t.TempDir())
	appendTo(t, st, 300)
	l := openLog(t, st)
	err := st.Update(bg, func(tx *store.Tx) error { return tx.PutTile(0, 1, make([]byte, store.TileBytes)) })
	if err != nil {
		t.Fatal(err)
	}
	if f := fault.As(l.Scrub(bg, evidence.Scrub{})); f == nil || f.Code != "evidence.tile-extra" {
		t.Fatalf("got %v", f)
	}
}
