// Package calendar is the Merkle log (RFC 6962) with one leaf per block that changed a book. Its root is what all
// hospitals agree on after each block, and its checkpoints are what members and outside witnesses cosign: an old proof
// is extended to any newer checkpoint with hashes alone.
//
// The book holds no leaves, only what the next root needs; whoever serves the log keeps them.
package calendar

import (
	"crypto/sha256"
	"errors"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"cairn/ledger/wire"
)

const domain = "cairn/calendar/leaf/v1\x00"

// MaxSize is the largest number of leaves.
const MaxSize = 1 << 60

// Why an encoding is not a calendar's. They are compared with errors.Is.
var (
	ErrDomain   = errors.New("calendar: not a calendar leaf")
	ErrFrontier = errors.New("calendar: the frontier does not fit the size")
)

// Origin returns the name that a network's calendar has in its checkpoints (C2SP tlog-checkpoint).
func Origin(network string) string { return "cairn/" + network + "/calendar" }

// LogOrigin returns the name that a member's own log has in its checkpoints (C2SP tlog-checkpoint).
func LogOrigin(network, member string) string { return "cairn/" + network + "/log/" + member }

// Leaf is one line of the calendar: after the block of this height and time (Unix milliseconds) the books had this root.
type Leaf struct {
	Height uint64
	Time   int64
	Books  [32]byte
}

// Encode returns the one encoding of the leaf: the data whose RFC 6962 leaf hash stands in the log.
func (l Leaf) Encode() []byte {
	w := wire.NewWriter(domain)
	w.Uint64(l.Height)
	w.Int64(l.Time)
	w.Hash(l.Books)
	return w.Out()
}

// Hash returns the RFC 6962 leaf hash of the encoded leaf.
func (l Leaf) Hash() [32]byte { return tlog.RecordHash(l.Encode()) }

// Decode reads an encoded leaf and refuses every other form.
func Decode(raw []byte) (Leaf, error) {
	r := wire.NewReader(raw)
	head := make([]byte, len(domain))
	r.Raw(head)
	l := Leaf{Height: r.Uint64(), Time: r.Int64(), Books: r.Hash()}
	if err := r.Done(); err != nil {
		return Leaf{}, err
	}
	if string(head) != domain {
		return Leaf{}, ErrDomain
	}
	return l, nil
}

// Book is the calendar. The zero Book is empty and ready to use. It is not safe for concurrent use.
//
// It keeps the last leaf and the frontier of the log before it: the roots of the perfect subtrees that the leaves make
// up, from the left, one per bit of their number.
type Book struct {
	size   uint64
	before [][32]byte // of the first size-1 leaves
	last   Leaf
}

// Append adds a leaf.
func (b *Book) Append(l Leaf) {
	if b.size > 0 {
		b.before = grow(b.before, b.size-1, b.last.Hash())
	}
	b.size++
	b.last = l
}

// grow adds a leaf hash to the frontier of a log of this size.
func grow(frontier [][32]byte, size uint64, leaf [32]byte) [][32]byte {
	for ; size&1 == 1; size >>= 1 {
		end := len(frontier) - 1
		leaf = tlog.NodeHash(frontier[end], leaf)
		frontier = frontier[:end]
	}
	return append(frontier, leaf)
}

// Size returns the number of leaves.
func (b *Book) Size() uint64 { return b.size }

// Last returns the last leaf, and false when there is none.
func (b *Book) Last() (Leaf, bool) { return b.last, b.size > 0 }

// Root returns the RFC 6962 root. That of the empty log is SHA-256 of nothing.
func (b *Book) Root() [32]byte {
	if b.size == 0 {
		return sha256.Sum256(nil)
	}
	root := b.last.Hash()
	for i := len(b.before) - 1; i >= 0; i-- {
		root = tlog.NodeHash(b.before[i], root)
	}
	return root
}

// Encode returns the one encoding of the book.
func (b *Book) Encode() []byte {
	w := new(wire.Writer)
	w.Uint64(b.size)
	if b.size == 0 {
		return w.Out()
	}
	w.Hashes(b.before)
	w.Bytes(b.last.Encode())
	return w.Out()
}

// DecodeBook reads an encoded book and refuses every other form.
func DecodeBook(raw []byte) (*Book, error) {
	r := wire.NewReader(raw)
	b := &Book{size: r.Uint64()}
	if b.size == 0 {
		return b, r.Done()
	}
	b.before = r.Hashes(64)
	last := r.Bytes(256)
	if err := r.Done(); err != nil {
		return nil, err
	}
	if b.size > MaxSize || bits.OnesCount64(b.size-1) != len(b.before) {
		return nil, ErrFrontier
	}
	leaf, err := Decode(last)
	if err != nil {
		return nil, err
	}
	b.last = leaf
	return b, nil
}
