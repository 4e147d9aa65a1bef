package evidence

import (
	"crypto/sha256"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Tiles are those of C2SP tlog-tiles: 256 hashes, the tile at (level, n) holding
// the hashes at tree level 8*level from n*256 on.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// edge is the right edge of the tree: at each tile level the hashes of the
// tile that is not full. It is enough for the root and to go on.
type edge struct {
	size   uint64
	levels [][][32]byte // each shorter than tileWidth
}

// fullTile is a tile that became full.
type fullTile struct {
	level int
	n     uint64
	data  []byte
}

func (e *edge) clone() edge {
	c := edge{size: e.size, levels: make([][][32]byte, len(e.levels))}
	for i, hashes := range e.levels {
		c.levels[i] = slices.Clone(hashes)
	}
	return c
}

// add appends an entry by its leaf data and hands over the tiles that it filled.
func (e *edge) add(leaf [32]byte, full func(fullTile)) {
	hash := [32]byte(tlog.RecordHash(leaf[:]))
	e.size++
	for level := 0; ; level++ {
		if level == len(e.levels) {
			e.levels = append(e.levels, make([][32]byte, 0, tileWidth))
		}
		e.levels[level] = append(e.levels[level], hash)
		if len(e.levels[level]) < tileWidth {
			return
		}
		n := e.size>>(tileHeight*(level+1)) - 1
		full(fullTile{level, n, flatten(e.levels[level])})
		hash = perfect(e.levels[level])
		e.levels[level] = e.levels[level][:0]
	}
}

func flatten(hashes [][32]byte) []byte {
	data := make([]byte, 0, len(hashes)*32)
	for i := range hashes {
		data = append(data, hashes[i][:]...)
	}
	return data
}

func unflatten(data []byte) [][32]byte {
	hashes := make([][32]byte, len(data)/32)
	for i := range hashes {
		hashes[i] = [32]byte(data[32*i:])
	}
	return hashes
}

// perfect returns the root of a perfect subtree over a power of two of hashes.
func perfect(hashes [][32]byte) [32]byte {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := len(hashes) / 2
	return tlog.NodeHash(perfect(hashes[:half]), perfect(hashes[half:]))
}

// root returns the RFC 6962 2.1 root of the whole tree; that of the empty one
// is SHA-256 of nothing.
func (e *edge) root() [32]byte {
	if e.size == 0 {
		return sha256.Sum256(nil)
	}
	var root [32]byte
	found := false
	for _, hashes := range e.levels {
		for end := len(hashes); end > 0; { // the perfect subtrees, smallest and rightmost first
			width := end & -end
			sub := perfect(hashes[end-width : end])
			if found {
				sub = tlog.NodeHash(sub, root)
			}
			root, found = sub, true
			end -= width
		}
	}
	return root
}
