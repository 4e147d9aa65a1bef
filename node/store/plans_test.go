package store_test

import (
	"fmt"
	"testing"
	"time"

	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/store"
)

// A connection that gives its plans up goes on as before.
func TestPlansAreMadeAnew(t *testing.T) {
	defer store.PlanAnew(time.Microsecond)()
	s := open(t, t.TempDir())
	for i := range 30 {
		id := fmt.Sprint("r", i)
		update(t, s, func(tx *store.Tx) error { return tx.PutRecord(observation(id, 1, "p", "1"), 0) })
		if err := s.Log(bg, []*store.Entry{logEntry(i, "p")}, nil); err != nil {
			t.Fatal(err)
		}
		err := s.Once(bg, func(v *store.View) error { _, _, err := v.CurrentVersion("Observation", id); return err })
		if err != nil {
			t.Fatal(err)
		}
		view(t, s, func(v *store.View) error {
			page, err := v.Search(search.Query{Type: "Observation", Subject: "p"}, nil)
			if err == nil && page.Total != i+1 {
				t.Errorf("%d records", page.Total)
			}
			heads, err2 := v.Heads("Observation", []string{id, "none", "r0"})
			if err2 != nil || heads[id].Subject != "p" || len(heads) != min(2, i+1) {
				t.Errorf("%v, %v", heads, err2)
			}
			return err
		})
	}
	if ever, now := store.Planned(s); server != nil && ever < 2*now {
		t.Errorf("%d plans were made of %d statements", ever, now)
	}
	err := s.View(bg, func(v *store.View) error { _, err := v.Heads("Observation", []string{"r0\x00"}); return err })
	wantKind(t, err, fault.Invalid)
}

// On PostgreSQL no record is looked up, and locked, for a version of it.
func TestVersionsReferToNothing(t *testing.T) {
	postgresOnly(t, "SQLite looks at them")
	s := open(t, t.TempDir())
	n, err := store.Number(s, "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = 'version'::regclass")
	if err != nil || n != 0 {
		t.Errorf("%d references: %v", n, err)
	}
}
