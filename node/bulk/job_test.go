package bulk

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/node/fault"
	"cairn/node/keys"
	"cairn/node/store"
)

// desk opens a desk over a store of its own. Whatever goes through the gate is
// tested from outside.
func desk(t *testing.T) *Desk {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(filepath.Join(dir, "store"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	if err := keys.Create(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	ring, err := keys.Open(t.Context(), filepath.Join(dir, "keys"), "file:kek.key")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ring.Close() })
	return beside(t, st, keys.NewChest(ring, st))
}

// beside is a desk of another process over the same store.
func beside(t *testing.T, st *store.Store, chest *keys.Chest) *Desk {
	t.Helper()
	d, err := New(nil, nil, nil, st, chest, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// begin adds a job and takes it up.
func begin(t *testing.T, d *Desk) *job {
	t.Helper()
	j := &job{ID: "the-job", State: Running, Created: time.Now().UnixMilli()}
	if _, err := d.chest.Key(t.Context(), keyName(j.ID), true); err != nil {
		t.Fatal(err)
	}
	if err := d.add(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	return take(t, d, j.ID)
}

func take(t *testing.T, d *Desk, id string) (j *job) {
	t.Helper()
	err := d.store.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.TakeJob(id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = d.store.View(t.Context(), func(v *store.View) error {
		row, err := v.Job(id)
		if err != nil {
			return err
		}
		j, err = d.open(t.Context(), row)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func working(d *Desk, j *job) *run {
	return &run{desk: d, job: j, open: make(map[string]int), writers: make(map[int]*writer)}
}

func (d *Desk) text(t *testing.T, j *job, n int) (string, error) {
	t.Helper()
	aead, err := d.chest.Key(context.Background(), keyName(j.ID), false)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	_, err = (&Reader{desk: d, aead: aead, job: j.ID, file: int64(n), frames: j.Files[n].Frames}).WriteTo(&out)
	return out.String(), err
}

// chunks counts what is in the store of a job's first files.
func (d *Desk) chunks(t *testing.T, id string) (count int) {
	t.Helper()
	err := d.store.View(context.Background(), func(v *store.View) error {
		for file := range int64(3) {
			for n := range int64(200) {
				if _, err := v.Chunk(id, file, n); err == nil {
					count++
				} else if !fault.Is(err, fault.NotFound) {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// TestFilesAreInTheStore writes files of several frames with one desk and reads
// them with another.
func TestFilesAreInTheStore(t *testing.T) {
	d := desk(t)
	j := begin(t, d)
	r := working(d, j)
	var want [2]string
	for i := range 40 {
		body := strings.Repeat(string(rune('a'+i%20)), frameBytes/8)
		for k, typ := range []string{"Patient", "Observation"} {
			if err := r.add(t.Context(), typ, []byte(body)); err != nil {
				t.Fatal(err)
			}
			want[k] += body + "\n"
		}
	}
	r.closeAll()
	if err := d.save(t.Context(), j, r.made); err != nil {
		t.Fatal(err)
	}
	other := beside(t, d.store, d.chest)
	for k := range want {
		if got, err := other.text(t, j, k); err != nil || got != want[k] {
			t.Errorf("file %d: %v, %d bytes of %d", k, err, len(got), len(want[k]))
		}
	}
	if j.Files[0].Frames < 2 {
		t.Error("all is in one frame")
	}
	if err := other.remove(t.Context(), j.ID); err != nil {
		t.Fatal(err)
	}
	if n := d.chunks(t, j.ID); n != 0 {
		t.Errorf("%d chunks are left", n)
	}
	if _, err := d.text(t, j, 0); !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Gone) {
		t.Errorf("what was cancelled is read: %v", err)
	}
}

// TestWhoLostAJobWritesNothing has a second process take a job up, and a third
// cancel it, while the first goes on.
func TestWhoLostAJobWritesNothing(t *testing.T) {
	d := desk(t)
	first := begin(t, d)
	slow := working(d, first)
	if err := slow.add(t.Context(), "Patient", []byte("{of the first}")); err != nil {
		t.Fatal(err)
	}
	second := take(t, d, first.ID)
	quick := working(d, second)
	if err := quick.add(t.Context(), "Patient", []byte("{of the second}")); err != nil {
		t.Fatal(err)
	}
	quick.closeAll()
	if err := d.save(t.Context(), second, quick.made); err != nil {
		t.Fatal(err)
	}
	slow.closeAll()
	if err := d.save(t.Context(), first, slow.made); !fault.Is(err, fault.Gone) {
		t.Errorf("the first saved: %v", err)
	}
	slow.waiting = madeBytes
	if err := slow.put(t.Context()); !fault.Is(err, fault.Gone) {
		t.Errorf("the first wrote: %v", err)
	}
	if got, err := d.text(t, second, 0); err != nil || got != "{of the second}\n" {
		t.Errorf("%q, %v", got, err)
	}
	if err := d.remove(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	quick.waiting = madeBytes
	quick.made = []store.Chunk{{File: 0, N: 7, Body: []byte("x")}}
	if err := quick.put(t.Context()); !fault.Is(err, fault.Gone) {
		t.Errorf("the second wrote after it was cancelled: %v", err)
	}
	if n := d.chunks(t, first.ID); n != 0 {
		t.Errorf("%d chunks are left", n)
	}
}

// TestDamagedFiles: a chunk that was altered or is missing is no part of a file.
func TestDamagedFiles(t *testing.T) {
	d := desk(t)
	j := begin(t, d)
	r := working(d, j)
	if err := r.add(t.Context(), "Patient", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	r.closeAll()
	good := r.made[0]
	if err := d.save(t.Context(), j, []store.Chunk{{File: good.File, N: good.N, Body: append(bytes.Clone(good.Body[:len(good.Body)-1]), good.Body[len(good.Body)-1]^1)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.text(t, j, 0); !fault.Is(err, fault.Broken) {
		t.Errorf("altered: %v", err)
	}
	if err := d.save(t.Context(), j, []store.Chunk{good}); err != nil {
		t.Fatal(err)
	}
	if got, err := d.text(t, j, 0); err != nil || got != "{}\n" {
		t.Errorf("%q, %v", got, err)
	}
	j.Files[0].Frames++
	if _, err := d.text(t, j, 0); !fault.Is(err, fault.Broken) {
		t.Errorf("missing: %v", err)
	}
}

// TestSweep removes what is left of a job whose process ended while it was being
// removed.
func TestSweep(t *testing.T) {
	d := desk(t)
	j := begin(t, d)
	var made []store.Chunk
	for n := range int64(3*chunksAtOnce/2 + 1) {
		made = append(made, store.Chunk{File: 1, N: n, Body: []byte("sealed")})
	}
	if err := d.save(t.Context(), j, made); err != nil {
		t.Fatal(err)
	}
	d.sweep(t.Context())
	if n := d.chunks(t, j.ID); n != len(made) {
		t.Errorf("%d chunks of a job that is there, want %d", n, len(made))
	}
	if err := d.store.Update(t.Context(), func(tx *store.Tx) error { return tx.DeleteJob(j.ID) }); err != nil {
		t.Fatal(err)
	}
	d.sweep(t.Context())
	if n := d.chunks(t, j.ID); n != 0 {
		t.Errorf("%d chunks are left", n)
	}
}
