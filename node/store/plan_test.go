package store

import (
	"context"
	"strings"
	"testing"

	"cairn/fhir/search"
)

// A search must go by an index that fits, never through all records.
func TestSearchGoesByAnIndex(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }() // it was only read
	token := search.Clause{Param: "code", Kind: search.ByToken, Tokens: []search.TokenValue{{System: "s", Code: "c"}, {AnySystem: true, Code: "d"}}}
	text := search.Clause{Param: "name", Kind: search.ByText, Texts: []string{"an", "be"}}
	ref := search.Clause{Param: "encounter", Kind: search.ByReference, References: []search.ReferenceValue{{Target: "a"}, {Target: "b"}}}
	date := search.Clause{Param: "date", Kind: search.ByDate, Dates: []search.DateValue{{Prefix: search.Greater, Lo: 1, Hi: 2}}}
	for _, c := range []struct {
		q    search.Query
		want string
	}{
		{search.Query{Subject: "p"}, "r USING INDEX record_subject (subject=? AND type=? AND rowid>?)"},
		{search.Query{Subject: "p", Clauses: []search.Clause{token, date}}, "r USING INDEX record_subject (subject=? AND type=? AND rowid>?); " +
			"x EXISTS USING PRIMARY KEY (rid=? AND param=?); x EXISTS USING PRIMARY KEY (rid=? AND param=?)"},
		{search.Query{IDs: []string{"a", "b"}}, "x USING COVERING INDEX sqlite_autoindex_record_1 (type=? AND id=? AND rowid>?); r USING INTEGER PRIMARY KEY (rowid=?)"},
		{search.Query{IDs: []string{"a", "b"}, Subject: "p", Clauses: []search.Clause{token}}, "x USING COVERING INDEX sqlite_autoindex_record_1 (type=? AND id=? AND rowid>?); " +
			"r USING INTEGER PRIMARY KEY (rowid=?); x EXISTS USING PRIMARY KEY (rid=? AND param=?)"},
		{search.Query{Clauses: []search.Clause{date, token}}, "x USING COVERING INDEX token_code (code=? AND param=?); x USING COVERING INDEX token_code (code=? AND param=?); " +
			"r USING INTEGER PRIMARY KEY (rowid=?); x EXISTS USING PRIMARY KEY (rid=? AND param=?)"},
		{search.Query{Clauses: []search.Clause{text}}, "x USING COVERING INDEX text_value (param=? AND value>? AND value<?); x USING COVERING INDEX text_value (param=? AND value>? AND value<?); " +
			"r USING INTEGER PRIMARY KEY (rowid=?)"},
		{search.Query{Clauses: []search.Clause{ref}}, "x USING COVERING INDEX ref_target (target=? AND param=?); r USING INTEGER PRIMARY KEY (rowid=?)"},
		{search.Query{}, "r USING INDEX record_type (type=? AND rowid>?)"},
	} {
		c.q.Type = "Observation"
		if got := plan(t, s, c.q); got != c.want {
			t.Errorf("%+v\n got %s\nwant %s", c.q, got, c.want)
		}
	}
}

// plan returns the lines of a query plan that look something up.
func plan(t *testing.T, s *Store, q search.Query) string {
	t.Helper()
	var lines []string
	b := candidates(q, 5)
	err := s.View(context.Background(), func(v *View) error {
		return v.c.ask("EXPLAIN QUERY PLAN "+b.sql.String(), func(r row) error {
			if line, ok := strings.CutPrefix(r.text(3), "SEARCH "); ok {
				lines = append(lines, line)
			} else if strings.HasPrefix(r.text(3), "SCAN ") && r.text(3) != "SCAN l" {
				lines = append(lines, r.text(3))
			}
			return nil
		}, b.args...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "; ")
}
