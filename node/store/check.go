package store

import (
	"bytes"
	"fmt"

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
	for at := (StrayPlace{}); !at.Over(); {
		some, next, err := v.Strays(at)
		if err != nil {
			return err
		}
		if len(some) > 0 {
			return altered(fmt.Sprintf("a row of the table `%s` with the key %d does not follow from %s", some[0].table().name, some[0].trace.key, some[0].who))
		}
		at = next
	}
	return nil
}
