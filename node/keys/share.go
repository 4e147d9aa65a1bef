package keys

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"time"

	"cairn/ledger/member"
	"cairn/node/store"
)

// Share keeps a key in the store, sealed, so that every process of the hospital
// finds it with Shared. Keeping it again does no harm.
func (c *Chest) Share(ctx context.Context, h Held) error {
	der, err := x509.MarshalPKCS8PrivateKey(h.private)
	if err != nil {
		return fmt.Errorf("sharing a %s key: %w", h.Use, err)
	}
	name := sharedName(h.Use, h.Public)
	sealed, err := c.Seal(ctx, ChestKeys, der, []byte(name))
	if err != nil {
		return err
	}
	return c.store.Update(ctx, func(tx *store.Tx) error { return tx.SetMeta(name, sealed) })
}

// sharedWithin is how long the database may take to say whether it has a key.
const sharedWithin = 5 * time.Second

// Shared returns the private half of a key that Share kept, as PKCS #8, nil if
// there is none or it does not open.
func (c *Chest) Shared(use member.Use, public []byte) []byte {
	ctx, cancel := context.WithTimeout(context.Background(), sharedWithin)
	defer cancel()
	name := sharedName(use, public)
	var sealed []byte
	err := c.store.View(ctx, func(v *store.View) (err error) {
		sealed, err = v.Meta(name)
		return err
	})
	if err != nil || sealed == nil {
		return nil
	}
	der, err := c.Open(ctx, ChestKeys, sealed, []byte(name))
	if err != nil {
		return nil
	}
	return der
}

// sharedName is where a key is kept, and what it is sealed for.
func sharedName(use member.Use, public []byte) string {
	sum := sha256.Sum256(public)
	return "keys.member." + use.String() + "." + hex.EncodeToString(sum[:])
}
