package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cairn/node/fault"
	"cairn/node/store"
	"cairn/test/postgres"
)

// twins are two stores of one database, as two processes have it open.
func twins(t *testing.T) (a, b *store.Store) {
	t.Helper()
	postgresOnly(t, "a file belongs to one process")
	url, err := server.Fresh()
	if err != nil {
		t.Fatal(err)
	}
	return at(t, url), at(t, url)
}

// at opens a store with a directory of its own on a database.
func at(t *testing.T, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// dense checks that the log has no gap and returns how long it is.
func dense(t *testing.T, s *store.Store) (size uint64) {
	t.Helper()
	view(t, s, func(v *store.View) error {
		return v.EachEntry(0, func(e *store.Entry) error {
			if e.Index != size {
				t.Fatalf("entry %d follows %d", e.Index, size)
			}
			size++
			return nil
		})
	})
	return size
}

func TestTwoProcessesWriteOneLog(t *testing.T) {
	a, b := twins(t)
	var wg sync.WaitGroup
	for w := range 8 {
		s := []*store.Store{a, b}[w%2]
		wg.Go(func() {
			for i := range 30 {
				if err := write(s, w*1000+i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, s := range []*store.Store{a, b} {
		if n := dense(t, s); n != 240 {
			t.Errorf("%d entries", n)
		}
		view(t, s, func(v *store.View) error {
			for w := range 8 {
				if _, err := v.Version("Observation", fmt.Sprint("r", w*1000+29), 1); err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
			}
			return nil
		})
	}
	if err := a.Verify(bg); err != nil {
		t.Error(err)
	}
}

func TestEachProcessSeesThatConsentsChanged(t *testing.T) {
	a, b := twins(t)
	update(t, b, func(tx *store.Tx) error { return tx.SetMeta("k", nil) })
	before := b.Epoch()
	update(t, a, func(tx *store.Tx) error { return tx.AddSlip(&store.Slip{Subject: "p"}) })
	err := b.Update(bg, func(tx *store.Tx) error {
		if tx.Epoch() == before {
			t.Error("the other process does not see that a consent was accepted")
		}
		return errors.New("undone")
	})
	if err == nil || b.Epoch() == before {
		t.Errorf("%v, and the count is still %d", err, before)
	}
}

func TestWhatIsGoodOnceIsGoodOnceForAll(t *testing.T) {
	a, b := twins(t)
	var wins atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		s := []*store.Store{a, b}[i%2]
		wg.Go(func() {
			var first bool
			err := s.Update(bg, func(tx *store.Tx) (err error) { first, err = tx.Use([32]byte{7}, 100, 1); return err })
			if err != nil {
				t.Error(err)
			}
			if first {
				wins.Add(1)
			}
		})
	}
	wg.Wait()
	if wins.Load() != 1 {
		t.Errorf("it was good %d times", wins.Load())
	}
}

// An update that fails below must not take others of its group with it.
func TestUnexpectedErrorHurtsNobodyElse(t *testing.T) {
	s := open(t, t.TempDir())
	update(t, s, func(tx *store.Tx) error { return tx.Append(logEntry(1, "")) })
	hold, held := make(chan struct{}), make(chan struct{})
	go func() {
		_ = s.Update(bg, func(*store.Tx) error { close(held); <-hold; return nil })
	}()
	<-held // what follows joins its group
	errs := make([]error, 12)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			n := 100 + i
			if i%4 == 3 {
				n = 1 // its id is taken
			}
			errs[i] = s.Update(bg, func(tx *store.Tx) error { return tx.Append(logEntry(n, "")) })
		})
	}
	time.Sleep(10 * time.Millisecond) // most of them wait by now
	close(hold)
	wg.Wait()
	for i, err := range errs {
		if bad := i%4 == 3; bad != (err != nil) {
			t.Errorf("update %d: %v", i, err)
		}
	}
	if n := dense(t, s); n != 10 {
		t.Errorf("%d entries", n)
	}
}

func TestOneLeads(t *testing.T) {
	a, b := twins(t)
	ctx, cancel := context.WithTimeout(bg, time.Minute)
	defer cancel()
	var reigning atomic.Int32
	began := make(chan string)
	knocked := make(chan struct{}, 100)
	for name, s := range map[string]*store.Store{"a": a, "b": b} {
		go func() {
			err := s.Lead(ctx, func() { knocked <- struct{}{} }, func(ctx context.Context) error {
				if reigning.Add(1) > 1 {
					t.Error("both lead")
				}
				began <- name
				<-ctx.Done()
				reigning.Add(-1)
				return ctx.Err()
			})
			if err != nil {
				t.Error(err)
			}
		}()
	}
	<-began
	<-knocked // at its beginning
	for _, s := range []*store.Store{a, b} {
		if err := s.Knock(ctx); err != nil {
			t.Fatal(err)
		}
		<-knocked
	}
	for range 3 {
		if _, err := server.Ask("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 1667301378"); err != nil {
			t.Fatal(err)
		}
		<-began // one of them, again or for the first time
	}
	cancel()
}

// A server that crashes in the middle of writes has lost nothing that was
// acknowledged, and the store goes on by itself when it is back.
func TestNothingAcknowledgedIsLostWhenTheServerCrashes(t *testing.T) {
	postgresOnly(t, "there is no server")
	own, err := postgres.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := own.Stop(); err != nil {
			t.Error(err)
		}
	}()
	url, err := own.Fresh()
	if err != nil {
		t.Fatal(err)
	}
	s := at(t, url)
	var mu sync.Mutex
	var stored []int
	var failed atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for n := w * 100_000; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := write(s, n); err != nil {
					if f := fault.As(err); f.Kind != fault.Busy || f.Hint == "" {
						t.Errorf("an error that does not say what to do: %v", err)
					}
					failed.Add(1)
					time.Sleep(5 * time.Millisecond)
					continue
				}
				mu.Lock()
				stored = append(stored, n)
				mu.Unlock()
			}
		})
	}
	for range 3 {
		time.Sleep(300 * time.Millisecond)
		if err := own.Kill(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		if err := own.Run(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(300 * time.Millisecond)
	close(stop)
	wg.Wait()
	size := dense(t, s)
	t.Logf("%d acknowledged, %d failed, %d entries over three crashes", len(stored), failed.Load(), size)
	if failed.Load() == 0 || len(stored) < 50 || size < uint64(len(stored)) {
		t.Error("too little happened to say anything, or entries are missing")
	}
	view(t, s, func(v *store.View) error {
		for _, n := range stored {
			if _, err := v.Version("Observation", fmt.Sprint("r", n), 1); err != nil {
				t.Fatalf("record %d was acknowledged: %v", n, err)
			}
		}
		return nil
	})
}

func TestServerThatMayLoseIsRefused(t *testing.T) {
	postgresOnly(t, "there is no server")
	own, err := postgres.Start("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := own.Stop(); err != nil {
			t.Error(err)
		}
	}()
	_, err = store.Open(t.TempDir(), store.Options{URL: own.URL("")})
	if f := fault.As(err); f.Code != "store.server" || !strings.Contains(f.Text, "fsync") {
		t.Errorf("got %v", err)
	}
	s, err := store.Open(t.TempDir(), store.Options{URL: own.URL("") + "&fsync=off"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestAddressOfADatabase(t *testing.T) {
	for _, c := range []struct{ address, code, shown string }{
		{"postgres://u:geheim@localhost/d", "", "postgres://u:xxxxx@localhost/d"},
		{"postgres://u@/d?host=/run/postgresql&password=geheim", "", "postgres://u@/d?host=%2Frun%2Fpostgresql&password=xxxxx"},
		{"postgres://u:geheim@db.example/d?sslmode=verify-full", "", "postgres://u:xxxxx@db.example/d?sslmode=verify-full"},
		{"postgres://u:geheim@db.example/d", "store.plain", "postgres://u:xxxxx@db.example/d"},
		{"postgres://u:geheim@db.example/d?sslmode=require", "store.plain", "postgres://u:xxxxx@db.example/d?sslmode=require"},
		{"postgres://u:geheim@127.0.0.1,db.example/d?sslmode=disable", "store.plain", "postgres://u:xxxxx@127.0.0.1,db.example/d?sslmode=disable"},
		{"mysql://u:geheim@localhost/d", "store.url", "mysql://u:xxxxx@localhost/d"},
		{"postgres://u:geheim@local host/d", "store.url", "postgres://(not readable)"},
	} {
		err := store.CheckURL(c.address)
		code := ""
		if f := fault.As(err); f != nil {
			code = f.Code
		}
		if code != c.code || err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: got %v", c.address, err)
		}
		if got := store.MaskURL(c.address); got != c.shown {
			t.Errorf("%s is shown as %s", c.address, got)
		}
	}
}

// What an update wrote and read again is undone like anything else.
func TestUpdateThatReadsWhatItWroteIsUndone(t *testing.T) {
	s := open(t, t.TempDir())
	hold, held := make(chan struct{}), make(chan struct{})
	go func() {
		_ = s.Update(bg, func(*store.Tx) error { close(held); <-hold; return nil })
	}()
	<-held
	mine := errors.New("mine")
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			err := s.Update(bg, func(tx *store.Tx) error {
				e := logEntry(i, "")
				if err := tx.Append(e); err != nil {
					return err
				}
				if again, err := tx.Entry(e.Index); err != nil || again.ID != e.ID {
					t.Errorf("it reads %+v, %v", again, err)
				}
				if err := tx.SetMeta(fmt.Sprint("k", i), []byte{1}); err != nil || i%2 == 0 {
					return err
				}
				return mine
			})
			if failed := errors.Is(err, mine); failed != (i%2 == 1) {
				t.Errorf("update %d: %v", i, err)
			}
		})
	}
	time.Sleep(10 * time.Millisecond) // most of them wait by now
	close(hold)
	wg.Wait()
	if n := dense(t, s); n != 6 {
		t.Errorf("%d entries", n)
	}
	view(t, s, func(v *store.View) error {
		for i := range 12 {
			value, err := v.Meta(fmt.Sprint("k", i))
			if err != nil || (value != nil) != (i%2 == 0) {
				t.Errorf("key %d: %v, %v", i, value, err)
			}
		}
		return nil
	})
}
