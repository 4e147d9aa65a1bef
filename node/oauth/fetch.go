package oauth

import (
	"context"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cairn/node/fault"
	"cairn/node/oauth/registration"
)

// Bounds of fetching keys.
const (
	maxSet     = 64 << 10
	fetchTime  = 5 * time.Second
	keepKeys   = 5 * time.Minute  // how long a set is used without a look
	againAfter = 30 * time.Second // how soon a key that is missing is looked for again
	maxFetched = 1000             // sets that are kept
)

// fetched keeps the key sets that were fetched.
type fetched struct {
	mu   sync.Mutex
	sets map[string]keyCopy // by the app's id
}

type keyCopy struct {
	url  string
	keys []jose.JSONWebKey
	at   time.Time
}

// keysOf returns the public keys of an app; where they are kept elsewhere, those
// that were fetched. keyID is one that must be among them, or they are fetched
// anew, not too often.
func (d *Desk) keysOf(ctx context.Context, app *record, keyID string) ([]jose.JSONWebKey, error) {
	if len(app.Keys) > 0 {
		return registration.ReadKeys(app.Keys)
	}
	if app.KeyURL == "" || app.Auth != registration.AuthKey {
		return nil, nil
	}
	d.fetched.mu.Lock()
	have, ok := d.fetched.sets[app.ID]
	d.fetched.mu.Unlock()
	age := time.Since(have.at)
	if ok && have.url == app.KeyURL && (age < againAfter || age < keepKeys && among(have.keys, keyID)) {
		return have.keys, nil
	}
	keys, err := d.fetch(ctx, app.KeyURL)
	if err != nil && ok && have.url == app.KeyURL && age < time.Hour {
		keys, err = have.keys, nil // the place is away for a moment
	}
	if err != nil {
		return nil, err
	}
	d.fetched.mu.Lock()
	defer d.fetched.mu.Unlock()
	if d.fetched.sets == nil || len(d.fetched.sets) >= maxFetched {
		d.fetched.sets = make(map[string]keyCopy)
	}
	d.fetched.sets[app.ID] = keyCopy{app.KeyURL, keys, time.Now()}
	return keys, nil
}

func among(keys []jose.JSONWebKey, id string) bool {
	for _, k := range keys {
		if id == "" || k.KeyID == id {
			return true
		}
	}
	return false
}

// fetch gets a key set. That it cannot be had is no fault of this node.
func (d *Desk) fetch(ctx context.Context, address string) ([]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	raw, err := d.Fetch.Get(ctx, address, maxSet)
	if err != nil {
		return nil, fault.Wrap(fault.Unauthenticated, "assertion-keys", "the keys of the app cannot be fetched", err)
	}
	keys, err := registration.ReadKeys(raw)
	if err != nil {
		return nil, fault.Wrap(fault.Unauthenticated, "assertion-keys", "what is kept as the keys of the app is no set of keys", err)
	}
	return keys, nil
}
