package slip

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// MaxLeaves is the greatest number of slips in one consent.
const MaxLeaves = 1 << 16

// Leaf is a slip's blinded hash in the tree. It is a type of its own so that a
// Commitment, which stands on the ledger, cannot be put into a tree by mistake:
// that would tell each custodian the others' marks.
type Leaf [32]byte

// ErrPath is what is wrong with a path that does not lead to the root.
var ErrPath = errors.New("slip: the path does not lead from the slip to what was signed")

const (
	rootDomain = "cairn/slip/root/v1\x00"
	nodeDomain = "cairn/slip/node/v1\x00"
	edgeDomain = "cairn/slip/edge/v1\x00"
)

// Root returns what the patient signs: the hash of the number of leaves and of
// the top of the Merkle tree over them, shaped as in RFC 6962 2.1, with domains
// of its own for leaves, nodes and the root.
func Root(leaves []Leaf) [32]byte {
	return crown(uint32(len(leaves)), top(leaves)) //nolint:gosec // PathOf and VerifyPath keep MaxLeaves
}

func crown(size uint32, top [32]byte) [32]byte {
	b := binary.BigEndian.AppendUint32([]byte(rootDomain), size)
	return sha256.Sum256(append(b, top[:]...))
}

func edge(l Leaf) [32]byte { return sha256.Sum256(append([]byte(edgeDomain), l[:]...)) }

func join(left, right [32]byte) [32]byte {
	b := append([]byte(nodeDomain), left[:]...)
	return sha256.Sum256(append(b, right[:]...))
}

func top(leaves []Leaf) [32]byte {
	switch len(leaves) {
	case 0:
		return [32]byte{}
	case 1:
		return edge(leaves[0])
	}
	k := split(len(leaves))
	return join(top(leaves[:k]), top(leaves[k:]))
}

// split returns the largest power of two below n.
func split(n int) int {
	k := 1
	for k*2 < n {
		k *= 2
	}
	return k
}

// Path leads from one leaf to the root.
type Path struct {
	Index, Size uint32     // which leaf, of how many
	Hashes      [][32]byte // from the leaf upwards
}

// PathOf returns the path of the leaf at an index.
func PathOf(leaves []Leaf, index int) (Path, error) {
	if index < 0 || index >= len(leaves) || len(leaves) > MaxLeaves {
		return Path{}, fmt.Errorf("slip: no leaf %d among %d", index, len(leaves))
	}
	return Path{uint32(index), uint32(len(leaves)), climb(leaves, index)}, nil //nolint:gosec // bounded above
}

func climb(leaves []Leaf, index int) [][32]byte {
	if len(leaves) <= 1 {
		return nil
	}
	k := split(len(leaves))
	if index < k {
		return append(climb(leaves[:k], index), top(leaves[k:]))
	}
	return append(climb(leaves[k:], index-k), top(leaves[:k]))
}

// Root returns the root to which the path leads from the leaf. A path that does
// not have exactly the form for its index and size is ErrPath.
func (p Path) Root(leaf Leaf) ([32]byte, error) {
	if p.Index >= p.Size || p.Size > MaxLeaves {
		return [32]byte{}, ErrPath
	}
	h := edge(leaf)
	index, last := p.Index, p.Size-1
	for _, sibling := range p.Hashes {
		if last == 0 {
			return [32]byte{}, ErrPath
		}
		if index&1 == 1 || index == last {
			h = join(sibling, h)
			for index&1 == 0 && index != 0 {
				index, last = index>>1, last>>1
			}
		} else {
			h = join(h, sibling)
		}
		index, last = index>>1, last>>1
	}
	if last != 0 {
		return [32]byte{}, ErrPath
	}
	return crown(p.Size, h), nil
}

// VerifyPath checks that the path leads from the leaf to the root.
func VerifyPath(root [32]byte, leaf Leaf, p Path) error {
	got, err := p.Root(leaf)
	if err != nil {
		return err
	}
	if got != root {
		return ErrPath
	}
	return nil
}

// Encode returns the one encoding of the path: index, size and number of hashes
// as 4 bytes each, then the hashes.
func (p Path) Encode() []byte {
	out := binary.BigEndian.AppendUint32(nil, p.Index)
	out = binary.BigEndian.AppendUint32(out, p.Size)
	out = binary.BigEndian.AppendUint32(out, uint32(len(p.Hashes))) //nolint:gosec // at most 17
	for _, h := range p.Hashes {
		out = append(out, h[:]...)
	}
	return out
}

// DecodePath reads exactly what Encode gives.
func DecodePath(b []byte) (Path, error) {
	r := reader{rest: b}
	p := Path{Index: r.uint32(), Size: r.uint32()}
	n := r.uint32()
	if n > 16 {
		r.refuse(ErrLong)
	}
	for i := uint32(0); i < n && r.err == nil; i++ {
		p.Hashes = append(p.Hashes, r.hash())
	}
	if len(r.rest) > 0 {
		r.refuse(ErrTrailing)
	}
	if p.Index >= p.Size || p.Size > MaxLeaves {
		r.refuse(ErrForm)
	}
	if r.err != nil {
		return Path{}, r.err
	}
	return p, nil
}
