package keys

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"slices"
	"time"

	"cairn/node/fault"
	"cairn/node/store"
)

// TokenKey is a private key by which the hospital signs ID tokens for apps. It is
// kept in the store, sealed, and the same at every process.
type TokenKey struct {
	ID        string
	Algorithm string // RS256, ES256 or ES384
	Made      time.Time
	Key       crypto.Signer
}

const (
	tokenMeta = "keys.token"
	// tokenLife is how long keys of ID tokens are used, and then published still.
	tokenLife = 90 * 24 * time.Hour
	rsaBits   = 2048
)

// tokenRow is a key as it is kept.
type tokenRow struct {
	ID        string `json:"id"`
	Algorithm string `json:"alg"`
	Made      int64  `json:"made"` // Unix milliseconds
	Key       []byte `json:"key"`  // PKCS #8
}

// TokenKeys returns the keys of ID tokens, the newest first, one for each algorithm
// and generation. The first call makes them; a later one makes the next generation
// once the last is three months old, and drops those that are twice as old.
func (c *Chest) TokenKeys(ctx context.Context) ([]TokenKey, error) {
	var sealed []byte
	err := c.store.View(ctx, func(v *store.View) (err error) {
		sealed, err = v.Meta(tokenMeta)
		return err
	})
	if err != nil {
		return nil, err
	}
	rows, err := c.openTokens(ctx, sealed)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if len(rows) > 0 && now.Sub(time.UnixMilli(rows[0].Made)) < tokenLife {
		return tokenKeys(rows)
	}
	rows = slices.DeleteFunc(rows, func(r tokenRow) bool { return now.Sub(time.UnixMilli(r.Made)) > 2*tokenLife })
	fresh, err := newTokens(now)
	if err != nil {
		return nil, err
	}
	return c.keepTokens(ctx, sealed, append(fresh, rows...))
}

// keepTokens keeps keys in the place of what was there, unless another process was
// faster: then its are taken.
func (c *Chest) keepTokens(ctx context.Context, before []byte, rows []tokenRow) ([]TokenKey, error) {
	plain, err := json.Marshal(rows)
	if err != nil {
		return nil, err
	}
	sealed, err := c.Seal(ctx, ChestApps, plain, []byte(tokenMeta))
	if err != nil {
		return nil, err
	}
	err = c.store.Update(ctx, func(tx *store.Tx) error {
		there, err := tx.Meta(tokenMeta)
		if err != nil {
			return err
		}
		if !slices.Equal(there, before) {
			sealed = there
			return nil
		}
		return tx.SetMeta(tokenMeta, sealed)
	})
	if err != nil {
		return nil, err
	}
	if rows, err = c.openTokens(ctx, sealed); err != nil {
		return nil, err
	}
	return tokenKeys(rows)
}

func (c *Chest) openTokens(ctx context.Context, sealed []byte) (rows []tokenRow, err error) {
	if sealed == nil {
		return nil, nil
	}
	plain, err := c.Open(ctx, ChestApps, sealed, []byte(tokenMeta))
	if err == nil {
		err = json.Unmarshal(plain, &rows)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "token-keys", "the keys of ID tokens were altered or damaged in the database", err).WithHint("run `cairn scrub`")
	}
	return rows, nil
}

// newTokens makes a generation of keys.
func newTokens(now time.Time) (rows []tokenRow, err error) {
	for _, alg := range []string{"RS256", "ES256", "ES384"} {
		var key crypto.Signer
		switch alg {
		case "RS256":
			key, err = rsa.GenerateKey(rand.Reader, rsaBits)
		case "ES256":
			key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		default:
			key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		}
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		rows = append(rows, tokenRow{ID: rand.Text(), Algorithm: alg, Made: now.UnixMilli(), Key: der})
	}
	return rows, nil
}

func tokenKeys(rows []tokenRow) (out []TokenKey, err error) {
	for _, r := range rows {
		key, err := x509.ParsePKCS8PrivateKey(r.Key)
		if err != nil {
			return nil, fault.Wrap(fault.Broken, "token-keys", "a key of ID tokens does not parse", err)
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fault.New(fault.Broken, "token-keys", "a key of ID tokens does not sign")
		}
		out = append(out, TokenKey{r.ID, r.Algorithm, time.UnixMilli(r.Made), signer})
	}
	return out, nil
}
