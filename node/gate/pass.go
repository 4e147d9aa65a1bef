package gate

import (
	"slices"

	"cairn/node/evidence"
)

// Ref names one version of one record.
type Ref struct {
	Type, ID string
	Version  uint64
}

// Pass opens exactly the record versions that one logged access was allowed
// to see. Only Gate.Open makes one that opens anything, and it does so after
// the log entries for this access are durable. The zero Pass opens nothing.
type Pass struct {
	opens    []Ref
	receipts []evidence.Receipt
}

// Opens tells whether the pass covers this version of this record.
func (p Pass) Opens(ref Ref) bool { return slices.Contains(p.opens, ref) }

// Refs returns what the pass opens, in the order in which it was found.
func (p Pass) Refs() []Ref { return slices.Clone(p.opens) }

// Receipts returns the log entries that this access left behind, one for each
// patient whose records it touched.
func (p Pass) Receipts() []evidence.Receipt { return slices.Clone(p.receipts) }

// Permit lets one version of a record about one subject be written. It opens
// nothing: the entry of a write is made durable together with what it writes.
type Permit struct {
	subject string
	ref     Ref
	valid   bool
}

// Covers tells whether the permit is for writing this version about the
// subject.
func (p Permit) Covers(subject string, ref Ref) bool {
	return p.valid && p.subject == subject && p.ref == ref
}
