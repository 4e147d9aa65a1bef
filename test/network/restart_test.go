package network_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"cairn/demo"
	"cairn/wallet"
)

// TestStopBitesAfterRestart stops a consent while a custodian is down. When the
// custodian is back, its first answers are refusals: it says nothing before it
// has caught up with the others.
func TestStopBitesAfterRestart(t *testing.T) {
	ctx := within(t, 3*time.Minute)
	own, err := demo.Found(demo.Options{Binary: binary, Dir: filepath.Join(t.TempDir(), "town")})
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if err := own.Start(ctx); err != nil {
		t.Fatal(err)
	}
	custodian, grantee, third := own.Find("north"), own.Find("south"), own.Find("east")
	patient, _, _ := newPatient(ctx, t, custodian)
	var w *wallet.Wallet
	if w, err = demo.NewWallet(own, demo.Person{IDs: map[string]string{"north": patient}}, custodian); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		g, err := w.Grant(ctx, labsFor(grantee), custodian.ID)
		if err != nil {
			t.Fatal(err)
		}
		peer := asPeer(t, grantee, custodian)
		const path = "/fhir/Observation?patient="
		if a, err := peer.Do(ctx, http.MethodGet, path+patient, nil); err != nil || a.Status != http.StatusOK {
			t.Fatalf("round %d: granted, status %d %v", round, a.Status, err)
		}
		if err := own.StopOne(custodian); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Stop(ctx, third.URL, g); err != nil {
			t.Fatal(err)
		}
		if err := own.StartOne(custodian); err != nil {
			t.Fatal(err)
		}
		refused := 0
		for deadline := time.Now().Add(30 * time.Second); refused < 20 && time.Now().Before(deadline); {
			a, err := asPeer(t, grantee, custodian).Do(ctx, http.MethodGet, path+patient, nil)
			if err != nil {
				time.Sleep(5 * time.Millisecond)
				continue // not listening yet
			}
			if a.Status == http.StatusOK {
				t.Fatalf("round %d: a stopped consent opened records after the restart", round)
			}
			if a.Status == http.StatusForbidden {
				refused++
			}
		}
		if refused < 20 {
			t.Fatalf("round %d: the custodian did not come back", round)
		}
	}
}
