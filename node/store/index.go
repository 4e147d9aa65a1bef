package store

import (
	"cairn/fhir/search"
)

// Index returns what a record can be found by, as the search tables have it:
// what scrub compares with the record itself. Subject and facets are not set.
func (v *View) Index(typ, id string) (search.Index, error) {
	var x search.Index
	const of = " WHERE rid = (SELECT rid FROM record WHERE type = ? AND id = ?)"
	for _, table := range []struct {
		sql  string
		scan func(r row) error
	}{
		{"SELECT param, system, code FROM token", func(r row) error {
			x.Tokens = append(x.Tokens, search.Token{Param: r.text(0), System: r.text(1), Code: r.text(2)})
			return nil
		}},
		{"SELECT param, lo, hi FROM date", func(r row) error {
			x.Dates = append(x.Dates, search.Date{Param: r.text(0), Lo: r.int(1), Hi: r.int(2)})
			return nil
		}},
		{"SELECT param, target FROM ref", func(r row) error {
			x.References = append(x.References, search.Reference{Param: r.text(0), Target: r.text(1)})
			return nil
		}},
		{"SELECT param, value FROM text", func(r row) error {
			x.Texts = append(x.Texts, search.Text{Param: r.text(0), Value: r.text(1)})
			return nil
		}},
	} {
		if err := v.c.each(table.sql+of, table.scan, typ, id); err != nil {
			return search.Index{}, err
		}
	}
	return x, nil
}
