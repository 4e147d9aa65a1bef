package store_test

import (
	"reflect"
	"testing"

	"cairn/node/fault"
	"cairn/node/store"
)

func TestApps(t *testing.T) {
	s := open(t, t.TempDir())
	update(t, s, func(tx *store.Tx) error { return tx.PutApp(&store.App{ID: "a", Body: []byte("one"), Changed: 1}) })
	update(t, s, func(tx *store.Tx) error { return tx.PutApp(&store.App{ID: "a", Body: []byte("two"), Changed: 2}) })
	update(t, s, func(tx *store.Tx) error {
		if err := tx.PutApp(&store.App{ID: "b", Body: []byte("b"), Changed: 3}); err != nil {
			return err
		}
		for _, owner := range []string{"p", "q"} {
			for _, app := range []string{"a", "b"} {
				if err := tx.PutApproval(&store.Approval{Owner: owner, App: app, Body: []byte(owner + app), Given: 4}); err != nil {
					return err
				}
				if err := tx.AddFamily(&store.Family{ID: owner + app, Owner: owner, App: app, Begun: 5, Used: 5, Ends: 100}); err != nil {
					return err
				}
				if err := tx.AddTicket(&store.Ticket{Hash: [32]byte{owner[0], app[0]}, Kind: "refresh", Family: owner + app, Ends: 100, Body: []byte("x")}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	view(t, s, func(v *store.View) error {
		all, err := v.Apps()
		if len(all) != 2 || string(all[0].Body) != "two" || all[0].Changed != 2 {
			t.Errorf("%+v", all)
		}
		mine, err2 := v.Approvals("p")
		if len(mine) != 2 || err2 != nil || mine[0].App != "a" || string(mine[1].Body) != "pb" {
			t.Errorf("%+v %v", mine, err2)
		}
		return err
	})
	family := func(id string) error {
		return s.View(bg, func(v *store.View) error { _, err := v.Family(id); return err })
	}
	ticket := func(hash [32]byte) error {
		return s.View(bg, func(v *store.View) error { _, err := v.Ticket(hash, "refresh"); return err })
	}
	update(t, s, func(tx *store.Tx) error { return tx.EndFamiliesOf("p", "a") })
	wantKind(t, family("pa"), fault.NotFound)
	wantKind(t, ticket([32]byte{'p', 'a'}), fault.NotFound)
	if family("pb") != nil || ticket([32]byte{'p', 'b'}) != nil || family("qa") != nil {
		t.Error("another family is over")
	}
	update(t, s, func(tx *store.Tx) error { return tx.EndFamilies("q") })
	wantKind(t, family("qb"), fault.NotFound)
	update(t, s, func(tx *store.Tx) error {
		there, err := tx.DeleteApp("b")
		if !there {
			t.Error("the app was not there")
		}
		return err
	})
	wantKind(t, family("pb"), fault.NotFound)
	wantKind(t, ticket([32]byte{'p', 'b'}), fault.NotFound)
	view(t, s, func(v *store.View) error {
		mine, err := v.Approvals("p")
		if len(mine) != 1 || mine[0].App != "a" {
			t.Errorf("%+v", mine)
		}
		return err
	})
}

// TestFamilyEndsWithItsSession: a family that stands on a session is over with it.
func TestFamilyEndsWithItsSession(t *testing.T) {
	s := open(t, t.TempDir())
	update(t, s, func(tx *store.Tx) error {
		if err := tx.AddSession(&store.Session{Hash: [32]byte{1}, ID: "s", Owner: "p", Begun: 1, Seen: 1, Idle: 100, Ends: 100}); err != nil {
			return err
		}
		return tx.AddFamily(&store.Family{ID: "f", Owner: "p", App: "a", Session: "s", Begun: 1, Used: 2, Ends: 50})
	})
	read := func() (f store.Family) {
		view(t, s, func(v *store.View) (err error) { f, err = v.Family("f"); return err })
		return f
	}
	if f := read(); !reflect.DeepEqual(f, store.Family{ID: "f", Owner: "p", App: "a", Session: "s", Begun: 1, Used: 2, Ends: 50}) {
		t.Errorf("%+v", f)
	}
	update(t, s, func(tx *store.Tx) error {
		there, err := tx.TouchFamily("f", 3, 60)
		if !there {
			t.Error("it is gone")
		}
		if there, err := tx.TouchFamily("other", 3, 60); there || err != nil {
			t.Error("another one is there")
		}
		return err
	})
	update(t, s, func(tx *store.Tx) error { return tx.EndSession([32]byte{1}) })
	if f := read(); !f.Over || f.Used != 3 || f.Ends != 60 {
		t.Errorf("%+v", f)
	}
	update(t, s, func(tx *store.Tx) error {
		return tx.AddFamily(&store.Family{ID: "late", Owner: "p", App: "a", Begun: 61, Ends: 70})
	})
	view(t, s, func(v *store.View) error {
		all, err := v.Families("p")
		if len(all) != 1 || all[0].ID != "late" {
			t.Errorf("what has ended is still there: %+v", all)
		}
		return err
	})
}

// TestTicketIsSpentOnce: of many who spend a ticket at once, one does.
func TestTicketIsSpentOnce(t *testing.T) {
	s := open(t, t.TempDir())
	update(t, s, func(tx *store.Tx) error {
		if err := tx.AddTicket(&store.Ticket{Hash: [32]byte{1}, Kind: "launch", Ends: 9, Body: []byte("b")}); err != nil {
			return err
		}
		return tx.AddTicket(&store.Ticket{Hash: [32]byte{1}, Kind: "code", Ends: 9, Body: []byte("c")})
	})
	won := make(chan bool, 20)
	for range cap(won) {
		go func() {
			first := false
			err := s.Update(bg, func(tx *store.Tx) (err error) {
				first, err = tx.SpendTicket([32]byte{1}, "launch")
				return err
			})
			won <- first && err == nil
		}()
	}
	n := 0
	for range cap(won) {
		if <-won {
			n++
		}
	}
	view(t, s, func(v *store.View) error {
		one, err := v.Ticket([32]byte{1}, "launch")
		other, err2 := v.Ticket([32]byte{1}, "code")
		if n != 1 || err != nil || err2 != nil || !one.Spent || other.Spent || string(other.Body) != "c" {
			t.Errorf("spent %d times: %+v %+v", n, one, other)
		}
		return nil
	})
}
