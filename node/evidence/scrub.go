package evidence

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"cairn/ledger/seal"
	"cairn/node/fault"
	"cairn/node/store"
)

// Scrub says what Log.Scrub compares the log with.
type Scrub struct {
	// Sealed is the latest seal on the ledger; the zero Entry means none.
	Sealed seal.Entry
	// Entry checks one entry on its own: that its sealed body opens and is what
	// its leaf says. Journal.Open does; nil means that only leaves are checked.
	Entry func(*store.Entry) error
	// Progress is called now and then; nil means not at all.
	Progress func(done, total uint64)
}

const scrubChunk = 2048

// Scrub reads every entry and every tile again, hashes the whole log anew, and
// compares: each entry with itself, each leaf with its tile, each tile with the
// tiles below it, the root with the one that this Log holds and with the one on
// the ledger. It returns what is wrong first, as a fault that names the entry or
// tile; the error of a store that cannot be read; or nil. It holds no lock, and
// entries written meanwhile are left for the next time.
func (l *Log) Scrub(ctx context.Context, what Scrub) error {
	size, root, err := l.Extend(ctx)
	if err != nil {
		return err
	}
	s := scrubber{what: what, log: l, size: size}
	for s.edge.size < size {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("scrubbing the log: %w", err)
		}
		if err := l.store.View(ctx, s.chunk); err != nil {
			return err
		}
		if what.Progress != nil {
			what.Progress(s.edge.size, size)
		}
	}
	if got := s.edge.root(); got != root {
		return wrong("root", "The log does not hash to the root that it had when the node started.")
	}
	if err := l.Follows(what.Sealed); err != nil {
		return err
	}
	return l.store.View(ctx, s.noMore)
}

// scrubber is the state of one scrub: a tree that is built anew.
type scrubber struct {
	what Scrub
	log  *Log
	size uint64
	edge edge
	tile []byte // the stored tile of level 0 that the next entry is in
}

var errEnough = errors.New("enough for one view")

// chunk goes through the next entries within one view.
func (s *scrubber) chunk(v *store.View) error {
	end := min(s.size, s.edge.size+scrubChunk)
	err := v.EachEntry(s.edge.size, func(e *store.Entry) error {
		if s.edge.size == end {
			return errEnough
		}
		return s.entry(v, e)
	})
	if err == nil && s.edge.size < end {
		err = lostEntry(s.edge.size)
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func lostEntry(index uint64) error {
	return wrong("entry-lost", fmt.Sprintf("Entry %d of the log is missing.", index))
}

func (s *scrubber) entry(v *store.View, e *store.Entry) error {
	index := s.edge.size
	if e.Index != index {
		return lostEntry(index)
	}
	if s.what.Entry != nil {
		if err := s.what.Entry(e); err != nil {
			return err
		}
	}
	if index%tileWidth == 0 {
		if err := s.nextTile(v, index/tileWidth); err != nil {
			return err
		}
	}
	hash := tlog.RecordHash(e.Leaf[:])
	at := int(index % tileWidth * 32)
	if !bytes.Equal(hash[:], s.tile[at:at+32]) {
		return wrong("entry-altered", fmt.Sprintf("Entry %d of the log was altered: its leaf is not the one that was hashed.", index))
	}
	var err error
	s.edge.add(e.Leaf, func(t fullTile) {
		if err == nil && t.level > 0 {
			err = compareTile(v, t)
		}
	})
	return err
}

// nextTile reads the stored hashes that the entries of a tile are compared
// with: of the last one, which is not full, what this process holds.
func (s *scrubber) nextTile(v *store.View, n uint64) (err error) {
	if n < s.size/tileWidth {
		s.tile, err = v.Tile(0, n)
	} else {
		s.tile, err = s.log.Tile(0, n, int(s.size%tileWidth))
	}
	return noTileIs(0, n, err)
}

func compareTile(v *store.View, t fullTile) error {
	stored, err := v.Tile(t.level, t.n)
	if err != nil {
		return noTileIs(t.level, t.n, err)
	}
	if !bytes.Equal(stored, t.data) {
		return wrong("tile-altered", fmt.Sprintf("Tile %d/%d of the log was altered.", t.level, t.n))
	}
	return nil
}

func noTileIs(level int, n uint64, err error) error {
	if fault.Is(err, fault.NotFound) {
		return wrong("tile-lost", fmt.Sprintf("Tile %d/%d of the log is missing.", level, n))
	}
	return err
}

// noMore checks that the store has no tile beyond the log.
func (s *scrubber) noMore(v *store.View) error {
	size, err := v.Size()
	if err != nil {
		return err
	}
	for level := range 64 / tileHeight {
		have, err := v.CountTiles(level)
		if err != nil {
			return err
		}
		// Others may extend the log meanwhile, but not beyond the store.
		if full := size >> (tileHeight * (level + 1)); have > full {
			return wrong("tile-extra", fmt.Sprintf("The store has %d tiles of level %d, and the log only %d.", have, level, full))
		}
	}
	return nil
}

func wrong(code, text string) error {
	return fault.New(fault.Broken, "evidence."+code, text).
		WithHint("Keep a copy of the data directory as evidence before anything else is done with it.")
}
