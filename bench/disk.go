package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/util"

	"cairn/demo"
)

// disk is the parts of a ledger's directory, in bytes.
type disk struct {
	blocks   int64 // blocks and the signatures under them
	state    int64 // what CometBFT keeps beside them, and the books
	calendar int64 // leaves and their tree
	wal      int64 // messages of the running height: bounded
}

// lasting is what stays: all but the WAL.
func (d disk) lasting() int64 { return d.blocks + d.state + d.calendar }

func (d disk) minus(o disk) disk {
	return disk{d.blocks - o.blocks, d.state - o.state, d.calendar - o.calendar, d.wal - o.wal}
}

func ledgerDir(h *demo.Hospital) string { return filepath.Join(h.Dir, "data", "ledger") }

// measureDisk adds up the files below a ledger's directory. Files that go away
// meanwhile, because a database tidies up, do not count.
func measureDisk(dir string) (d disk, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		d.add(rel, info.Size())
		return nil
	})
	return d, err
}

// add counts a file by the folder or file of node/chain that it belongs to.
func (d *disk) add(path string, size int64) {
	switch part, _, _ := strings.Cut(filepath.ToSlash(path), "/"); part {
	case "blockstore.db":
		d.blocks += size
	case "leaves", "nodes":
		d.calendar += size
	case "wal":
		d.wal += size
	default:
		d.state += size
	}
}

// compactDisk measures a copy of a ledger's directory in which the databases
// were compacted: what they have not tidied up yet, up to a few megabytes at any
// time, would hide what a short run adds. Nobody may have the directory open.
func compactDisk(dir, to string) (d disk, err error) {
	defer func() { err = errors.Join(err, os.RemoveAll(to)) }()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		return d, fmt.Errorf("copying the ledger: %w", err)
	}
	databases, err := filepath.Glob(filepath.Join(to, "*.db"))
	if err != nil {
		return d, err
	}
	for _, path := range databases {
		for range 2 { // what the first round makes superfluous goes when the second opens
			if err := compact(path); err != nil {
				return d, fmt.Errorf("compacting a copy of %s: %w", filepath.Base(path), err)
			}
		}
	}
	return measureDisk(to)
}

func compact(path string) error {
	db, err := leveldb.OpenFile(path, nil)
	if err != nil {
		return err
	}
	return errors.Join(db.CompactRange(util.Range{}), db.Close())
}
