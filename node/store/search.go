package store

import (
	"fmt"
	"slices"
	"strings"

	"cairn/fhir/search"
	"cairn/node/fault"
)

// Bounds of a page.
const (
	defaultPage = 50
	maxPage     = 1000
)

// Page is one page of what a search found.
type Page struct {
	Hits  []Hit
	Total int    // how many there are on all pages
	Next  string // cursor of the next page, "" at the end
}

// Search finds current records that are not deleted, in the order in which
// they were first stored.
//
// allow sees every candidate before it is counted or put on a page; nil allows
// all. What it hides leaves no trace in the answer: not in Total, not as a
// short page, and not in the cursor, which is encrypted. Total is counted on the
// first page and carried along in the cursor.
//
// A cursor that did not come from this search's own Next is refused with
// fault.Invalid.
func (v *View) Search(q search.Query, allow func(subject string, f search.Facets) bool) (Page, error) {
	if !simple(q) {
		return Page{}, fault.New(fault.Unsupported, "not-supported", "This store does not know a part of this search.")
	}
	from, err := v.cursors.open(q)
	if err != nil {
		return Page{}, err
	}
	f := finder{view: v, allow: allow, size: pageSize(q), total: from.total, first: q.Cursor == ""}
	b := candidates(q, from.rid)
	if err := v.c.ask(b.sql.String(), f.row, b.args...); err != nil {
		return Page{}, err
	}
	page := Page{Hits: f.hits, Total: int(f.total)}
	if f.more && len(f.hits) > 0 {
		page.Next = v.cursors.seal(q, place{f.last, f.total})
	}
	return page, nil
}

// simple reports whether the tables of this store can answer a query.
func simple(q search.Query) bool {
	return len(q.Chains)+len(q.Includes)+len(q.Sort)+len(q.Elements) == 0 && (q.Summary == "" || q.Summary == "count" || q.Summary == "false") &&
		!slices.ContainsFunc(q.Clauses, func(c search.Clause) bool { return !simpleClause(c) })
}

func simpleClause(c search.Clause) bool {
	switch c.Kind {
	case search.ByToken, search.ByDate, search.ByText:
		return c.Modifier == search.Plain && c.Param != "_lastUpdated"
	case search.ByReference:
		return c.Modifier == search.Plain && !slices.ContainsFunc(c.References, func(v search.ReferenceValue) bool { return v.Target == "" })
	}
	return false
}

func pageSize(q search.Query) int {
	switch {
	case q.CountOnly:
		return 0
	case q.Count <= 0:
		return defaultPage
	}
	return min(q.Count, maxPage)
}

// finder goes through the candidates of one search.
type finder struct {
	view  *View
	allow func(string, search.Facets) bool
	size  int  // hits on this page
	first bool // the first page counts to the end
	seen  int
	hits  []Hit
	last  int64 // rid of the last hit on the page
	total uint32
	more  bool
}

func (f *finder) row(r row) error {
	if f.seen++; f.seen%256 == 0 {
		if err := f.view.ctx.Err(); err != nil {
			return fmt.Errorf("searching: %w", err)
		}
	}
	h, err := scanHit(r)
	if err != nil {
		return err
	}
	if f.allow != nil && !f.allow(h.Subject, h.Facets) {
		return nil
	}
	if f.first {
		f.total++
	}
	if len(f.hits) < f.size {
		f.hits, f.last = append(f.hits, h), r.int(0)
		return nil
	}
	f.more = true
	if !f.first {
		return errStop
	}
	return nil
}

// builder puts a statement together; every value is an argument.
type builder struct {
	sql  strings.Builder
	args []any
}

func (b *builder) add(sql string, args ...any) {
	b.sql.WriteString(sql)
	b.args = append(b.args, args...)
}

// any adds alternatives joined by OR, in parentheses.
func (b *builder) any(n int, alternative func(i int)) {
	b.add("(")
	for i := range n {
		if i > 0 {
			b.add(" OR ")
		}
		alternative(i)
	}
	b.add(")")
}

// candidates is the statement that selects what a query may find, from a place
// on. When ids or the subject are given, they lead and every clause is looked
// up by record; otherwise the first clause that is likely to be narrow leads.
func candidates(q search.Query, after int64) *builder {
	b := &builder{}
	lead := leader(q)
	b.add(hitColumns + "FROM ")
	b.lead(q, lead)
	b.add("record r WHERE r.type = ? AND r.deleted = 0 AND r.rid > ?", q.Type, after)
	if q.Subject != "" {
		b.add(" AND r.subject = ? AND r.subject <> ''", q.Subject)
	}
	if len(q.IDs) > 0 || lead >= 0 {
		b.add(" AND r.rid = l.rid")
	}
	for i := range q.Clauses {
		if i != lead {
			b.add(" AND EXISTS (SELECT 1 FROM ")
			b.clause(&q.Clauses[i])
			b.add(" AND x.rid = r.rid)")
		}
	}
	b.add(" ORDER BY r.rid")
	return b
}

// lead adds the table l of the rids to begin with, if there is one.
func (b *builder) lead(q search.Query, clause int) {
	switch {
	case len(q.IDs) > 0:
		b.add("(SELECT x.rid FROM record x WHERE x.type = ?", q.Type)
		b.add(" AND x.id IN (?"+strings.Repeat(",?", len(q.IDs)-1)+")", anys(q.IDs)...)
	case clause >= 0:
		b.add("(SELECT DISTINCT x.rid FROM ")
		b.clause(&q.Clauses[clause])
	default:
		return
	}
	b.add(") l CROSS JOIN ") // its left side leads
}

// leader returns the clause that leads, or -1 if none does.
func leader(q search.Query) int {
	if q.Subject != "" || len(q.IDs) > 0 {
		return -1
	}
	return slices.IndexFunc(q.Clauses, narrow)
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// narrow reports whether an index by value can find the records of a clause.
func narrow(c search.Clause) bool {
	if c.Kind == search.ByToken {
		for _, v := range c.Tokens {
			if v.AnyCode {
				return false
			}
		}
	}
	return c.Kind != search.ByDate
}

// clause adds the table of a clause's values, named x, and its condition. The
// meaning is that of search.Clause.Match.
func (b *builder) clause(c *search.Clause) {
	switch c.Kind {
	case search.ByToken:
		b.add("token x WHERE x.param = ? AND ", c.Param)
		b.any(len(c.Tokens), func(i int) { b.token(c.Tokens[i]) })
	case search.ByDate:
		b.add("date x WHERE x.param = ? AND ", c.Param)
		b.any(len(c.Dates), func(i int) { b.date(c.Dates[i]) })
	case search.ByReference:
		b.add("ref x WHERE x.param = ? AND ", c.Param)
		b.any(len(c.References), func(i int) { b.add("x.target = ?", c.References[i].Target) })
	case search.ByText:
		b.add("text x WHERE ")
		b.any(len(c.Texts), func(i int) { // each alternative by the index, which is by param first
			b.add("x.param = ? AND x.value >= ? AND x.value < ?", c.Param, c.Texts[i], c.Texts[i]+lastRune)
		})
	default:
		b.add("token x WHERE 1 = 0") // a kind that this store does not know finds nothing
	}
}

const lastRune = "\U0010FFFF" // sorts after every other

func (b *builder) token(v search.TokenValue) {
	switch {
	case v.AnySystem && v.AnyCode:
		b.add("1 = 1")
	case v.AnySystem:
		b.add("x.code = ?", v.Code)
	case v.AnyCode:
		b.add("x.system = ?", v.System)
	default:
		b.add("x.code = ? AND x.system = ?", v.Code, v.System)
	}
}

func (b *builder) date(v search.DateValue) {
	const within = "x.lo >= ? AND x.hi <= ?"
	switch v.Prefix {
	case search.Equal:
		b.add(within, v.Lo, v.Hi)
	case search.NotEqual:
		b.add("NOT ("+within+")", v.Lo, v.Hi)
	case search.Greater:
		b.add("x.hi > ?", v.Hi)
	case search.Less:
		b.add("x.lo < ?", v.Lo)
	case search.GreaterOrEqual:
		b.add("(x.hi > ? OR "+within+")", v.Hi, v.Lo, v.Hi)
	case search.LessOrEqual:
		b.add("(x.lo < ? OR "+within+")", v.Lo, v.Lo, v.Hi)
	case search.StartsAfter:
		b.add("x.lo >= ?", v.Hi)
	case search.EndsBefore:
		b.add("x.hi <= ?", v.Lo)
	case search.Approximately:
		b.add("x.lo < ? AND x.hi > ?", v.Hi, v.Lo)
	default:
		b.add("1 = 0")
	}
}
