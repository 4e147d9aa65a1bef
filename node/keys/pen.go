package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"

	"cairn/ledger/member"
	"cairn/node/fault"
)

// Book is the member book as this hospital's replica has it; node/chain has it.
type Book interface {
	Height() uint64
	Member(id string) (member.Member, bool)
}

// Pen signs for a member with the keys that the member book has for it at the
// height of this hospital's replica. Its methods are safe for concurrent use.
type Pen struct {
	ring *Ring
	book Book
	home string
}

// NewPen makes the pen of the member home.
func NewPen(ring *Ring, book Book, home string) *Pen { return &Pen{ring, book, home} }

// Client returns the key in force for what is signed to other hospitals, and
// the height at which it is.
func (p *Pen) Client() (*ecdsa.PrivateKey, uint64, error) {
	key, height, err := p.inForce(member.UseClient)
	if err != nil {
		return nil, 0, err
	}
	have, err := x509.MarshalPKIXPublicKey(p.ring.client.Public())
	if err != nil || !bytes.Equal(have, key.Public) {
		return nil, 0, missing(member.UseClient)
	}
	return p.ring.client, height, nil
}

// inForce returns the public key that counts at this moment.
func (p *Pen) inForce(use member.Use) (member.Key, uint64, error) {
	height := max(1, p.book.Height())
	m, _ := p.book.Member(p.home)
	key, found := m.KeyAt(use, height)
	if !found {
		return member.Key{}, 0, fault.New(fault.Broken, "no-key", "the ledger has no "+use.String()+" key for this hospital")
	}
	return key, height, nil
}

func missing(use member.Use) error {
	return fault.New(fault.Broken, "key-missing", "the "+use.String()+" key that the ledger has for this hospital is not in the keys directory").
		WithHint("restore it from the key backup")
}
