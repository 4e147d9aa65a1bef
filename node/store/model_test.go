package store_test

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"cairn/fhir/search"
	"cairn/node/store"
)

// inWorld calls f with random worlds, each in a store of its own.
func inWorld(t *testing.T, f func(t *rapid.T, s *store.Store, w *world)) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		s, err := store.Open(dir, options(t, dir))
		if err != nil {
			rt.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				rt.Error(err)
			}
		}()
		if rapid.Bool().Draw(rt, "tight") {
			store.Tight(s)
		}
		w := &world{}
		w.grow(rt, s, rapid.SampledFrom([]int{20, 80, 150}).Draw(rt, "versions"))
		f(rt, s, w)
		w.check(rt, s)
	})
}

// check holds every row that searches begin with against the records.
func (w *world) check(t *rapid.T, s *store.Store) {
	rows := 0
	err := s.View(bg, func(v *store.View) error {
		for i := range w.records {
			r := &w.records[i]
			x := &r.Index
			if r.Deleted {
				x = nil
			}
			head, err := v.Current(r.Type, r.ID)
			if err != nil {
				return err
			}
			n, err := v.CheckFound(head, x)
			if rows += n; err != nil {
				return fmt.Errorf("%s: %w", name(r), err)
			}
		}
		return v.CheckRows(len(w.records), rows)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// grow stores some versions of random records, and returns their names.
func (w *world) grow(t *rapid.T, s *store.Store, n int) (touched []string) {
	var records []store.Record
	var previous []uint64
	for range n {
		typ := rapid.SampledFrom([]string{"Observation", "Observation", "Observation", "Patient", "Encounter", "Condition", "Organization", "Practitioner", "Provenance"}).Draw(t, "type")
		at := rapid.IntRange(0, sizes[typ]-1).Draw(t, "id")
		r, before := w.next(t, typ, at, rapid.IntRange(0, 9).Draw(t, "deleted") == 0)
		records, previous, touched = append(records, r), append(previous, before), append(touched, name(&r))
	}
	err := s.Update(bg, func(tx *store.Tx) error {
		for i := range records {
			if err := tx.PutRecord(records[i], previous[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return touched
}

// page reads one page of a search with what it includes.
func page(t *rapid.T, s *store.Store, queries []search.Query, may sight) (p store.Page, included []store.Hit) {
	var newest []*store.Version
	look := s.View
	if rapid.Bool().Draw(t, "brief") {
		look = s.Brief
	}
	err := look(bg, func(v *store.View) (err error) {
		if p, err = v.SearchMany(queries, may.allow, nil); err != nil {
			return err
		}
		if newest, err = v.NewestOf(p.Hits); err == nil {
			included, err = v.Includes(queries[0], p.Hits, may.allow)
		}
		return err
	})
	if err != nil {
		t.Fatalf("%+v: %v", queries, err)
	}
	err = s.View(bg, func(v *store.View) error {
		for i, h := range p.Hits {
			if want, err := v.Version(h.Type, h.ID, h.Version); err != nil || !reflect.DeepEqual(newest[i], want) {
				t.Fatalf("the newest version of %s is %+v, not %+v: %v", h.ID, newest[i], want, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, included
}

// The store finds, in the right order, counts and includes what the meaning of
// the search does in a world that has no hidden record in it at all.
func TestSearchIsThatOfTheWorldThatMayBeSeen(t *testing.T) {
	found, chained, included := 0, 0, 0
	inWorld(t, func(t *rapid.T, s *store.Store, w *world) {
		allow := blind(t)
		visible := w.seen(allow)
		for range 20 {
			q := ask(t, rapid.SampledFrom(types).Draw(t, "type"))
			want := ordered(visible.find(q), q.Sort)
			if found += len(want); len(q.Chains) > 0 {
				chained += len(want)
			}
			first := true
			for at := 0; first || q.Cursor != ""; first = false {
				p, more := page(t, s, []search.Query{q}, allow)
				here := want[at:min(len(want), at+q.Count)]
				at += len(here)
				got := hitNames(p.Hits)
				if !slices.Equal(got, names(here)) || (p.Next != "") != (at < len(want)) {
					t.Fatalf("%+v\n got %v, next %q\nwant %v of %v", q, got, p.Next, names(here), names(want))
				}
				total := -1
				if q.Total == "accurate" || q.Total != "none" && (q.Subject != "" || len(q.IDs) > 0) {
					total = len(want)
				}
				if p.Total != total {
					t.Fatalf("%+v\ncounts %d, want %d", q, p.Total, total)
				}
				slices.SortFunc(more, compareNames)
				if wanted := visible.include(q.Includes, here); !slices.Equal(hitNames(more), wanted) {
					t.Fatalf("%+v\nincludes %v\nwant %v for %v", q, hitNames(more), wanted, names(here))
				}
				included += len(more)
				q.Cursor = p.Next
			}
			q.Cursor, q.CountOnly = "", true
			if p, _ := page(t, s, []search.Query{q}, allow); p.Total != len(want) || len(p.Hits) > 0 || p.Next != "" {
				t.Fatalf("%+v\ncounts %+v, want %d", q, p, len(want))
			}
		}
	})
	t.Logf("%d found, %d by chains, %d included", found, chained, included)
	if !t.Failed() && (found < 1000 || chained < 200 || included < 400) {
		t.Error("the searches say little")
	}
}

func hitNames(hits []store.Hit) (out []string) {
	for _, h := range hits {
		out = append(out, h.Type+"/"+h.ID)
	}
	return out
}

// While others write between the pages, no record that they leave alone is lost
// and none is seen twice.
func TestPagesWhileOthersWrite(t *testing.T) {
	pages := 0
	inWorld(t, func(t *rapid.T, s *store.Store, w *world) {
		allow := blind(t)
		for range 5 {
			queries := []search.Query{ask(t, rapid.SampledFrom(types).Draw(t, "type"))}
			if other := rapid.SampledFrom(types).Draw(t, "other"); other != queries[0].Type {
				queries = append(queries, search.Query{Type: other})
			}
			q := &queries[0]
			if len(q.Chains) > 0 {
				continue // what others change may change what a chain leads to
			}
			q.Includes, q.Count = nil, rapid.IntRange(1, 4).Draw(t, "count")
			before := both(w.seen(allow), queries)
			touched, seen := map[string]bool{}, map[string]int{}
			for first := true; first || q.Cursor != ""; first = false {
				p, _ := page(t, s, queries, allow)
				for _, n := range hitNames(p.Hits) {
					seen[n]++
				}
				q.Cursor, pages = p.Next, pages+1
				for _, n := range w.grow(t, s, rapid.IntRange(0, 3).Draw(t, "writes")) {
					touched[n] = true
				}
				if pages%100 == 0 && len(seen) > 1000 {
					t.Fatal("the pages do not end")
				}
			}
			for n, times := range seen {
				if times > 1 && (len(q.Sort) == 0 || !touched[n]) {
					t.Fatalf("%+v\n%s is on %d pages; written: %v", queries, n, times, touched)
				}
			}
			for _, n := range before {
				if seen[n] == 0 && !touched[n] {
					t.Fatalf("%+v\n%s is on no page; written: %v", queries, n, touched)
				}
			}
		}
	})
	if pages < 500 && !t.Failed() {
		t.Errorf("%d pages say little", pages)
	}
}

func both(w *world, queries []search.Query) (found []string) {
	for _, q := range queries {
		found = append(found, names(w.find(q))...)
	}
	return found
}

// Each goes through everything about a subject, or of some types, once.
func TestEachIsAllThatMayBeSeen(t *testing.T) {
	inWorld(t, func(t *rapid.T, s *store.Store, w *world) {
		allow := blind(t)
		subject := rapid.SampledFrom(append([]string{"", "nobody"}, patients...)).Draw(t, "subject")
		of := rapid.SampledFrom([][]string{nil, {"Observation"}, {"Encounter", "Patient"}}).Draw(t, "types")
		var want, got []string
		for _, r := range w.seen(allow).records {
			if (subject == "" || r.Subject == subject) && (of == nil || slices.Contains(of, r.Type)) {
				want = append(want, name(&r))
			}
		}
		for after, first := int64(0), true; first || after != 0; first = false {
			err := s.View(bg, func(v *store.View) error {
				hits, next, err := v.Each(of, subject, after, rapid.IntRange(1, 9).Draw(t, "limit"), allow.allow)
				got, after = append(got, hitNames(hits)...), next
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("of %v about %q\n got %v\nwant %v", of, subject, got, want)
		}
	})
}

// A history has every version that may be seen once, the newest first.
func TestHistoryIsAllThatMayBeSeen(t *testing.T) {
	inWorld(t, func(t *rapid.T, s *store.Store, w *world) {
		allow := blind(t)
		may := func(head store.Hit, one *store.Version) bool {
			return allow(head.Subject, head.Facets) && allow(one.Subject, one.Facets) && one.Version%5 != 4
		}
		past := store.Past{Count: rapid.IntRange(1, 9).Draw(t, "count")}
		if rapid.Bool().Draw(t, "typed") {
			past.Type = rapid.SampledFrom(types).Draw(t, "type")
			if rapid.Bool().Draw(t, "one") {
				past.ID = w.records[0].ID
				past.Type = w.records[0].Type
			}
		}
		if rapid.Bool().Draw(t, "about") {
			past.Subject = rapid.SampledFrom(patients).Draw(t, "subject")
		}
		if rapid.Bool().Draw(t, "since") {
			past.Since, past.Until = 3000, 20000
		}
		want := versions(t, s, past, may)
		var got []string
		for first := true; first || past.Cursor != ""; first = false {
			err := s.View(bg, func(v *store.View) error {
				p, err := v.History(past, may)
				if past.ID != "" && p.Total != len(want) || past.ID == "" && p.Total != -1 {
					t.Fatalf("%+v counts %d of %d", past, p.Total, len(want))
				}
				for _, one := range p.Versions {
					got = append(got, fmt.Sprint(one.Type, "/", one.ID, " ", one.Version))
				}
				past.Cursor = p.Next
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			w.grow(t, s, 1)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%+v\n got %v\nwant %v", past, got, want)
		}
	})
}

// versions is the history by looking at every version.
func versions(t *rapid.T, s *store.Store, p store.Past, may func(store.Hit, *store.Version) bool) (all []string) {
	err := s.View(bg, func(v *store.View) error {
		return v.EachVersion(func(one *store.Version) error {
			head, err := v.Current(one.Type, one.ID)
			if (p.Type == "" || p.Type == one.Type) && (p.ID == "" || p.ID == one.ID) && (p.Subject == "" || p.Subject == one.Subject) &&
				one.Updated >= p.Since && (p.Until == 0 || one.Updated < p.Until) && may(head, one) {
				all = append(all, fmt.Sprint(one.Type, "/", one.ID, " ", one.Version))
			}
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(all)
	return all
}
