package store_test

import (
	"slices"
	"testing"

	"cairn/node/fault"
	"cairn/node/store"
)

// TestJobs takes jobs up, loses and removes them.
func TestJobs(t *testing.T) {
	s := open(t, t.TempDir())
	update(t, s, func(tx *store.Tx) error {
		for _, id := range []string{"a", "b", "c"} {
			if err := tx.AddJob(&store.Job{ID: id, State: 1, Expires: 5, Body: []byte(id)}); err != nil {
				return err
			}
		}
		return nil
	})
	var first, second int64
	update(t, s, func(tx *store.Tx) (err error) {
		if first, err = tx.TakeJob("b"); err == nil {
			second, err = tx.TakeJob("b")
		}
		return err
	})
	one := &store.Job{ID: "b", State: 2, Expires: 6, Run: first, Body: []byte("first")}
	two := &store.Job{ID: "b", State: 3, Expires: 7, Run: second, Body: []byte("second")}
	part := store.Chunk{File: 2, N: 9, Body: []byte("part")}
	wantKind(t, s.Update(bg, func(tx *store.Tx) error { return tx.SaveJob(one) }), fault.Gone)
	wantKind(t, s.Update(bg, func(tx *store.Tx) error { return tx.PutChunk(one, part) }), fault.Gone)
	wantKind(t, s.Update(bg, func(tx *store.Tx) error { return tx.PutChunk(&store.Job{ID: "none"}, part) }), fault.Gone)
	update(t, s, func(tx *store.Tx) error {
		for n := range int64(5) {
			if err := tx.PutChunk(two, store.Chunk{File: n % 2, N: n, Body: []byte{byte(n)}}); err != nil {
				return err
			}
		}
		if err := tx.PutChunk(two, store.Chunk{File: 1, N: 3, Body: []byte("again")}); err != nil {
			return err
		}
		return tx.SaveJob(two)
	})
	view(t, s, func(v *store.View) error {
		got, err := v.Job("b")
		if err != nil || got.State != 3 || got.Expires != 7 || got.Run != second || string(got.Body) != "second" {
			t.Errorf("%+v, %v", got, err)
		}
		if body, err := v.Chunk("b", 1, 3); err != nil || string(body) != "again" {
			t.Errorf("%q, %v", body, err)
		}
		_, err = v.Chunk("b", 0, 3)
		wantKind(t, err, fault.NotFound)
		return nil
	})
	update(t, s, func(tx *store.Tx) error { return tx.DeleteJob("b") })
	left := func() (left []string) {
		view(t, s, func(v *store.View) (err error) { left, err = v.ChunksLeft(); return err })
		return left
	}
	if got := left(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("left: %v", got)
	}
	for more := true; more; {
		update(t, s, func(tx *store.Tx) (err error) { more, err = tx.DeleteChunks("b", 2); return err })
	}
	if got := left(); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
	wantKind(t, s.Update(bg, func(tx *store.Tx) error { _, err := tx.TakeJob("b"); return err }), fault.NotFound)
}
