package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/store"
)

// linked stores observations that refer to the one before, in a ring.
func linked(t *testing.T, s *store.Store, n int) {
	t.Helper()
	update(t, s, func(tx *store.Tx) error {
		for i := range n {
			r := observation(fmt.Sprint(i), 1, "p", "c")
			r.Index.References = append(r.Index.References, search.Reference{Param: "has-member", Target: fmt.Sprint("Observation/", (i+n-1)%n)})
			if err := tx.PutRecord(r, 0); err != nil {
				return err
			}
		}
		return nil
	})
}

func wantTooCostly(t *testing.T, err error) {
	t.Helper()
	if wantKind(t, err, fault.Invalid); fault.As(err).Code != "too-costly" || fault.As(err).Hint == "" {
		t.Fatalf("got %v", err)
	}
}

func TestSearchesAreBounded(t *testing.T) {
	s := open(t, t.TempDir())
	linked(t, s, 50)
	members := search.Chain{Param: "has-member", Of: []search.Query{{Type: "Observation"}}}
	nobody := search.Clause{Param: "code", Kind: search.ByToken, Modifier: search.Not, Tokens: []search.TokenValue{{Code: "c", AnySystem: true}}}
	view(t, s, func(v *store.View) error {
		store.Least(s, 20, 10, 5)
		_, err := v.Search(search.Query{Type: "Observation", Clauses: []search.Clause{nobody}}, nil)
		wantTooCostly(t, err)
		_, err = v.Search(search.Query{Type: "Observation", Sort: []search.SortRule{{Param: "date"}}}, nil)
		wantTooCostly(t, err)
		_, err = v.Search(search.Query{Type: "Observation", Total: "accurate"}, nil)
		wantTooCostly(t, err)
		page, err := v.Search(search.Query{Type: "Observation", Subject: "p", Count: 3}, nil)
		if err != nil || len(page.Hits) != 3 || page.Total != -1 || page.Next == "" {
			t.Errorf("a page of what is too much to count: %+v, %v", page, err)
		}
		store.Least(s, 1000, 50, 5)
		for range 2 { // followed from the near end, then from the far one
			page, err := v.Search(search.Query{Type: "Observation", Chains: []search.Chain{members}}, nil)
			if err != nil || len(page.Hits) != 50 {
				t.Errorf("%d hits by a chain: %v", len(page.Hits), err)
			}
			store.Tight(s)
		}
		store.Least(s, 1000, 49, 5)
		_, err = v.Search(search.Query{Type: "Observation", Chains: []search.Chain{members}}, nil)
		wantTooCostly(t, err)
		return nil
	})
}

func TestIncludesEndAndAreBounded(t *testing.T) {
	s := open(t, t.TempDir())
	linked(t, s, 50)
	q := search.Query{Type: "Observation", Count: 1, Includes: []search.Include{{Type: "Observation", Param: "has-member", Iterate: true}}}
	view(t, s, func(v *store.View) error {
		page, err := v.Search(q, nil)
		if err != nil {
			return err
		}
		included, err := v.Includes(q, page.Hits, nil)
		if err != nil || len(included) != 49 {
			t.Errorf("%d are included in a ring of 50: %v", len(included), err)
		}
		store.Least(s, 1000, 1000, 48)
		_, err = v.Includes(q, page.Hits, nil)
		wantTooCostly(t, err)
		return nil
	})
}

func TestCursorsEnd(t *testing.T) {
	s := open(t, t.TempDir())
	linked(t, s, 5)
	q := search.Query{Type: "Observation", Count: 2, Sort: []search.SortRule{{Param: "date"}}}
	view(t, s, func(v *store.View) error {
		page, err := v.Search(q, nil)
		if err != nil {
			return err
		}
		q.Cursor = page.Next
		store.Later(s, 23*time.Hour)
		if _, err := v.Search(q, nil); err != nil {
			t.Errorf("a cursor of this morning: %v", err)
		}
		store.Later(s, 25*time.Hour)
		_, err = v.Search(q, nil)
		if wantKind(t, err, fault.Invalid); fault.As(err).Code != "store.cursor-old" {
			t.Errorf("a cursor of yesterday: %v", err)
		}
		q.Sort[0].Descending = true
		_, err = v.Search(q, nil)
		if fault.As(err).Code != "store.cursor" {
			t.Errorf("the cursor of another order: %v", err)
		}
		return nil
	})
}

func TestSearchEndsWithItsContext(t *testing.T) {
	s := open(t, t.TempDir())
	linked(t, s, 50)
	ctx, cancel := context.WithCancel(bg)
	seen := 0
	store.Tight(s)
	err := s.View(ctx, func(v *store.View) error {
		_, err := v.Search(search.Query{Type: "Observation", Total: "accurate"}, func(*store.Hit) bool {
			if seen++; seen == 10 {
				cancel()
			}
			return true
		})
		return err
	})
	if wantKind(t, err, fault.Busy); seen > 20 {
		t.Errorf("%d were looked at after the end", seen-10)
	}
}
