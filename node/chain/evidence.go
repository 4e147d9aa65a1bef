package chain

import (
	"errors"
	"fmt"
	"sort"

	"cairn/ledger/calendar"
	"cairn/ledger/member"
	"cairn/ledger/register"
	"cairn/ledger/seal"
	"cairn/node/fault"
)

// Books is what ties the books as they are to the calendar: their roots, the leaf that binds them, and that leaf's place.
// All of it is of one moment.
type Books struct {
	Members, Register, Seals [32]byte // roots of the three books; machine.BooksRoot of them is Leaf.Books
	Leaf                     calendar.Leaf
	LeafIndex                uint64
	CalendarSize             uint64 // leaves under CalendarRoot
	CalendarRoot             [32]byte
	CalendarPath             [][32]byte // RFC 6962 2.1.1, of the leaf at LeafIndex in the tree of CalendarSize leaves
}

// Parts shows that a member's log was sealed.
type Parts struct {
	Books
	Entry seal.Entry
	Path  seal.Proof // of Entry under Books.Seals
}

// MarkParts shows that the register holds an image, and since when, or that it does not.
type MarkParts struct {
	Books
	Image   [32]byte
	Height  uint64 // 0 when it is not there
	Present bool
	Proof   register.Proof // under Books.Register
}

var errNothing = fault.New(fault.NotFound, "chain.nothing-sealed", "Nothing has been sealed on the ledger yet.")

// Evidence proves a member's latest sealed entry under the latest leaf of the calendar, and that leaf under the calendar
// at a size, 0 for its present one. A size that does not hold the latest leaf, or is beyond the present one, is refused
// as a Conflict: to bring older parts under a newer calendar, keep them and ask CalendarPath.
func (c *Chain) Evidence(id string, size uint64) (Parts, error) {
	r := c.replica
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, _, seals, _ := r.machine.Books()
	entry, found := seals.Latest(id)
	if !found {
		return Parts{}, errNothing
	}
	books, err := r.books(size)
	if err != nil {
		return Parts{}, err
	}
	return Parts{Books: books, Entry: entry, Path: seals.Prove(id)}, nil
}

// MarkProof proves that the register holds an image, or that it does not, under the latest leaf of the calendar at its
// present size.
func (c *Chain) MarkProof(image [32]byte) (MarkParts, error) {
	r := c.replica
	r.mu.RLock()
	defer r.mu.RUnlock()
	books, err := r.books(0)
	if err != nil {
		return MarkParts{}, err
	}
	_, marks, _, _ := r.machine.Books()
	parts := MarkParts{Books: books, Image: image, Proof: marks.Prove(image)}
	parts.Height, parts.Present = marks.Height(image)
	return parts, nil
}

// books returns what ties the books to the calendar. The caller holds the lock.
func (r *replica) books(size uint64) (Books, error) {
	leaf, index, found := r.lastLeaf()
	if !found {
		return Books{}, errNothing
	}
	members, marks, seals, book := r.machine.Books()
	if size == 0 {
		size = book.Size()
	}
	if size <= index || size > book.Size() {
		return Books{}, sizeConflict(size, book.Size())
	}
	path, err := r.calendar.path(int64(index), int64(size)) //nolint:gosec // at most calendar.MaxSize
	if err != nil {
		return Books{}, err
	}
	return Books{
		Members: members.Root(), Register: marks.Root(), Seals: seals.Root(),
		Leaf: leaf, LeafIndex: index, CalendarSize: size, CalendarRoot: book.Root(), CalendarPath: path,
	}, nil
}

func sizeConflict(size, now uint64) error {
	return fault.New(fault.Conflict, "chain.calendar-size",
		fmt.Sprintf("The calendar has %d leaves, and %d were asked for.", now, size))
}

// CalendarSize returns the number of leaves of the calendar.
func (c *Chain) CalendarSize() uint64 {
	c.replica.mu.RLock()
	defer c.replica.mu.RUnlock()
	_, _, _, book := c.replica.machine.Books()
	return book.Size()
}

// CalendarRoot returns the RFC 6962 root of the calendar's first size leaves. A size beyond the present one is a
// Conflict.
func (c *Chain) CalendarRoot(size uint64) ([32]byte, error) {
	r := c.replica
	r.mu.RLock()
	defer r.mu.RUnlock()
	if err := r.reaches(size); err != nil {
		return [32]byte{}, err
	}
	return r.calendar.root(int64(size)) //nolint:gosec // at most calendar.MaxSize
}

// CalendarLeaf returns the leaf at an index below the calendar's size.
func (c *Chain) CalendarLeaf(index uint64) (calendar.Leaf, error) {
	r := c.replica
	r.mu.RLock()
	defer r.mu.RUnlock()
	if err := r.reaches(index + 1); err != nil {
		return calendar.Leaf{}, err
	}
	return r.calendar.leaf(index)
}

// CalendarPath returns the RFC 6962 2.1.1 path of the leaf at an index in the tree of the first size leaves: what brings
// an old proof under a newer checkpoint.
func (c *Chain) CalendarPath(index, size uint64) ([][32]byte, error) {
	r := c.replica
	r.mu.RLock()
	defer r.mu.RUnlock()
	if err := r.reaches(size); err != nil {
		return nil, err
	}
	if index >= size {
		return nil, sizeConflict(index+1, size)
	}
	return r.calendar.path(int64(index), int64(size)) //nolint:gosec // at most calendar.MaxSize
}

// CalendarConsistency returns the RFC 6962 2.1.2 proof that the calendar of to leaves goes on from that of from leaves,
// 0 < from <= to.
func (c *Chain) CalendarConsistency(from, to uint64) ([][32]byte, error) {
	r := c.replica
	r.mu.RLock()
	defer r.mu.RUnlock()
	if err := r.reaches(to); err != nil {
		return nil, err
	}
	if from == 0 || from > to {
		return nil, sizeConflict(from, to)
	}
	return r.calendar.consistency(int64(from), int64(to)) //nolint:gosec // at most calendar.MaxSize
}

// reaches refuses a size beyond the calendar's. The caller holds the lock.
func (r *replica) reaches(size uint64) error {
	_, _, _, book := r.machine.Books()
	if size > book.Size() {
		return sizeConflict(size, book.Size())
	}
	return nil
}

// Sealed returns a member's latest sealed entry.
func (c *Chain) Sealed(id string) (seal.Entry, bool) {
	c.replica.mu.RLock()
	defer c.replica.mu.RUnlock()
	_, _, seals, _ := c.replica.machine.Books()
	return seals.Latest(id)
}

// Mark returns the height at which an image came into the register, and false when it is not there.
func (c *Chain) Mark(image [32]byte) (uint64, bool) {
	c.replica.mu.RLock()
	defer c.replica.mu.RUnlock()
	_, marks, _, _ := c.replica.machine.Books()
	return marks.Height(image)
}

// TimeOf returns the time of the block at a height, in Unix milliseconds. The block must have changed a book, as one
// has that brought a mark.
func (c *Chain) TimeOf(height uint64) (int64, error) {
	leaf, found, err := c.firstFrom(height)
	if err != nil || !found || leaf.Height != height {
		return 0, fmt.Errorf("no block that changed a book at height %d: %w", height, err)
	}
	return leaf.Time, nil
}

// Reached returns the time of the first block at or above a height that changed a book, in Unix milliseconds; false if
// there is none yet.
func (c *Chain) Reached(height uint64) (int64, bool, error) {
	leaf, found, err := c.firstFrom(height)
	return leaf.Time, found, err
}

// firstFrom returns the first leaf of the calendar at or above a height.
func (c *Chain) firstFrom(height uint64) (leaf calendar.Leaf, found bool, err error) {
	size := c.CalendarSize()
	at := sort.Search(int(size), func(i int) bool { //nolint:gosec // fewer than 2^63 blocks
		leaf, failed := c.CalendarLeaf(uint64(i)) //nolint:gosec // not negative
		err = errors.Join(err, failed)
		return failed != nil || leaf.Height >= height
	})
	if err != nil || uint64(at) == size { //nolint:gosec // not negative
		return calendar.Leaf{}, false, err
	}
	leaf, err = c.CalendarLeaf(uint64(at)) //nolint:gosec // not negative
	return leaf, err == nil, err
}

// Member returns a member as of the present height.
func (c *Chain) Member(id string) (member.Member, bool) {
	c.replica.mu.RLock()
	defer c.replica.mu.RUnlock()
	members, _, _, _ := c.replica.machine.Books()
	return members.Get(id)
}

// MembersRoot returns the root of the member book as of the present height.
func (c *Chain) MembersRoot() [32]byte {
	c.replica.mu.RLock()
	defer c.replica.mu.RUnlock()
	members, _, _, _ := c.replica.machine.Books()
	return members.Root()
}

// Members returns every member as of the present height, ordered by id.
func (c *Chain) Members() []member.Member {
	c.replica.mu.RLock()
	defer c.replica.mu.RUnlock()
	members, _, _, _ := c.replica.machine.Books()
	return members.All()
}

// Key returns the key of a member that counts for a use at the present height, before the first block at that of the
// first.
func (c *Chain) Key(id string, use member.Use) (member.Key, bool) {
	c.replica.mu.RLock()
	defer c.replica.mu.RUnlock()
	members, _, _, _ := c.replica.machine.Books()
	return members.KeyAt(id, use, max(1, c.replica.machine.Height()))
}
