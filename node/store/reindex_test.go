package store_test

import (
	"math/rand/v2"
	"net/url"
	"testing"

	"cairn/fhir/search"
	"cairn/fhir/search/index"
	"cairn/node/fault"
	"cairn/node/store"
)

// sound sees whether all records are found by what they say, and by nothing
// else.
func sound(s *store.Store, all []store.Record) error {
	return s.View(bg, func(v *store.View) error {
		rows := 0
		for i := range all {
			h, err := v.Current(all[i].Type, all[i].ID)
			if err != nil {
				return err
			}
			x := all[i].Index
			n, err := v.CheckFound(h, &x)
			if err != nil {
				return err
			}
			rows += n
		}
		return v.CheckRows(len(all), rows)
	})
}

func hitOf(t *testing.T, s *store.Store, typ, id string) (h store.Hit) {
	t.Helper()
	view(t, s, func(v *store.View) (err error) { h, err = v.Current(typ, id); return err })
	return h
}

// sweep takes out all rows that follow from no record, and counts them.
func sweep(t *testing.T, s *store.Store) (removed int) {
	t.Helper()
	for at := (store.StrayPlace{}); !at.Over(); {
		var some []store.Stray
		view(t, s, func(v *store.View) (err error) { some, at, err = v.Strays(at); return err })
		update(t, s, func(tx *store.Tx) error {
			for _, one := range some {
				gone, err := tx.RemoveStray(one)
				if err != nil {
					return err
				}
				if gone {
					removed++
				}
			}
			return nil
		})
	}
	return removed
}

// TestRefind has records be found by less than they say, as after an older
// program, and by other rows than follow from them, and brings them back.
func TestRefind(t *testing.T) {
	s := open(t, t.TempDir())
	store.Tight(s)
	all := population(rand.New(rand.NewPCG(1, 2)), 150) //nolint:gosec // a test
	fill(t, s, all)
	if err := sound(s, all); err != nil {
		t.Fatal(err)
	}
	refind := func(whole bool, of func(search.Index) search.Index) {
		var hits []store.Hit
		var ready []*store.Ready
		for i := range all {
			x := of(all[i].Index)
			hits, ready = append(hits, hitOf(t, s, all[i].Type, all[i].ID)), append(ready, store.Prepare(all[i].Type, &x))
		}
		update(t, s, func(tx *store.Tx) error {
			for i := range hits {
				if err := tx.Refind(&hits[i], ready[i], whole); err != nil {
					return err
				}
			}
			return nil
		})
		for i := range all {
			if h := hitOf(t, s, all[i].Type, all[i].ID); !h.FoundBy(ready[i]) {
				t.Fatalf("record %d is not found by what was made ready", i)
			}
		}
	}
	same := func(x search.Index) search.Index { return x }
	refind(false, func(x search.Index) search.Index { x.Tokens = nil; return x })
	if err := sound(s, all); err == nil {
		t.Fatal("scrub would not see that codes are missing")
	}
	refind(false, same)
	if err := sound(s, all); err != nil {
		t.Errorf("once more by all: %v", err)
	}
	for _, sql := range []string{
		"DELETE FROM word", "DELETE FROM posting WHERE key > 0", "UPDATE span SET lo = lo - 1, hi = hi - 1",
		"INSERT INTO posting (key, rid) SELECT 77, rid FROM record", "INSERT INTO word (key, value, rid) SELECT 5, facets, 5 FROM record LIMIT 1",
	} {
		if err := store.Spoil(s, sql); err != nil {
			t.Fatal(err)
		}
	}
	refind(true, same)
	if removed := sweep(t, s); removed < 151 {
		t.Errorf("%d rows were taken out", removed)
	}
	if err := sound(s, all); err != nil {
		t.Errorf("after the repair: %v", err)
	}
	if removed := sweep(t, s); removed != 0 {
		t.Errorf("%d rows of sound records were taken out", removed)
	}
	if err := store.Spoil(s, "UPDATE record SET found = ? WHERE id = 'r1'", []byte("no index")); err != nil {
		t.Fatal(err)
	}
	if removed := sweep(t, s); removed != 0 {
		t.Errorf("%d rows of a damaged record were taken out before it is repaired", removed)
	}
	refind(true, same)
	if err := sound(s, all); err != nil {
		t.Errorf("after the second repair: %v", err)
	}
}

// TestRefindLeavesWhatChanged: what was prepared for a version is not put under
// the next one.
func TestRefindLeavesWhatChanged(t *testing.T) {
	s := open(t, t.TempDir())
	r := observation("a", 1, "p", "one")
	put(t, s, r, 0)
	h, ready := hitOf(t, s, "Observation", "a"), store.Prepare("Observation", &r.Index)
	next := observation("a", 2, "p", "two")
	put(t, s, next, 1)
	update(t, s, func(tx *store.Tx) error { return tx.Refind(&h, ready, true) })
	if err := sound(s, []store.Record{next}); err != nil {
		t.Error(err)
	}
	put(t, s, store.Record{Type: "Observation", ID: "a", Version: 3, Subject: "p", Deleted: true, Body: []byte{1}}, 2)
	update(t, s, func(tx *store.Tx) error { return tx.Refind(&h, ready, true) })
	view(t, s, func(v *store.View) error {
		head, err := v.Current("Observation", "a")
		if err == nil {
			_, err = v.CheckFound(head, nil)
		}
		if err == nil {
			err = v.CheckRows(1, 0)
		}
		return err
	})
}

// TestWhatLagsIsNotAnswered refuses searches by parameters that not all records
// can be found by, and no other.
func TestWhatLagsIsNotAnswered(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	all := index.CurrentPrints()
	update(t, s, func(tx *store.Tx) error {
		return tx.SetIndexPrints(all.Without(map[string]map[string]bool{"Observation": {"code": true}, "Resource": {"_tag": true}}))
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	ask := func(typ, query string) error {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		q, err := search.ParseQuery(typ, values, search.Options{})
		if err != nil {
			t.Fatalf("%s?%s: %v", typ, query, err)
		}
		return s.View(bg, func(v *store.View) error { _, err := v.Search(q, nil); return err })
	}
	for query, typ := range map[string]string{
		"code=1": "Observation", "code:missing=true": "Observation", "_sort=code": "Observation", "_has:Observation:subject:code=1": "Patient",
		"_tag=1": "Condition", "has-member.code=1": "Observation", "encounter:Encounter._tag=1": "Observation",
	} {
		err := ask(typ, query)
		if f := fault.As(err); !fault.Is(err, fault.Busy) || f.Code != "store.reindexing" {
			t.Errorf("%s?%s: %v", typ, query, err)
		}
	}
	for query, typ := range map[string]string{"date=2020": "Observation", "": "Observation", "code=1": "Condition", "_id=1": "Observation"} {
		if err := ask(typ, query); err != nil {
			t.Errorf("%s?%s: %v", typ, query, err)
		}
	}
	update(t, s, func(tx *store.Tx) error { return tx.SetIndexPrints(all) })
	store.LookAgain(s)
	if err := ask("Observation", "code=1"); err != nil {
		t.Errorf("when all can be found: %v", err)
	}
}
