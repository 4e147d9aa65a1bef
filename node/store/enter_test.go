package store_test

import (
	"errors"
	"sync"
	"testing"

	"cairn/node/fault"
	"cairn/node/store"
)

// Two processes that log reads have one log without a gap, and what a process
// logs is checked by the consents that the other one took.
func TestTwoProcessesLogReads(t *testing.T) {
	a, b := twins(t)
	both := []*store.Store{a, b}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := range 15 {
				if err := both[i%2].Log(bg, []*store.Entry{logEntry(1000*i+n, "p")}, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := dense(t, a); n != 240 {
		t.Errorf("%d entries", n)
	}
	for i := range 4 {
		one, other := both[i%2], both[(i+1)%2]
		for n := range 2 { // the second time it was the last that wrote
			if err := one.Log(bg, []*store.Entry{logEntry(100_000+10*i+n, "")}, nil); err != nil {
				t.Fatal(err)
			}
		}
		update(t, other, func(tx *store.Tx) error { return tx.AddSlip(&store.Slip{Commitment: [32]byte{byte(i)}, Subject: "p"}) })
		last := uint64(0)
		err := one.Log(bg, []*store.Entry{logEntry(200_000+i, "")}, func(epoch uint64) error { last = epoch; return nil })
		if err != nil || last != other.Epoch() {
			t.Errorf("logged as of %d, and the consents are of %d: %v", last, other.Epoch(), err)
		}
		err = one.Log(bg, []*store.Entry{logEntry(300_000+i, "")}, func(uint64) error { return errTest })
		if !errors.Is(err, errTest) {
			t.Errorf("a check that fails: %v", err)
		}
	}
	if n := dense(t, b); n != 252 {
		t.Errorf("%d entries", n)
	}
}

var errTest = errors.New("no")

// Entries whose id is taken fail alone, and the others are there.
func TestLogThatFailsBelow(t *testing.T) {
	s := open(t, t.TempDir())
	log := func(n int, subject string) error { return s.Log(bg, []*store.Entry{logEntry(n, subject)}, nil) }
	for n := range 3 {
		if err := log(n, "p"); err != nil {
			t.Fatal(err)
		}
	}
	if server != nil {
		if err := log(3, "p\x00"); !fault.Is(err, fault.Invalid) {
			t.Errorf("a text that cannot be stored: %v", err)
		}
		if err := log(1, "p"); err == nil {
			t.Error("an id is there twice")
		}
	}
	if err := log(4, "p"); err != nil {
		t.Fatal(err)
	}
	if n := dense(t, s); n != 4 {
		t.Errorf("%d entries", n)
	}
}
