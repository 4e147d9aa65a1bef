package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cairn/node/fault"
	"cairn/node/store"
)

var bg = context.Background()

func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(dir, options(t, dir))
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

func update(t testing.TB, s *store.Store, f func(tx *store.Tx) error) {
	t.Helper()
	if err := s.Update(bg, f); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, s *store.Store, f func(v *store.View) error) {
	t.Helper()
	if err := s.View(bg, f); err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Fatalf("got %v, want %v", err, kind)
	}
}

func TestWhatIsUpdatedIsSeenAndSurvivesReopening(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	update(t, s, func(tx *store.Tx) error {
		if err := tx.SetMeta("k", []byte("v")); err != nil {
			return err
		}
		got, err := tx.Meta("k")
		if string(got) != "v" {
			t.Errorf("an update does not see its own write: %q", got)
		}
		return err
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantKind(t, s.View(bg, func(*store.View) error { return nil }), fault.Busy)
	wantKind(t, s.Update(bg, func(*store.Tx) error { return nil }), fault.Busy)

	view(t, open(t, dir), func(v *store.View) error {
		got, err := v.Meta("k")
		if string(got) != "v" {
			t.Errorf("lost: %q", got)
		}
		return err
	})
}

func TestViewIsASnapshot(t *testing.T) {
	s := open(t, t.TempDir())
	put := func(value string) {
		update(t, s, func(tx *store.Tx) error { return tx.SetMeta("k", []byte(value)) })
	}
	put("old")
	view(t, s, func(v *store.View) error {
		before, err := v.Meta("k")
		if err != nil {
			return err
		}
		put("young")
		after, err := v.Meta("k")
		if string(before) != "old" || string(after) != "old" {
			t.Errorf("a view saw %q then %q", before, after)
		}
		return err
	})
}

func TestFailingUpdatesRollBackAlone(t *testing.T) {
	s := open(t, t.TempDir())
	mine := errors.New("mine")
	hold, held := make(chan struct{}), make(chan struct{})
	go func() {
		_ = s.Update(bg, func(*store.Tx) error { close(held); <-hold; return nil })
	}()
	<-held // the writer is inside a group; what follows joins it

	var wg sync.WaitGroup
	errs := make([]error, 30)
	for i := range errs {
		wg.Go(func() {
			errs[i] = s.Update(bg, func(tx *store.Tx) error {
				if err := tx.SetMeta(string(rune('a'+i)), []byte{1}); err != nil {
					return err
				}
				switch i % 3 {
				case 1:
					return mine
				case 2:
					panic("patient names must not be lost in here")
				}
				return nil
			})
		})
	}
	close(hold)
	wg.Wait()
	view(t, s, func(v *store.View) error {
		for i, err := range errs {
			value, verr := v.Meta(string(rune('a' + i)))
			if verr != nil {
				return verr
			}
			switch i % 3 {
			case 0:
				if err != nil || value == nil {
					t.Errorf("update %d: %v, value %v", i, err, value)
				}
			case 1:
				if !errors.Is(err, mine) || value != nil {
					t.Errorf("failing update %d: %v, value %v", i, err, value)
				}
			case 2:
				if f := fault.As(err); f.Code != "store.panic" || value != nil {
					t.Errorf("panicking update %d: %v, value %v", i, err, value)
				}
			}
		}
		return nil
	})
}

func TestUpdateGivenUpBeforeItBegan(t *testing.T) {
	s := open(t, t.TempDir())
	hold, held := make(chan struct{}), make(chan struct{})
	go func() {
		_ = s.Update(bg, func(*store.Tx) error { close(held); <-hold; return nil })
	}()
	<-held
	ctx, cancel := context.WithCancel(bg)
	answered := make(chan error)
	go func() {
		answered <- s.Update(ctx, func(tx *store.Tx) error { return tx.SetMeta("late", []byte{1}) })
	}()
	cancel()
	wantKind(t, <-answered, fault.Busy)
	close(hold)
	view(t, s, func(v *store.View) error {
		value, err := v.Meta("late")
		if value != nil {
			t.Error("an update that was given up ran")
		}
		return err
	})
}

func TestUpdateThatRunsIsWaitedFor(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(bg)
	running, goOn := make(chan struct{}), make(chan struct{})
	answered := make(chan error)
	go func() {
		answered <- s.Update(ctx, func(tx *store.Tx) error { close(running); <-goOn; return tx.SetMeta("k", []byte{1}) })
	}()
	<-running
	cancel()
	select {
	case err := <-answered:
		t.Fatalf("answered before it was done: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(goOn)
	if err := <-answered; err != nil {
		t.Fatalf("it was stored, and answered with %v", err)
	}
}

// An update that goes on after a write of it failed must not be half there.
func TestErrorThatWasSwallowedStillFails(t *testing.T) {
	s := open(t, t.TempDir())
	update(t, s, func(tx *store.Tx) error { return tx.Append(logEntry(1, "")) })
	err := s.Update(bg, func(tx *store.Tx) error {
		_ = tx.Append(logEntry(1, "")) // the id is taken
		_ = tx.SetMeta("after", []byte{1})
		return nil
	})
	wantKind(t, err, fault.Broken)
	view(t, s, func(v *store.View) error {
		value, err := v.Meta("after")
		if value != nil || s.Size() != 1 {
			t.Errorf("half of it is there: %v, %d entries", value, s.Size())
		}
		return err
	})
	update(t, s, func(tx *store.Tx) error { return tx.Append(logEntry(2, "")) })
}

func TestSecondOpenerIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	_, err := store.Open(dir, options(t, dir))
	if f := fault.As(err); f.Code != "store.in-use" || f.Text != "The data directory is in use by another process." {
		t.Fatalf("got %v", err)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := store.SetSchema(s, 999); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(dir, options(t, dir))
	if fault.As(err).Code != "store.schema-newer" {
		t.Fatalf("got %v", err)
	}
	if _, err := store.Open(dir, options(t, dir)); fault.As(err).Code == "store.in-use" {
		t.Fatal("a refused open kept the lock")
	}
}

func TestFileThatIsNoDatabase(t *testing.T) {
	sqliteOnly(t, "there is no file")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "store.db"), make([]byte, 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(dir, options(t, dir))
	if fault.As(err).Code != "store.corrupt" {
		t.Fatalf("got %v", err)
	}
}

func TestEveryConnectionIsDurableAndForgets(t *testing.T) {
	sqliteOnly(t, "these are its settings")
	s := open(t, t.TempDir())
	for name, want := range map[string]int64{"synchronous": 2, "secure_delete": 1, "foreign_keys": 1, "busy_timeout": 500} {
		writer, reader, err := store.Settings(s, name)
		if err != nil || writer != want || reader != want {
			t.Errorf("%s is %d for the writer and %d for readers, want %d: %v", name, writer, reader, want, err)
		}
	}
	if writer, reader, err := store.Settings(s, "query_only"); writer != 0 || reader != 1 || err != nil {
		t.Errorf("query_only is %d for the writer and %d for readers: %v", writer, reader, err)
	}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	sqliteOnly(t, "the files are the server's")
	dir := t.TempDir()
	s := open(t, dir)
	update(t, s, func(tx *store.Tx) error { return tx.SetMeta("k", []byte("v")) })
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
}
