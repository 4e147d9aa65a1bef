// Package box seals what the station at the door keeps in the database: passkeys,
// invitations, accounts, sessions, tokens. A thief of the database without the key
// has nothing; a forger can take a row away or put an old one back, and make none.
package box

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
)

// Box seals rows, so that who can write the database but
// has no key cannot make himself a patient. It opens a row only as the one that
// it was sealed for. It does not notice a row that is gone, or that is back as
// it was: a used invitation can be made fresh again, for who has its code.
type Box struct{ aead cipher.AEAD }

// New makes a box that seals under a key.
func New(key cipher.AEAD) Box { return Box{key} }

// Seal seals plain for what bound names.
func (b Box) Seal(plain, bound []byte) []byte {
	out := make([]byte, b.aead.NonceSize(), b.aead.NonceSize()+len(plain)+b.aead.Overhead())
	rand.Read(out) // never fails: crypto/rand, Go 1.24
	return b.aead.Seal(out, out, plain, bound)
}

// Open opens what was sealed for what bound names.
func (b Box) Open(sealed, bound []byte) ([]byte, error) {
	n := b.aead.NonceSize()
	if len(sealed) < n {
		return nil, errors.New("too short")
	}
	return b.aead.Open(nil, sealed[:n], sealed[n:], bound)
}
