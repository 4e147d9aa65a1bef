package identity

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"cairn/node/fault"
	"cairn/node/identity/passkey"
	"cairn/node/store"
)

// Fresh is a passkey that was checked and signs nobody in yet: the time lock of a
// recovery keeps it until it takes the place of the old ones.
type Fresh struct{ key passkey.Key }

// Encode returns the passkey as it is to be kept: sealed.
func (f Fresh) Encode() []byte { return f.key.Encode() }

// DecodeFresh reads what Encode gave.
func DecodeFresh(raw []byte) (Fresh, error) {
	key, err := passkey.Decode(raw)
	return Fresh{key}, err
}

// Name returns what the passkey's owner calls it.
func (f Fresh) Name() string { return f.key.Row.Name }

// ID names the passkey: SHA-256 of its credential id.
func (f Fresh) ID() [32]byte { return sha256.Sum256(f.key.Row.Credential) }

// RecoverOptions are creation options for a passkey that is to take the place of
// lost ones. What the challenge is about comes back from Recovering.
func (d *Door) RecoverOptions(about [32]byte) (json.RawMessage, error) {
	return d.creation(toRecover, about[:], "account", nil)
}

// Recovering checks a registration response to RecoverOptions. It fails with
// Unauthenticated.
func (d *Door) Recovering(response []byte, name string) (about [32]byte, f Fresh, err error) {
	key, what, err := d.created(toRecover, response, name, time.Now())
	if err == nil && len(what) != len(about) {
		err = passkey.Bad(errors.New("a challenge about nothing"))
	}
	if err != nil {
		return about, f, err
	}
	return [32]byte(what), Fresh{key}, nil
}

// Instate makes a fresh passkey the only one of a patient: every other one, her
// sessions and her invitations are gone at once, at every process.
func (d *Door) Instate(tx *store.Tx, subject string, f Fresh) error {
	if _, err := d.Shut(tx, subject); err != nil {
		return err
	}
	f.key.Row.Subject = subject
	err := tx.AddPasskey(f.key.Seal(d.box))
	if fault.Is(err, fault.Conflict) {
		return passkey.Broken(errors.New("the fresh passkey is somebody else's"))
	}
	return err
}

// Settler carries out what has become of a patient's recoveries.
type Settler interface {
	Settle(ctx context.Context, subject string) error
}

// SettleWith has the door ask before it takes a patient's passkey, so that none
// counts whose time has ended. It is for the time before the first request.
func (d *Door) SettleWith(s Settler) { d.settler = s }
