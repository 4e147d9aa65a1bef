package store

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"cairn/fhir/search"
)

// No statement may go through a whole table, whatever is asked: each is tried
// on data, and then the database is asked how it runs it.
func TestEveryStatementGoesByAnIndex(t *testing.T) {
	s, err := Open(t.TempDir(), Options{Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }() // it was only read
	crowd(t, s, 6000)
	code := func(codes ...string) search.Clause {
		c := search.Clause{Param: "code", Kind: search.ByToken}
		for _, v := range codes {
			c.Tokens = append(c.Tokens, search.TokenValue{Code: v, AnySystem: true})
		}
		return c
	}
	text := search.Clause{Param: "name", Kind: search.ByText, Texts: []string{"an", "be"}}
	rare := search.Clause{Param: "name", Kind: search.ByText, Texts: []string{"rare"}}
	ref := search.Clause{Param: "encounter", Kind: search.ByReference, References: []search.ReferenceValue{{Target: "Encounter/1"}, {ID: "2"}}}
	date := search.Clause{Param: "date", Kind: search.ByDate, Dates: []search.DateValue{{Prefix: search.Equal, Lo: 10, Hi: 20}}}
	stored := search.Clause{Param: "_lastUpdated", Kind: search.ByDate, Dates: []search.DateValue{{Prefix: search.Equal, Lo: 10, Hi: 20}}}
	newest := []search.SortRule{{Param: "_lastUpdated", Descending: true}}
	oldest := []search.SortRule{{Param: "_lastUpdated"}}
	for _, q := range []search.Query{
		{}, {Subject: "p1"}, {Subject: "p1", Clauses: []search.Clause{code("all")}}, {Subject: "p1", Clauses: []search.Clause{code("all"), date, text}},
		{IDs: []string{"r1", "r2"}}, {IDs: []string{"r1", "r2"}, Subject: "p1", Clauses: []search.Clause{code("all")}},
		{Clauses: []search.Clause{code("all")}}, {Clauses: []search.Clause{code("all", "c1", "c2")}}, {Clauses: []search.Clause{code("all"), code("c1", "c2"), date}},
		{Clauses: []search.Clause{text}}, {Clauses: []search.Clause{rare, code("all")}}, {Clauses: []search.Clause{ref}}, {Clauses: []search.Clause{date}},
		{Clauses: []search.Clause{stored}}, {Sort: newest}, {Sort: oldest}, {Sort: newest, Clauses: []search.Clause{code("all")}}, {Sort: oldest, Subject: "p1"},
		{Total: "accurate", Clauses: []search.Clause{date, code("all")}},
		{Chains: []search.Chain{{Param: "subject", Of: []search.Query{{Type: "Observation", Clauses: []search.Clause{rare}}}}}},
	} {
		q.Type, q.Count = "Observation", 10
		paged(t, s, q)
	}
	seen := map[string]bool{}
	for sql, plan := range plans(t, s) {
		for _, line := range plan {
			if strings.HasPrefix(line, "SCAN ") && line != "SCAN counted" && line != "SCAN CONSTANT ROW" {
				t.Errorf("%s\n %s", sql, line)
			}
			_, using, _ := strings.Cut(line, "USING ")
			seen[strings.TrimSuffix(using, " (type=? AND id=?)")] = true
		}
	}
	for _, index := range []string{
		"PRIMARY KEY (key=? AND rid>? AND rid<?)", "PRIMARY KEY (key=? AND rid=?)", "INTEGER PRIMARY KEY (rowid=?)",
		"PRIMARY KEY (key=? AND value>? AND value<?)", "PRIMARY KEY (key=? AND width=? AND lo>? AND lo<?)",
		"INDEX record_updated (type=? AND updated<?)", "INDEX record_updated (type=? AND updated>?)",
	} {
		if !seen[index] {
			t.Errorf("nothing goes by %s: %v", index, seen)
		}
	}
}

// crowd stores records that all have one code, and few of each other value.
func crowd(t *testing.T, s *Store, n int) {
	t.Helper()
	err := s.Update(context.Background(), func(tx *Tx) error {
		for i := range n {
			id, subject := fmt.Sprint("r", i), fmt.Sprint("p", i%5)
			x := search.Index{Subject: subject, Facets: search.Facets{Type: "Observation", ID: id},
				Tokens: []search.Token{{Param: "code", Code: "all"}, {Param: "code", Code: fmt.Sprint("c", i)}},
				Dates:  []search.Date{{Param: "date", Lo: int64(i), Hi: int64(i + 1)}}, Texts: []search.Text{{Param: "name", Value: "anna"}},
				References: []search.Reference{{Param: "encounter", Target: fmt.Sprint("Encounter/", i%100)}, {Param: "subject", Target: "Observation/r7"}}}
			if i == 7 {
				x.Texts = append(x.Texts, search.Text{Param: "name", Value: "rare"})
			}
			if err := tx.PutRecord(Record{Type: "Observation", ID: id, Version: 1, Subject: subject, Updated: int64(i), Index: x}, 0); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// paged reads two pages of a search.
func paged(t *testing.T, s *Store, q search.Query) {
	t.Helper()
	err := s.View(context.Background(), func(v *View) error {
		page, err := v.Search(q, nil)
		if err != nil || page.Next == "" {
			return err
		}
		q.Cursor = page.Next
		_, err = v.Search(q, nil)
		return err
	})
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
}

// plans returns how the statements that a reader has prepared are run.
func plans(t *testing.T, s *Store) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := s.View(context.Background(), func(v *View) error {
		db := v.c.session.(*lite) //nolint:forcetypeassert // the store is SQLite's
		for _, prepared := range []map[string]*stmt{db.stmts, db.shapes} {
			for sql := range prepared {
				if strings.HasPrefix(sql, "SELECT") {
					all[sql] = nil
				}
			}
		}
		for sql := range all {
			args := make([]any, strings.Count(sql, "?"))
			for i := range args {
				args[i] = int64(0)
			}
			if err := v.c.ask("EXPLAIN QUERY PLAN "+sql, func(r row) error {
				all[sql] = append(all[sql], r.text(3))
				return nil
			}, args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
