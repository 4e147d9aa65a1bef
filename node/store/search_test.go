package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/store"
)

// population is a set of random records, small enough in its vocabulary that
// random queries hit.
func population(rng *rand.Rand, n int) []store.Record {
	all := make([]store.Record, n)
	for i := range all {
		x := search.Index{Subject: pick(rng, "", "p1", "p2", "p3")}
		for range rng.IntN(4) {
			x.Tokens = append(x.Tokens, search.Token{Param: pick(rng, "code", "category"), System: pick(rng, "", "s1", "s2"), Code: pick(rng, "c1", "c2", "c3")})
		}
		for range rng.IntN(3) {
			lo := int64(rng.IntN(20) - 10)
			x.Dates = append(x.Dates, search.Date{Param: pick(rng, "date", "issued"), Lo: lo, Hi: lo + 1 + int64(rng.IntN(10))})
		}
		for range rng.IntN(3) {
			x.References = append(x.References, search.Reference{Param: pick(rng, "encounter", "performer"), Target: pick(rng, "Encounter/1", "Encounter/2")})
		}
		for range rng.IntN(3) {
			x.Texts = append(x.Texts, search.Text{Param: pick(rng, "name", "family"), Value: pick(rng, "ann", "anna", "anna b", "bea", "zoe")})
		}
		typ, id := pick(rng, "Observation", "Condition"), fmt.Sprintf("r%d", i)
		x.Facets = search.Facets{Type: typ, ID: id, Lo: int64(i % 3)}
		all[i] = store.Record{Type: typ, ID: id, Version: 1, Subject: x.Subject, Body: []byte{1}, Index: x}
	}
	return all
}

func pick[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

func randomQuery(rng *rand.Rand) search.Query {
	q := search.Query{Type: pick(rng, "Observation", "Condition"), Subject: pick(rng, "", "", "p1", "p2", "nobody")}
	if rng.IntN(5) == 0 {
		for range 1 + rng.IntN(40) {
			q.IDs = append(q.IDs, fmt.Sprintf("r%d", rng.IntN(300)))
		}
	}
	for range rng.IntN(4) {
		q.Clauses = append(q.Clauses, randomClause(rng))
	}
	return q
}

func randomClause(rng *rand.Rand) search.Clause {
	n := 1 + rng.IntN(3)
	switch rng.IntN(4) {
	case 0:
		c := search.Clause{Kind: search.ByToken, Param: pick(rng, "code", "category")}
		for range n {
			c.Tokens = append(c.Tokens, pick(rng,
				search.TokenValue{AnySystem: true, Code: "c1"}, search.TokenValue{System: "s1", Code: "c2"},
				search.TokenValue{System: "", Code: "c3"}, search.TokenValue{System: "s2", AnyCode: true}))
		}
		return c
	case 1:
		c := search.Clause{Kind: search.ByDate, Param: pick(rng, "date", "issued")}
		for range n {
			lo := int64(rng.IntN(20) - 10)
			c.Dates = append(c.Dates, search.DateValue{Lo: lo, Hi: lo + int64(rng.IntN(8)), Prefix: pick(rng, search.Equal, search.NotEqual,
				search.Greater, search.Less, search.GreaterOrEqual, search.LessOrEqual, search.StartsAfter, search.EndsBefore, search.Approximately)})
		}
		return c
	case 2:
		c := search.Clause{Kind: search.ByReference, Param: pick(rng, "encounter", "performer")}
		for range n {
			c.References = append(c.References, search.ReferenceValue{Target: pick(rng, "Encounter/1", "Encounter/2", "Encounter/3")})
		}
		return c
	}
	c := search.Clause{Kind: search.ByText, Param: pick(rng, "name", "family")}
	for range n {
		c.Texts = append(c.Texts, pick(rng, "ann", "anna", "b", "zo"))
	}
	return c
}

func fill(t testing.TB, s *store.Store, all []store.Record) {
	t.Helper()
	update(t, s, func(tx *store.Tx) error {
		for _, r := range all {
			if err := tx.PutRecord(r, 0); err != nil {
				return err
			}
		}
		return nil
	})
}

// pages reads all pages of a search and checks that they agree with each other.
func pages(t testing.TB, v *store.View, q search.Query, may sight) (ids []string, total int) {
	t.Helper()
	for i := 0; ; i++ {
		page, err := v.Search(q, may.allow)
		if err != nil {
			t.Fatalf("page %d of %+v: %v", i, q, err)
		}
		if i > 0 && page.Total != total {
			t.Fatalf("page %d says %d in all, the first said %d", i, page.Total, total)
		}
		total = page.Total
		for _, h := range page.Hits {
			ids = append(ids, h.ID)
		}
		if page.Next == "" {
			return ids, total
		}
		if len(page.Hits) != q.Count {
			t.Fatalf("page %d is short: %d hits of %d", i, len(page.Hits), q.Count)
		}
		q.Cursor = page.Next
	}
}

// The meaning of a query is search.Query.Match; the store must find the same.
func TestSearchFindsWhatMatchFinds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	all := population(rng, 300)
	s := open(t, t.TempDir())
	fill(t, s, all)
	slices.SortStableFunc(all, store.InOrder)
	hits := 0
	view(t, s, func(v *store.View) error {
		for range 3000 {
			q := randomQuery(rng)
			q.Count, q.Total = 1+rng.IntN(40), "accurate"
			hidden := int64(rng.IntN(4)) // 3 hides nothing
			allow := sight(func(_ string, f search.Facets) bool { return f.Lo != hidden })
			var want []string
			for _, r := range all {
				if q.Match(&r.Index) && allow(r.Subject, r.Index.Facets) {
					want = append(want, r.ID)
				}
			}
			got, total := pages(t, v, q, allow)
			if !slices.Equal(got, want) || total != len(want) {
				t.Fatalf("%+v\n got %v (%d)\nwant %v", q, got, total, want)
			}
			q.CountOnly = true
			if page, err := v.Search(q, allow.allow); err != nil || page.Total != len(want) || page.Hits != nil || page.Next != "" {
				t.Fatalf("count only: %+v, %v", page, err)
			}
			hits += len(want)
		}
		return nil
	})
	if hits < 3000 {
		t.Fatalf("only %d hits: the queries say little", hits)
	}
}

func TestAllowSeesTheSubject(t *testing.T) {
	s := open(t, t.TempDir())
	fill(t, s, population(rand.New(rand.NewPCG(3, 4)), 200))
	view(t, s, func(v *store.View) error {
		page, err := v.Search(search.Query{Type: "Observation", Count: 1000, Total: "accurate"}, func(h *store.Hit) bool { return h.Subject == "p2" })
		for _, h := range page.Hits {
			if h.Subject != "p2" {
				t.Errorf("a hit about %q", h.Subject)
			}
		}
		if len(page.Hits) == 0 || len(page.Hits) != page.Total {
			t.Errorf("%d hits of %d", len(page.Hits), page.Total)
		}
		return err
	})
}

func TestCursorOfAnotherSearchIsRefused(t *testing.T) {
	s := open(t, t.TempDir())
	fill(t, s, population(rand.New(rand.NewPCG(3, 4)), 200))
	q := search.Query{Type: "Observation", Count: 1}
	view(t, s, func(v *store.View) error {
		page, err := v.Search(q, nil)
		if err != nil || page.Next == "" {
			t.Fatal("no second page", err)
		}
		for _, cursor := range []string{"x", "AAAAAAAAAAAAAAAAAAAAAA", page.Next[1:] + "A", page.Next + "A"} {
			_, err := v.Search(search.Query{Type: "Observation", Count: 1, Cursor: cursor}, nil)
			wantKind(t, err, fault.Invalid)
		}
		_, err = v.Search(search.Query{Type: "Condition", Count: 1, Cursor: page.Next}, nil)
		wantKind(t, err, fault.Invalid)
		_, err = v.Search(search.Query{Type: "Observation", Subject: "p1", Count: 1, Cursor: page.Next}, nil)
		wantKind(t, err, fault.Invalid)
		q.Cursor, q.Count = page.Next, 7
		_, err = v.Search(q, nil)
		return err
	})
}

// Of a record with two values one may meet one condition and one the other.
func TestTwoValuesMeetTwoRanges(t *testing.T) {
	s := open(t, t.TempDir())
	store.Tight(s)
	record := func(id string, days ...int64) store.Record {
		r := store.Record{Type: "Observation", ID: id, Version: 1, Body: []byte{1}, Index: search.Index{Facets: search.Facets{Type: "Observation", ID: id}}}
		for _, d := range days {
			r.Index.Dates = append(r.Index.Dates, search.Date{Param: "date", Lo: d, Hi: d + 1})
		}
		return r
	}
	fill(t, s, []store.Record{
		record("apart", 100, 900), record("low", 100), record("high", 900), record("middle", 500), record("none"), record("three", 120, 480, 880),
		record("x1", 950), record("x2", 951), record("x3", 952), record("x4", 953), record("x5", 954), record("x6", 955), record("x7", 956),
	})
	clause := func(p search.Prefix, day int64) search.Clause {
		return search.Clause{Kind: search.ByDate, Param: "date", Dates: []search.DateValue{{Prefix: p, Lo: day, Hi: day + 1}}}
	}
	for _, c := range []struct {
		clauses []search.Clause
		want    []string
	}{
		{[]search.Clause{clause(search.Less, 200), clause(search.Greater, 800)}, []string{"apart", "three"}},
		{[]search.Clause{clause(search.Greater, 400), clause(search.Less, 600)}, []string{"apart", "middle", "three"}},
		{[]search.Clause{clause(search.Equal, 100), clause(search.Equal, 900)}, []string{"apart"}},
	} {
		view(t, s, func(v *store.View) error {
			got, _ := pages(t, v, search.Query{Type: "Observation", Clauses: c.clauses, Count: 10, Total: "accurate"}, nil)
			if !slices.Equal(got, c.want) {
				t.Errorf("%+v: got %v, want %v", c.clauses, got, c.want)
			}
			return nil
		})
	}
}
