package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/store"
)

// Rows are added later than they are put. Those of an update that stands must
// be there all the same, and none of one that does not, whatever becomes of the
// others of its group.
func TestRowsOfAGroupAreThoseOfItsUpdates(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, observation("shared", 1, "p", "0"), 0)
	mine := errors.New("mine")
	kinds := []func(tx *store.Tx, id string, n int) error{
		func(tx *store.Tx, id string, n int) error {
			return recordAndEntry(tx, observation(id, 1, "p", "1"), 0, n)
		},
		func(tx *store.Tx, id string, n int) error { // changes what it has just written
			if err := recordAndEntry(tx, observation(id, 1, "p", "1"), 0, n); err != nil {
				return err
			}
			return tx.PutRecord(observation(id, 2, "p", "2"), 1)
		},
		func(tx *store.Tx, id string, n int) error {
			if err := recordAndEntry(tx, observation(id, 1, "p", "1"), 0, n); err != nil {
				return err
			}
			return mine
		},
		func(tx *store.Tx, _ string, n int) error {
			if err := tx.Append(logEntry(n, "p")); err != nil {
				return err
			}
			return mine
		},
		func(tx *store.Tx, _ string, n int) error { // is there already
			return recordAndEntry(tx, observation("shared", 1, "p", "1"), 0, n)
		},
		func(tx *store.Tx, _ string, n int) error { // changes what another of the group has written
			head, err := tx.Head("Observation", "shared")
			if err != nil {
				return err
			}
			return recordAndEntry(tx, observation("shared", head.Version+1, "p", fmt.Sprint(head.Version)), head.Version, n)
		},
	}
	wants := []func(error) bool{isNil, isNil, func(err error) bool { return errors.Is(err, mine) }, func(err error) bool { return errors.Is(err, mine) },
		func(err error) bool { return fault.Is(err, fault.Conflict) }, isNil}

	if err := s.Update(bg, func(tx *store.Tx) error { return kinds[3](tx, "", 0) }); !errors.Is(err, mine) || dense(t, s) != 0 {
		t.Fatalf("of an update that failed with %v an entry is there", err)
	}
	hold, held := make(chan struct{}), make(chan struct{})
	go func() {
		_ = s.Update(bg, func(*store.Tx) error { close(held); <-hold; return nil })
	}()
	<-held // what follows joins its group, or the next
	var wg sync.WaitGroup
	for n := range 5 * len(kinds) {
		kind := n % len(kinds)
		wg.Go(func() {
			err := s.Update(bg, func(tx *store.Tx) error { return kinds[kind](tx, fmt.Sprint("r", n), n) })
			if !wants[kind](err) {
				t.Errorf("update of kind %d: %v", kind, err)
			}
		})
	}
	close(hold)
	wg.Wait()
	if n := dense(t, s); n != 15 {
		t.Errorf("%d entries, want 15", n)
	}
	rowsFollow(t, s)
}

func isNil(err error) bool { return err == nil }

func recordAndEntry(tx *store.Tx, r store.Record, previous uint64, n int) error {
	if err := tx.Append(logEntry(n, r.Subject)); err != nil {
		return err
	}
	return tx.PutRecord(r, previous)
}

// rowsFollow fails unless the observations of a store have the rows that follow
// from them, and no others are there.
func rowsFollow(t *testing.T, s *store.Store) {
	t.Helper()
	view(t, s, func(v *store.View) error {
		page, err := v.Search(search.Query{Type: "Observation", Count: 100}, nil)
		if err != nil {
			return err
		}
		rows := 0
		for _, h := range page.Hits {
			x := observation(h.ID, h.Version, h.Subject, h.Facets.Codes[0].Code).Index
			x.Updated = int64(1000 + h.Version)
			n, err := v.CheckFound(h, &x)
			if err != nil {
				return fmt.Errorf("%s: %w", h.ID, err)
			}
			rows += n
		}
		return v.CheckRows(len(page.Hits), rows)
	})
}

// A row that somebody put where one will stand must not be in the way.
func TestStrayRowIsInNobodysWay(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, observation("a", 1, "p", "1"), 0)
	if err := store.Strew(s); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { put(t, s, observation(fmt.Sprint("b", i), 1, "p", "1"), 0) })
	}
	wg.Wait()
	put(t, s, observation("a", 2, "p", "1"), 1)
	rowsFollow(t, s)
	update(t, s, func(tx *store.Tx) error { return tx.Append(logEntry(1, "p")) })
	wantKind(t, s.Update(bg, func(tx *store.Tx) error { return tx.Append(logEntry(1, "p")) }), fault.Broken)
}
