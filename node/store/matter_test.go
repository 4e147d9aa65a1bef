package store_test

import (
	"reflect"
	"testing"

	"cairn/node/fault"
	"cairn/node/store"
)

// TestMatters: a change needs the state that it was made from, counts name nobody,
// and what is not told yet is in no list of the patient's.
func TestMatters(t *testing.T) {
	s := open(t, t.TempDir())
	m := &store.Matter{ID: "1", Kind: "emergency", Subject: "p", Person: "north/a", State: "waiting", Month: "2026-11", Body: []byte("sealed"), Begun: 10, Due: 20, Shows: 30, Changed: 10}
	update(t, s, func(tx *store.Tx) error { return tx.AddMatter(m) })
	update(t, s, func(tx *store.Tx) error {
		return tx.AddAlert(&store.Alert{ID: "a", Subject: "p", Matter: "1", Event: [16]byte{7}, Made: 10, Shows: 30})
	})
	view(t, s, func(v *store.View) error {
		about, err1 := v.MattersAbout("emergency", "p", 29, 9)
		later, err2 := v.MattersAbout("emergency", "p", 30, 9)
		held, err3 := v.Withheld("p", 29)
		none, err4 := v.Withheld("p", 30)
		quiet, err5 := v.Alerts("p", 29, 9)
		if err1 != nil || err2 != nil || err3 != nil || err4 != nil || err5 != nil || about != nil || !reflect.DeepEqual(later, []*store.Matter{m}) || len(held) != 1 || none != nil || quiet != nil {
			t.Errorf("%v %v %v %v %v", about, later, held, none, quiet)
		}
		return nil
	})
	next := *m
	next.State, next.Shows, next.Changed = "justified", 5, 11
	epoch := s.Epoch()
	update(t, s, func(tx *store.Tx) error { return tx.ChangeMatter(&next, 10) })
	if s.Epoch() == epoch {
		t.Error("decisions under way do not notice")
	}
	wantKind(t, try(t, s, func(tx *store.Tx) error { return tx.ChangeMatter(&next, 10) }), fault.Conflict)
	update(t, s, func(tx *store.Tx) error { return tx.ShowAlerts("1", 5) })
	update(t, s, func(tx *store.Tx) error {
		other, err := tx.SeeAlert("q", "a", 40)
		hers, err2 := tx.SeeAlert("p", "a", 40)
		again, err3 := tx.SeeAlert("p", "a", 50)
		if err != nil || err2 != nil || err3 != nil || other || !hers || !again {
			t.Error(other, hers, again, err, err2, err3)
		}
		return nil
	})
	view(t, s, func(v *store.View) error {
		got, err := v.Matter("1")
		counts, err2 := v.CountMatters("emergency", 21)
		alerts, err3 := v.Alerts("p", 5, 9)
		if err != nil || err2 != nil || err3 != nil || got.State != "justified" || !reflect.DeepEqual(counts, []store.MatterCount{{Month: "2026-11", State: "justified", All: 1, Overdue: 1}}) || len(alerts) != 1 || alerts[0].Seen != 40 {
			t.Errorf("%+v %v %+v %v %v %v", got, counts, alerts, err, err2, err3)
		}
		return nil
	})
	wantKind(t, s.View(bg, func(v *store.View) error { _, err := v.Matter("2"); return err }), fault.NotFound)
}
