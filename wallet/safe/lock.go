package safe

import (
	"crypto/rand"
	"fmt"

	"cairn/wallet/circle"
)

// way is a lock as the opened safe knows it: whom the key is sealed to. It stands
// inside the sealed part, so that safes at different hospitals cannot be told to
// be one wallet's by the public keys in them.
type way struct {
	Kind   string     `json:"kind"`
	At     string     `json:"at,omitempty"` // device: the member at whose safe it is used
	About  []byte     `json:"about,omitempty"`
	Salt   []byte     `json:"salt,omitempty"`
	Public []byte     `json:"public,omitempty"` // device, kit
	Need   int        `json:"need,omitempty"`   // circle
	Circle []Guardian `json:"circle,omitempty"`
}

// Guardian is one of whom a recovery circle is made.
type Guardian struct {
	Name   string `json:"name"`   // as the patient wrote it; it stands in the clear in the safe
	Public []byte `json:"public"` // circle.Key.Public
}

// opening returns the key that an opener stands for.
func opening(opener [32]byte) (circle.Key, error) {
	seed, err := derive(opener, lockInfo)
	if err != nil {
		return circle.Key{}, err
	}
	return circle.ReadKey(seed)
}

// lock seals the safe's key anew.
func (w way) lock(key [32]byte) (Lock, error) {
	out := Lock{Kind: w.Kind, About: w.About, Salt: w.Salt}
	if w.Kind == Circle {
		return w.share(out, key)
	}
	var err error
	out.Wrapped, err = circle.Seal(w.Public, lockInfo, key[:])
	return out, err
}

// share makes a fresh circle and seals each guardian's share.
func (w way) share(out Lock, key [32]byte) (Lock, error) {
	secret, shares, err := circle.New(w.Need, len(w.Circle))
	if err != nil {
		return Lock{}, err
	}
	for i, g := range w.Circle {
		sealed, err := circle.Seal(g.Public, ShareAbout, shares[i].Encode())
		if err != nil {
			return Lock{}, fmt.Errorf("safe: sealing a share for %s: %w", g.Name, err)
		}
		out.Shares = append(out.Shares, Sealed{Guardian: g.Name, Share: sealed})
	}
	out.Need = w.Need
	out.Wrapped, err = sealWith(secret, lockInfo, key[:], nil)
	return out, err
}

// ShareAbout is what a guardian's share in a safe is sealed about, and
// ReleaseAbout what it is when the guardian gives it to a recovering device.
const (
	ShareAbout   = "cairn/safe/share/v1"
	ReleaseAbout = "cairn/safe/release/v1"
)

// Release is what a guardian does with the share of theirs in a safe: opens it
// and seals it to the device that recovers.
func Release(guardian circle.Key, share, device []byte) ([]byte, error) {
	plain, err := guardian.Open(ShareAbout, share)
	if err != nil {
		return nil, err
	}
	if _, err := circle.Decode(plain); err != nil {
		return nil, err
	}
	return circle.Seal(device, ReleaseAbout, plain)
}

// Join opens what guardians released to the device, and joins it to what opens
// the circle's lock. It fails with the errors of package circle.
func Join(device circle.Key, released [][]byte) (opener [32]byte, err error) {
	shares := make([]circle.Share, 0, len(released))
	for _, r := range released {
		plain, err := device.Open(ReleaseAbout, r)
		if err != nil {
			return opener, err
		}
		share, err := circle.Decode(plain)
		if err != nil {
			return opener, err
		}
		shares = append(shares, share)
	}
	return circle.Join(shares)
}

// open returns the safe's key.
func (l Lock) open(opener [32]byte) (key [32]byte, err error) {
	var plain []byte
	if l.Kind == Circle {
		plain, err = openWith(opener, lockInfo, l.Wrapped, nil)
	} else {
		var own circle.Key
		if own, err = opening(opener); err == nil {
			plain, err = own.Open(lockInfo, l.Wrapped)
		}
	}
	if err != nil || len(plain) != len(key) {
		return key, ErrClosed
	}
	return [32]byte(plain), nil
}

func fresh() (key [32]byte) {
	rand.Read(key[:]) // never fails: crypto/rand, Go 1.24
	return key
}
