// Package safe is a patient's wallet as it lies at hospitals: sealed, with locks
// that each open it by themselves. A lock is a device of hers (by the PRF of its
// passkey), the recovery code of her printed kit, or her recovery circle.
//
// Trust: who has a safe without an opener learns its size class, how many locks
// of which kind it has, and how often it was changed. Who can write it can give
// an older one back, or none; nothing else: every byte is authenticated. Safes
// that one wallet keeps at different hospitals share no byte (see Fresh).
package safe

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Limits.
const (
	MaxState = 512 << 10 // bytes of a wallet's state
	MaxSize  = 1 << 20   // bytes of an encoded safe
	MaxLocks = 32
	minSize  = 4 << 10 // states are filled up to this, or the next power of two
)

// Errors, compared with errors.Is.
var (
	ErrForm   = errors.New("safe: this is not a sealed wallet")
	ErrClosed = errors.New("safe: no lock opens with this, or the sealed wallet was altered")
	ErrLarge  = errors.New("safe: the wallet is too large, or has too many locks")
)

// Kind of a lock.
const (
	Device = "device" // by the PRF extension of a passkey (WebAuthn Level 3, 10.1.4)
	Kit    = "kit"    // by the recovery code of a printed kit
	Circle = "circle" // by what a recovery circle joins to
)

// Lock is one way to open a safe.
type Lock struct {
	Kind    string   `json:"kind"`
	About   []byte   `json:"about,omitempty"`  // device: the credential id
	Salt    []byte   `json:"salt,omitempty"`   // device: what the PRF is evaluated at
	Wrapped []byte   `json:"wrapped"`          // the safe's key, sealed to the opener
	Need    int      `json:"need,omitempty"`   // circle: how many shares
	Shares  []Sealed `json:"shares,omitempty"` // circle: a share for each guardian
}

// Sealed is a guardian's share, sealed to the guardian's key.
type Sealed struct {
	Guardian string `json:"guardian"` // "member" or "member/pseudonym", as the patient wrote it
	Share    []byte `json:"share"`
}

// Safe is a sealed wallet.
type Safe struct {
	Format  string `json:"format"`
	Version uint64 `json:"version"` // grows with each change
	Locks   []Lock `json:"locks"`
	Sealed  []byte `json:"sealed"`
}

const format = "cairn/safe/v1"

// Decode reads a safe strictly. It fails with ErrForm.
func Decode(raw []byte) (*Safe, error) {
	if len(raw) > MaxSize {
		return nil, ErrForm
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var s Safe
	if err := dec.Decode(&s); err != nil {
		return nil, ErrForm
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) || s.Format != format || len(s.Locks) == 0 || len(s.Locks) > MaxLocks {
		return nil, ErrForm
	}
	for _, l := range s.Locks {
		if l.Kind != Device && l.Kind != Kit && l.Kind != Circle {
			return nil, ErrForm
		}
	}
	return &s, nil
}

// Encode returns the safe as it is kept.
func (s *Safe) Encode() ([]byte, error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("safe: writing a safe: %w", err)
	}
	if len(raw) > MaxSize {
		return nil, ErrLarge
	}
	return raw, nil
}

// Open opens the safe with an opener, trying every lock of a kind.
func (s *Safe) Open(kind string, opener [32]byte) (*Opened, error) {
	for _, l := range s.Locks {
		if l.Kind != kind {
			continue
		}
		key, err := l.open(opener)
		if err != nil {
			continue
		}
		padded, err := openWith(key, stateInfo, s.Sealed, s.bound())
		if err != nil {
			continue
		}
		return open(padded, s.Version)
	}
	return nil, ErrClosed
}

// bound is what the state is sealed together with: everything else of the safe.
func (s *Safe) bound() []byte {
	h := sha256.New()
	h.Write([]byte(s.Format))
	binary.Write(h, binary.BigEndian, s.Version) // never fails: hash.Hash
	part := func(p []byte) {
		binary.Write(h, binary.BigEndian, uint32(len(p))) //nolint:gosec // at most MaxSize
		h.Write(p)
	}
	for _, l := range s.Locks {
		for _, p := range [][]byte{[]byte(l.Kind), l.About, l.Salt, l.Wrapped} {
			part(p)
		}
		binary.Write(h, binary.BigEndian, []uint32{uint32(l.Need), uint32(len(l.Shares))}) //nolint:gosec // small
		for _, sealed := range l.Shares {
			part([]byte(sealed.Guardian))
			part(sealed.Share)
		}
	}
	return h.Sum(nil)
}

const (
	lockInfo  = "cairn/safe/lock/v1"
	stateInfo = "cairn/safe/state/v1"
)

func derive(secret [32]byte, info string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, secret[:], nil, info, 32)
	if err != nil {
		return nil, fmt.Errorf("safe: deriving a key: %w", err)
	}
	return key, nil
}

func cipherOf(secret [32]byte, info string) (cipher.AEAD, error) {
	key, err := derive(secret, info)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("safe: making a cipher: %w", err)
	}
	return cipher.NewGCM(block)
}

func sealWith(secret [32]byte, info string, plain, bound []byte) ([]byte, error) {
	aead, err := cipherOf(secret, info)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	rand.Read(nonce) // never fails: crypto/rand, Go 1.24
	return aead.Seal(nonce, nonce, plain, bound), nil
}

func openWith(secret [32]byte, info string, sealed, bound []byte) ([]byte, error) {
	aead, err := cipherOf(secret, info)
	if err != nil {
		return nil, err
	}
	if n := aead.NonceSize(); len(sealed) >= n {
		if plain, err := aead.Open(nil, sealed[:n], sealed[n:], bound); err == nil {
			return plain, nil
		}
	}
	return nil, ErrClosed
}

// fill hides the state's length: four bytes of it, the state, zeros up to a
// power of two.
func fill(state []byte) []byte {
	size := minSize
	for size < len(state)+4 {
		size *= 2
	}
	out := make([]byte, size)
	binary.BigEndian.PutUint32(out, uint32(len(state))) //nolint:gosec // at most MaxState
	copy(out[4:], state)
	return out
}

func strip(padded []byte) ([]byte, error) {
	if len(padded) < 4 {
		return nil, ErrForm
	}
	n := binary.BigEndian.Uint32(padded)
	if uint64(n) > uint64(len(padded)-4) {
		return nil, ErrForm
	}
	return padded[4 : 4+n], nil
}
