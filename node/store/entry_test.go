package store_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"

	"cairn/node/fault"
	"cairn/node/store"
)

// logEntry is the n-th of different entries.
func logEntry(n int, subject string) *store.Entry {
	e := &store.Entry{Kind: "read", Time: int64(n), Subject: subject, Body: fmt.Appendf(nil, "body %d", n)}
	copy(e.ID[:], fmt.Sprintf("%016d", n))
	copy(e.Leaf[:], fmt.Sprintf("%032d", n))
	return e
}

func TestEntries(t *testing.T) {
	s := open(t, t.TempDir())
	for i := range 10 {
		update(t, s, func(tx *store.Tx) error { return tx.Append(logEntry(i, []string{"p", "q", ""}[i%3])) })
	}
	want := logEntry(6, "p")
	want.Index = 6
	view(t, s, func(v *store.View) error {
		byIndex, err := v.Entry(6)
		if err != nil || !reflect.DeepEqual(byIndex, want) {
			t.Errorf("%+v, %v", byIndex, err)
		}
		byID, err := v.EntryByID(want.ID)
		if err != nil || !reflect.DeepEqual(byID, want) {
			t.Errorf("%+v, %v", byID, err)
		}
		_, e1 := v.Entry(10)
		_, e2 := v.Entry(math.MaxUint64)
		_, e3 := v.EntryByID([16]byte{1})
		for _, err := range []error{e1, e2, e3} {
			wantKind(t, err, fault.NotFound)
		}
		size, err := v.Size()
		if size != 10 || s.Size() != 10 {
			t.Errorf("sizes %d and %d", size, s.Size())
		}
		return err
	})
}

func TestEntriesOfASubject(t *testing.T) {
	s := open(t, t.TempDir())
	for i := range 10 {
		update(t, s, func(tx *store.Tx) error { return tx.Append(logEntry(i, []string{"p", "q", ""}[i%3])) })
	}
	view(t, s, func(v *store.View) error {
		var indexes []uint64
		for before := uint64(math.MaxUint64); ; {
			page, err := v.Entries("p", before, 3)
			if err != nil {
				return err
			}
			for _, e := range page {
				indexes, before = append(indexes, e.Index), e.Index
			}
			if len(page) < 3 {
				break
			}
		}
		if !reflect.DeepEqual(indexes, []uint64{9, 6, 3, 0}) {
			t.Errorf("newest first: %v", indexes)
		}
		if all, _ := v.Entries("", math.MaxUint64, 10); all != nil {
			t.Errorf("entries about nobody are listed: %+v", all)
		}
		n, err := v.CountEntries("p")
		if n != 4 {
			t.Errorf("counted %d", n)
		}
		return err
	})
}

func TestLeaves(t *testing.T) {
	s := open(t, t.TempDir())
	for i := range 10 {
		update(t, s, func(tx *store.Tx) error { return tx.Append(logEntry(i, "")) })
	}
	view(t, s, func(v *store.View) error {
		leaves, err := v.Leaves(2, 5)
		if err != nil || len(leaves) != 3 || leaves[0] != logEntry(2, "").Leaf || leaves[2] != logEntry(4, "").Leaf {
			t.Errorf("%v, %v", leaves, err)
		}
		if _, err := v.Leaves(8, 11); !fault.Is(err, fault.Broken) {
			t.Errorf("leaves beyond the end: %v", err)
		}
		none, err := v.Leaves(5, 5)
		if none != nil {
			t.Errorf("%v", none)
		}
		return err
	})
}

func TestGapIsNamed(t *testing.T) {
	s := open(t, t.TempDir())
	for i := range 10 {
		update(t, s, func(tx *store.Tx) error { return tx.Append(logEntry(i, "")) })
	}
	if err := store.RemoveEntry(s, 5); err != nil {
		t.Fatal(err)
	}
	view(t, s, func(v *store.View) error {
		_, err := v.Leaves(2, 8)
		if f := fault.As(err); f.Text != "The records store is damaged: log entry 5 is not readable." {
			t.Errorf("got %v", err)
		}
		return nil
	})
}

// Updates that fail after they appended must leave neither an entry nor a gap,
// whatever group they were in.
func TestIndexesAreDenseUnderFailingUpdates(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	const writers, each = 16, 60
	var mu sync.Mutex
	told := map[uint64][16]byte{}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(7, uint64(w)))
			for i := range each {
				entries := []*store.Entry{logEntry(w*1000+2*i, "p"), logEntry(w*1000+2*i+1, "p")}
				fails := rng.IntN(3)
				err := s.Update(bg, func(tx *store.Tx) error { return appendAll(tx, entries, fails) })
				if (err == nil) != (fails > 1) {
					t.Errorf("update that should end as %d: %v", fails, err)
				}
				if err != nil {
					continue
				}
				mu.Lock()
				for _, e := range entries {
					if _, twice := told[e.Index]; twice {
						t.Errorf("index %d was given twice", e.Index)
					}
					told[e.Index] = e.ID
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	st := s.Stats()
	t.Logf("%d updates in %d groups: %.1f share a flush", st.Updates, st.Groups, float64(st.Updates)/float64(st.Groups))
	if s.Size() != uint64(len(told)) {
		t.Fatalf("%d entries, %d acknowledged", s.Size(), len(told))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	next := uint64(0)
	view(t, open(t, dir), func(v *store.View) error {
		return v.EachEntry(0, func(e *store.Entry) error {
			if e.Index != next || told[next] != e.ID {
				t.Errorf("entry %d stands where %d belongs", e.Index, next)
			}
			next++
			return nil
		})
	})
	if next != uint64(len(told)) {
		t.Fatalf("%d entries on disk", next)
	}
}

// appendAll appends and then ends well (2), with an error (0) or a panic (1).
func appendAll(tx *store.Tx, entries []*store.Entry, end int) error {
	for _, e := range entries {
		if err := tx.Append(e); err != nil {
			return err
		}
	}
	switch end {
	case 0:
		return errors.New("no")
	case 1:
		panic("no")
	}
	return nil
}

func TestManyWritersShareAFlush(t *testing.T) {
	s := open(t, t.TempDir())
	const writers, each = 32, 30
	var n atomic.Int64
	var wg sync.WaitGroup
	before := s.Stats()
	for range writers {
		wg.Go(func() {
			for range each {
				if err := s.Update(bg, func(tx *store.Tx) error { return tx.Append(logEntry(int(n.Add(1)), "")) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	updates, groups := s.Stats().Updates-before.Updates, s.Stats().Groups-before.Groups
	t.Logf("%d updates of %d writers in %d groups, one flush each", updates, writers, groups)
	if updates != writers*each || groups*3 > updates {
		t.Fatalf("%d updates took %d flushes", updates, groups)
	}
}

func TestViewsWithinViews(t *testing.T) {
	s, err := store.Open(t.TempDir(), store.Options{Readers: 2})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	barrier := make(chan struct{})
	var inside atomic.Int32
	for range 6 {
		wg.Go(func() {
			err := s.View(bg, func(*store.View) error {
				if inside.Add(1) == 6 {
					close(barrier)
				}
				<-barrier // all hold one, and more than the pool has
				return s.View(bg, func(v *store.View) error { _, err := v.Size(); return err })
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
