package store

import (
	"cmp"
	"slices"

	"cairn/fhir/search"
)

// Stray is a row of posting, word or span that follows from no record.
type Stray struct {
	place int // of its table in tablesOfTraces
	trace trace
	who   string // what it should follow from
}

func (s *Stray) table() *tableOfTraces { return &tablesOfTraces[s.place] }

// trace is a row of one of the tables posting, word and span.
type trace struct {
	rid, key      int64
	value         string
	width, lo, hi int64
}

// StrayPlace is how far Strays has been. The zero StrayPlace is the beginning.
type StrayPlace struct {
	Table int     `json:"table"`
	After bool    `json:"after"` // the row below was the last one
	Key   int64   `json:"key"`
	Value []byte  `json:"value,omitempty"`
	Rest  []int64 `json:"rest,omitempty"` // width, lo, hi
	RID   int64   `json:"rid"`
}

// Over reports whether all tables have been gone through.
func (p StrayPlace) Over() bool { return p.Table >= len(tablesOfTraces) }

// tableOfTraces is how a table is gone through, and a row of it taken out.
type tableOfTraces struct {
	name, sql, from, remove string
	columns                 func(t *trace) []any // in the order of its primary key
	read                    func(r row) trace
	follows                 func(of *traces, t *trace) bool // whether a record with these traces has it
}

var tablesOfTraces = [...]tableOfTraces{
	{"posting", "SELECT rid, key FROM posting ", "WHERE (key, rid) > (?, ?) ", "DELETE FROM posting WHERE key = ? AND rid = ?",
		func(t *trace) []any { return []any{t.key, t.rid} },
		func(r row) trace { return trace{rid: r.int(0), key: r.int(1)} },
		func(of *traces, t *trace) bool { return slices.Contains(of.keys, t.key) }},
	{"word", "SELECT rid, key, value FROM word ", "WHERE (key, value, rid) > (?, ?, ?) ", "DELETE FROM word WHERE key = ? AND value = ? AND rid = ?",
		func(t *trace) []any { return []any{t.key, []byte(t.value), t.rid} },
		func(r row) trace { return trace{rid: r.int(0), key: r.int(1), value: string(r.blob(2))} },
		func(of *traces, t *trace) bool {
			return slices.Contains(of.words, search.Word{Key: t.key, Value: t.value})
		}},
	{"span", "SELECT rid, key, width, lo, hi FROM span ", "WHERE (key, width, lo, hi, rid) > (?, ?, ?, ?, ?) ",
		"DELETE FROM span WHERE key = ? AND width = ? AND lo = ? AND hi = ? AND rid = ?",
		func(t *trace) []any { return []any{t.key, t.width, t.lo, t.hi, t.rid} },
		func(r row) trace {
			return trace{rid: r.int(0), key: r.int(1), width: r.int(2), lo: r.int(3), hi: r.int(4)}
		},
		func(of *traces, t *trace) bool {
			s := search.Span{Key: t.key, Lo: t.lo, Hi: t.hi}
			return int64(widthOf(s)) == t.width && slices.Contains(of.spans, s)
		}},
}

var orders = [...]string{"ORDER BY key, rid LIMIT ?", "ORDER BY key, value, rid LIMIT ?", "ORDER BY key, width, lo, hi, rid LIMIT ?"}

// Strays goes on from a place through the rows that searches begin with, a bounded
// part of them, and returns those that follow from no record, and the next place.
func (v *View) Strays(at StrayPlace) (some []Stray, next StrayPlace, err error) {
	table := &tablesOfTraces[at.Table]
	var rows []trace
	sql, args := table.sql, []any{}
	if at.After {
		sql, args = sql+table.from, table.columns(at.trace())
	}
	err = v.c.each(sql+orders[at.Table], func(r row) error {
		rows = append(rows, table.read(r))
		return nil
	}, append(args, int64(v.bounds.chunk))...)
	if err = cmp.Or(v.ctx.Err(), err); err != nil {
		return nil, at, err
	}
	if len(rows) == 0 {
		return nil, StrayPlace{Table: at.Table + 1}, nil
	}
	known, err := v.owners(rows)
	if err != nil {
		return nil, at, err
	}
	for i := range rows {
		if of := known[rows[i].rid]; !of.has(table, &rows[i]) {
			some = append(some, Stray{at.Table, rows[i], of.who})
		}
	}
	return some, placeOf(at.Table, &rows[len(rows)-1]), nil
}

func placeOf(table int, t *trace) StrayPlace {
	return StrayPlace{Table: table, After: true, Key: t.key, Value: []byte(t.value), Rest: []int64{t.width, t.lo, t.hi}, RID: t.rid}
}

func (p *StrayPlace) trace() *trace {
	t := &trace{rid: p.RID, key: p.Key, value: string(p.Value)}
	if len(p.Rest) == 3 {
		t.width, t.lo, t.hi = p.Rest[0], p.Rest[1], p.Rest[2]
	}
	return t
}

// owner is what follows from a record.
type owner struct {
	traces
	who     string
	damaged bool // nobody can say what follows from it
}

func (o *owner) has(table *tableOfTraces, t *trace) bool {
	return o.damaged || table.follows(&o.traces, t)
}

// owners returns what follows from the records that some rows point at.
func (v *View) owners(rows []trace) (map[int64]owner, error) {
	rids := make([]int64, 0, len(rows))
	for i := range rows {
		rids = append(rids, rows[i].rid)
	}
	slices.Sort(rids)
	known := make(map[int64]owner)
	for _, rid := range rids {
		known[rid] = owner{who: "any record"}
	}
	hits, err := rowsOf(v, slices.Compact(rids))
	for i := range hits {
		h := &hits[i]
		if h.Deleted {
			continue
		}
		if x, err := h.Load(); err == nil {
			known[h.rid] = owner{traces: tracesOf(h.Type, x), who: h.name()}
		} else {
			known[h.rid] = owner{damaged: true}
		}
	}
	return known, err
}

// RemoveStray takes a row out, unless it follows from its record by now, and
// reports whether it did.
func (tx *Tx) RemoveStray(s Stray) (bool, error) {
	known, err := tx.owners([]trace{s.trace})
	if err != nil {
		return false, err
	}
	of := known[s.trace.rid]
	if of.has(s.table(), &s.trace) {
		return false, nil
	}
	n, err := tx.exec(s.table().remove, s.table().columns(&s.trace)...)
	return n == 1, err
}
