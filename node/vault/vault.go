// Package vault keeps records: the exact bytes that were acknowledged,
// compressed and sealed under a key of the patient whom they are about. It is
// the third station: it opens nothing without a Pass of the gate and seals
// nothing without a Permit.
//
// Trust: a thief of the store sees ciphertext, sizes and the search values
// beside it; with the key-encryption key as well, everything. A forger who
// edits a sealed body is found when it is opened, by scrub, and by the
// commitment in the log.
package vault

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"sync"

	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/store"
	"cairn/proof"
)

// Keys gives the data key of a subject; node/keys has it.
type Keys interface {
	Key(ctx context.Context, subject string, create bool) (cipher.AEAD, error)
}

// Vault is the station. Its methods are safe for concurrent use.
type Vault struct {
	keys Keys
	packer
}

const (
	hashSize  = 32
	nonceSize = 12
	headSize  = 1 + hashSize + nonceSize
	// plainLimit bounds what a sealed body may unpack to.
	plainLimit = 16 << 20
)

// New makes the vault of a hospital.
func New(keys Keys) (*Vault, error) {
	p, err := newPacker()
	return &Vault{keys: keys, packer: p}, err
}

// Sealed is a record version ready for the store.
type Sealed struct {
	Body       []byte // format, commitment, nonce, AES-256-GCM(salt || packed bytes)
	Commitment [32]byte
}

// Opened is a record version as it was acknowledged.
type Opened struct {
	Raw        []byte
	Salt       [32]byte
	Commitment [32]byte
}

// Seal compresses and encrypts the exact bytes of a record version about a
// subject, bound to its facets (store.EncodeFacets). Nothing is written to the store but, for a first record, the
// subject's new data key.
func (v *Vault) Seal(ctx context.Context, permit gate.Permit, subject string, ref gate.Ref, facets, raw []byte) (Sealed, error) {
	if !permit.Covers(subject, ref) {
		return Sealed{}, fault.New(fault.Refused, "no-permit", "the gate has not allowed this write")
	}
	aead, err := v.keys.Key(ctx, subject, true)
	if err != nil {
		return Sealed{}, err
	}
	var salt [hashSize]byte
	rand.Read(salt[:]) // never fails: crypto/rand, Go 1.24
	commitment := proof.Commitment(salt, ref.Type, ref.ID, ref.Version, raw)
	plain, format := v.pack(salt[:], raw)
	body := make([]byte, headSize, headSize+len(plain)+aead.Overhead())
	body[0] = format
	copy(body[1:], commitment[:])
	nonce := body[1+hashSize : headSize]
	rand.Read(nonce)
	body = aead.Seal(body, nonce, plain, bound(subject, ref, commitment, facets))
	return Sealed{Body: body, Commitment: commitment}, nil
}

// Commitment returns the commitment in front of a sealed body. It opens
// nothing and is not checked until the body is opened.
func Commitment(body []byte) ([32]byte, error) {
	if len(body) < headSize || body[0] != formatZstd && body[0] != formatDictionary {
		return [32]byte{}, damaged(errors.New("not a sealed body"))
	}
	return [32]byte(body[1 : 1+hashSize]), nil
}

// Open decrypts one stored version that the pass covers. It fails with Refused
// for any other, Gone for one that was erased, and Broken for one whose bytes
// do not open.
func (v *Vault) Open(ctx context.Context, pass gate.Pass, ref gate.Ref, row *store.Version) (Opened, error) {
	if !pass.Opens(ref) {
		return Opened{}, fault.New(fault.Refused, "no-pass", "the gate has not opened this record")
	}
	return v.unseal(ctx, ref, row)
}

// Check opens a stored version, sees whether its bytes still match the
// commitment beside them, and lets inspect compare them with what the database
// says of them. It is for scrub, for reindexing, and for the places of records in
// an order: nothing of the bytes may leave inspect but search values, on their way
// to the record's own rows or to a comparison.
func (v *Vault) Check(ctx context.Context, ref gate.Ref, row *store.Version, inspect func(raw []byte) error) error {
	opened, err := v.unseal(ctx, ref, row)
	if err != nil {
		return err
	}
	return inspect(opened.Raw)
}

func (v *Vault) unseal(ctx context.Context, ref gate.Ref, row *store.Version) (Opened, error) {
	commitment, err := Commitment(row.Body)
	if err != nil {
		return Opened{}, err
	}
	aead, err := v.keys.Key(ctx, row.Subject, false)
	if err != nil {
		return Opened{}, err
	}
	s := scratches.Get().(*scratch) //nolint:forcetypeassert // New makes nothing else
	defer scratches.Put(s)
	s.bound = appendBound(s.bound[:0], row.Subject, ref, commitment, row.Encoded)
	plain, err := aead.Open(s.plain[:0], row.Body[1+hashSize:headSize], row.Body[headSize:], s.bound)
	if err != nil || len(plain) < hashSize {
		return Opened{}, damaged(err)
	}
	if s.plain = plain; cap(plain) > scratchMost {
		s.plain = nil
	}
	out := Opened{Salt: [32]byte(plain[:hashSize]), Commitment: commitment}
	if out.Raw, err = v.unpack(row.Body[0], plain[hashSize:]); err != nil {
		return Opened{}, damaged(err)
	}
	if proof.Commitment(out.Salt, ref.Type, ref.ID, ref.Version, out.Raw) != commitment {
		return Opened{}, damaged(errors.New("the commitment beside it is of other bytes"))
	}
	return out, nil
}

// scratch is memory for what is only needed while one body is opened.
type scratch struct{ bound, plain []byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// scratchMost is how large a body may be whose memory is kept.
const scratchMost = 64 << 10

func damaged(cause error) error {
	return fault.Wrap(fault.Broken, "record-damaged", "this record was altered or damaged in the hospital's database, so it is not shown", cause).
		WithHint("the operator should run `cairn scrub`, which names the row")
}

// bound is what a sealed body is tied to, so that no row can be swapped for
// another, and none can be given facets that consent would let through.
func bound(subject string, ref gate.Ref, commitment [32]byte, facets []byte) []byte {
	return appendBound(nil, subject, ref, commitment, facets)
}

func appendBound(out []byte, subject string, ref gate.Ref, commitment [32]byte, facets []byte) []byte {
	for _, s := range []string{"cairn/vault/v1", subject, ref.Type, ref.ID} {
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(s))), s...) //nolint:gosec // ids are at most 64 bytes
	}
	out = append(binary.BigEndian.AppendUint64(out, ref.Version), commitment[:]...)
	return append(out, facets...)
}
