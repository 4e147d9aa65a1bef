package store_test

import (
	"fmt"
	"strings"
	"testing"

	"cairn/fhir/search"
	"cairn/node/store"
)

// TestWalkAlongTimeStandsStill: a search by the time of the last change, which
// goes along the index of that time, gives each record once, where it stood at
// its first page.
func TestWalkAlongTimeStandsStill(t *testing.T) {
	s := open(t, t.TempDir())
	store.Tight(s)
	record := func(n int, version uint64, updated int64) store.Record {
		x := search.Index{Updated: updated, Facets: search.Facets{Type: "Device", ID: fmt.Sprint(n)}}
		return store.Record{Type: "Device", ID: fmt.Sprint(n), Version: version, Updated: updated, Body: []byte{1}, Index: x}
	}
	var all []store.Record
	for n := range 20 {
		all = append(all, record(n, 1, int64(100+n)))
	}
	fill(t, s, all)
	q := search.Query{Type: "Device", Count: 4, Sort: []search.SortRule{{Param: "_lastUpdated", Descending: true}}}
	var got []string
	for page := 0; page == 0 || q.Cursor != ""; page++ {
		view(t, s, func(v *store.View) error {
			p, err := v.SearchMany([]search.Query{q}, nil, func(h *store.Hit, seq uint64) (*search.Index, error) {
				was, err := v.VersionAt(h, seq)
				if err != nil {
					return nil, err
				}
				x := record(0, 1, was.Updated).Index
				return &x, nil
			})
			got, q.Cursor = append(got, hitNames(p.Hits)...), p.Next
			return err
		})
		if page > 0 {
			continue
		}
		update(t, s, func(tx *store.Tx) error {
			for i, n := range []int{3, 18, 9} { // one that was shown, and two that were not
				if err := tx.PutRecord(record(n, 2, int64(500+i)), 1); err != nil {
					return err
				}
			}
			return tx.PutRecord(record(20, 1, 600), 0)
		})
	}
	want := make([]string, 20)
	for n := range 20 {
		want[19-n] = "Device/" + fmt.Sprint(n)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s\nwant %s", got, want)
	}
}
