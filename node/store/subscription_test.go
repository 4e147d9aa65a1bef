package store_test

import (
	"reflect"
	"slices"
	"testing"

	"cairn/node/fault"
	"cairn/node/store"
)

func TestSubscriptions(t *testing.T) {
	s := open(t, t.TempDir())
	one := &store.Subscription{
		ID: "a", Owner: "north ehr", Version: 1, Epoch: 1, Status: "requested", Updated: 7, Body: []byte("wish"), Standing: []byte("who"),
		Progress: store.Progress{Next: 3, Until: 3},
	}
	two := &store.Subscription{ID: "b", Owner: "south south", Version: 1, Epoch: 1, Status: "active", Body: []byte{}, Standing: []byte{}}
	update(t, s, func(tx *store.Tx) error { return tx.AddSubscription(one) })
	update(t, s, func(tx *store.Tx) error { return tx.AddSubscription(two) })
	wantKind(t, try(t, s, func(tx *store.Tx) error { return tx.AddSubscription(one) }), fault.Conflict)
	wantKind(t, s.View(bg, func(v *store.View) error { _, err := v.Subscription("c"); return err }), fault.NotFound)

	// Its owner and its progress are written apart: who comes from an older
	// epoch writes nothing.
	late := *one
	one.Version, one.Epoch, one.Body = 2, 2, []byte("another wish")
	update(t, s, func(tx *store.Tx) error { return tx.ReplaceSubscription(one, 1) })
	wantKind(t, try(t, s, func(tx *store.Tx) error { return tx.ReplaceSubscription(one, 1) }), fault.Precondition)
	late.Next, late.Status = 99, "error"
	update(t, s, func(tx *store.Tx) error {
		if mine, err := tx.Advance(&late, store.Progress{Next: 3, Until: 3}); mine || err != nil {
			t.Errorf("an older epoch wrote: %v, %v", mine, err)
		}
		one.Version, one.Status, one.Progress = 3, "active", store.Progress{Next: 5, Until: 9, Number: 2, Failures: 1, Due: 4, Sent: 6, Error: "x"}
		if mine, err := tx.Advance(one, store.Progress{Next: 3, Until: 3, Number: 1}); mine || err != nil {
			t.Errorf("who did not see what another wrote, wrote: %v, %v", mine, err)
		}
		mine, err := tx.Advance(one, store.Progress{Next: 3, Until: 3})
		if !mine {
			t.Error("the epoch's own progress was not written")
		}
		return err
	})
	view(t, s, func(v *store.View) error {
		got, err := v.Subscription("a")
		if err != nil || !reflect.DeepEqual(got, one) {
			t.Errorf("%+v, %v", got, err)
		}
		list, err := v.Subscriptions("north ehr")
		if err != nil || len(list) != 1 || list[0].ID != "a" {
			t.Errorf("%v, %v", list, err)
		}
		own, all, err := v.CountSubscriptions("north ehr")
		if err != nil || own != 1 || all != 2 {
			t.Errorf("%d of %d, %v", own, all, err)
		}
		epochs, err := v.SubscriptionEpochs()
		if err != nil || !reflect.DeepEqual(epochs, map[string]uint64{"a": 2, "b": 1}) {
			t.Errorf("%v, %v", epochs, err)
		}
		return nil
	})
	one.Version, one.Epoch, one.Status, one.Body, one.Standing = 4, 3, "", []byte{}, []byte{}
	update(t, s, func(tx *store.Tx) error { return tx.ReplaceSubscription(one, 3) })
	wantKind(t, try(t, s, func(tx *store.Tx) error { return tx.AddSubscription(one) }), fault.Conflict) // its id is not free again
	view(t, s, func(v *store.View) error {
		all, err := v.AllSubscriptions()
		if err != nil || len(all) != 1 || all[0].ID != "b" {
			t.Errorf("after one was deleted: %v, %v", all, err)
		}
		return nil
	})
}

func TestNotices(t *testing.T) {
	s := open(t, t.TempDir())
	list := []store.Notice{{Number: 1, Entry: 10}, {Number: 2, Entry: 10, Item: 1}, {Number: 3, Entry: 12}, {Number: 4, Entry: 20}}
	update(t, s, func(tx *store.Tx) error { return tx.AddNotices("a", list) })
	update(t, s, func(tx *store.Tx) error { return tx.AddNotices("b", list[:1]) })
	if err := try(t, s, func(tx *store.Tx) error { return tx.AddNotices("a", list[1:2]) }); err == nil {
		t.Error("a number was given twice")
	}
	view(t, s, func(v *store.View) error {
		got, err := v.Notices("a", 2, 3, 9)
		if err != nil || !slices.Equal(got, list[1:3]) {
			t.Errorf("%v, %v", got, err)
		}
		got, err = v.Notices("a", 0, 1<<63, 3)
		if err != nil || !slices.Equal(got, list[:3]) {
			t.Errorf("%v, %v", got, err)
		}
		got, err = v.NoticesWithin("a", 10, 20)
		if err != nil || !slices.Equal(got, list[:3]) {
			t.Errorf("%v, %v", got, err)
		}
		return nil
	})
	update(t, s, func(tx *store.Tx) error { return tx.DropNotices("a", 2, 3) })
	view(t, s, func(v *store.View) error {
		got, err := v.Notices("a", 0, 99, 9)
		if err != nil || !slices.Equal(got, []store.Notice{list[0], list[3]}) {
			t.Errorf("%v, %v", got, err)
		}
		return nil
	})
}

func TestEntriesOf(t *testing.T) {
	s := open(t, t.TempDir())
	for i, kind := range []string{"x", "a", "b", "x", "c", "a"} {
		update(t, s, func(tx *store.Tx) error {
			return tx.Append(&store.Entry{ID: [16]byte{byte(i)}, Kind: kind, Body: []byte{1}})
		})
	}
	view(t, s, func(v *store.View) error {
		for _, x := range []struct {
			from, to uint64
			limit    int
			want     []uint64
		}{{0, 99, 9, []uint64{1, 2, 4, 5}}, {2, 5, 9, []uint64{2, 4}}, {0, 99, 2, []uint64{1, 2}}, {5, 5, 9, nil}} {
			list, err := v.EntriesOf([3]string{"a", "b", "c"}, x.from, x.to, x.limit)
			var got []uint64
			for _, e := range list {
				got = append(got, e.Index)
			}
			if err != nil || !slices.Equal(got, x.want) {
				t.Errorf("%+v: %v, %v", x, got, err)
			}
		}
		return nil
	})
}
