package store_test

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"sync"
	"testing"

	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/store"
)

// observation is a record with one value of each kind.
func observation(id string, version uint64, subject, code string) store.Record {
	return store.Record{
		Type: "Observation", ID: id, Version: version, Subject: subject, Updated: int64(1000 + version), Entry: version,
		Body: fmt.Appendf(nil, "sealed %s %d", id, version),
		Index: search.Index{
			Subject:    subject,
			Tokens:     []search.Token{{Param: "code", System: "http://loinc.org", Code: code}, {Param: "category", Code: "laboratory"}},
			Dates:      []search.Date{{Param: "date", Lo: 100, Hi: 200}},
			References: []search.Reference{{Param: "encounter", Target: "Encounter/1"}},
			Texts:      []search.Text{{Param: "note", Value: "glucose " + code}},
			Facets: search.Facets{Type: "Observation", ID: id, Lo: 100, Hi: 200, Source: "Organization/7",
				Codes: []search.Coding{{System: "http://loinc.org", Code: code}}},
		},
	}
}

func put(t testing.TB, s *store.Store, r store.Record, previous uint64) {
	t.Helper()
	update(t, s, func(tx *store.Tx) error { return tx.PutRecord(r, previous) })
}

func TestEveryVersionReadsBackAsItWasPut(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, observation("a", 1, "p", "1"), 0)
	put(t, s, observation("a", 2, "p", "2"), 1)
	put(t, s, store.Record{Type: "Observation", ID: "a", Version: 3, Subject: "p", Updated: 9, Deleted: true, Entry: 77, Body: []byte{1}}, 2)
	view(t, s, func(v *store.View) error {
		all, err := v.Versions("Observation", "a", math.MaxUint64, 10)
		if err != nil {
			return err
		}
		if len(all) != 3 || all[0].Version != 3 || !all[0].Deleted || all[0].Entry != 77 {
			t.Errorf("versions: %+v", all)
		}
		want := &store.Version{Type: "Observation", ID: "a", Version: 1, Seq: 1, Subject: "p", Updated: 1001, Entry: 1, Body: []byte("sealed a 1")}
		got, err := v.Version("Observation", "a", 1)
		want.Facets, want.Encoded = got.Facets, store.EncodeFacets(&got.Facets)
		if err != nil || got.Facets.Codes[0].Code != "1" || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(all[2], want) {
			t.Errorf("version 1: %+v, %+v, %v", got, all[2], err)
		}
		if below, err := v.Versions("Observation", "a", 3, 1); err != nil || len(below) != 1 || below[0].Version != 2 {
			t.Errorf("below 3: %+v, %v", below, err)
		}
		if n, err := v.CountVersions("Observation", "a"); n != 3 || err != nil {
			t.Errorf("counted %d, %v", n, err)
		}
		_, err = v.Version("Observation", "a", 4)
		wantKind(t, err, fault.NotFound)
		_, err = v.Current("Observation", "b")
		wantKind(t, err, fault.NotFound)
		h, err := v.Current("Observation", "a")
		if err != nil || !h.Deleted || h.Version != 3 || h.Facets.Codes[0].Code != "2" {
			t.Errorf("a deleted record keeps the facets it had: %+v", h)
		}
		page, err := v.Search(search.Query{Type: "Observation", Total: "accurate"}, nil)
		if page.Total != 0 {
			t.Errorf("a deleted record is found")
		}
		return err
	})
	put(t, s, observation("a", 4, "p", "4"), 3)
	view(t, s, func(v *store.View) error {
		h, err := v.Current("Observation", "a")
		want := observation("a", 4, "p", "4").Index.Facets
		if h.Deleted || !reflect.DeepEqual(h.Facets, want) {
			t.Errorf("after it came back: %+v", h)
		}
		return err
	})
}

func TestOnlyOneWriterGetsTheNextVersion(t *testing.T) {
	s := open(t, t.TempDir())
	put(t, s, observation("a", 1, "p", "1"), 0)
	wantKind(t, s.Update(bg, func(tx *store.Tx) error { return tx.PutRecord(observation("a", 1, "p", "1"), 0) }), fault.Conflict)
	wantKind(t, s.Update(bg, func(tx *store.Tx) error { return tx.PutRecord(observation("b", 2, "p", "1"), 1) }), fault.Precondition)

	var wg sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		wg.Go(func() {
			errs[i] = s.Update(bg, func(tx *store.Tx) error { return tx.PutRecord(observation("a", 2, "p", fmt.Sprint(i)), 1) })
		})
	}
	wg.Wait()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won < 0:
			won = i
		case !fault.Is(err, fault.Precondition):
			t.Errorf("writer %d: %v", i, err)
		}
	}
	view(t, s, func(v *store.View) error {
		h, err := v.Current("Observation", "a")
		if err != nil || h.Facets.Codes[0].Code != fmt.Sprint(won) {
			t.Errorf("writer %d won, %+v is there: %v", won, h, err)
		}
		page, err := v.Search(search.Query{Type: "Observation", Total: "accurate", Clauses: []search.Clause{{Param: "code", Kind: search.ByToken,
			Tokens: []search.TokenValue{{Code: "1", AnySystem: true}}}}}, nil)
		if won != 1 && page.Total != 0 {
			t.Errorf("a value of an earlier version is found")
		}
		return err
	})
}

func TestEachVersionGoesThroughAll(t *testing.T) {
	s := open(t, t.TempDir())
	for i := range 5 {
		put(t, s, observation(fmt.Sprint(i), 1, "p", "1"), 0)
	}
	put(t, s, observation("0", 2, "p", "1"), 1)
	var all [][]byte
	view(t, s, func(v *store.View) error {
		return v.EachVersion(func(r *store.Version) error { all = append(all, r.Body); return nil })
	})
	if len(all) != 6 || !bytes.Equal(all[0], []byte("sealed 0 1")) || !bytes.Equal(all[5], []byte("sealed 0 2")) {
		t.Fatalf("got %q", all)
	}
}
