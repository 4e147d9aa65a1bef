// Package machine is what every hospital computes alike: ordered blocks go in, books and codes come out.
//
// The machine is a function of its genesis and its blocks. It reads no clock (time is the block's), no disk and no
// random source, so the same blocks give the same root on any computer, at any time. What a caller must write down to
// follow a block comes out as a value. A transaction is one byte that says its kind, and then its body.
package machine

import (
	"crypto/sha256"

	"cairn/ledger/calendar"
	"cairn/ledger/member"
	"cairn/ledger/register"
	"cairn/ledger/seal"
	"cairn/ledger/wire"
)

// MaxTx is the largest number of bytes of a transaction.
const MaxTx = 64 << 10

// The first byte of a transaction.
const (
	KindSeal  = 1 // an encoded seal
	KindEpoch = 2 // an encoded member.Epoch
)

const booksDomain = "cairn/books/v1\x00"

// SealTx returns the transaction that carries a seal.
func SealTx(s *seal.Seal) []byte { return append([]byte{KindSeal}, s.Encode()...) }

// EpochTx returns the transaction that announces a member's next key.
func EpochTx(e *member.Epoch) []byte { return append([]byte{KindEpoch}, e.Encode()...) }

// BooksRoot returns the root that binds the three books: SHA-256(domain || member root || register root || seal root).
func BooksRoot(members, register, seals [32]byte) [32]byte {
	w := wire.NewWriter(booksDomain)
	w.Hash(members)
	w.Hash(register)
	w.Hash(seals)
	return sha256.Sum256(w.Out())
}

// Block is an ordered list of transactions. Blocks are handed to the machine in ascending height; Time (Unix
// milliseconds) never goes back.
type Block struct {
	Height uint64
	Time   int64
	Txs    [][]byte
}

// Mark is one line that a block added to the register.
type Mark struct {
	Image  [32]byte
	Height uint64
}

// Delta is what a block added to the books, in the order in which it did: what a disk must write to follow it. When a
// member sealed more than once, its last entry counts.
type Delta struct {
	Marks   []Mark
	Seals   []seal.Entry
	Members []member.Member // as they became
}

func (d *Delta) empty() bool { return len(d.Seals) == 0 && len(d.Members) == 0 }

// Outcome is what came of a block.
type Outcome struct {
	Codes []Code         // one per transaction
	Delta Delta          // what changed
	Leaf  *calendar.Leaf // the leaf that the calendar got, nil when nothing changed
	Root  [32]byte       // the machine's root after the block
}

// Machine holds the books. Apply needs it alone. Between two calls of Apply every other method, and every method of the
// books that does not add to them, only reads: many may run at once.
type Machine struct {
	genesis  Genesis
	network  [32]byte
	height   uint64
	time     int64
	members  *member.Book
	register *register.Book
	seals    *seal.Book
	calendar *calendar.Book
}

// New returns the machine of a network before its first block.
func New(g Genesis) (*Machine, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	members, err := member.New(g.Members)
	if err != nil {
		return nil, err
	}
	g.Members = members.All()
	m := &Machine{
		genesis: g, network: g.ID(), time: g.Time,
		members: members, register: register.New(), seals: seal.New(), calendar: new(calendar.Book),
	}
	m.BooksRoot() // leaves no hash to be made by a reader
	return m, nil
}

// Genesis returns what the network began with.
func (m *Machine) Genesis() Genesis {
	g := m.genesis
	g.Members = make([]member.Member, len(m.genesis.Members))
	for i, founder := range m.genesis.Members {
		g.Members[i] = founder.Clone()
	}
	return g
}

// Network returns the network's id.
func (m *Machine) Network() [32]byte { return m.network }

// Params returns the rules in force.
func (m *Machine) Params() Params { return m.genesis.Params }

// Height returns the height of the last block, 0 before the first.
func (m *Machine) Height() uint64 { return m.height }

// Time returns the time of the last block in Unix milliseconds, that of the genesis before the first.
func (m *Machine) Time() int64 { return m.time }

// Root returns what hospitals agree on after each block: the root of the calendar, which binds every book as each block
// left it.
func (m *Machine) Root() [32]byte { return m.calendar.Root() }

// BooksRoot returns the root that binds the books as they are.
func (m *Machine) BooksRoot() [32]byte {
	return BooksRoot(m.members.Root(), m.register.Root(), m.seals.Root())
}

// Books returns the books themselves, to look things up and to prove them. Whoever changes one breaks the machine.
func (m *Machine) Books() (*member.Book, *register.Book, *seal.Book, *calendar.Book) {
	return m.members, m.register, m.seals, m.calendar
}

// Check returns the code that a transaction would get as the only one of the next block. It changes nothing.
func (m *Machine) Check(tx []byte) Code {
	if isEpoch(tx) {
		_, code := m.openEpoch(tx, m.height+1)
		return code
	}
	s, code := m.open(tx, m.height+1)
	if code != CodeOK {
		return code
	}
	return m.judge(s)
}

// Apply runs a block. Its transactions are judged one after the other, each on the books as the one before left them. A
// block that is not higher or is earlier than the last one is not run: each transaction gets CodeOutOfOrder and the
// machine stays as it was. A block that changes no book adds no leaf and leaves the root.
func (m *Machine) Apply(b Block) Outcome {
	out := Outcome{Codes: make([]Code, len(b.Txs))}
	if b.Height <= m.height || b.Time < m.time {
		for i := range out.Codes {
			out.Codes[i] = CodeOutOfOrder
		}
		out.Root = m.Root()
		return out
	}
	m.height, m.time = b.Height, b.Time
	for i, tx := range b.Txs {
		out.Codes[i] = m.apply(tx, &out.Delta)
	}
	if !out.Delta.empty() {
		leaf := calendar.Leaf{Height: b.Height, Time: b.Time, Books: m.BooksRoot()}
		m.calendar.Append(leaf)
		out.Leaf = &leaf
	}
	out.Root = m.Root()
	return out
}

func (m *Machine) apply(tx []byte, delta *Delta) Code {
	if isEpoch(tx) {
		return m.applyEpoch(tx, delta)
	}
	s, code := m.open(tx, m.height)
	if code != CodeOK {
		return code
	}
	if code := m.judge(s); code != CodeOK {
		return code
	}
	for _, mark := range s.Marks {
		if image, added := m.register.Add(mark, m.height); added {
			delta.Marks = append(delta.Marks, Mark{Image: image, Height: m.height})
		}
	}
	entry := seal.Entry{Member: s.Member, Size: s.Size, Root: s.Root, Height: m.height}
	m.seals.Put(entry)
	delta.Seals = append(delta.Seals, entry)
	return CodeOK
}

// open decodes a transaction and checks who it is from.
func (m *Machine) open(tx []byte, height uint64) (*seal.Seal, Code) {
	if len(tx) > MaxTx {
		return nil, CodeTooLarge
	}
	if len(tx) == 0 || tx[0] != KindSeal {
		return nil, CodeMalformed
	}
	s, err := seal.Decode(tx[1:])
	if err != nil {
		return nil, CodeMalformed
	}
	if size, ok := seal.Bucket(len(s.Marks)); !ok || size != len(s.Marks) {
		return nil, CodeBadMarks
	}
	if !m.members.Active(s.Member) {
		return nil, CodeUnknownMember
	}
	key, found := m.members.KeyAt(s.Member, member.UseSeal, height)
	if !found {
		return nil, CodeNoKey
	}
	if !s.Signed(key.Public, m.network) {
		return nil, CodeBadSignature
	}
	return s, CodeOK
}

// judge compares a seal with the books.
func (m *Machine) judge(s *seal.Seal) Code {
	switch m.seals.Judge(s) {
	case seal.Grows:
		return CodeOK
	case seal.Stays:
		if m.anyNew(s.Marks) {
			return CodeOK
		}
		return CodeStale
	case seal.Stale:
		return CodeStale
	}
	return CodeInconsistent
}

func (m *Machine) anyNew(marks [][32]byte) bool {
	for _, mark := range marks {
		if _, there := m.register.Height(register.Image(mark)); !there {
			return true
		}
	}
	return false
}
