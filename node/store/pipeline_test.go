package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/store"
)

// Questions of many callers go together, and each gets its own answer: one that
// cannot be asked costs nobody else his.
func TestQuestionsOfManyCallers(t *testing.T) {
	s := open(t, t.TempDir())
	const records = 40
	update(t, s, func(tx *store.Tx) error {
		if _, err := tx.Use([32]byte{1}, 1000, 1); err != nil {
			return err
		}
		for i := range records {
			if err := tx.PutRecord(observation(fmt.Sprint("r", i), 1, fmt.Sprint("p", i%4), "1"), 0); err != nil {
				return err
			}
		}
		return nil
	})
	var wg sync.WaitGroup
	for i := range 10 * records {
		wg.Go(func() {
			id := fmt.Sprint("r", i%records)
			if i%7 == 0 && server != nil {
				id += "\x00" // PostgreSQL has no such text
			}
			err := s.Once(bg, func(v *store.View) error {
				h, newest, err := v.CurrentVersion("Observation", id)
				if err == nil && (h.ID != id || string(newest.Body) != "sealed "+id+" 1") {
					t.Errorf("asked for %s and got %s with %s", id, h.ID, newest.Body)
				}
				return err
			})
			if bad := i%7 == 0 && server != nil; bad != fault.Is(err, fault.Invalid) || !bad && err != nil {
				t.Errorf("%q: %v", id, err)
			}
			err = s.Once(bg, func(v *store.View) error {
				used, err := v.UsedUp([32]byte{byte(i % 3)})
				if used != (i%3 == 1) {
					t.Errorf("%d: used is %t", i%3, used)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
			err = s.Once(bg, func(v *store.View) error { _, _, err := v.CurrentVersion("Patient", id); return err })
			if bad := i%7 == 0 && server != nil; !bad && !fault.Is(err, fault.NotFound) {
				t.Errorf("of another type: %v", err)
			}
			err = s.Brief(bg, func(v *store.View) error {
				page, err := v.Search(search.Query{Type: "Observation", Subject: fmt.Sprint("p", i%4)}, nil)
				if err == nil && len(page.Hits) != records/4 {
					t.Errorf("%d records", len(page.Hits))
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if asked, trips := store.Piped(s); server != nil && trips >= asked/2 {
		t.Errorf("%d round trips for %d questions", trips, asked)
	}
}

// Who gives up while others ask is not asked for, a connection that was lost is
// opened again, and a store that is closed answers nobody.
func TestQuestionsThatAreGivenUp(t *testing.T) {
	postgresOnly(t, "a file has no connections")
	url, err := server.Fresh()
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.TempDir(), store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(ctx context.Context) error {
		return s.Once(ctx, func(v *store.View) error { _, err := v.UsedUp([32]byte{1}); return err })
	}
	free := store.Stall(s) // as if others were asking
	ctx, cancel := context.WithCancel(bg)
	gone, answered := make(chan error), make(chan error)
	go func() { gone <- ask(ctx) }()
	go func() { answered <- ask(bg) }()
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	free()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if _, err := server.Ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT until FROM used%' AND pid <> pg_backend_pid()"); err != nil {
		t.Fatal(err)
	}
	if err := ask(bg); err != nil && !fault.Is(err, fault.Busy) { // the end may not have been seen yet
		t.Errorf("a lost connection: %v", err)
	}
	if err := ask(bg); err != nil {
		t.Errorf("after a lost connection: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ask(bg); err == nil {
		t.Error("a closed store answers")
	}
}
