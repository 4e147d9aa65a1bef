package store_test

import (
	"errors"
	"testing"

	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/store"
)

// Who announces one question and asks two is called again, and then all answers
// are of one state.
func TestBriefAsksAgainInOneState(t *testing.T) {
	s := open(t, t.TempDir())
	put := func(id string) {
		update(t, s, func(tx *store.Tx) error { return tx.PutRecord(observation(id, 1, "p", "1"), 0) })
	}
	put("a")
	count := func(v *store.View) int {
		page, err := v.Search(search.Query{Type: "Observation", Subject: "p"}, nil)
		if err != nil && v.Single() {
			return -1
		}
		if err != nil {
			t.Fatal(err)
		}
		return page.Total
	}
	calls := 0
	err := s.Brief(bg, func(v *store.View) error {
		calls++
		if n := count(v); n != 1 {
			t.Errorf("%d records", n)
		}
		return nil
	})
	if err != nil || calls != 1 {
		t.Fatalf("one question took %d calls: %v", calls, err)
	}
	calls = 0
	var first, second int
	err = s.Brief(bg, func(v *store.View) error {
		calls++
		first = count(v)
		put(string(rune('a' + calls)))
		second = count(v)
		if v.Single() {
			return errors.New("nobody hears this")
		}
		return nil
	})
	if err != nil || calls != 2 || first != 2 || second != 2 {
		t.Fatalf("two questions took %d calls and found %d and %d: %v", calls, first, second, err)
	}
	err = s.Brief(bg, func(*store.View) error { return fault.New(fault.Refused, "test", "no") })
	wantKind(t, err, fault.Refused)
	view(t, s, func(v *store.View) error { // the connection is as it was
		if a, b := count(v), count(v); a != 3 || b != 3 {
			t.Errorf("%d and %d records", a, b)
		}
		return nil
	})
}

// A version whose row was altered is not taken for the one that the record's row
// speaks of, whichever of its columns it was.
func TestAlteredVersionIsNotShownByASearch(t *testing.T) {
	for _, change := range []string{
		"rid = rid + 1", "type = 'Patient'", "version = 7", "facets = ?",
	} {
		s := open(t, t.TempDir())
		update(t, s, func(tx *store.Tx) error {
			for _, id := range []string{"a", "b"} {
				if err := tx.PutRecord(observation(id, 1, "p", "1"), 0); err != nil {
					return err
				}
			}
			return nil
		})
		var args []any
		if change == "facets = ?" {
			args = append(args, []byte("no facets"))
		}
		if err := store.Spoil(s, "UPDATE version SET "+change+" WHERE seq = 1", args...); err != nil {
			if change == "rid = rid + 1" {
				continue // the database itself refuses
			}
			t.Fatal(err)
		}
		for _, look := range []func(*store.View) error{
			func(v *store.View) error {
				page, err := v.Search(search.Query{Type: "Observation", Subject: "p"}, nil)
				if err != nil || len(page.Hits) != 2 {
					t.Fatalf("%s: %d found, %v", change, len(page.Hits), err)
				}
				_, err = v.NewestOf(page.Hits)
				return err
			},
			func(v *store.View) error { _, _, err := v.CurrentVersion("Observation", "a"); return err },
		} {
			wantKind(t, s.View(bg, look), fault.Broken)
		}
	}
}
