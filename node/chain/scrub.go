package chain

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"
	"golang.org/x/mod/sumdb/tlog"

	"cairn/ledger/calendar"
	"cairn/ledger/machine"
	"cairn/ledger/member"
)

// Damage is what Scrub finds: the first place where the disk does not hold what the ledger decided.
type Damage struct {
	Part   string // blocks, books, leaves, nodes or memory
	Height uint64 // of the block at which it was found
	Row    uint64 // of leaves and nodes, counted from 0
	Cause  error
}

// Error names the place.
func (d *Damage) Error() string {
	if d.Part == leavesFile || d.Part == nodesFile {
		return fmt.Sprintf("%s, row %d, at height %d: %v", d.Part, d.Row, d.Height, d.Cause)
	}
	return fmt.Sprintf("%s, height %d: %v", d.Part, d.Height, d.Cause)
}

// Unwrap returns the cause.
func (d *Damage) Unwrap() error { return d.Cause }

// Scrub reads every stored block again, checks its hash, its place and the signatures of more than two thirds of the
// power under it, runs it through a machine that begins at the genesis, and compares the root that the members signed,
// the rows of the calendar, the books on disk and the books in memory. It returns a *Damage that names the first place
// that does not fit. The node may run meanwhile. progress may be nil; it is told how many blocks of how many are done.
//
// What a store still has in memory is read from there: to be sure of the disk, scrub after a start.
func (c *Chain) Scrub(ctx context.Context, progress func(done, total uint64)) error {
	s, err := newScrub(c)
	if err != nil {
		return err
	}
	if progress == nil {
		progress = func(uint64, uint64) {}
	}
	for s.machine.Height() < c.replica.height() {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("scrubbing the ledger: %w", err)
		}
		if err := s.next(); err != nil {
			return err
		}
		progress(s.machine.Height(), c.replica.height())
	}
	return s.end()
}

type scrub struct {
	chain   *Chain
	blocks  *store.BlockStore // of its own: the node's has commits in memory
	machine *machine.Machine  // the blocks up to here are good
	last    types.BlockID
	results []byte // hash of the last block's codes
	size    int64  // leaves that were compared

	voters, before *types.ValidatorSet // of the block that is checked, and of the one before
	book           [32]byte            // root of the member book that the voters are of
	until          uint64              // the next height at which they change, as far as that book knows

	books       *machine.Machine // on disk, nil for none
	booksDigest [32]byte
}

func newScrub(c *Chain) (*scrub, error) {
	base, err := c.bases.get(blockStore)
	if err != nil {
		return nil, err
	}
	m, err := machine.New(c.cfg.Genesis)
	if err != nil {
		return nil, err
	}
	s := &scrub{chain: c, blocks: store.NewBlockStore(base), machine: m, results: types.NewResults(nil).Hash()}
	return s, s.readBooks()
}

// turn has the voters of a height be those by whom blocks are judged. A key is announced so long before it counts that
// the book as of the block before has it.
func (s *scrub) turn(height uint64) {
	members, _, _, _ := s.machine.Books()
	s.before = s.voters
	if root := members.Root(); s.voters == nil || root != s.book || height >= s.until {
		s.book, s.until = root, math.MaxUint64
		var set []*types.Validator
		all := members.All()
		for _, v := range validators(all, height) {
			set = append(set, types.NewValidator(v.PubKey, v.Power))
		}
		for _, m := range all {
			for _, k := range m.Keys {
				if k.Use == member.UseValidator && k.From > height {
					s.until = min(s.until, k.From)
				}
				if k.Use == member.UseValidator && k.Until > height {
					s.until = min(s.until, k.Until)
				}
			}
		}
		s.voters = types.NewValidatorSet(set)
	}
}

// readBooks reads the books on disk as they are at this moment, to compare them when their height is reached.
func (s *scrub) readBooks() error {
	file, err := os.Open(filepath.Join(s.chain.cfg.Dir, booksFile)) //nolint:gosec // a fixed name in our own directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("scrubbing the books: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	digest := sha256.New()
	if s.books, err = machine.Import(io.TeeReader(file, digest)); err != nil {
		return &Damage{Part: booksFile, Cause: err}
	}
	copy(s.booksDigest[:], digest.Sum(nil))
	return nil
}

// next checks the block above the last one.
func (s *scrub) next() (err error) {
	height := s.machine.Height() + 1
	s.turn(height)
	defer func() {
		if r := recover(); r != nil { // the block store panics on what it cannot decode
			err = &Damage{Part: "blocks", Height: height, Cause: errors.New(short(fmt.Sprint(r)))}
		}
	}()
	block, id, err := s.block(int64(height)) //nolint:gosec // CometBFT's heights are int64
	if err != nil {
		return &Damage{Part: "blocks", Height: height, Cause: err}
	}
	out := s.machine.Apply(machine.Block{Height: height, Time: block.Time.UnixMilli(), Txs: block.Txs.ToSliceOfBytes()})
	codes := make([]*abci.ExecTxResult, len(out.Codes))
	for i, code := range out.Codes {
		codes[i] = &abci.ExecTxResult{Code: uint32(code)}
	}
	s.last, s.results = id, types.NewResults(codes).Hash()
	if out.Leaf != nil {
		if err := s.row(*out.Leaf); err != nil {
			return err
		}
	}
	return s.compareBooks()
}

// block reads one block and checks it against the one before and the signatures under it.
func (s *scrub) block(height int64) (*types.Block, types.BlockID, error) {
	meta := s.blocks.LoadBlockMeta(height)
	block := s.blocks.LoadBlock(height)
	if meta == nil || block == nil {
		return nil, types.BlockID{}, errors.New("it is missing")
	}
	parts, err := block.MakePartSet(types.BlockPartSizeBytes)
	if err != nil {
		return nil, types.BlockID{}, err
	}
	id := types.BlockID{Hash: block.Hash(), PartSetHeader: parts.Header()}
	root := s.machine.Root()
	switch {
	case !meta.BlockID.Equals(id) || !bytes.Equal(meta.Header.Hash(), id.Hash):
		err = errors.New("its hash is not the one that is written beside it")
	case block.Height != height || block.ChainID != s.chain.genesis.ChainID:
		err = errors.New("it is a block of another height or ledger")
	case !block.LastBlockID.Equals(s.last):
		err = errors.New("it does not follow the block before it")
	case !bytes.Equal(block.AppHash, root[:]):
		err = fmt.Errorf("the members signed root %x, and the blocks before it give %x", []byte(block.AppHash), root)
	case !bytes.Equal(block.LastResultsHash, s.results):
		err = errors.New("the members signed other codes for the block before it")
	case !bytes.Equal(block.ValidatorsHash, s.voters.Hash()):
		err = errors.New("it names other voters")
	default:
		err = errors.Join(block.ValidateBasic(), s.signatures(block, id))
	}
	return block, id, err
}

// signatures checks what was signed: the block before, by the commit in this one and the copy of it, and this one, by the
// commit that this node saw.
func (s *scrub) signatures(block *types.Block, id types.BlockID) error {
	chain := s.chain.genesis.ChainID
	if block.Height > 1 {
		if err := s.before.VerifyCommit(chain, s.last, block.Height-1, block.LastCommit); err != nil {
			return fmt.Errorf("the signatures under block %d: %w", block.Height-1, err)
		}
		again := s.blocks.LoadBlockCommit(block.Height - 1)
		if again == nil || !bytes.Equal(again.Hash(), block.LastCommit.Hash()) {
			return fmt.Errorf("the copy of the signatures under block %d differs", block.Height-1)
		}
	}
	seen := s.blocks.LoadSeenCommit(block.Height)
	if seen == nil {
		return errors.New("the signatures that this node saw are missing")
	}
	if err := s.voters.VerifyCommit(chain, id, block.Height, seen); err != nil {
		return fmt.Errorf("the signatures that this node saw: %w", err)
	}
	return nil
}

// row compares one leaf of the calendar and the hashes that it completed.
func (s *scrub) row(leaf calendar.Leaf) error {
	disk := s.chain.replica.calendar
	row := uint64(s.size) //nolint:gosec // not negative
	stored, err := disk.leaf(row)
	if err == nil && stored != leaf {
		err = fmt.Errorf("it says height %d, time %d, books %x; the blocks give %d, %d, %x",
			stored.Height, stored.Time, stored.Books, leaf.Height, leaf.Time, leaf.Books)
	}
	if err != nil {
		return &Damage{Part: leavesFile, Height: leaf.Height, Row: row, Cause: err}
	}
	first := tlog.StoredHashCount(s.size)
	want, err := tlog.StoredHashesForRecordHash(s.size, leaf.Hash(), disk) // reads rows that were compared
	for i := 0; err == nil && i < len(want); i++ {
		at := first + int64(i)
		var got []tlog.Hash
		if got, err = disk.ReadHashes([]int64{at}); err == nil && got[0] != want[i] {
			err = errors.New("it is not the hash of the leaves below it")
		}
		row = uint64(at) //nolint:gosec // not negative
	}
	if err != nil {
		return &Damage{Part: nodesFile, Height: leaf.Height, Row: row, Cause: err}
	}
	s.size++
	return nil
}

// compareBooks compares the books on disk when their height is reached.
func (s *scrub) compareBooks() error {
	if s.books == nil || s.books.Height() != s.machine.Height() {
		return nil
	}
	digest := sha256.New()
	if err := s.machine.Export(digest); err != nil {
		return err
	}
	if !bytes.Equal(digest.Sum(nil), s.booksDigest[:]) {
		return &Damage{Part: booksFile, Height: s.machine.Height(), Cause: errors.New("they are not what the blocks give")}
	}
	return nil
}

// end holds the blocks for a moment, checks the few that came last, and compares the books in memory.
func (s *scrub) end() error {
	r := s.chain.replica
	r.mu.RLock()
	defer r.mu.RUnlock()
	for s.machine.Height() < r.machine.Height() {
		if err := s.next(); err != nil {
			return err
		}
	}
	if s.books != nil && s.books.Height() > s.machine.Height() {
		return &Damage{Part: booksFile, Height: s.books.Height(), Cause: errors.New("they are ahead of the blocks")}
	}
	if r.machine.Root() != s.machine.Root() || r.machine.BooksRoot() != s.machine.BooksRoot() {
		return &Damage{Part: "memory", Height: s.machine.Height(), Cause: errors.New("the books in use are not what the blocks give")}
	}
	return nil
}
