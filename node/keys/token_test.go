package keys

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"cairn/node/fault"
	"cairn/node/store"
)

// chests makes chests of one hospital, as several processes have them.
func chests(t *testing.T, n int) (out []*Chest) {
	t.Helper()
	dir := t.TempDir()
	if err := Create(dir); err != nil {
		t.Fatal(err)
	}
	ring, err := Open(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ring.Close() })
	st, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	for range n {
		out = append(out, NewChest(ring, st))
	}
	return out
}

func ids(list []TokenKey) (out []string) {
	for _, k := range list {
		out = append(out, k.Algorithm+" "+k.ID)
	}
	return out
}

// TestTokenKeys: however many ask first, all have the same keys, one for each
// algorithm, and they sign.
func TestTokenKeys(t *testing.T) {
	all := chests(t, 8)
	got := make([][]TokenKey, len(all))
	var asking sync.WaitGroup
	for i, c := range all {
		asking.Go(func() {
			var err error
			if got[i], err = c.TokenKeys(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	for _, list := range got {
		if len(list) != 3 || !slices.Equal(ids(list), ids(got[0])) {
			t.Fatalf("%v and %v", ids(list), ids(got[0]))
		}
	}
	for i, alg := range []string{"RS256", "ES256", "ES384"} {
		k := got[0][i]
		sum := sha256.Sum256([]byte("x"))
		if _, err := k.Key.Sign(rand.Reader, sum[:], crypto.SHA256); err != nil || k.Algorithm != alg || time.Since(k.Made) > time.Minute {
			t.Errorf("%s: %+v %v", alg, k, err)
		}
	}
}

// TestTokenKeysAge: after three months there are new ones, with the old beside
// them, which go when they are twice as old.
func TestTokenKeysAge(t *testing.T) {
	c := chests(t, 1)[0]
	first, err := c.TokenKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		older time.Duration
		keys  int
	}{{tokenLife - time.Hour, 3}, {2 * time.Hour, 6}, {tokenLife - 3*time.Hour, 6}, {4 * time.Hour, 6}} {
		age(t, c, step.older)
		got, err := c.TokenKeys(t.Context())
		if err != nil || len(got) != step.keys || !slices.IsSortedFunc(got, func(a, b TokenKey) int { return b.Made.Compare(a.Made) }) {
			t.Fatalf("%v: %v %v", step, ids(got), err)
		}
		if again, err := c.TokenKeys(t.Context()); err != nil || !slices.Equal(ids(again), ids(got)) {
			t.Errorf("asked again: %v %v", ids(again), err)
		}
	}
	if got, err := c.TokenKeys(t.Context()); err != nil || slices.Contains(ids(got), ids(first)[0]) {
		t.Errorf("the first are still there: %v %v", ids(got), err)
	}
}

// TestTokenKeysAltered: keys that a forger put into the store are not used.
func TestTokenKeysAltered(t *testing.T) {
	c := chests(t, 1)[0]
	if _, err := c.TokenKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := c.store.Update(t.Context(), func(tx *store.Tx) error {
		sealed, err := tx.Meta(tokenMeta)
		if err != nil {
			return err
		}
		sealed[len(sealed)-1] ^= 1
		return tx.SetMeta(tokenMeta, sealed)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.TokenKeys(t.Context()); got != nil || !fault.Is(err, fault.Broken) {
		t.Errorf("%v %v", ids(got), err)
	}
}

// age makes the keys that are kept older.
func age(t *testing.T, c *Chest, by time.Duration) {
	t.Helper()
	var sealed []byte
	err := c.store.View(t.Context(), func(v *store.View) (err error) {
		sealed, err = v.Meta(tokenMeta)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := c.openTokens(t.Context(), sealed)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		rows[i].Made -= by.Milliseconds()
	}
	plain, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	if sealed, err = c.Seal(t.Context(), ChestApps, plain, []byte(tokenMeta)); err != nil {
		t.Fatal(err)
	}
	if err := c.store.Update(t.Context(), func(tx *store.Tx) error { return tx.SetMeta(tokenMeta, sealed) }); err != nil {
		t.Fatal(err)
	}
}
