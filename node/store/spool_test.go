package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cairn/node/fault"
	"cairn/node/store"
)

// note logs n entries together, which become the next of a list.
func note(t testing.TB, s *store.Store, all *[]*store.Entry, n int) {
	t.Helper()
	var entries []*store.Entry
	for range n {
		i := len(*all) + len(entries)
		e := logEntry(i, []string{"p", "q", ""}[i%3])
		e.Body = bytes.Repeat([]byte{byte(i)}, 1+i%300)
		entries = append(entries, e)
	}
	if err := s.Log(bg, entries, nil); err != nil {
		t.Fatal(err)
	}
	*all = append(*all, entries...)
}

// checkLog asks for the log in every way there is.
func checkLog(t testing.TB, s *store.Store, all []*store.Entry) {
	t.Helper()
	same := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%d entries: %s is\n%v, not\n%v", len(all), what, got, want)
		}
	}
	same("the store's size", s.Size(), uint64(len(all)))
	view(t, s, func(v *store.View) error {
		size, e1 := v.Size()
		same("the size", size, uint64(len(all)))
		mine := []*store.Entry(nil)
		for i := len(all) - 1; i >= 0; i-- {
			if all[i].Subject == "p" {
				mine = append(mine, all[i])
			}
		}
		n, e2 := v.CountEntries("p")
		same("the count of p", n, len(mine))
		listed, before := []*store.Entry(nil), uint64(math.MaxUint64)
		for page := []*store.Entry{nil}; len(page) > 0; {
			var err error
			if page, err = v.Entries("p", before, 7); err != nil {
				return err
			}
			if listed = append(listed, page...); len(page) > 0 {
				before = page[len(page)-1].Index
			}
		}
		same("the list of p", listed, mine)
		nobody, e3 := v.Entries("", math.MaxUint64, 10)
		same("the list of nobody", len(nobody), 0)
		from := rand.IntN(len(all) + 1)
		rest, e4 := []*store.Entry{}, error(nil)
		e4 = v.EachEntry(uint64(from), func(e *store.Entry) error { rest = append(rest, e); return nil })
		same("the log from a place", rest, append([]*store.Entry{}, all[from:]...))
		to := from + rand.IntN(len(all)+1-from)
		leaves, e5 := v.Leaves(uint64(from), uint64(to))
		for i, leaf := range leaves {
			same("a leaf", leaf, all[from+i].Leaf)
		}
		same("the number of leaves", len(leaves), to-from)
		var e6, e7 error
		for range min(5, len(all)) {
			want := all[rand.IntN(len(all))]
			one, err := v.Entry(want.Index)
			same("an entry", one, want)
			other, err2 := v.EntryByID(want.ID)
			same("an entry by id", other, want)
			e6, e7 = errors.Join(e6, err), errors.Join(e7, err2)
		}
		_, err := v.Entry(uint64(len(all)))
		wantKind(t, err, fault.NotFound)
		return errors.Join(e1, e2, e3, e4, e5, e6, e7)
	})
}

// What was logged is there for everybody, in the order of the log, wherever it
// stands: among updates, after a restart, while and after it goes into the
// table.
func TestLoggedEntriesAreSeen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	var all []*store.Entry
	for step := range 60 {
		switch step % 6 {
		case 4:
			e := logEntry(len(all), "p")
			update(t, s, func(tx *store.Tx) error { return tx.Append(e) })
			all = append(all, e)
		case 5:
			if rand.IntN(2) == 0 {
				break
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir)
		default:
			note(t, s, &all, 1+rand.IntN(5))
		}
		checkLog(t, s, all)
	}
	for range 12 {
		note(t, s, &all, 100) // more than stays in the spool
		checkLog(t, s, all)
	}
	time.Sleep(1200 * time.Millisecond) // what is left goes into the table by itself
	checkLog(t, s, all)
	if err := s.Verify(bg); err != nil {
		t.Fatal(err)
	}
}

// A check that fails keeps its own entries out, and only those; it is asked about
// the consents as they are at that place of the log.
func TestLogHoldsAgainstTheEpoch(t *testing.T) {
	s := open(t, t.TempDir())
	no := errors.New("no")
	var wg sync.WaitGroup
	var kept atomic.Int64
	for w := range 16 {
		wg.Go(func() {
			for i := range 40 {
				e := logEntry(w*100+i, "p")
				err := s.Log(bg, []*store.Entry{e}, func(epoch uint64) error {
					if epoch != 0 || i%3 == 0 {
						return no
					}
					return nil
				})
				if (i%3 == 0) != errors.Is(err, no) || err != nil && !errors.Is(err, no) {
					t.Errorf("the %d-th: %v", i, err)
				}
				if err == nil {
					kept.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := s.Size(); n != uint64(kept.Load()) {
		t.Fatalf("%d entries, %d acknowledged", n, kept.Load())
	}
	update(t, s, func(tx *store.Tx) error { return tx.AddSlip(&store.Slip{Subject: "p"}) })
	err := s.Log(bg, []*store.Entry{logEntry(1, "p")}, func(epoch uint64) error {
		if epoch != 0 {
			return no
		}
		return nil
	})
	if !errors.Is(err, no) || s.Size() != uint64(kept.Load()) {
		t.Fatalf("after a change of consents: %v, %d entries", err, s.Size())
	}
}

// Readers find a log without gap and double at every moment, however entries
// move meanwhile.
func TestLogIsWholeWhileItMoves(t *testing.T) {
	s := open(t, t.TempDir())
	stop := make(chan struct{})
	var writers, readers sync.WaitGroup
	var n atomic.Int64
	for w := range 4 {
		writers.Go(func() {
			for i := range 150 {
				e := logEntry(int(n.Add(1)), "p")
				var err error
				if w == 0 && i%20 == 0 {
					err = s.Update(bg, func(tx *store.Tx) error { return tx.Append(e) })
				} else {
					err = s.Log(bg, []*store.Entry{e}, nil)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for least := uint64(0); ; {
				select {
				case <-stop:
					return
				default:
				}
				before := s.Size()
				err := s.View(bg, func(v *store.View) error {
					next := uint64(0)
					if err := v.EachEntry(0, func(e *store.Entry) error {
						if e.Index != next {
							return fmt.Errorf("entry %d follows %d", e.Index, next)
						}
						next++
						return nil
					}); err != nil {
						return err
					}
					if size, err := v.Size(); err != nil || size != next || next < max(before, least) {
						return fmt.Errorf("%d entries, size %d, were %d: %w", next, size, max(before, least), err)
					}
					least = next
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
}

// crashed returns a copy of a store's files as they are, for a store of its own.
func crashed(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{"store.db", "store.db-wal", "store.spool"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), raw, 0o600)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return to
}

// A spool that was torn at any place loses nothing that stands before, and what
// stands behind is not taken up.
func TestTornSpool(t *testing.T) {
	sqliteOnly(t, "a server has no spool")
	dir := t.TempDir()
	s := open(t, dir)
	var all []*store.Entry
	note(t, s, &all, 40) // an earlier time of the file, longer than the next
	update(t, s, func(tx *store.Tx) error { return tx.SetMeta("k", []byte("v")) })
	file := func(dir string) string { return filepath.Join(dir, "store.spool") }
	blank, err := os.ReadFile(file(dir))
	if err != nil {
		t.Fatal(err)
	}
	type mark struct{ bytes, entries int }
	marks := []mark{{0, len(all)}}
	for _, n := range []int{1, 3, 2} {
		note(t, s, &all, n)
		now, err := os.ReadFile(file(dir))
		if err != nil {
			t.Fatal(err)
		}
		last := len(now)
		for last > 0 && now[last-1] == blank[last-1] {
			last-- // differs from what was there up to here
		}
		marks = append(marks, mark{last, len(all)})
	}
	image := crashed(t, dir) // before the table takes the entries
	checkLog(t, open(t, crashed(t, image)), all)
	raw, err := os.ReadFile(file(image))
	if err != nil {
		t.Fatal(err)
	}
	end := marks[len(marks)-1].bytes
	for at := 0; at < end; at += 1 + rand.IntN(end/12) {
		kept := 0
		for _, m := range marks {
			if m.bytes <= at {
				kept = m.entries
			}
		}
		torn := bytes.Clone(raw)
		switch at % 3 {
		case 0:
			torn = torn[:at]
		case 1:
			torn[at] ^= 1
		default:
			copy(torn[at:], blank[at:]) // what was there before
			if bytes.Equal(torn, raw) {
				continue
			}
		}
		broken := crashed(t, image)
		if err := os.WriteFile(file(broken), torn, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := store.Open(broken, store.Options{})
		if err != nil {
			t.Fatalf("torn at %d: %v", at, err)
		}
		more := append([]*store.Entry{}, all[:kept]...)
		checkLog(t, b, more)
		note(t, b, &more, 2)
		checkLog(t, b, more)
		again := crashed(t, broken)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		b = open(t, again)
		checkLog(t, b, more)
		update(t, b, func(tx *store.Tx) error { return tx.SetMeta("k", []byte("v")) })
		checkLog(t, b, more)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// While there is no space, what is logged is durable or refused, and it goes on
// afterwards.
func TestFullDiskForTheLog(t *testing.T) {
	sqliteOnly(t, "the disk is the server's")
	dir := smallDisk(t)
	s := open(t, dir)
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	var all []*store.Entry
	try := func() error {
		e := logEntry(len(all), "p")
		e.Body = bytes.Repeat([]byte{1}, 3000)
		err := s.Log(bg, []*store.Entry{e}, nil)
		if err == nil {
			all = append(all, e)
		}
		return err
	}
	for fails := 0; fails < 5; {
		if err := try(); err != nil {
			fails++
			wantKind(t, err, fault.Full)
		}
	}
	t.Logf("full after %d entries", len(all))
	checkLog(t, s, all)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := try(); err != nil {
			t.Fatal(err)
		}
	}
	checkLog(t, s, all)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkLog(t, open(t, dir), all)
}

// A spool that cannot be written to is done without.
func TestNoSpool(t *testing.T) {
	sqliteOnly(t, "a server has no spool")
	dir := t.TempDir()
	s := open(t, dir)
	var all []*store.Entry
	note(t, s, &all, 3)
	store.BreakSpool(s)
	for range 4 {
		note(t, s, &all, 2)
		checkLog(t, s, all)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkLog(t, open(t, dir), all)
}

func FuzzSpool(f *testing.F) {
	dir := f.TempDir()
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		f.Fatal(err)
	}
	var all []*store.Entry
	note(f, s, &all, 2)
	note(f, s, &all, 3)
	raw, err := os.ReadFile(filepath.Join(dir, "store.spool"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.TrimRight(raw, "\x00"), uint64(0))
	f.Add(bytes.TrimRight(raw, "\x00"), uint64(2))
	if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte, entries uint64) {
		for i, e := range store.LoadSpool(raw, entries) {
			if e.Index != entries+uint64(i) {
				t.Fatalf("the %d-th entry beyond %d is %d", i, entries, e.Index)
			}
		}
	})
}
