package circle

import (
	"crypto/hpke"
	"errors"
	"fmt"
)

// ErrSealed says that what was sealed is damaged, for somebody else, or about
// something else.
var ErrSealed = errors.New("circle: this was not sealed for this key, or was altered")

var kem, kdf, aead = hpke.MLKEM768X25519(), hpke.HKDFSHA256(), hpke.AES256GCM()

// Key is what shares are sealed to. A guardian has one; so has the device that
// somebody recovers with.
type Key struct{ private hpke.PrivateKey }

// NewKey makes a fresh one.
func NewKey() (Key, error) {
	private, err := kem.GenerateKey()
	if err != nil {
		return Key{}, fmt.Errorf("circle: making a key: %w", err)
	}
	return Key{private}, nil
}

// ReadKey reads what Bytes gave.
func ReadKey(raw []byte) (Key, error) {
	private, err := kem.NewPrivateKey(raw)
	if err != nil {
		return Key{}, fmt.Errorf("circle: reading a key: %w", err)
	}
	return Key{private}, nil
}

// Bytes returns the key itself, a secret of 32 bytes.
func (k Key) Bytes() ([]byte, error) { return k.private.Bytes() }

// Public returns what others seal to, 1,216 bytes.
func (k Key) Public() []byte { return k.private.PublicKey().Bytes() }

// Seal seals a share, or anything small, to somebody's public key. What it is
// about must be said again to open it.
func Seal(public []byte, about string, plain []byte) ([]byte, error) {
	to, err := kem.NewPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("circle: reading a guardian's key: %w", err)
	}
	return hpke.Seal(to, kdf, aead, []byte(about), plain)
}

// Open opens what was sealed to the key. It fails with ErrSealed.
func (k Key) Open(about string, sealed []byte) ([]byte, error) {
	plain, err := hpke.Open(k.private, kdf, aead, []byte(about), sealed)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}
