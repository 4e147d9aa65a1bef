// Package seal is the book of log roots and the message that moves it. At each beat a member seals the root of its own
// append-only log, with a proof that the log only grew since the last seal, and with the marks that it was handed. A
// member whose log was rewritten or cut short has no such proof and can never seal again.
package seal

import (
	"bytes"
	stded25519 "crypto/ed25519"
	"errors"
	"slices"

	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"cairn/ledger/member"
	"cairn/ledger/wire"
)

// Limits of a seal.
const (
	MaxLog   = 1 << 60 // entries of a log
	MaxProof = 64      // hashes of a consistency proof
	MaxMarks = 512     // marks of one seal, the largest bucket
)

const signing = "cairn/seal/v1\x00"

// Why an encoding is not a seal. They are compared with errors.Is.
var (
	ErrMember = errors.New("seal: not the form of a member id")
	ErrSize   = errors.New("seal: a log size above the limit")
	ErrOrder  = errors.New("seal: marks are not in strictly ascending order")
)

// Seal is a member's word that its log of Size entries has the root Root.
type Seal struct {
	Member      string
	Size        uint64
	Root        [32]byte   // RFC 6962 2.1; SHA-256 of nothing when Size is 0
	Consistency [][32]byte // RFC 6962 2.1.2 from the member's last sealed size to Size; empty when that is 0 or Size
	Marks       [][32]byte // 0, 8, 64 or 512 different values; their order says nothing and is not kept
	Signature   [64]byte   // Ed25519 (ZIP-215) over SigningBytes, by the member's key for seals
}

// Bucket returns the number of marks that a seal with n real ones carries: the smallest of 0, 8, 64 and 512 that holds
// them, or false when n is above MaxMarks.
func Bucket(n int) (int, bool) {
	for _, size := range [...]int{0, 8, 64, MaxMarks} {
		if n <= size {
			return size, true
		}
	}
	return 0, false
}

// ordered returns the marks in ascending order and leaves the list as it is.
func ordered(marks [][32]byte) [][32]byte {
	if slices.IsSortedFunc(marks, compare) {
		return marks
	}
	marks = slices.Clone(marks)
	slices.SortFunc(marks, compare)
	return marks
}

func compare(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) }

func (s *Seal) write(w *wire.Writer) {
	w.String(s.Member)
	w.Uint64(s.Size)
	w.Hash(s.Root)
	w.Hashes(s.Consistency)
	w.Hashes(ordered(s.Marks))
}

// SigningBytes returns what the signature covers: the domain, the network's id and every other part of the seal.
func (s *Seal) SigningBytes(network [32]byte) []byte {
	w := wire.NewWriter(signing)
	w.Hash(network)
	s.write(w)
	return w.Out()
}

// Sign sets the signature for a network.
func (s *Seal) Sign(private stded25519.PrivateKey, network [32]byte) {
	copy(s.Signature[:], stded25519.Sign(private, s.SigningBytes(network)))
}

// Signed reports whether the signature is good for a network under a public key, by the rules of ZIP-215, which every
// implementation answers alike.
func (s *Seal) Signed(public []byte, network [32]byte) bool {
	if len(public) != ed25519.PublicKeySize {
		return false
	}
	rules := &ed25519.Options{Verify: ed25519.VerifyOptionsZIP_215}
	return ed25519.VerifyWithOptions(public, s.SigningBytes(network), s.Signature[:], rules)
}

// Encode returns the one encoding of the seal, with its marks in ascending order.
func (s *Seal) Encode() []byte {
	w := new(wire.Writer)
	s.write(w)
	w.Raw(s.Signature[:])
	return w.Out()
}

// Decode reads an encoded seal and refuses every other form, limits included. That the number of marks is a bucket's is
// the machine's to check.
func Decode(raw []byte) (*Seal, error) {
	r := wire.NewReader(raw)
	s := &Seal{
		Member: r.String(32), Size: r.Uint64(), Root: r.Hash(),
		Consistency: r.Hashes(MaxProof), Marks: r.Hashes(MaxMarks),
	}
	r.Raw(s.Signature[:])
	if err := r.Done(); err != nil {
		return nil, err
	}
	if err := s.form(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Seal) form() error {
	if !member.ValidID(s.Member) {
		return ErrMember
	}
	if s.Size > MaxLog {
		return ErrSize
	}
	for i := 1; i < len(s.Marks); i++ {
		if compare(s.Marks[i-1], s.Marks[i]) >= 0 {
			return ErrOrder
		}
	}
	return nil
}
