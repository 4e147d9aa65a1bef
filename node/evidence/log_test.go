package evidence_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/store"
)

var bg = context.Background()

func openStore(t testing.TB, dir string) *store.Store {
	t.Helper()
	st, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() }) // a test may have closed it to look at the file
	return st
}

func openLog(t testing.TB, st *store.Store) *evidence.Log {
	t.Helper()
	l, err := evidence.Open(bg, st)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// entry is the same for the same number in every test.
func entry(i uint64) *store.Entry {
	e := &store.Entry{Kind: "test", Time: int64(i), Body: fmt.Appendf(nil, "sealed %d", i)}
	binary.BigEndian.PutUint64(e.ID[8:], i)
	e.Leaf = sha256.Sum256(e.Body)
	return e
}

// appendTo makes the log n entries long.
func appendTo(t testing.TB, st *store.Store, n uint64) {
	t.Helper()
	for from := st.Size(); from < n; from = st.Size() {
		err := st.Update(bg, func(tx *store.Tx) error {
			for i := from; i < min(n, from+5000); i++ {
				if err := tx.Append(entry(i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// reference is the same log kept by package tlog alone.
type reference []tlog.Hash

func newReference(t testing.TB, n uint64) *reference {
	t.Helper()
	r := &reference{}
	for i := range n {
		leaf := entry(i).Leaf
		hashes, err := tlog.StoredHashes(int64(i), leaf[:], r)
		if err != nil {
			t.Fatal(err)
		}
		*r = append(*r, hashes...)
	}
	return r
}

func (r *reference) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		out[i] = (*r)[index]
	}
	return out, nil
}

func (r *reference) root(t testing.TB, size uint64) [32]byte {
	t.Helper()
	h, err := tlog.TreeHash(int64(size), r)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func hashes(path [][32]byte) []tlog.Hash {
	out := make([]tlog.Hash, len(path))
	for i, h := range path {
		out[i] = h
	}
	return out
}

func checkRoot(t testing.TB, l *evidence.Log, r *reference, size uint64) {
	t.Helper()
	root, err := l.Root(size)
	if err != nil || root != r.root(t, size) {
		t.Fatalf("root of %d: %x, %v, want %x", size, root, err, r.root(t, size))
	}
}

func checkInclusion(t testing.TB, l *evidence.Log, r *reference, index, size uint64) {
	t.Helper()
	path, err := l.Inclusion(index, size)
	leaf := entry(index).Leaf
	if err == nil {
		err = tlog.CheckRecord(hashes(path), int64(size), r.root(t, size), int64(index), tlog.RecordHash(leaf[:]))
	}
	if err != nil {
		t.Errorf("entry %d of %d: %v", index, size, err)
	}
}

func checkConsistency(t testing.TB, l *evidence.Log, r *reference, from, to uint64) {
	t.Helper()
	path, err := l.Consistency(from, to)
	if err != nil {
		t.Fatalf("from %d to %d: %v", from, to, err)
	}
	if from == 0 || from == to {
		if len(path) != 0 {
			t.Fatalf("from %d to %d: a proof of %d hashes where none belongs", from, to, len(path))
		}
		return
	}
	if err := tlog.CheckTree(hashes(path), int64(to), r.root(t, to), int64(from), r.root(t, from)); err != nil {
		t.Fatalf("from %d to %d: %v", from, to, err)
	}
}

// checkTiles compares every tile, full and partial, with those of package tlog.
func checkTiles(t testing.TB, l *evidence.Log, r *reference, size uint64) {
	t.Helper()
	for _, tile := range tlog.NewTiles(8, 0, int64(size)) {
		want, err := tlog.ReadTileData(tile, r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.Tile(tile.L, uint64(tile.N), tile.W)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("tile %s of a log of %d differs: %v", tile.Path(), size, err)
		}
	}
}

func TestEveryProofOfSmallLogs(t *testing.T) {
	const most = 600
	st := openStore(t, t.TempDir())
	l, r := openLog(t, st), newReference(t, most)
	for size := uint64(0); size <= most; size += 1 + size/40 {
		appendTo(t, st, size)
		if got, root, err := l.Extend(bg); err != nil || got != size || root != r.root(t, size) {
			t.Fatalf("extended to %d, %x, %v, want %d, %x", got, root, err, size, r.root(t, size))
		}
		checkTiles(t, l, r, size)
	}
	for size := uint64(0); size <= l.Size(); size++ {
		checkRoot(t, l, r, size)
		for i := uint64(0); i <= size; i += 1 + size/50 {
			if i < size {
				checkInclusion(t, l, r, i, size)
			}
			checkConsistency(t, l, r, i, size)
		}
	}
	for _, size := range []uint64{1, 2, 3, 255, 256, 257, l.Size()} {
		for i := range size {
			checkInclusion(t, l, r, i, size)
		}
	}
}

// Above 65,536 entries there are full tiles of level 1 and hashes of level 2.
func TestProofsOfLargeLogs(t *testing.T) {
	const most = 70_123
	st := openStore(t, t.TempDir())
	r := newReference(t, most)
	l := openLog(t, st)
	for _, size := range []uint64{65_280, 65_535, 65_536, 65_537, 65_792, most} {
		appendTo(t, st, size)
		if _, root, err := l.Extend(bg); err != nil || root != r.root(t, size) {
			t.Fatalf("extending to %d: %v", size, err)
		}
		checkTiles(t, l, r, size)
	}
	for _, size := range []uint64{1, 255, 256, 257, 4_095, 65_279, 65_280, 65_535, 65_536, 65_537, 65_792, 65_793, 70_000, most} {
		checkRoot(t, l, r, size)
		for _, i := range []uint64{0, 1, 255, 256, 32_767, 32_768, 65_279, 65_280, 65_535, 65_536, 65_791, 65_792, size / 3, size - 1} {
			if i < size {
				checkInclusion(t, l, r, i, size)
				checkConsistency(t, l, r, i, size)
			}
		}
	}
	for i := uint64(0); i < most; i += 997 {
		checkInclusion(t, l, r, i, most)
		checkConsistency(t, l, r, i, most)
	}
}

// A node may stop after entries were committed and before they were hashed.
func TestReopenedLogGoesOn(t *testing.T) {
	dir := t.TempDir()
	r := newReference(t, 66_100)
	for _, c := range []struct{ hashed, committed uint64 }{
		{0, 0}, {3, 10}, {10, 256}, {256, 256}, {300, 700}, {700, 65_400}, {65_500, 65_536}, {65_536, 65_537}, {65_900, 66_100},
	} {
		st := openStore(t, dir)
		l := openLog(t, st) // hashes what was left by the last round
		checkRoot(t, l, r, st.Size())
		checkTiles(t, l, r, st.Size())
		appendTo(t, st, c.hashed)
		if _, _, err := l.Extend(bg); err != nil {
			t.Fatal(err)
		}
		appendTo(t, st, c.committed)
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
	st := openStore(t, dir)
	l := openLog(t, st)
	size, root := l.Hashed()
	if size != 66_100 || root != r.root(t, size) {
		t.Fatalf("%d entries, root %x", size, root)
	}
}

func TestFailedExtendLeavesTheLogAsItWas(t *testing.T) {
	st := openStore(t, t.TempDir())
	l := openLog(t, st)
	appendTo(t, st, 100)
	before, root, err := l.Extend(bg)
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, st, 400)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Extend(bg); !fault.Is(err, fault.Busy) {
		t.Fatalf("got %v", err)
	}
	if size, after := l.Hashed(); size != before || after != root {
		t.Fatalf("%d entries, root %x", size, after)
	}
}

func TestBeyondTheLog(t *testing.T) {
	st := openStore(t, t.TempDir())
	l := openLog(t, st)
	appendTo(t, st, 300)
	if _, _, err := l.Extend(bg); err != nil {
		t.Fatal(err)
	}
	appendTo(t, st, 310) // committed, and not hashed
	_, e1 := l.Root(301)
	_, e2 := l.Inclusion(300, 301)
	_, e3 := l.Inclusion(300, 300)
	_, e4 := l.Consistency(301, 300)
	_, e5 := l.Consistency(300, 301)
	_, e6 := l.Tile(0, 1, 45)
	_, e7 := l.Tile(0, 2, 1)
	_, e8 := l.Tile(1, 0, 2)
	_, e9 := l.Tile(2, 0, 1)
	_, e10 := l.Tile(8, 0, 1)
	_, e11 := l.Tile(0, 0, 0)
	for i, err := range []error{e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11} {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%d: %v", i+1, err)
		}
	}
	if l.Size() != 310 {
		t.Errorf("size %d", l.Size())
	}
}

func TestProofsWhileTheLogGrows(t *testing.T) {
	const most = 3000
	st, r := openStore(t, t.TempDir()), newReference(t, most)
	l := openLog(t, st)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				size, root := l.Hashed()
				if root != r.root(t, size) {
					t.Errorf("root of %d", size)
				}
				if size > 0 {
					checkInclusion(t, l, r, size*2/3, size)
					checkInclusion(t, l, r, size-1, size)
				}
			}
		})
	}
	for size := uint64(7); size <= most; size += 61 {
		appendTo(t, st, size)
		if _, _, err := l.Extend(bg); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	wg.Wait()
}
