// Package roll is the Merkle tree over a short ordered list, under a root that binds what the list is and how long it
// is. The books of members and of seals are rolls: a few lines per organisation, any of which can be shown to a
// stranger with its path.
//
// The tree is that of RFC 6962 2.1 (leaf and node prefixes, largest power of two to the left); the root is
// SHA-256(domain || 64-bit length || tree hash). The length of an RFC 6962 tree is not part of its hash, hence the
// wrapping.
package roll

import (
	"crypto/sha256"
	"errors"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"cairn/ledger/wire"
)

// MaxPath is the largest number of hashes in a path. A roll has at most 2^MaxPath lines.
const MaxPath = 32

// ErrPath says that a path does not lead from a line to a root.
var ErrPath = errors.New("roll: the path does not lead to the root")

// Roll is a list of leaf hashes and the tree over them. It keeps every level of the tree, so that a line that changes
// costs one hash per level. It is not safe for concurrent use, but once Root was called, and until the next Insert or Set, it
// is only read.
type Roll struct {
	domain string
	leaves [][32]byte
	above  [][][32]byte // above[k] is the level k+1; the top has one hash
	stale  bool         // the levels above do not fit the leaves
}

// New returns an empty roll of the kind that domain names.
func New(domain string) *Roll { return &Roll{domain: domain} }

// Len returns the number of lines.
func (r *Roll) Len() int { return len(r.leaves) }

// Insert puts a line at position i and moves those from i on by one. The line is the encoding whose hash the leaf is.
func (r *Roll) Insert(i int, line []byte) {
	r.leaves = slices.Insert(r.leaves, i, [32]byte(tlog.RecordHash(line)))
	r.stale = true
}

// Set replaces the line at position i.
func (r *Roll) Set(i int, line []byte) {
	r.leaves[i] = tlog.RecordHash(line)
	if r.stale {
		return
	}
	level := r.leaves
	for _, up := range r.above {
		i /= 2
		up[i] = join(level, i)
		level = up
	}
}

// Root returns the root of the roll.
func (r *Roll) Root() [32]byte {
	r.build()
	top := r.leaves
	if len(r.above) > 0 {
		top = r.above[len(r.above)-1]
	}
	if len(top) == 0 {
		return wrap(r.domain, 0, sha256.Sum256(nil))
	}
	return wrap(r.domain, uint64(len(r.leaves)), top[0])
}

// Prove returns the path of the line at position i, which must exist.
func (r *Roll) Prove(i int) Proof {
	r.build()
	p := Proof{Index: uint64(i), Size: uint64(len(r.leaves))} //nolint:gosec // positions are not negative
	level := r.leaves
	for _, up := range r.above {
		if sibling := i ^ 1; sibling < len(level) {
			p.Path = append(p.Path, level[sibling])
		}
		i /= 2
		level = up
	}
	return p
}

func (r *Roll) build() {
	if !r.stale {
		return
	}
	r.above = r.above[:0]
	for level := r.leaves; len(level) > 1; {
		up := make([][32]byte, (len(level)+1)/2)
		for i := range up {
			up[i] = join(level, i)
		}
		r.above = append(r.above, up)
		level = up
	}
	r.stale = false
}

// join returns the parent at position i of the level above; a hash without a sibling rises as it is.
func join(level [][32]byte, i int) [32]byte {
	if 2*i+1 == len(level) {
		return level[2*i]
	}
	return tlog.NodeHash(level[2*i], level[2*i+1])
}

func wrap(domain string, size uint64, tree [32]byte) [32]byte {
	w := wire.NewWriter(domain)
	w.Uint64(size)
	w.Hash(tree)
	return sha256.Sum256(w.Out())
}

// Proof is the path of one line of a roll. The zero Proof proves nothing.
type Proof struct {
	Index, Size uint64
	Path        [][32]byte
}

// Verify returns nil when the line stands at p.Index in the roll of p.Size lines that has this root.
func (p Proof) Verify(domain string, root [32]byte, line []byte) error {
	if p.Index >= p.Size || p.Size > 1<<MaxPath {
		return ErrPath
	}
	tree, err := climb(tlog.RecordHash(line), p)
	if err != nil {
		return err
	}
	if wrap(domain, p.Size, tree) != root {
		return ErrPath
	}
	return nil
}

func climb(h [32]byte, p Proof) ([32]byte, error) {
	path, index, last := p.Path, p.Index, p.Size-1
	for ; last > 0; index, last = index/2, last/2 {
		if index == last && index%2 == 0 {
			continue
		}
		if len(path) == 0 {
			return h, ErrPath
		}
		if index%2 == 1 {
			h = tlog.NodeHash(path[0], h)
		} else {
			h = tlog.NodeHash(h, path[0])
		}
		path = path[1:]
	}
	if len(path) > 0 {
		return h, ErrPath
	}
	return h, nil
}

// Encode returns the one encoding of the proof.
func (p Proof) Encode() []byte {
	w := new(wire.Writer)
	w.Uint64(p.Index)
	w.Uint64(p.Size)
	w.Hashes(p.Path)
	return w.Out()
}

// Decode reads an encoded proof and refuses every other form.
func Decode(raw []byte) (Proof, error) {
	r := wire.NewReader(raw)
	p := Proof{Index: r.Uint64(), Size: r.Uint64(), Path: r.Hashes(MaxPath)}
	if err := r.Done(); err != nil {
		return Proof{}, err
	}
	return p, nil
}
