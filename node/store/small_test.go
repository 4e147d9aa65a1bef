package store_test

import (
	"bytes"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"

	"cairn/node/fault"
	"cairn/node/store"
)

func try(t testing.TB, s *store.Store, f func(tx *store.Tx) error) error {
	t.Helper()
	return s.Update(bg, f)
}

func TestFirstDataKeyStays(t *testing.T) {
	s := open(t, t.TempDir())
	for _, wrapped := range []string{"first", "second"} {
		update(t, s, func(tx *store.Tx) error {
			kept, err := tx.AddKey("p", []byte(wrapped))
			if string(kept) != "first" {
				t.Errorf("kept %q", kept)
			}
			return err
		})
	}
	update(t, s, func(tx *store.Tx) error {
		there, err := tx.DeleteKey("p")
		if !there {
			t.Error("there was none")
		}
		return err
	})
	wantKind(t, s.View(bg, func(v *store.View) error { _, err := v.Key("p"); return err }), fault.NotFound)
}

func TestSlips(t *testing.T) {
	s := open(t, t.TempDir())
	a := &store.Slip{Commitment: [32]byte{1}, Subject: "p", Grantee: "south", Stop: [32]byte{9}, Body: []byte("terms"), State: 1, Accepted: 20}
	b := &store.Slip{Commitment: [32]byte{2}, Subject: "p", Grantee: "east", Stop: [32]byte{8}, Body: []byte("more"), Accepted: 10}
	update(t, s, func(tx *store.Tx) error { return tx.AddSlip(a) })
	update(t, s, func(tx *store.Tx) error { return tx.AddSlip(b) })
	wantKind(t, try(t, s, func(tx *store.Tx) error { return tx.AddSlip(a) }), fault.Conflict)
	update(t, s, func(tx *store.Tx) error { return tx.SetSlipState(a.Commitment, 2) })
	wantKind(t, try(t, s, func(tx *store.Tx) error { return tx.SetSlipState([32]byte{7}, 2) }), fault.NotFound)
	a.State = 2
	view(t, s, func(v *store.View) error {
		all, err := v.Slips("p")
		if err != nil || !reflect.DeepEqual(all, []*store.Slip{b, a}) {
			t.Errorf("%+v, %v", all, err)
		}
		one, err := v.Slip(a.Commitment)
		if err != nil || !reflect.DeepEqual(one, a) {
			t.Errorf("%+v, %v", one, err)
		}
		none, err := v.Slips("q")
		if none != nil {
			t.Errorf("%+v", none)
		}
		_, missing := v.Slip([32]byte{7})
		wantKind(t, missing, fault.NotFound)
		return err
	})
}

func TestPasskeys(t *testing.T) {
	s := open(t, t.TempDir())
	a := &store.Passkey{Credential: []byte("a"), Subject: "p", Public: []byte("key"), Name: "phone", Added: 5}
	b := &store.Passkey{Credential: []byte("b"), Subject: "p", Public: []byte("key 2"), Name: "laptop", Added: 4}
	for _, k := range []*store.Passkey{a, b} {
		update(t, s, func(tx *store.Tx) error { return tx.AddPasskey(k) })
	}
	stolen := *a
	stolen.Subject = "q"
	wantKind(t, try(t, s, func(tx *store.Tx) error { return tx.AddPasskey(&stolen) }), fault.Conflict)
	update(t, s, func(tx *store.Tx) error { return tx.TouchPasskey(a.Credential, []byte("key"), 99) })
	wantKind(t, try(t, s, func(tx *store.Tx) error { return tx.TouchPasskey([]byte("c"), nil, 99) }), fault.NotFound)
	a.Used = 99
	view(t, s, func(v *store.View) error {
		all, err := v.Passkeys("p")
		if err != nil || !reflect.DeepEqual(all, []*store.Passkey{b, a}) {
			t.Errorf("%+v, %v", all, err)
		}
		return err
	})
	update(t, s, func(tx *store.Tx) error { _, err := tx.DeletePasskey(a.Credential); return err })
	wantKind(t, s.View(bg, func(v *store.View) error { _, err := v.Passkey(a.Credential); return err }), fault.NotFound)
}

func TestInvitationIsUsedOnce(t *testing.T) {
	s := open(t, t.TempDir())
	code := [32]byte{1}
	update(t, s, func(tx *store.Tx) error { return tx.AddInvitation(code, "o", "p", 100) })
	wantKind(t, try(t, s, func(tx *store.Tx) error { return tx.AddInvitation(code, "o", "q", 100) }), fault.Conflict)
	use := func(code [32]byte, now int64) error {
		return try(t, s, func(tx *store.Tx) error {
			subject, err := tx.UseInvitation(code, now)
			if err == nil && subject != "p" {
				t.Errorf("it is %q's", subject)
			}
			return err
		})
	}
	wantKind(t, use([32]byte{2}, 1), fault.NotFound)
	wantKind(t, use(code, 100), fault.Gone)
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := use(code, 99); err == nil {
				won.Add(1)
			} else if !fault.Is(err, fault.Gone) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d used it", won.Load())
	}
	update(t, s, func(tx *store.Tx) error {
		n, err := tx.DropInvitations(101)
		if n != 1 {
			t.Errorf("dropped %d", n)
		}
		return err
	})
	wantKind(t, use(code, 99), fault.NotFound)
}

func TestLocators(t *testing.T) {
	s := open(t, t.TempDir())
	put := func(l store.Locator) { update(t, s, func(tx *store.Tx) error { return tx.PutLocator(&l) }) }
	put(store.Locator{Subject: "p", Member: "south", Patient: "x", Commitment: [32]byte{1}, Added: 1})
	put(store.Locator{Subject: "p", Member: "east", Patient: "y", Commitment: [32]byte{2}, Added: 2})
	put(store.Locator{Subject: "p", Member: "south", Patient: "z", Commitment: [32]byte{3}, Added: 3})
	view(t, s, func(v *store.View) error {
		all, err := v.Locators("p")
		want := []*store.Locator{
			{Subject: "p", Member: "east", Patient: "y", Commitment: [32]byte{2}, Added: 2},
			{Subject: "p", Member: "south", Patient: "z", Commitment: [32]byte{3}, Added: 3},
		}
		if !reflect.DeepEqual(all, want) {
			t.Errorf("%+v", all)
		}
		return err
	})
	update(t, s, func(tx *store.Tx) error {
		there, err := tx.DeleteLocator("p", "east")
		if again, _ := tx.DeleteLocator("p", "east"); !there || again {
			t.Error("deleted", there, again)
		}
		return err
	})
}

func TestMarksWaitInOrder(t *testing.T) {
	s := open(t, t.TempDir())
	update(t, s, func(tx *store.Tx) error {
		for _, m := range []byte{3, 1, 2, 3, 1} {
			if err := tx.AddMark([32]byte{m}); err != nil {
				return err
			}
		}
		return nil
	})
	look := func(n int, want ...byte) {
		t.Helper()
		view(t, s, func(v *store.View) error {
			all, err := v.Marks(n)
			var got []byte
			for _, m := range all {
				got = append(got, m[0])
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			return err
		})
	}
	look(10, 3, 1, 2)
	look(2, 3, 1)
	update(t, s, func(tx *store.Tx) error { return tx.RemoveMarks([][32]byte{{3}, {2}, {9}}) })
	look(10, 1)
}

func TestTiles(t *testing.T) {
	s := open(t, t.TempDir())
	data := bytes.Repeat([]byte{7}, store.TileBytes)
	update(t, s, func(tx *store.Tx) error { return tx.PutTile(1, 5, data) })
	update(t, s, func(tx *store.Tx) error { return tx.PutTile(1, 5, data) })
	if err := try(t, s, func(tx *store.Tx) error { return tx.PutTile(1, 6, data[1:]) }); err == nil {
		t.Error("a short tile was stored")
	}
	view(t, s, func(v *store.View) error {
		got, err := v.Tile(1, 5)
		if !bytes.Equal(got, data) {
			t.Errorf("%d bytes", len(got))
		}
		_, missing := v.Tile(0, 5)
		wantKind(t, missing, fault.NotFound)
		if n, err := v.CountTiles(1); n != 1 || err != nil {
			t.Errorf("%d tiles, %v", n, err)
		}
		return err
	})
}

// TestRefused: a message that comes again is counted, not kept twice; the queue
// is bounded, and what is taken out makes room.
func TestRefused(t *testing.T) {
	s := open(t, t.TempDir())
	limit := store.RefusedLimit{Messages: 2, Bytes: 10}
	add := func(id string, key byte, size int, now int64) (kept string, err error) {
		err = try(t, s, func(tx *store.Tx) error {
			kept, err = tx.AddRefused(&store.Refused{ID: id, Key: [32]byte{key}, Sender: "lab", Kind: "ORU^R01", First: now, Last: now, Faults: []byte(id), Body: bytes.Repeat([]byte{1}, size)}, limit)
			return err
		})
		return kept, err
	}
	for _, c := range []struct {
		id, kept string
		key      byte
		size     int
	}{{"a", "a", 1, 4}, {"b", "a", 1, 4}, {"c", "c", 2, 6}, {"d", "c", 2, 6}} {
		if kept, err := add(c.id, c.key, c.size, int64(c.key)*10+int64(len(c.id))); err != nil || kept != c.kept {
			t.Errorf("%s is kept as %q: %v", c.id, kept, err)
		}
	}
	_, err := add("e", 3, 0, 1)
	wantKind(t, err, fault.Full)
	view(t, s, func(v *store.View) error {
		all, err := v.RefusedList("", 10)
		if err != nil || len(all) != 2 || all[0].ID != "a" || all[0].Times != 2 || string(all[0].Faults) != "b" || all[0].Body != nil {
			t.Errorf("%+v %v", all, err)
		}
		rest, err := v.RefusedList("a", 10)
		if err != nil || len(rest) != 1 || rest[0].ID != "c" {
			t.Errorf("%+v %v", rest, err)
		}
		one, err := v.Refused("c")
		if err != nil || len(one.Body) != 6 || one.Key != [32]byte{2} {
			t.Errorf("%+v %v", one, err)
		}
		count, size, err := v.RefusedSize()
		if count != 2 || size != 10 {
			t.Errorf("%d messages, %d bytes", count, size)
		}
		return err
	})
	update(t, s, func(tx *store.Tx) error { return tx.RemoveRefused([32]byte{1}) })
	update(t, s, func(tx *store.Tx) error { return tx.RemoveRefused([32]byte{1}) })
	_, err = add("f", 4, 5, 1)
	wantKind(t, err, fault.Full)
	if _, err = add("g", 5, 4, 1); err != nil {
		t.Error(err)
	}
	wantKind(t, s.View(bg, func(v *store.View) error { _, err := v.Refused("a"); return err }), fault.NotFound)
}

func TestSessions(t *testing.T) {
	s := open(t, t.TempDir())
	a := &store.Session{Hash: [32]byte{1}, ID: "a", Owner: "p", Body: []byte("x"), Begun: 10, Seen: 10, Idle: 5, Ends: 100}
	b := &store.Session{Hash: [32]byte{2}, ID: "b", Owner: "p", Body: []byte("y"), Begun: 11, Seen: 50, Idle: 50, Ends: 100}
	other := &store.Session{Hash: [32]byte{3}, ID: "c", Owner: "q", Body: []byte("z"), Begun: 12, Seen: 12, Idle: 50, Ends: 20}
	for _, x := range []*store.Session{a, b, other} {
		update(t, s, func(tx *store.Tx) error { return tx.AddSession(x) })
	}
	list := func(owner string, now int64, want ...*store.Session) {
		t.Helper()
		view(t, s, func(v *store.View) error {
			all, err := v.Sessions(owner, now)
			if err != nil || len(all)+len(want) > 0 && !reflect.DeepEqual(all, want) {
				t.Errorf("%+v, %v", all, err)
			}
			return nil
		})
	}
	list("p", 14, b, a)
	list("p", 15, b) // idle
	list("p", 100)   // ended
	update(t, s, func(tx *store.Tx) error { return tx.TouchSession(a.Hash, 40) })
	update(t, s, func(tx *store.Tx) error { return tx.TouchSession(a.Hash, 30) })
	a.Seen = 40
	list("p", 44, b, a)
	update(t, s, func(tx *store.Tx) error {
		there, err := tx.DeleteSession("q", "a")
		if there {
			t.Error("somebody else's")
		}
		return err
	})
	many := *b
	many.Ends = 1000
	for i := range 150 { // later ones take the place of earlier ones, and of those that have ended
		many.Hash, many.ID, many.Begun = [32]byte{9, byte(i)}, "m"+string(rune('A'+i)), int64(60+i)
		update(t, s, func(tx *store.Tx) error { return tx.AddSession(&many) })
	}
	view(t, s, func(v *store.View) error {
		all, err := v.Sessions("p", 60)
		if len(all) != 100 || all[0].ID != many.ID {
			t.Errorf("%d sessions, %v", len(all), err)
		}
		_, err = v.Session(other.Hash)
		wantKind(t, err, fault.NotFound)
		return nil
	})
	update(t, s, func(tx *store.Tx) error { return tx.EndSession(many.Hash) })
	update(t, s, func(tx *store.Tx) error {
		n, err := tx.DeleteSessions("p")
		if n != 99 {
			t.Errorf("%d were ended", n)
		}
		return err
	})
	list("p", 60)
}
