package kit

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
)

// ErrKind is returned when a code is used for what the other one is for.
var ErrKind = errors.New("kit: this is the other code of the kit")

const (
	markDomain   = "cairn/kit/stop/v1\x00"
	keyDomain    = "cairn/kit/wallet/v1"
	handleDomain = "cairn/kit/handle/v1"
)

// Mark returns the mark that stops everything a patient allowed at one member of
// a network. What she allows there carries its image (slip.KitImage). The code
// follows from none of its marks, and marks of different members from nothing
// that those who see them know. It fails with ErrKind.
func (c Code) Mark(network [32]byte, member string) (mark [32]byte, err error) {
	if c.Kind != Stop {
		return mark, ErrKind
	}
	mac := hmac.New(sha256.New, c.Secret[:])
	mac.Write([]byte(markDomain))
	mac.Write(network[:])
	mac.Write([]byte(member))
	mac.Sum(mark[:0])
	return mark, nil
}

// WalletKey returns the key that opens a sealed wallet by its kit lock, and the
// handle under which hospitals give the sealed wallet out. It fails with
// ErrKind.
func (c Code) WalletKey() (key, handle [32]byte, err error) {
	if c.Kind != Recovery {
		return key, handle, ErrKind
	}
	for _, out := range []struct {
		to   *[32]byte
		info string
	}{{&key, keyDomain}, {&handle, handleDomain}} {
		raw, err := hkdf.Key(sha256.New, c.Secret[:], nil, out.info, len(out.to))
		if err != nil {
			return key, handle, fmt.Errorf("kit: deriving a key: %w", err)
		}
		copy(out.to[:], raw)
	}
	return key, handle, nil
}
