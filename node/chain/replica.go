package chain

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"cairn/ledger/calendar"
	"cairn/ledger/machine"
	"cairn/node/fault"
)

const (
	genesisFile = "genesis"
	booksFile   = "books"
	booksEvery  = 1024 // blocks between two writings of the books while the node runs
)

// replica is this node's own copy of the books, following the blocks. It may be read by many at once; only the consensus
// connection writes.
type replica struct {
	dir string

	mu       sync.RWMutex
	machine  *machine.Machine
	calendar *leaves
	changed  chan struct{} // closed and replaced after each block

	written uint64 // height of the books on disk; used by the consensus connection and by close
}

// openReplica reads the books that were last written, or begins with the genesis when there are none. The directory holds
// this many blocks.
func openReplica(dir string, genesis machine.Genesis, blocks uint64) (*replica, error) {
	if err := keepGenesis(dir, genesis, blocks); err != nil {
		return nil, err
	}
	m, err := readBooks(dir, genesis)
	if err != nil {
		return nil, err
	}
	if m.Height() > blocks {
		return nil, fault.New(fault.Broken, "chain.blocks-missing",
			fmt.Sprintf("The books in the ledger's directory are at height %d and the blocks end at %d.", m.Height(), blocks)).
			WithHint("Blocks were lost or put back from an older copy. Keep the directory, and begin with an empty one.")
	}
	m.BooksRoot() // brings every hash up to date, so that reading changes nothing
	_, _, _, book := m.Books()
	calendar, err := openLeaves(dir, book.Size(), book.Root())
	if err != nil {
		return nil, err
	}
	return &replica{dir: dir, machine: m, calendar: calendar, changed: make(chan struct{}), written: m.Height()}, nil
}

// keepGenesis writes the genesis of a new directory and compares that of an old one.
func keepGenesis(dir string, genesis machine.Genesis, blocks uint64) error {
	path := filepath.Join(dir, genesisFile)
	raw, err := os.ReadFile(path) //nolint:gosec // a fixed name in our own directory
	if errors.Is(err, fs.ErrNotExist) {
		if blocks > 0 {
			return missing(genesisFile)
		}
		return writeWhole(path, genesis.Encode())
	}
	if err != nil {
		return fmt.Errorf("reading the genesis on disk: %w", err)
	}
	kept, err := machine.DecodeGenesis(raw)
	if err != nil {
		return fault.Wrap(fault.Broken, "chain.genesis-damaged", "The genesis file in the ledger's directory is damaged.", err)
	}
	if kept.ID() != genesis.ID() {
		return fault.New(fault.Conflict, "chain.other-genesis",
			fmt.Sprintf("The ledger's directory belongs to network %q (%x), not to %q (%x).",
				kept.Name, shortID(kept), genesis.Name, shortID(genesis))).
			WithHint("Give this network a directory of its own.")
	}
	return nil
}

func missing(file string) error {
	return fault.New(fault.Broken, "chain.file-missing",
		fmt.Sprintf("The ledger's directory holds blocks, but its file %s is missing.", file)).
		WithHint("Do not put back an older copy. Begin with an empty directory: the blocks come from the other members.")
}

func shortID(g machine.Genesis) []byte {
	id := g.ID()
	return id[:8]
}

func readBooks(dir string, genesis machine.Genesis) (*machine.Machine, error) {
	file, err := os.Open(filepath.Join(dir, booksFile)) //nolint:gosec // a fixed name in our own directory
	if errors.Is(err, fs.ErrNotExist) {
		return machine.New(genesis)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the books: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	m, err := machine.Import(file)
	if err == nil && m.Network() != genesis.ID() {
		err = errors.New("they are those of another network")
	}
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "chain.books-damaged", "The books file in the ledger's directory is damaged.", err).
			WithHint("Keep a copy of it for whoever looks into this, then remove it: it is made again from the blocks.")
	}
	return m, nil
}

// apply runs a block. After an error the replica is of no use: the block is decided, and this node does not hold it.
func (r *replica) apply(b machine.Block) (machine.Outcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.machine.Apply(b)
	if out.Leaf != nil {
		if err := r.calendar.append(*out.Leaf); err != nil {
			return out, fmt.Errorf("writing the calendar leaf of block %d: %w", b.Height, err)
		}
	}
	close(r.changed)
	r.changed = make(chan struct{})
	return out, nil
}

// keep writes the books when they are far enough ahead of those on disk.
func (r *replica) keep(every uint64) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	height := r.machine.Height()
	if height < r.written+every || height == r.written {
		return nil
	}
	if err := r.calendar.sync(); err != nil {
		return fmt.Errorf("syncing the calendar: %w", err)
	}
	if err := writeAtomic(filepath.Join(r.dir, booksFile), r.machine.Export); err != nil {
		return fmt.Errorf("writing the books: %w", err)
	}
	r.written = height
	return nil
}

// close writes the books, so that the next start has nothing to make up, and lets go of the files.
func (r *replica) close() error {
	return errors.Join(r.keep(0), r.calendar.close())
}

func (r *replica) height() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.machine.Height()
}

func (r *replica) check(tx []byte) machine.Code {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.machine.Check(tx)
}

func (r *replica) wait() <-chan struct{} {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.changed
}

// lastLeaf returns the latest leaf and its index. The caller holds the lock.
func (r *replica) lastLeaf() (leaf calendar.Leaf, index uint64, found bool) {
	_, _, _, book := r.machine.Books()
	leaf, found = book.Last()
	return leaf, book.Size() - 1, found
}
