package chain

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"cairn/ledger/calendar"
	"cairn/node/fault"
)

const (
	leavesFile = "leaves"
	nodesFile  = "nodes"
	leafSize   = 8 + 8 + 32 // height, time, root of the books
	nodeSize   = 32
)

// leaves is the calendar on disk: the leaves, and the hashes of the tree over them in the order of tlog.StoredHashIndex,
// so that a proof costs a few small reads. Both files are only appended to; what lies beyond the size is nothing. It is
// written under the replica's lock and may be read by many at once.
type leaves struct {
	rows, nodes *os.File
	size        int64
}

// openLeaves opens the calendar of a machine that has so many leaves under this root, and cuts off what a crash left
// beyond them.
func openLeaves(dir string, size uint64, root [32]byte) (*leaves, error) {
	l := &leaves{size: int64(size)} //nolint:gosec // at most calendar.MaxSize
	var err error
	if l.rows, err = openRows(filepath.Join(dir, leavesFile), l.size*leafSize); err != nil {
		return nil, err
	}
	if l.nodes, err = openRows(filepath.Join(dir, nodesFile), tlog.StoredHashCount(l.size)*nodeSize); err != nil {
		return nil, errors.Join(err, l.rows.Close())
	}
	stored, err := l.root(l.size)
	if err == nil && stored != root {
		err = errors.New("its root is not the one of the books")
	}
	if err != nil {
		return nil, errors.Join(calendarDamaged(err), l.close())
	}
	return l, nil
}

func openRows(path string, size int64) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // our own directory
	if err != nil {
		return nil, fmt.Errorf("opening the calendar: %w", err)
	}
	info, err := file.Stat()
	if err == nil && info.Size() < size {
		err = calendarDamaged(fmt.Errorf("%s has %d bytes and the books need %d", filepath.Base(path), info.Size(), size))
	}
	if err == nil {
		err = file.Truncate(size)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func calendarDamaged(err error) error {
	return fault.Wrap(fault.Broken, "chain.calendar-damaged", "The calendar in the ledger's directory is damaged.", err).
		WithHint("Keep copies of books, leaves and nodes for whoever looks into this, then remove them: they are made again from the blocks.")
}

func (l *leaves) append(leaf calendar.Leaf) error {
	hashes, err := tlog.StoredHashesForRecordHash(l.size, leaf.Hash(), l)
	if err != nil {
		return err
	}
	if _, err := l.rows.WriteAt(encodeRow(leaf), l.size*leafSize); err != nil {
		return err
	}
	out := make([]byte, 0, len(hashes)*nodeSize)
	for _, h := range hashes {
		out = append(out, h[:]...)
	}
	if _, err := l.nodes.WriteAt(out, tlog.StoredHashCount(l.size)*nodeSize); err != nil {
		return err
	}
	l.size++
	return nil
}

func encodeRow(leaf calendar.Leaf) []byte {
	row := binary.BigEndian.AppendUint64(make([]byte, 0, leafSize), leaf.Height)
	row = binary.BigEndian.AppendUint64(row, uint64(leaf.Time)) //nolint:gosec // the bit pattern is the encoding
	return append(row, leaf.Books[:]...)
}

// leaf reads the leaf at an index below the size.
func (l *leaves) leaf(index uint64) (calendar.Leaf, error) {
	var row [leafSize]byte
	if _, err := l.rows.ReadAt(row[:], int64(index)*leafSize); err != nil { //nolint:gosec // below the size
		return calendar.Leaf{}, fmt.Errorf("reading calendar leaf %d: %w", index, err)
	}
	leaf := calendar.Leaf{
		Height: binary.BigEndian.Uint64(row[:8]),
		Time:   int64(binary.BigEndian.Uint64(row[8:16])), //nolint:gosec // the bit pattern is the encoding
	}
	copy(leaf.Books[:], row[16:])
	return leaf, nil
}

// ReadHashes reads stored hashes by their index, as tlog.HashReader asks for them.
func (l *leaves) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if _, err := l.nodes.ReadAt(list[i][:], index*nodeSize); err != nil {
			return nil, fmt.Errorf("reading calendar node %d: %w", index, err)
		}
	}
	return list, nil
}

// root returns the root of the first size leaves.
func (l *leaves) root(size int64) ([32]byte, error) {
	return tlog.TreeHash(size, l)
}

// path returns the RFC 6962 2.1.1 path of a leaf in the tree of the first size leaves, after checking it.
func (l *leaves) path(index, size int64) ([][32]byte, error) {
	proof, err := tlog.ProveRecord(size, index, l)
	if err != nil {
		return nil, err
	}
	root, err := l.root(size)
	if err != nil {
		return nil, err
	}
	leaf, err := l.leaf(uint64(index)) //nolint:gosec // not negative
	if err != nil {
		return nil, err
	}
	if err := tlog.CheckRecord(proof, size, root, index, leaf.Hash()); err != nil {
		return nil, calendarDamaged(err)
	}
	return hashes(proof), nil
}

// consistency returns the RFC 6962 2.1.2 proof between two sizes.
func (l *leaves) consistency(from, to int64) ([][32]byte, error) {
	proof, err := tlog.ProveTree(to, from, l)
	if err != nil {
		return nil, err
	}
	return hashes(proof), nil
}

func hashes(proof []tlog.Hash) [][32]byte {
	list := make([][32]byte, len(proof))
	for i, h := range proof {
		list[i] = h
	}
	return list
}

func (l *leaves) sync() error {
	return errors.Join(l.rows.Sync(), l.nodes.Sync())
}

func (l *leaves) close() error {
	return errors.Join(l.rows.Close(), l.nodes.Close())
}
