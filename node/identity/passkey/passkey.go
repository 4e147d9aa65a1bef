// Package passkey is a passkey as the hospital keeps it, and the WebAuthn ceremony
// in which one is made. Whose it is, and what somebody may do with it, is for the
// door to say; how one signs is consent/slip's.
//
// Trust: the row is sealed for its credential and its owner. A thief of the
// database without the key learns that somebody has a passkey, and what she calls
// it; a forger can take one away, and can neither make one nor give one to another.
package passkey

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"

	"cairn/node/fault"
	"cairn/node/identity/box"
	"cairn/node/store"
)

// Key is a passkey with what its row seals: its public key, and what its
// authenticator said of copies when it was used last.
type Key struct {
	Row      store.Passkey
	Public   []byte // PKIX DER
	Eligible bool   // it may be copied between devices
	BackedUp bool   // it was
}

// Flags of a sealed passkey.
const (
	keyEligible = 1 << iota
	keyBackedUp
)

// Seal returns the row of a passkey.
func (k *Key) Seal(b box.Box) *store.Passkey {
	flags := byte(0)
	if k.Eligible {
		flags |= keyEligible
	}
	if k.BackedUp {
		flags |= keyBackedUp
	}
	row := k.Row
	row.Public = b.Seal(append([]byte{flags}, k.Public...), bound(&row))
	return &row
}

// Open opens the row of a passkey. It fails with Broken for one that was altered or
// is another's.
func Open(b box.Box, row *store.Passkey) (*Key, *ecdsa.PublicKey, error) {
	plain, err := b.Open(row.Public, bound(row))
	if err != nil || len(plain) == 0 {
		return nil, nil, Broken(err)
	}
	k := &Key{Row: *row, Public: plain[1:], Eligible: plain[0]&keyEligible != 0, BackedUp: plain[0]&keyBackedUp != 0}
	public, err := x509.ParsePKIXPublicKey(k.Public)
	if err != nil {
		return nil, nil, Broken(err)
	}
	key, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return nil, nil, Broken(errors.New("not an ECDSA key"))
	}
	return k, key, nil
}

// Decoy makes the row of a passkey that nobody has. What is signed by one that is not
// known here is compared with it, so that who asks whether a passkey is known has
// as much work done for him in either case.
func Decoy(b box.Box) (*store.Passkey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	nobody := Key{Public: public, Row: store.Passkey{Credential: []byte("nobody's"), Subject: "nobody"}}
	return nobody.Seal(b), nil
}

// bound is what a passkey's row is sealed for: credential and patient.
func bound(row *store.Passkey) []byte {
	out := binary.BigEndian.AppendUint32([]byte("cairn/passkey/v2\x00"), uint32(len(row.Credential))) //nolint:gosec // at most 1,023
	out = append(out, row.Credential...)
	return append(out, row.Subject...)
}

// ID is how a passkey is named: credential ids are long.
func ID(credential []byte) string {
	sum := sha256.Sum256(credential)
	return hex.EncodeToString(sum[:16])
}

// text is a passkey as it is kept apart from its row, until it takes its place.
type text struct {
	Credential []byte `json:"credential"`
	Public     []byte `json:"public"`
	Name       string `json:"name"`
	Added      int64  `json:"added"`
	Eligible   bool   `json:"eligible"`
	BackedUp   bool   `json:"backed_up"`
}

// Encode returns the passkey, whose it is left out.
func (k Key) Encode() []byte {
	raw, err := json.Marshal(text{k.Row.Credential, k.Public, k.Row.Name, k.Row.Added, k.Eligible, k.BackedUp})
	if err != nil {
		panic(err) // bytes, texts, numbers
	}
	return raw
}

// Decode reads what Encode gave. It fails with Broken.
func Decode(raw []byte) (Key, error) {
	var t text
	if err := json.Unmarshal(raw, &t); err != nil {
		return Key{}, Broken(err)
	}
	if len(t.Credential) == 0 || len(t.Public) == 0 {
		return Key{}, Broken(errors.New("a part is missing"))
	}
	return Key{Eligible: t.Eligible, BackedUp: t.BackedUp, Public: t.Public, Row: store.Passkey{Credential: t.Credential, Name: t.Name, Added: t.Added}}, nil
}

// Bad is the refusal of a passkey, in the same words whatever the reason.
func Bad(cause error) error {
	return fault.Wrap(fault.Unauthenticated, "passkey", "this passkey was not accepted", cause).
		WithHint("start again; use the device on which the passkey was made")
}

// Broken is what is said of a stored passkey that cannot be.
func Broken(cause error) error {
	return fault.Wrap(fault.Broken, "passkey", "a stored passkey was altered or damaged", cause)
}
