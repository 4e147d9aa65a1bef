// Package evidence is the hospital's append-only Merkle log: the entries that
// the store keeps, hashed as RFC 6962 says, and sealed on the ledger at each
// beat, so that nobody, not even the hospital, can change or drop one later
// without being seen.
//
// A Journal writes and opens entries. The Log hashes them and proves: that an
// entry is in it (Inclusion), and that it only grew (Consistency). A Beat seals
// its root. Scrub reads everything again and names the first thing that is not
// as it was.
//
// # Trust
//
// What the Log serves to strangers, tiles and leaf data, is blinded: it tells
// how many events there were and when they were sealed, and nothing about any.
// A forger who edits entries, leaves or tiles cannot make the root that stands
// on the ledger come out of them again.
package evidence

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"cairn/node/fault"
	"cairn/node/store"
)

// Log is the Merkle tree over the store's entries. Its methods are safe for
// concurrent use.
type Log struct {
	store *store.Store

	extending sync.Mutex // one Extend at a time
	mu        sync.RWMutex
	edge      edge
	tiles     tileCache
}

// extendChunk is how many entries are hashed between two writes of full tiles.
const extendChunk = 1 << 16

// Open builds the log's right edge from the store's tiles and entries, and
// catches up with entries that were committed but not yet hashed.
func Open(ctx context.Context, st *store.Store) (*Log, error) {
	l := &Log{store: st, tiles: tileCache{held: map[tileKey][]byte{}}}
	err := st.View(ctx, func(v *store.View) (err error) {
		l.edge, err = loadEdge(v)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	if _, _, err := l.Extend(ctx); err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	return l, nil
}

// loadEdge makes the edge as it was after the last full tile of level 0.
func loadEdge(v *store.View) (edge, error) {
	full, err := v.CountTiles(0)
	if err != nil {
		return edge{}, err
	}
	e := edge{size: full * tileWidth}
	for level, below := 0, full; below > 0; level++ {
		e.levels = append(e.levels, make([][32]byte, 0, tileWidth))
		if level == 0 {
			continue
		}
		for n := below / tileWidth * tileWidth; n < below; n++ {
			data, err := v.Tile(level-1, n)
			if err != nil {
				return edge{}, err
			}
			e.levels[level] = append(e.levels[level], perfect(unflatten(data)))
		}
		below /= tileWidth
	}
	return e, nil
}

// Size returns the number of committed entries, hashed or not, as far as this
// process knows.
func (l *Log) Size() uint64 {
	hashed, _ := l.Hashed()
	return max(l.store.Size(), hashed)
}

// Hashed returns the number of entries that the last Extend reached, and the
// root over them.
func (l *Log) Hashed() (size uint64, root [32]byte) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.edge.size, l.edge.root()
}

// Extend hashes the entries committed since the last call, stores the tiles
// that became full, and returns the size and root of the log as it then is.
// When it fails the log is as it was before.
func (l *Log) Extend(ctx context.Context) (size uint64, root [32]byte, err error) {
	l.extending.Lock()
	defer l.extending.Unlock()
	for more := true; more && err == nil; {
		more, err = l.extendBy(ctx, extendChunk)
	}
	if err != nil {
		return 0, root, err
	}
	size, root = l.Hashed()
	return size, root, nil
}

// extendBy hashes at most limit entries and reports whether there may be more.
func (l *Log) extendBy(ctx context.Context, limit uint64) (more bool, err error) {
	from := l.edge.size // only Extend writes it
	var leaves [][32]byte
	err = l.store.View(ctx, func(v *store.View) error {
		size, err := v.Size() // another process may have written too
		if err == nil {
			leaves, err = v.Leaves(from, min(size, from+limit))
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("hashing the log: %w", err)
	}
	if len(leaves) == 0 {
		return false, nil
	}
	next := l.edge.clone()
	var full []fullTile
	for _, leaf := range leaves {
		next.add(leaf, func(t fullTile) { full = append(full, t) })
	}
	if err := l.keep(ctx, full); err != nil {
		return false, fmt.Errorf("storing tiles of the log: %w", err)
	}
	l.mu.Lock()
	l.edge = next
	l.mu.Unlock()
	return uint64(len(leaves)) == limit, nil
}

func (l *Log) keep(ctx context.Context, full []fullTile) error {
	if len(full) == 0 {
		return nil
	}
	return l.store.Update(ctx, func(tx *store.Tx) error {
		for _, t := range full {
			if err := tx.PutTile(t.level, t.n, t.data); err != nil {
				return err
			}
		}
		return nil
	})
}

// Root returns the root of the first size entries.
func (l *Log) Root(size uint64) ([32]byte, error) {
	if now, root := l.Hashed(); size == now {
		return root, nil
	}
	if err := l.reaches(size); err != nil {
		return [32]byte{}, err
	}
	if size == 0 {
		return (&edge{}).root(), nil
	}
	return tlog.TreeHash(int64(size), l.reader())
}

// Inclusion returns the RFC 6962 2.1.1 path of the entry at index in the tree of
// the first size entries.
func (l *Log) Inclusion(index, size uint64) ([][32]byte, error) {
	if err := l.reaches(size); err != nil {
		return nil, err
	}
	if index >= size {
		return nil, beyond(index+1, size)
	}
	path, err := tlog.ProveRecord(int64(size), int64(index), l.reader())
	return plain(path), err
}

// Consistency returns the RFC 6962 2.1.2 proof that the tree of the first to
// entries goes on from that of the first from. It is empty when from is 0 or to.
func (l *Log) Consistency(from, to uint64) ([][32]byte, error) {
	if err := l.reaches(to); err != nil {
		return nil, err
	}
	if from > to {
		return nil, beyond(from, to)
	}
	if from == 0 || from == to {
		return nil, nil
	}
	path, err := tlog.ProveTree(int64(to), int64(from), l.reader())
	return plain(path), err
}

func plain[P ~[]tlog.Hash](path P) [][32]byte {
	out := make([][32]byte, len(path))
	for i, h := range path {
		out[i] = h
	}
	return out
}

// reaches refuses a size beyond what was hashed. What another process has hashed
// and sealed is hashed here first.
func (l *Log) reaches(size uint64) error {
	if hashed, _ := l.Hashed(); size > hashed && l.store.Shared() {
		if _, _, err := l.Extend(context.Background()); err != nil {
			return err
		}
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if size > l.edge.size {
		return beyond(size, l.edge.size)
	}
	return nil
}

func beyond(asked, have uint64) error {
	return fault.New(fault.NotFound, "evidence.beyond",
		fmt.Sprintf("The log has %d entries at that point, and %d were asked for.", have, asked))
}

// Tile returns the first width hashes of a tile: C2SP tlog-tiles, width 256 for
// a full one. A tile or a width that the log has not reached is NotFound.
func (l *Log) Tile(level int, n uint64, width int) ([]byte, error) {
	if level < 0 || level >= 64/tileHeight || width < 1 || width > tileWidth {
		return nil, noTile()
	}
	l.mu.RLock()
	reached := l.edge.size >> (tileHeight * level)
	var part [][32]byte
	if level < len(l.edge.levels) && n == reached/tileWidth {
		part = l.edge.levels[level]
	}
	l.mu.RUnlock() // the edge's hashes are replaced, never changed
	switch {
	case n > reached/tileWidth:
		return nil, noTile()
	case n == reached/tileWidth && len(part) < width:
		return nil, noTile()
	case n == reached/tileWidth:
		return flatten(part[:width]), nil
	}
	data, err := l.fullTile(tileKey{level, n})
	if err != nil {
		return nil, err
	}
	return data[: width*32 : width*32], nil
}

func noTile() error {
	return fault.New(fault.NotFound, "evidence.no-tile", "The log has no such tile.")
}

// reader reads hashes of the tree out of tiles, for package tlog.
func (l *Log) reader() tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			t := tlog.TileForIndex(tileHeight, index)
			data, err := l.Tile(t.L, uint64(t.N), t.W)
			if err != nil {
				return nil, lostTile(t, err)
			}
			if out[i], err = tlog.HashFromTile(t, data, index); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
}

// lostTile says that a tile below a proof is not there, which is not the fault
// of whoever asked.
func lostTile(t tlog.Tile, err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Kind != fault.NotFound {
		return err
	}
	return fault.Wrap(fault.Broken, "evidence.tile-lost",
		fmt.Sprintf("Tile %d/%d of the log is missing.", t.L, t.N), err).WithHint("Run `cairn scrub`.")
}

type tileKey struct {
	level int
	n     uint64
}

// tileCache holds some full tiles, which never change.
type tileCache struct {
	mu   sync.Mutex
	held map[tileKey][]byte
}

const tilesHeld = 64 // half a megabyte

func (l *Log) fullTile(k tileKey) ([]byte, error) {
	l.tiles.mu.Lock()
	data, ok := l.tiles.held[k]
	l.tiles.mu.Unlock()
	if ok {
		return data, nil
	}
	err := l.store.View(context.Background(), func(v *store.View) (err error) {
		data, err = v.Tile(k.level, k.n)
		return err
	})
	if err != nil {
		return nil, err
	}
	l.tiles.mu.Lock()
	defer l.tiles.mu.Unlock()
	if len(l.tiles.held) >= tilesHeld {
		for old := range l.tiles.held {
			delete(l.tiles.held, old)
			break
		}
	}
	l.tiles.held[k] = data
	return data, nil
}
