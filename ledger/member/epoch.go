package member

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha512"
	"errors"
	"math/big"
	"slices"

	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"cairn/ledger/wire"
)

const (
	epochDomain      = "cairn/epoch/v1\x00"
	possessionDomain = "cairn/epoch/possession/v1\x00"
	maxSignature     = 96
)

// Why an epoch is not taken. They are compared with errors.Is.
var (
	ErrNoKey   = errors.New("member: no key of that use counts at that height")
	ErrPending = errors.New("member: a next key of that use is announced already")
	ErrGap     = errors.New("member: the key in force ends before the next one begins")
)

// Epoch is a member's word that one of its keys is followed by another from a height on. The key in force signs it, and
// the next one shows that whoever announces it has it.
type Epoch struct {
	Member     string
	Use        Use
	Public     []byte // the next key
	From       uint64 // the first height at which it counts
	Possession []byte // by the next key, over PossessionBytes
	Signature  []byte // by the key of that use that counts when the epoch comes into a block, over SigningBytes
}

func (e *Epoch) write(w *wire.Writer) {
	w.String(e.Member)
	w.Uint8(uint8(e.Use))
	w.Bytes(e.Public)
	w.Uint64(e.From)
}

func (e *Epoch) bytes(domain string, network [32]byte) []byte {
	w := wire.NewWriter(domain)
	w.Hash(network)
	e.write(w)
	return w.Out()
}

// SigningBytes returns what the key in force signs, for a network.
func (e *Epoch) SigningBytes(network [32]byte) []byte { return e.bytes(epochDomain, network) }

// PossessionBytes returns what the next key signs, for a network.
func (e *Epoch) PossessionBytes(network [32]byte) []byte { return e.bytes(possessionDomain, network) }

// Encode returns the one encoding of the epoch.
func (e *Epoch) Encode() []byte {
	w := new(wire.Writer)
	e.write(w)
	w.Bytes(e.Possession)
	w.Bytes(e.Signature)
	return w.Out()
}

// DecodeEpoch reads an encoded epoch and refuses every other form. Whether it can be taken is the book's to say.
func DecodeEpoch(raw []byte) (*Epoch, error) {
	r := wire.NewReader(raw)
	e := &Epoch{
		Member: r.String(maxID), Use: Use(r.Uint8()), Public: r.Bytes(maxKey), From: r.Uint64(),
		Possession: r.Bytes(maxSignature), Signature: r.Bytes(maxSignature),
	}
	if err := r.Done(); err != nil {
		return nil, err
	}
	if !ValidID(e.Member) {
		return nil, ErrID
	}
	return e, nil
}

// Signed reports whether a key of a use made a signature: Ed25519 by the rules of ZIP-215, on which all implementations
// agree, or ECDSA P-384 over SHA-384, as r and s of 48 bytes each, s the lesser of the two that hold.
func Signed(use Use, public, message, signature []byte) bool {
	if use != UseClient {
		rules := &ed25519.Options{Verify: ed25519.VerifyOptionsZIP_215}
		return len(public) == ed25519.PublicKeySize && ed25519.VerifyWithOptions(public, message, signature, rules)
	}
	point, err := Point(public)
	if err != nil || len(signature) != maxSignature {
		return false
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P384(), point)
	if err != nil {
		return false
	}
	r, s := new(big.Int).SetBytes(signature[:48]), new(big.Int).SetBytes(signature[48:])
	half := new(big.Int).Rsh(elliptic.P384().Params().N, 1)
	digest := sha512.Sum384(message)
	return s.Cmp(half) <= 0 && ecdsa.Verify(key, digest[:], r, s)
}

// Judge returns why the book does not take an epoch at a height, nil if it does. Signatures are the caller's to check.
// It fails with ErrNoKey when no key of that use counts, with ErrPending when the next one is known, with ErrGap, and
// with what Validate or New would say of the member with its next key.
func (b *Book) Judge(e *Epoch, height uint64) error {
	i, found := b.find(e.Member)
	if !found {
		return ErrNoKey
	}
	next, err := b.members[i].follow(e, height)
	if err != nil {
		return err
	}
	if b.taken(e.Public) {
		return ErrDuplicate
	}
	return next.Validate()
}

// Follow takes an epoch that Judge takes: the key in force ends where the next one begins. It returns the member as it
// then is.
func (b *Book) Follow(e *Epoch, height uint64) (Member, error) {
	if err := b.Judge(e, height); err != nil {
		return Member{}, err
	}
	i, _ := b.find(e.Member)
	next, err := b.members[i].follow(e, height)
	if err != nil {
		return Member{}, err
	}
	b.members[i] = next
	b.roll.Set(i, next.Encode())
	return next.Clone(), nil
}

// taken reports whether a public key stands in the book.
func (b *Book) taken(public []byte) bool {
	for _, m := range b.members {
		if slices.ContainsFunc(m.Keys, func(k Key) bool { return bytes.Equal(k.Public, public) }) {
			return true
		}
	}
	return false
}

// follow returns the member with its next key.
func (m Member) follow(e *Epoch, height uint64) (Member, error) {
	m = m.Clone()
	at := -1
	for i, k := range m.Keys {
		switch {
		case k.Use != e.Use:
		case k.From > height:
			return Member{}, ErrPending
		case k.At(height):
			at = i
		}
	}
	switch {
	case at < 0:
		return Member{}, ErrNoKey
	case m.Keys[at].Until != 0 && m.Keys[at].Until < e.From:
		return Member{}, ErrGap
	}
	m.Keys[at].Until = e.From
	m.Keys = append(m.Keys, Key{Use: e.Use, Public: bytes.Clone(e.Public), From: e.From})
	return m, nil
}
