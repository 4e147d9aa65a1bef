package store

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"

	"cairn/fhir/search"
)

// CheckFound compares what a current record can be found by with its index, as
// taken from the record itself; nil if it is deleted. It returns the number of
// rows that it has for that in other tables, and what is wrong first.
func (v *View) CheckFound(h Hit, x *search.Index) (rows int, err error) {
	if lo, hi := bucket(h.Subject); h.rid <= lo || h.rid > hi {
		return 0, fmt.Errorf("its number in the table `record` is not one of the patient whom it is about")
	}
	if x == nil {
		if len(h.found) > 0 {
			return 0, fmt.Errorf("the table `record` finds it although it is deleted")
		}
		return 0, nil
	}
	if !bytes.Equal(h.found, x.Encode()) {
		return 0, fmt.Errorf("the column `found` in the table `record` does not say what the record says")
	}
	t := tracesOf(h.Type, x)
	for _, k := range t.keys {
		if err := v.there("posting", "SELECT count(*) FROM posting WHERE key = ? AND rid = ?", k, h.rid); err != nil {
			return 0, err
		}
	}
	for _, w := range t.words {
		if err := v.there("word", "SELECT count(*) FROM word WHERE key = ? AND value = ? AND rid = ?", w.Key, []byte(w.Value), h.rid); err != nil {
			return 0, err
		}
	}
	for _, s := range t.spans {
		if err := v.there("span", "SELECT count(*) FROM span WHERE key = ? AND width = ? AND lo = ? AND hi = ? AND rid = ?",
			s.Key, int64(widthOf(s)), s.Lo, s.Hi, h.rid); err != nil {
			return 0, err
		}
	}
	return len(t.keys) + len(t.words) + len(t.spans), nil
}

func (v *View) there(table, sql string, args ...any) error {
	n, err := v.c.number(sql, args...)
	if err == nil && n != 1 {
		err = fmt.Errorf("a row of it in the table `%s` is missing", table)
	}
	return err
}

// CheckRows compares the number of records, and of rows that these are found
// by, with what CheckFound saw of all of them. A row that is too many follows
// from no record: the error names it.
func (v *View) CheckRows(records, rows int) error {
	n, err := v.c.number("SELECT count(*) FROM record")
	if err != nil {
		return err
	}
	if n != int64(records) {
		return altered(fmt.Sprintf("the table `record` has %d rows, and there are versions of %d records", n, records))
	}
	n, err = v.c.number("SELECT (SELECT count(*) FROM posting) + (SELECT count(*) FROM word) + (SELECT count(*) FROM span)")
	if err != nil || n == int64(rows) {
		return err
	}
	err = v.stray()
	if err == nil {
		err = altered("the tables `posting`, `word` and `span` do not have the rows that follow from the records")
	}
	return err
}

// stray looks for the first row that follows from no record.
func (v *View) stray() error {
	for _, table := range []tableOfTraces{
		{"posting", "SELECT rid, key FROM posting WHERE (key, rid) > (?, ?) ORDER BY key, rid LIMIT ?",
			[]any{int64(math.MinInt64), int64(-1)},
			func(r row) (trace, []any) { return trace{rid: r.int(0), key: r.int(1)}, []any{r.int(1), r.int(0)} },
			func(of *traces, t *trace) bool { return slices.Contains(of.keys, t.key) }},
		{"word", "SELECT rid, key, value FROM word WHERE (key, value, rid) > (?, ?, ?) ORDER BY key, value, rid LIMIT ?",
			[]any{int64(math.MinInt64), []byte{}, int64(-1)},
			func(r row) (trace, []any) {
				value := r.blob(2)
				return trace{rid: r.int(0), key: r.int(1), value: string(value)}, []any{r.int(1), value, r.int(0)}
			},
			func(of *traces, t *trace) bool {
				return slices.Contains(of.words, search.Word{Key: t.key, Value: t.value})
			}},
		{"span", "SELECT rid, key, width, lo, hi FROM span WHERE (key, width, lo, hi, rid) > (?, ?, ?, ?, ?) ORDER BY key, width, lo, hi, rid LIMIT ?",
			[]any{int64(math.MinInt64), int64(-1), int64(0), int64(0), int64(-1)},
			func(r row) (trace, []any) {
				return trace{rid: r.int(0), key: r.int(1), width: r.int(2), lo: r.int(3), hi: r.int(4)},
					[]any{r.int(1), r.int(2), r.int(3), r.int(4), r.int(0)}
			},
			func(of *traces, t *trace) bool {
				s := search.Span{Key: t.key, Lo: t.lo, Hi: t.hi}
				return int64(widthOf(s)) == t.width && slices.Contains(of.spans, s)
			}},
	} {
		if err := v.strayIn(&table); err != nil {
			return err
		}
	}
	return nil
}

// trace is a row of one of the tables posting, word and span.
type trace struct {
	rid, key      int64
	value         string
	width, lo, hi int64
}

type tableOfTraces struct {
	name, sql string
	from      []any // the place before the first row
	read      func(row) (t trace, place []any)
	follows   func(of *traces, t *trace) bool // whether a record with these traces has it
}

func (v *View) strayIn(table *tableOfTraces) error {
	for {
		var rows []trace
		err := v.c.each(table.sql, func(r row) error {
			t, place := table.read(r)
			rows, table.from = append(rows, t), place
			return nil
		}, append(table.from[:len(table.from):len(table.from)], int64(v.bounds.chunk))...)
		if err != nil || len(rows) == 0 {
			return cmp.Or(v.ctx.Err(), err)
		}
		for i := range rows {
			of, who, err := v.tracesAt(rows[i].rid)
			if err != nil {
				return err
			}
			if !table.follows(&of, &rows[i]) {
				return altered(fmt.Sprintf("a row of the table `%s` with the key %d does not follow from %s", table.name, rows[i].key, who))
			}
		}
	}
}

func (v *View) tracesAt(rid int64) (t traces, who string, err error) {
	hits, err := rowsOf(v, []int64{rid})
	if err != nil || len(hits) == 0 || hits[0].Deleted {
		return traces{}, "any record", err
	}
	x, err := hits[0].Load()
	if err != nil {
		return traces{}, "", err
	}
	return tracesOf(hits[0].Type, x), hits[0].name(), nil
}
