// Package register is the book of marks: a set of 32-byte images, each with the height at which it came, that is only
// ever added to. Anyone can be shown that an image is in it, since when, or that it is not.
//
// The set is a binary Merkle trie over the bits of the images, without the inner nodes that would have one child
// (path compression). Its shape follows from the set alone, so the root does not depend on the order of additions:
//
//	leaf  = SHA-256("register/leaf\0" || image || height)
//	inner = SHA-256("register/node\0" || bit || left || right)   where bit is the first one in which its images differ
//	root  = SHA-256("cairn/register/v1\0" || number of marks || top)   where top is 32 zero bytes for the empty set
//
// All images below an inner node agree in every bit before its own; those to the left have a 0 there, those to the right
// a 1. Following an image's bits from the top therefore leads to its own leaf or to one that proves its absence.
package register

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

const (
	leafDomain  = "register/leaf\x00"
	innerDomain = "register/node\x00"
	rootDomain  = "cairn/register/v1\x00"

	hashSize = 32
)

// MaxMarks is the largest number of marks of a register.
const MaxMarks = 1<<31 - 1

// Image returns what the register keeps of a mark: its SHA-256.
func Image(mark [32]byte) [32]byte { return sha256.Sum256(mark[:]) }

// ref names a node: an inner one by its index, a leaf by its index with the highest bit set.
type ref uint32

const leafBit ref = 1 << 31

func (r ref) leaf() bool    { return r&leafBit != 0 }
func (r ref) index() uint32 { return uint32(r &^ leafBit) }

type leaf struct {
	image  [hashSize]byte
	height uint64
}

type inner struct {
	hash  [hashSize]byte
	child [2]ref
	bit   uint8
	stale bool // the hash does not fit the children
}

// Book is the set. Its zero value is empty and ready to use. Leaves stand in the order in which they came. Hashes are
// brought up to date only when a root or a proof is asked for, once per node for all that was added since. It is not safe
// for concurrent use, but once Root was called, and until the next mark is added, it is only read.
type Book struct {
	leaves arena[leaf]
	inners arena[inner]
	top    ref // valid when there is a leaf
}

// New returns an empty book.
func New() *Book { return new(Book) }

// Len returns the number of marks.
func (b *Book) Len() int { return b.leaves.len() }

// Add puts a mark in at a height. A mark that is already there keeps its height, and added is false.
func (b *Book) Add(mark [32]byte, height uint64) (image [32]byte, added bool) {
	image = Image(mark)
	return image, b.Load(image, height)
}

// Load puts an image in at a height, as Add does for the mark behind it: for reading back a book that was written out. It
// reports whether the image was added; one that is there, or a full book, is left as it is.
func (b *Book) Load(image [32]byte, height uint64) bool {
	if b.Len() == 0 {
		b.top = b.newLeaf(image, height)
		return true
	}
	near := b.leaves.at(b.nearest(image).index())
	bit, differs := firstDifference(near.image, image)
	if !differs || b.Len() == MaxMarks {
		return false
	}
	slot := b.descend(image, bit)
	b.split(slot, image, height, bit)
	return true
}

func (b *Book) newLeaf(image [32]byte, height uint64) ref {
	return ref(b.leaves.add(leaf{image: image, height: height})) | leafBit
}

// nearest returns the leaf to which the image's bits lead. The book is not empty.
func (b *Book) nearest(image [32]byte) ref {
	at := b.top
	for !at.leaf() {
		n := b.inners.at(at.index())
		at = n.child[bitOf(image, n.bit)]
	}
	return at
}

// descend returns the place where the new inner node for a bit belongs, and marks every inner node above it as stale.
func (b *Book) descend(image [32]byte, bit uint8) *ref {
	slot := &b.top
	for !slot.leaf() {
		n := b.inners.at(slot.index())
		if n.bit > bit {
			break
		}
		n.stale = true
		slot = &n.child[bitOf(image, n.bit)]
	}
	return slot
}

// split puts an inner node in place of what stands in the slot, which becomes one child; the new leaf becomes the other.
func (b *Book) split(slot *ref, image [32]byte, height uint64, bit uint8) {
	side := bitOf(image, bit)
	n := inner{bit: bit, stale: true}
	n.child[side] = b.newLeaf(image, height)
	n.child[1-side] = *slot
	*slot = ref(b.inners.add(n))
}

// Height returns the height at which an image came, and false when it is not there.
func (b *Book) Height(image [32]byte) (uint64, bool) {
	if b.Len() == 0 {
		return 0, false
	}
	l := b.leaves.at(b.nearest(image).index())
	if l.image != image {
		return 0, false
	}
	return l.height, true
}

// At returns the image and height of the mark that came i-th, counted from 0: for writing the book out.
func (b *Book) At(i int) (image [32]byte, height uint64) {
	l := b.leaves.at(uint32(i)) //nolint:gosec // i is below Len, which is below MaxMarks
	return l.image, l.height
}

// Root returns the root of the set.
func (b *Book) Root() [32]byte {
	if b.Len() == 0 {
		return rootHash(0, [hashSize]byte{})
	}
	return rootHash(uint64(b.Len()), b.hash(b.top))
}

// hash returns the hash of a node after bringing those below it up to date. It recurses at most 256 deep.
func (b *Book) hash(at ref) [hashSize]byte {
	if at.leaf() {
		l := b.leaves.at(at.index())
		return leafHash(l.image, l.height)
	}
	n := b.inners.at(at.index())
	if n.stale {
		n.hash = innerHash(n.bit, b.hash(n.child[0]), b.hash(n.child[1]))
		n.stale = false
	}
	return n.hash
}

func leafHash(image [hashSize]byte, height uint64) [hashSize]byte {
	var buf [len(leafDomain) + hashSize + 8]byte
	n := copy(buf[:], leafDomain)
	n += copy(buf[n:], image[:])
	binary.BigEndian.PutUint64(buf[n:], height)
	return sha256.Sum256(buf[:])
}

func innerHash(bit uint8, left, right [hashSize]byte) [hashSize]byte {
	var buf [len(innerDomain) + 1 + 2*hashSize]byte
	n := copy(buf[:], innerDomain)
	buf[n] = bit
	n++
	n += copy(buf[n:], left[:])
	copy(buf[n:], right[:])
	return sha256.Sum256(buf[:])
}

func rootHash(count uint64, top [hashSize]byte) [hashSize]byte {
	var buf [len(rootDomain) + 8 + hashSize]byte
	n := copy(buf[:], rootDomain)
	binary.BigEndian.PutUint64(buf[n:], count)
	copy(buf[n+8:], top[:])
	return sha256.Sum256(buf[:])
}

// bitOf returns the bit of an image at a position counted from the highest bit of its first byte.
func bitOf(image [hashSize]byte, bit uint8) int {
	return int(image[bit>>3]>>(7-bit&7)) & 1
}

func firstDifference(a, b [hashSize]byte) (bit uint8, differs bool) {
	for i := range a {
		if x := a[i] ^ b[i]; x != 0 {
			return uint8(i*8 + bits.LeadingZeros8(x)), true //nolint:gosec // below 256
		}
	}
	return 0, false
}
