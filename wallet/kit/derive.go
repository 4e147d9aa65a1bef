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
	openDomain   = "cairn/kit/open/v1"
	cancelDomain = "cairn/kit/cancel/v1"
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

// WalletKey returns the key that opens a sealed wallet by its kit lock. It fails
// with ErrKind.
func (c Code) WalletKey() (key [32]byte, err error) { return c.derive(keyDomain) }

// Handle returns the handle under which a member gives the sealed wallet out to
// who has no device left; at each member it is another. It fails with ErrKind.
func (c Code) Handle(member string) (handle [32]byte, err error) {
	return c.derive(handleDomain + "\x00" + member)
}

// Opening returns the secret that opens the recovery at a member, for a patient who
// has this paper and no wallet: the deposit there has its image. It fails with
// ErrKind.
func (c Code) Opening(member string) (secret [32]byte, err error) {
	return c.derive(openDomain + "\x00" + member)
}

// Cancelling returns the secret that cancels that recovery, as a mark. It fails with
// ErrKind.
func (c Code) Cancelling(member string) (secret [32]byte, err error) {
	return c.derive(cancelDomain + "\x00" + member)
}

func (c Code) derive(info string) (out [32]byte, err error) {
	if c.Kind != Recovery {
		return out, ErrKind
	}
	raw, err := hkdf.Key(sha256.New, c.Secret[:], nil, info, len(out))
	if err != nil {
		return out, fmt.Errorf("kit: deriving a key: %w", err)
	}
	return [32]byte(raw), nil
}
