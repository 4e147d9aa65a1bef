package network_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cairn/client"
	"cairn/demo"
)

// atOnce reads a path n times at the same time, from each client in turn, and
// returns how many were answered. Whoever is not sees what is not there.
func atOnce(ctx context.Context, t *testing.T, path string, n int, from ...*client.Client) (shown int64) {
	t.Helper()
	var count atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			a, err := from[i%len(from)].Do(ctx, http.MethodGet, path, nil)
			switch {
			case err == nil && a.Status == http.StatusOK:
				count.Add(1)
			case err != nil || a.Status != http.StatusNotFound:
				t.Errorf("status %d %v: %s", a.Status, err, a.Body)
			}
		})
	}
	wg.Wait()
	return count.Load()
}

// TestThreeUses: a consent that is good for three accesses allows just three, of
// however many that come at once, and a node that was killed has not forgotten.
func TestThreeUses(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	s := newScene(ctx, t)
	id, lab := s.ids[s.custodian], "/fhir/Observation/"+s.lab
	grant := func(uses int64) {
		d := labsFor(s.grantee)
		d.Uses = uses
		if _, err := s.wallet.Grant(ctx, d, s.custodian.ID); err != nil {
			t.Fatal(err)
		}
	}
	who := asPeer(t, s.grantee, s.custodian)
	grant(3)
	if n := atOnce(ctx, t, "/fhir/Observation/"+s.vital, 5, who); n != 0 {
		t.Errorf("%d reads of what is not permitted were answered", n)
	}
	if n := atOnce(ctx, t, lab, 50, who); n != 3 {
		t.Errorf("of fifty reads at once %d were answered", n)
	}
	t.Run("searches", func(t *testing.T) {
		grant(2)
		for i, want := range []int{http.StatusOK, http.StatusOK, http.StatusForbidden} {
			a, err := who.Do(ctx, http.MethodGet, "/fhir/Observation?code=no-such-code&patient="+id, nil)
			if err != nil || a.Status != want {
				t.Errorf("search %d: status %d, want %d %v", i+1, a.Status, want, err)
			}
		}
	})
	t.Run("killed", func(t *testing.T) {
		grant(3)
		if n := atOnce(ctx, t, lab, 1, who); n != 1 {
			t.Fatalf("%d of one read", n)
		}
		s.custodian.Kill()
		if err := town.StartOne(s.custodian); err != nil {
			t.Fatal(err)
		}
		comes(ctx, t, "the custodian is back", func() bool {
			a, err := who.Do(ctx, http.MethodGet, "/fhir/Observation/"+s.vital, nil)
			return err == nil && a.Status == http.StatusNotFound
		})
		if n := atOnce(ctx, t, lab, 50, asPeer(t, s.grantee, s.custodian)); n != 2 {
			t.Errorf("one of three was used before the node was killed, %d after", n)
		}
	})
	t.Run("killed while it is read", func(t *testing.T) {
		grant(20)
		var shown atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 20 {
					if a, err := who.Do(ctx, http.MethodGet, lab, nil); err == nil && a.Status == http.StatusOK {
						shown.Add(1)
					}
				}
			})
		}
		for shown.Load() == 0 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		s.custodian.Kill()
		wg.Wait()
		if err := town.StartOne(s.custodian); err != nil {
			t.Fatal(err)
		}
		again := asPeer(t, s.grantee, s.custodian)
		comes(ctx, t, "the custodian is back", func() bool {
			a, err := again.Do(ctx, http.MethodGet, "/fhir/Observation/"+s.vital, nil)
			return err == nil && a.Status == http.StatusNotFound
		})
		if n := shown.Load() + atOnce(ctx, t, lab, 40, again); n > 20 {
			t.Errorf("%d reads were answered by a consent for 20", n)
		}
	})
}

// uses has both processes of a hospital read by one consent for three uses.
func (p *pair) uses(t *testing.T) {
	ctx := within(t, time.Minute)
	id, lab, _ := newPatient(ctx, t, p.a)
	w, err := demo.NewWallet(p.town, demo.Person{IDs: map[string]string{p.a.ID: id}}, p.a)
	if err != nil {
		t.Fatal(err)
	}
	d := labsFor(p.town.Find("south"))
	d.Uses = 3
	if _, err := w.Grant(ctx, d, p.a.ID); err != nil {
		t.Fatal(err)
	}
	a, b := peerThrough(t, p.town.Find("south"), p.a, p.town.Client()), peerThrough(t, p.town.Find("south"), p.a, p.atB)
	if n := atOnce(ctx, t, "/fhir/Observation/"+lab, 50, a, b); n != 3 {
		t.Errorf("of fifty reads at two processes %d were answered", n)
	}
}
