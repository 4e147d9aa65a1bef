package member

import (
	"fmt"
	"slices"
	"strings"

	"cairn/ledger/roll"
)

const domain = "cairn/member/v1\x00"

// Book is the list of members, ordered by id. It is not safe for concurrent use.
type Book struct {
	members []Member
	roll    *roll.Roll
}

// New makes a book of these members, in any order. It refuses a member that Validate refuses, an id or a public key that
// stands twice, and more than MaxMembers.
func New(members []Member) (*Book, error) {
	if len(members) > MaxMembers {
		return nil, ErrCount
	}
	b := &Book{roll: roll.New(domain)}
	for _, m := range members {
		if err := m.Validate(); err != nil {
			return nil, fmt.Errorf("member %q: %w", m.ID, err)
		}
		b.members = append(b.members, m.Clone())
	}
	slices.SortFunc(b.members, func(x, y Member) int { return strings.Compare(x.ID, y.ID) })
	if err := b.unique(); err != nil {
		return nil, err
	}
	for i, m := range b.members {
		b.roll.Insert(i, m.Encode())
	}
	return b, nil
}

func (b *Book) unique() error {
	owner := make(map[string]string)
	for i, m := range b.members {
		if i > 0 && b.members[i-1].ID == m.ID {
			return fmt.Errorf("member %q: %w", m.ID, ErrDuplicate)
		}
		for _, k := range m.Keys {
			if _, taken := owner[string(k.Public)]; taken {
				return fmt.Errorf("member %q: %w", m.ID, ErrDuplicate)
			}
			owner[string(k.Public)] = m.ID
		}
	}
	return nil
}

func (b *Book) find(id string) (int, bool) {
	return slices.BinarySearchFunc(b.members, id, func(m Member, id string) int { return strings.Compare(m.ID, id) })
}

// Get returns the member with this id.
func (b *Book) Get(id string) (Member, bool) {
	i, found := b.find(id)
	if !found {
		return Member{}, false
	}
	return b.members[i].Clone(), true
}

// All returns every member, ordered by id.
func (b *Book) All() []Member {
	list := make([]Member, len(b.members))
	for i, m := range b.members {
		list[i] = m.Clone()
	}
	return list
}

// Active reports whether a member stands in the book and takes part.
func (b *Book) Active(id string) bool {
	i, found := b.find(id)
	return found && b.members[i].Active
}

// KeyAt returns the key of a member that counts for a use at a height. There is at most one. It is the caller's to ask
// whether the member is active.
func (b *Book) KeyAt(id string, use Use, height uint64) (Key, bool) {
	i, found := b.find(id)
	if !found {
		return Key{}, false
	}
	k, found := b.members[i].KeyAt(use, height)
	k.Public = slices.Clone(k.Public)
	return k, found
}

// Root returns the root of the book: a roll over the encoded members in the order of their ids.
func (b *Book) Root() [32]byte { return b.roll.Root() }

// Prove returns the path of a member's line, or the zero Proof, which proves nothing, for one that is not in the book.
func (b *Book) Prove(id string) Proof {
	i, found := b.find(id)
	if !found {
		return Proof{}
	}
	return Proof{b.roll.Prove(i)}
}

// Proof shows that a member's line stands in the book with a given root.
type Proof struct{ path roll.Proof }

// Verify returns nil when exactly this member stands in the book with this root.
func (p Proof) Verify(root [32]byte, m Member) error { return p.path.Verify(domain, root, m.Encode()) }

// Encode returns the one encoding of the proof.
func (p Proof) Encode() []byte { return p.path.Encode() }

// DecodeProof reads an encoded proof and refuses every other form.
func DecodeProof(raw []byte) (Proof, error) {
	path, err := roll.Decode(raw)
	return Proof{path}, err
}
