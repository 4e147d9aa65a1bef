package keys

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"sync"

	"cairn/node/fault"
	"cairn/node/store"
)

// Names of data keys that belong to no patient. A patient's key has her local
// id as its name, which never begins with a tilde (FHIR R4 2.24.0.1, id).
const (
	ChestHospital      = ""               // records about no patient
	ChestLog           = "~log"           // entries of the log
	ChestSlips         = "~slips"         // accepted slips
	ChestPasskeys      = "~passkeys"      // patients' passkeys and invitations, and on whose behalf something is done later
	ChestSubscriptions = "~subscriptions" // what subscriptions ask for
	ChestApps          = "~apps"          // apps, what they were allowed, their sign-ins, the keys of ID tokens
	ChestFeed          = "~feed"          // messages that were refused
	ChestMandates      = "~mandates"      // who may act for whom
	ChestRecovery      = "~recovery"      // how patients' sign-ins are recovered, and this hospital's key as a guardian
	ChestExchange      = "~exchange"      // what this hospital and others signed to each other
	ChestErasures      = "~erasures"      // erasures under way, and the secret by which the erased are known again
	ChestKeys          = "~keys"          // the hospital's own keys, where several processes need them
	ChestMatters       = "~matters"       // broken glass and legal orders
)

// chestLimit bounds how many unwrapped data keys are kept in memory.
const chestLimit = 20_000

// Chest gives out data keys: one for each patient, kept in the store wrapped
// under the key-encryption key. Its methods are safe for concurrent use.
type Chest struct {
	ring  *Ring
	store *store.Store
	mu    sync.RWMutex
	open  map[string]cipher.AEAD
}

// NewChest makes the chest over a store.
func NewChest(ring *Ring, st *store.Store) *Chest {
	return &Chest{ring: ring, store: st, open: make(map[string]cipher.AEAD)}
}

// Key returns the data key of that name for AES-256-GCM. If there is none, it
// is made and durable before it is returned when create is set; otherwise the
// error is Gone. It must not be called inside a store.Update.
func (c *Chest) Key(ctx context.Context, name string, create bool) (cipher.AEAD, error) {
	c.mu.RLock()
	aead, ok := c.open[name]
	c.mu.RUnlock()
	if ok {
		return aead, nil
	}
	wrapped, err := c.wrapped(ctx, name, create)
	if err != nil {
		return nil, err
	}
	raw, err := c.ring.Unwrap(ctx, wrapped)
	if err != nil {
		return nil, err
	}
	if aead, err = gcm(raw); err != nil {
		return nil, fault.Wrap(fault.Broken, "data-key", "a data key is damaged", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open) >= chestLimit {
		clear(c.open)
	}
	c.open[name] = aead
	return aead, nil
}

func gcm(raw []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (c *Chest) wrapped(ctx context.Context, name string, create bool) ([]byte, error) {
	var wrapped []byte
	err := c.store.View(ctx, func(v *store.View) (err error) {
		wrapped, err = v.Key(name)
		return err
	})
	if err == nil || !fault.Is(err, fault.NotFound) {
		return wrapped, err
	}
	if !create {
		return nil, fault.New(fault.Gone, "key-gone", "this was erased: its key is destroyed")
	}
	raw := make([]byte, 32)
	rand.Read(raw) // never fails: crypto/rand, Go 1.24
	fresh, err := c.ring.Wrap(ctx, raw)
	if err != nil {
		return nil, err
	}
	err = c.store.Update(ctx, func(tx *store.Tx) (err error) {
		wrapped, err = tx.AddKey(name, fresh) // the one that stands, if somebody was faster
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("keeping a new data key: %w", err)
	}
	return wrapped, nil
}

// Seal encrypts under the data key of that name, made if there is none. What
// it is bound to must be given again to open it.
func (c *Chest) Seal(ctx context.Context, name string, plain, bound []byte) ([]byte, error) {
	aead, err := c.Key(ctx, name, true)
	if err != nil {
		return nil, err
	}
	out := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	rand.Read(out) // never fails: crypto/rand, Go 1.24
	return aead.Seal(out, out, plain, bound), nil
}

// Open decrypts what Seal made.
func (c *Chest) Open(ctx context.Context, name string, sealed, bound []byte) ([]byte, error) {
	aead, err := c.Key(ctx, name, false)
	if err != nil {
		return nil, err
	}
	if len(sealed) < aead.NonceSize() {
		return nil, fault.New(fault.Broken, "sealed", "a sealed value in the database is damaged")
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], bound)
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "sealed", "a sealed value in the database was altered or damaged", err)
	}
	return plain, nil
}

// Forget drops a data key from memory, after it was destroyed in the store.
func (c *Chest) Forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, name)
}
