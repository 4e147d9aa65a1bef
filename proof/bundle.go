package proof

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"cairn/ledger/member"
	"cairn/ledger/register"
	"cairn/ledger/seal"
)

// Limits of a bundle.
const (
	MaxBundleBytes   = 32 << 20
	MaxBundleMarks   = 1024
	MaxBundleRecords = 10_000
	maxPath          = 64
	maxWireProof     = 16 << 10
	maxSentences     = 32 + MaxBundleMarks + MaxBundleRecords
	maxSentence      = MaxBundleBytes
)

const (
	formatFamily = "cairn/bundle/"
	bundleFormat = formatFamily + "v1"
)

// Statements: the kinds of fact that a bundle carries. Marks may stand beside
// each of them.
const (
	StatementMark   = "mark"   // only marks, present in the register or absent from it
	StatementEntry  = "entry"  // an entry of a log, its event not shown
	StatementEvent  = "event"  // an entry of a log with its event
	StatementRecord = "record" // the same, with the bytes of records that the event is about
)

var errBundle = errors.New("invalid bundle")

// Bundle is one file that carries a fact from the place where it was recorded
// to a cosigned checkpoint. [Assemble] makes one, [Verify] checks one.
//
// Each part is bound to the next: Records and Event to Log.Leaf by their salts,
// Log to Seal's root, Seal and Marks to Books, Books to Calendar, Calendar to
// Checkpoint, Checkpoint to the keys of the trust file.
type Bundle struct {
	Statement  string   // follows from the parts
	Sentences  []string // follow from the parts: what this proves, by whom, as of when, what it does not prove
	Network    Network
	Event      *OpenedEvent   // nil when not shown
	Records    []OpenedRecord // in strictly ascending order of At
	Log        *LogPath       // nil for StatementMark
	Seal       *SealPath      // nil for StatementMark
	Marks      []MarkPath     // in strictly ascending order of Image
	Books      Books
	Calendar   CalendarPath
	Checkpoint *Checkpoint
}

// Network says which network's word this is, and which trust file it was made
// for.
type Network struct {
	Name  string
	ID    [32]byte // machine.Genesis.ID()
	Trust [32]byte // Trust.Edition
}

// OpenedEvent is an event and the salt that opens its leaf.
type OpenedEvent struct {
	Salt    [32]byte
	Content Event
}

// OpenedRecord is a record's stored bytes and the salt that opens their
// commitment, which is that of the event's record number At, counted from 0.
type OpenedRecord struct {
	At      uint64
	Salt    [32]byte
	Content []byte
}

// LogPath shows that Leaf is entry Index, counted from 0, of the log that the
// seal is about: an audit path of RFC 6962 2.1.1.
type LogPath struct {
	Index uint64
	Leaf  [32]byte
	Path  [][32]byte
}

// SealPath shows that a member's seal stands in the seal book.
type SealPath struct {
	Entry seal.Entry
	Proof seal.Proof
}

// MarkPath shows what the register says of an image: there since Height, or
// absent (then Height is 0).
type MarkPath struct {
	Image   [32]byte
	Present bool
	Height  uint64
	Proof   register.Proof
}

// Books are the roots that a calendar leaf binds.
type Books struct {
	Members  [32]byte
	Register [32]byte
	Seals    [32]byte
}

// CalendarPath shows that the block's leaf is leaf Index of the calendar with
// the checkpoint's size and root: an audit path of RFC 6962 2.1.1. The leaf's
// books are [Books].
type CalendarPath struct {
	Height uint64
	Time   int64 // Unix milliseconds, of the block
	Index  uint64
	Path   [][32]byte
}

// Path turns an audit path of x/mod into that of a bundle.
func Path(p tlog.RecordProof) [][32]byte {
	out := make([][32]byte, len(p))
	for i, h := range p {
		out[i] = h
	}
	return out
}

func recordProof(path [][32]byte) tlog.RecordProof {
	out := make(tlog.RecordProof, len(path))
	for i, h := range path {
		out[i] = h
	}
	return out
}

// statement returns the statement that b's parts make, "" when they do not fit
// together.
func (b *Bundle) statement() string {
	switch {
	case (b.Log == nil) != (b.Seal == nil) || b.Event != nil && b.Log == nil || len(b.Records) > 0 && b.Event == nil:
		return ""
	case len(b.Records) > 0:
		return StatementRecord
	case b.Event != nil:
		return StatementEvent
	case b.Log != nil:
		return StatementEntry
	case len(b.Marks) > 0:
		return StatementMark
	}
	return ""
}

// check reports the first rule of the encoding that b breaks.
func (b *Bundle) check() error {
	if b.Checkpoint == nil || b.statement() == "" {
		return fmt.Errorf("%w: its parts do not fit together", errBundle)
	}
	if !member.ValidID(b.Network.Name) {
		return fmt.Errorf("%w: network name", errBundle)
	}
	if b.Event != nil {
		if err := b.Event.Content.Check(); err != nil {
			return fmt.Errorf("%w: %w", errBundle, err)
		}
	}
	if err := b.checkRecords(); err != nil {
		return err
	}
	for i := 1; i < len(b.Marks); i++ {
		if string(b.Marks[i-1].Image[:]) >= string(b.Marks[i].Image[:]) {
			return fmt.Errorf("%w: order of marks", errBundle)
		}
	}
	if b.Seal != nil && !member.ValidID(b.Seal.Entry.Member) {
		return fmt.Errorf("%w: member", errBundle)
	}
	return b.checkNumbers()
}

func (b *Bundle) checkRecords() error {
	if len(b.Records) > MaxBundleRecords || len(b.Marks) > MaxBundleMarks {
		return fmt.Errorf("%w: too many records or marks", errBundle)
	}
	for i, r := range b.Records {
		if r.At >= uint64(len(b.Event.Content.Records)) || i > 0 && b.Records[i-1].At >= r.At {
			return fmt.Errorf("%w: order of records", errBundle)
		}
	}
	return nil
}

// checkNumbers refuses what has no canonical form or no place in a sentence.
func (b *Bundle) checkNumbers() error {
	numbers := []uint64{b.Calendar.Height, b.Calendar.Index, b.Checkpoint.Size}
	paths := [][][32]byte{b.Calendar.Path}
	if b.Log != nil {
		numbers = append(numbers, b.Log.Index, b.Seal.Entry.Size, b.Seal.Entry.Height)
		paths = append(paths, b.Log.Path)
	}
	for _, m := range b.Marks {
		numbers = append(numbers, m.Height)
	}
	for _, n := range numbers {
		if n > maxInteger {
			return fmt.Errorf("%w: a number too large", errBundle)
		}
	}
	for _, p := range paths {
		if len(p) > maxPath {
			return fmt.Errorf("%w: a path too long", errBundle)
		}
	}
	if b.Calendar.Time < 0 || b.Calendar.Time > maxMillis {
		return fmt.Errorf("%w: time", errBundle)
	}
	return nil
}
