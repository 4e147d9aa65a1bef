package seal

import (
	"crypto/sha256"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"cairn/ledger/member"
	"cairn/ledger/roll"
	"cairn/ledger/wire"
)

const domain = "cairn/seal/book/v1\x00"

// Entry is what the book says of one member: its log had Size entries and the root Root when the seal of block Height was
// taken.
type Entry struct {
	Member string
	Size   uint64
	Root   [32]byte
	Height uint64
}

// Encode returns the one encoding of the entry. It is also the line whose hash stands in the book's tree.
func (e Entry) Encode() []byte {
	w := new(wire.Writer)
	w.String(e.Member)
	w.Uint64(e.Size)
	w.Hash(e.Root)
	w.Uint64(e.Height)
	return w.Out()
}

// DecodeEntry reads an encoded entry and refuses every other form.
func DecodeEntry(raw []byte) (Entry, error) {
	r := wire.NewReader(raw)
	e := Entry{Member: r.String(32), Size: r.Uint64(), Root: r.Hash(), Height: r.Uint64()}
	if err := r.Done(); err != nil {
		return Entry{}, err
	}
	if !member.ValidID(e.Member) {
		return Entry{}, ErrMember
	}
	if e.Size > MaxLog {
		return Entry{}, ErrSize
	}
	return e, nil
}

// Verdict is what the book says to a seal.
type Verdict uint8

// The verdicts. Only Grows and Stays move the book.
const (
	Grows  Verdict = iota + 1 // the log grew, and the proof shows that it only grew
	Stays                     // the same log again: good only for its marks
	Stale                     // a log smaller than the one sealed: an old seal, or a log cut short
	Broken                    // the proof does not lead from the sealed root to this one: a log rewritten
)

// Book is the list of the latest seals, ordered by member. It is not safe for concurrent use.
type Book struct {
	entries []Entry
	roll    *roll.Roll
}

// New returns an empty book.
func New() *Book { return &Book{roll: roll.New(domain)} }

func (b *Book) find(id string) (int, bool) {
	return slices.BinarySearchFunc(b.entries, id, func(e Entry, id string) int { return strings.Compare(e.Member, id) })
}

// Latest returns what the book says of a member.
func (b *Book) Latest(id string) (Entry, bool) {
	i, found := b.find(id)
	if !found {
		return Entry{}, false
	}
	return b.entries[i], true
}

// All returns every entry, ordered by member.
func (b *Book) All() []Entry { return slices.Clone(b.entries) }

// Judge compares a seal with what the book says of its member. It does not look at the signature or the marks. A member
// that never sealed has the empty log.
func (b *Book) Judge(s *Seal) Verdict {
	last, found := b.Latest(s.Member)
	if !found {
		last.Root = sha256.Sum256(nil)
	}
	switch {
	case s.Size < last.Size:
		return Stale
	case s.Size == last.Size:
		return when(s.Root == last.Root && len(s.Consistency) == 0, Stays)
	case last.Size == 0:
		return when(len(s.Consistency) == 0, Grows)
	}
	return when(consistent(last, s), Grows)
}

func when(holds bool, verdict Verdict) Verdict {
	if holds {
		return verdict
	}
	return Broken
}

// consistent checks the proof of RFC 6962 2.1.2 between two logs that are not empty.
func consistent(last Entry, s *Seal) bool {
	proof := make(tlog.TreeProof, len(s.Consistency))
	for i, h := range s.Consistency {
		proof[i] = h
	}
	// Sizes are at most MaxLog and fit an int64.
	return tlog.CheckTree(proof, int64(s.Size), s.Root, int64(last.Size), last.Root) == nil //nolint:gosec // see above
}

// Put sets what the book says of a member, without a check: the caller has judged the seal.
func (b *Book) Put(e Entry) {
	i, found := b.find(e.Member)
	if found {
		b.entries[i] = e
		b.roll.Set(i, e.Encode())
		return
	}
	b.entries = slices.Insert(b.entries, i, e)
	b.roll.Insert(i, e.Encode())
}

// Root returns the root of the book: a roll over the encoded entries in the order of their members.
func (b *Book) Root() [32]byte { return b.roll.Root() }

// Prove returns the path of a member's entry, or the zero Proof, which proves nothing, for one that never sealed.
func (b *Book) Prove(id string) Proof {
	i, found := b.find(id)
	if !found {
		return Proof{}
	}
	return Proof{b.roll.Prove(i)}
}

// Proof shows that an entry stands in the book with a given root.
type Proof struct{ path roll.Proof }

// Verify returns nil when exactly this entry stands in the book with this root.
func (p Proof) Verify(root [32]byte, e Entry) error { return p.path.Verify(domain, root, e.Encode()) }

// Encode returns the one encoding of the proof.
func (p Proof) Encode() []byte { return p.path.Encode() }

// DecodeProof reads an encoded proof and refuses every other form.
func DecodeProof(raw []byte) (Proof, error) {
	path, err := roll.Decode(raw)
	return Proof{path}, err
}
