package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/store"
)

// smallDisk mounts a file system of its own with a few megabytes.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("cairn", dir, "tmpfs", 0, "size=6m"); err != nil {
		t.Skipf("a small file system is needed to fill it, and this user may not mount one: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// write stores one record with its entry in one update.
func write(s *store.Store, n int) error {
	return s.Update(bg, func(tx *store.Tx) error {
		e := logEntry(n, "p")
		if err := tx.Append(e); err != nil {
			return err
		}
		r := observation(fmt.Sprint("r", n), 1, "p", "1")
		r.Entry, r.Body = e.Index, bytes.Repeat([]byte{byte(n)}, 3000)
		return tx.PutRecord(r, 0)
	})
}

func TestFullDisk(t *testing.T) {
	sqliteOnly(t, "the disk is the server's")
	dir := smallDisk(t)
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	var stored []int
	fails := 0
	for n := 0; fails < 5; n++ {
		err := write(s, n)
		if err == nil {
			stored = append(stored, n)
			continue
		}
		fails++
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Full || f.Hint == "" {
			t.Fatalf("after %d writes: %v", len(stored), err)
		}
	}
	check := func(s *store.Store) {
		t.Helper()
		if s.Size() != uint64(len(stored)) {
			t.Fatalf("%d entries, %d acknowledged", s.Size(), len(stored))
		}
		view(t, s, func(v *store.View) error {
			page, err := v.Search(search.Query{Type: "Observation", Subject: "p", CountOnly: true}, nil)
			if page.Total != len(stored) {
				t.Errorf("%d records, %d acknowledged", page.Total, len(stored))
			}
			return err
		})
		if err := s.Verify(bg); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("full after %d writes", len(stored))
	check(s)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for n := 100_000; n < 100_020; n++ {
		if err := write(s, n); err != nil {
			t.Fatalf("with space again: %v", err)
		}
		stored = append(stored, n)
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, dir))
}

func TestReserveIsKeptFree(t *testing.T) {
	sqliteOnly(t, "the disk is the server's")
	dir := t.TempDir()
	s := open(t, dir)
	if err := write(s, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(dir, store.Options{ReserveBytes: 1 << 60})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }() // it was only read
	wantKind(t, write(s, 2), fault.Full)
	view(t, s, func(v *store.View) error {
		_, err := v.Version("Observation", "r1", 1)
		return err
	})
}

func TestDamagedPageIsNamed(t *testing.T) {
	sqliteOnly(t, "the files are the server's")
	dir := t.TempDir()
	s := open(t, dir)
	for n := range 200 {
		if err := write(s, n); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "store.db")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for at := 40 * 4096; at < len(raw); at += 4096 {
		copy(raw[at:], "no page header")
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = store.Open(dir, store.Options{})
	if err == nil {
		err = s.Verify(bg)
		_ = s.Close() // a damaged database may say so again
	}
	if f := fault.As(err); f.Code != "store.corrupt" || f.Hint == "" {
		t.Fatalf("got %v", err)
	}
}

// What is deleted must be in no file once the write-ahead log was emptied.
func TestDeletedBytesAreGone(t *testing.T) {
	sqliteOnly(t, "the files are the server's; docs/adr/0013-postgresql.md says what Checkpoint does there")
	dir := t.TempDir()
	s := open(t, dir)
	canary := func(kind string, n int) string { return fmt.Sprintf("canary-%s-%05d-of-a-patient", kind, n) }
	const patients = 1500
	for from := 0; from < patients; from += 100 {
		update(t, s, func(tx *store.Tx) error { return plant(tx, canary, from, from+100) })
	}
	if count(t, dir, "canary-") == 0 {
		t.Fatal("the canaries were not planted")
	}
	for from := 0; from < patients; from += 300 {
		update(t, s, func(tx *store.Tx) error { return remove(tx, from, from+300) })
	}
	hold := make(chan struct{})
	held := make(chan struct{})
	go func() {
		_ = s.View(bg, func(v *store.View) error { _, err := v.Size(); close(held); <-hold; return err })
	}()
	<-held
	update(t, s, func(tx *store.Tx) error { return tx.SetMeta("k", []byte("v")) })
	wantKind(t, s.Checkpoint(bg), fault.Busy) // a reader may still see what was deleted
	close(hold)
	var err error
	for range 100 {
		if err = s.Checkpoint(bg); !fault.Is(err, fault.Busy) {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, dir, "canary-"); n != 0 {
		t.Fatalf("%d canaries survive", n)
	}
}

// plant stores wrapped keys, slips, passkeys, locators and records' search
// values that hold canaries.
func plant(tx *store.Tx, canary func(string, int) string, from, to int) error {
	for n := from; n < to; n++ {
		subject := fmt.Sprint("p", n)
		r := observation(subject, 1, subject, canary("code", n))
		r.Index.Facets = search.Facets{} // facets stay with each version
		r.Index.Texts = append(r.Index.Texts, search.Text{Param: "name", Value: canary("name", n)})
		r.Index.References = append(r.Index.References, search.Reference{Param: "x", Target: canary("ref", n)})
		_, e1 := tx.AddKey(subject, []byte(canary("key", n)))
		e2 := tx.PutLocator(&store.Locator{Subject: subject, Member: "south", Patient: canary("locator", n)})
		e3 := tx.AddPasskey(&store.Passkey{Credential: []byte(canary("credential", n)), Subject: subject, Name: canary("phone", n)})
		if err := errors.Join(e1, e2, e3, tx.PutRecord(r, 0)); err != nil {
			return err
		}
	}
	return nil
}

func remove(tx *store.Tx, from, to int) error {
	for n := from; n < to; n++ {
		subject := fmt.Sprint("p", n)
		_, e1 := tx.DeleteKey(subject)
		_, e2 := tx.DeleteLocator(subject, "south")
		_, e3 := tx.DeletePasskey(fmt.Appendf(nil, "canary-credential-%05d-of-a-patient", n))
		if err := errors.Join(e1, e2, e3, tx.PutRecord(observation(subject, 2, subject, "plain"), 1)); err != nil {
			return err
		}
	}
	return nil
}

// count returns how often a text is in the files of a data directory.
func count(t *testing.T, dir, text string) (n int) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		n += bytes.Count(raw, []byte(text))
	}
	return n
}
