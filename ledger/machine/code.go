package machine

// Code is the machine's answer to one transaction. Codes are part of what hospitals agree on: a number keeps its meaning.
type Code uint16

// The codes. Every code but CodeOK leaves the books as they were.
const (
	CodeOK            Code = 0
	CodeMalformed     Code = 1 // not the one encoding of a known kind of transaction
	CodeTooLarge      Code = 2 // longer than MaxTx
	CodeUnknownMember Code = 3 // no such member, or one that no longer takes part
	CodeNoKey         Code = 4 // the member has no key for seals at this height
	CodeBadSignature  Code = 5
	CodeBadMarks      Code = 6 // a number of marks that is no bucket's
	CodeStale         Code = 7 // a log smaller than the one sealed, or the same one with no mark that is new
	CodeInconsistent  Code = 8 // the log was rewritten: no proof leads from the sealed root to this one
	CodeOutOfOrder    Code = 9 // the block is not higher, or is earlier, than the one before
)

// String returns the code in plain words.
func (c Code) String() string {
	switch c {
	case CodeOK:
		return "ok"
	case CodeMalformed:
		return "malformed"
	case CodeTooLarge:
		return "too large"
	case CodeUnknownMember:
		return "unknown or inactive member"
	case CodeNoKey:
		return "no key for seals at this height"
	case CodeBadSignature:
		return "bad signature"
	case CodeBadMarks:
		return "bad number of marks"
	case CodeStale:
		return "stale: nothing in it is new"
	case CodeInconsistent:
		return "inconsistent: the log did not only grow"
	case CodeOutOfOrder:
		return "block out of order"
	}
	return "unknown code"
}
