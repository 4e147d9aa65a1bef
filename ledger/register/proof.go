package register

import (
	"errors"
	"slices"

	"cairn/ledger/wire"
)

// Why a proof is refused. They are compared with errors.Is.
var (
	ErrForm = errors.New("register: a proof out of its form")
	ErrRoot = errors.New("register: the proof does not lead to the root")
	ErrPath = errors.New("register: the proof is about another image")
)

// Step is one inner node on the way from the top to a leaf: the bit it divides by, and the hash of the child that the way
// does not take.
type Step struct {
	Bit     uint8
	Sibling [32]byte
}

// Proof shows what the register says of an image. It is the way that the image's bits lead, from the top to a leaf, and
// that leaf. When the leaf is the image's own, the image is there; when it is another's, the image is not, since its
// own leaf could stand nowhere but at the end of that way. The zero Proof is that of the empty register.
type Proof struct {
	Count  uint64 // marks in the register
	Steps  []Step // from the top down, their bits ascending; empty when Count is at most 1
	Image  [32]byte
	Height uint64
}

// Prove returns what shows whether an image is in the book, under its Root.
func (b *Book) Prove(image [32]byte) Proof {
	if b.Len() == 0 {
		return Proof{}
	}
	b.hash(b.top)
	p := Proof{Count: uint64(b.Len())}
	at := b.top
	for !at.leaf() {
		n := b.inners.at(at.index())
		side := bitOf(image, n.bit)
		p.Steps = append(p.Steps, Step{Bit: n.bit, Sibling: b.hash(n.child[1-side])})
		at = n.child[side]
	}
	l := b.leaves.at(at.index())
	p.Image, p.Height = l.image, l.height
	return p
}

// Verify returns whether an image is in the register with this root and, when it is, its height. Without an error the
// answer is as true as the root.
func (p Proof) Verify(root, image [32]byte) (height uint64, present bool, err error) {
	if !p.formed() {
		return 0, false, ErrForm
	}
	if p.root() != root {
		return 0, false, ErrRoot
	}
	if p.Count == 0 {
		return 0, false, nil
	}
	if p.Image == image {
		return p.Height, true, nil
	}
	for _, s := range p.Steps {
		if bitOf(p.Image, s.Bit) != bitOf(image, s.Bit) {
			return 0, false, ErrPath
		}
	}
	return 0, false, nil
}

func (p Proof) root() [32]byte {
	if p.Count == 0 {
		return rootHash(0, [32]byte{})
	}
	h := leafHash(p.Image, p.Height)
	for _, s := range slices.Backward(p.Steps) {
		if bitOf(p.Image, s.Bit) == 0 {
			h = innerHash(s.Bit, h, s.Sibling)
		} else {
			h = innerHash(s.Bit, s.Sibling, h)
		}
	}
	return rootHash(p.Count, h)
}

// formed reports whether the proof has the one form that its count allows: nothing else for 0 marks, no step for one, and
// otherwise at least one, fewer than there are marks, with strictly ascending bits.
func (p Proof) formed() bool {
	if p.Count > MaxMarks {
		return false
	}
	if p.Count == 0 {
		return len(p.Steps) == 0 && p.Image == [32]byte{} && p.Height == 0
	}
	if uint64(len(p.Steps)) >= p.Count || (p.Count > 1) != (len(p.Steps) > 0) {
		return false
	}
	for i := 1; i < len(p.Steps); i++ {
		if p.Steps[i-1].Bit >= p.Steps[i].Bit {
			return false
		}
	}
	return true
}

// Encode returns the one encoding of the proof. In a register of n marks it has about 33*log2(n) + 50 bytes.
func (p Proof) Encode() []byte {
	w := new(wire.Writer)
	w.Uint64(p.Count)
	w.Count(len(p.Steps))
	for _, s := range p.Steps {
		w.Uint8(s.Bit)
		w.Hash(s.Sibling)
	}
	w.Hash(p.Image)
	w.Uint64(p.Height)
	return w.Out()
}

// DecodeProof reads an encoded proof and refuses every other form.
func DecodeProof(raw []byte) (Proof, error) {
	r := wire.NewReader(raw)
	p := Proof{Count: r.Uint64()}
	for range r.Count(8*hashSize, 1+hashSize) {
		p.Steps = append(p.Steps, Step{Bit: r.Uint8(), Sibling: r.Hash()})
	}
	p.Image, p.Height = r.Hash(), r.Uint64()
	if err := r.Done(); err != nil {
		return Proof{}, err
	}
	if !p.formed() {
		return Proof{}, ErrForm
	}
	return p, nil
}
