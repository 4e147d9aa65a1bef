package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha512"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"cairn/ledger/member"
	"cairn/ledger/seal"
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
	height := max(1, p.book.Height())
	private, err := p.at(member.UseClient, height)
	if err != nil {
		return nil, 0, err
	}
	key, ok := private.(*ecdsa.PrivateKey)
	if !ok {
		return nil, 0, p.missing(member.UseClient)
	}
	return key, height, nil
}

// Cosign returns the key in force for cosignatures (C2SP tlog-cosignature) and
// for this hospital's own log checkpoint.
func (p *Pen) Cosign() (ed25519.PrivateKey, error) {
	return p.edwards(member.UseCosign, max(1, p.book.Height()))
}

// SignSeal signs a seal for the network, with the key of the next block.
func (p *Pen) SignSeal(s *seal.Seal, network [32]byte) error {
	key, err := p.edwards(member.UseSeal, p.book.Height()+1)
	if err == nil {
		s.Sign(key, network)
	}
	return err
}

// LogSigner returns the signer of this hospital's own log checkpoint: a signed
// note under the log's origin (C2SP signed-note, Ed25519 type 0x01).
func (p *Pen) LogSigner(origin string) (note.Signer, error) {
	key, err := p.Cosign()
	if err != nil {
		return nil, err
	}
	return logSigner{name: origin, key: key}, nil
}

// Announce signs that a key that is held follows the one in force from a height
// on.
func (p *Pen) Announce(h Held, from uint64, network [32]byte) (*member.Epoch, error) {
	current, err := p.at(h.Use, p.book.Height()+1)
	if err != nil {
		return nil, err
	}
	e := &member.Epoch{Member: p.home, Use: h.Use, Public: h.Public, From: from}
	if e.Possession, err = sign(h.private, e.PossessionBytes(network)); err != nil {
		return nil, err
	}
	e.Signature, err = sign(current, e.SigningBytes(network))
	return e, err
}

// sign makes a signature as member.Signed checks it.
func sign(key crypto.Signer, message []byte) ([]byte, error) {
	if ed, ok := key.(ed25519.PrivateKey); ok {
		return ed25519.Sign(ed, message), nil
	}
	digest := sha512.Sum384(message)
	der, err := key.Sign(nil, digest[:], crypto.SHA384)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	var parts struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &parts); err != nil || len(rest) > 0 {
		return nil, errors.Join(errors.New("signing: no ECDSA signature"), err)
	}
	n := elliptic.P384().Params().N
	if parts.S.Cmp(new(big.Int).Rsh(n, 1)) > 0 {
		parts.S.Sub(n, parts.S)
	}
	out := make([]byte, 96)
	parts.R.FillBytes(out[:48])
	parts.S.FillBytes(out[48:])
	return out, nil
}

// Check refuses a ring that lacks a key in force: what this node signs would be
// refused elsewhere.
func (p *Pen) Check() error {
	for _, use := range p.ring.uses() {
		if _, err := p.at(use, max(1, p.book.Height())); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pen) edwards(use member.Use, height uint64) (ed25519.PrivateKey, error) {
	private, err := p.at(use, height)
	if err != nil {
		return nil, err
	}
	key, ok := private.(ed25519.PrivateKey)
	if !ok {
		return nil, p.missing(use)
	}
	return key, nil
}

// at returns the private key that counts at a height.
func (p *Pen) at(use member.Use, height uint64) (crypto.Signer, error) {
	m, _ := p.book.Member(p.home)
	key, found := m.KeyAt(use, height)
	if !found {
		return nil, fault.New(fault.Broken, "no-key", "the ledger has no "+use.String()+" key for this hospital")
	}
	private, found := p.ring.find(use, key.Public)
	if !found {
		return nil, p.missing(use)
	}
	return private, nil
}

func (p *Pen) missing(use member.Use) error {
	text := fmt.Sprintf("none of the %s keys in %s is the one that counts for member %q of this network", use, p.ring.dir, p.home)
	if names, err := filesOf(p.ring.dir, use); err == nil && len(names) == 1 {
		text = fmt.Sprintf("the key file %s is not that of member %q of this network", filepath.Join(p.ring.dir, names[0]), p.home)
	}
	return fault.New(fault.Conflict, "other-key", text).
		WithHint("restore it from this hospital's key backup, or check keys, member and genesis in the configuration")
}
