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

	CodeNoEpoch      Code = 10 // no key of that use counts, whom another could follow
	CodeBadKey       Code = 11 // the next key has not the form of its use, or stands in the book already
	CodeNoPossession Code = 12 // whoever announces the next key did not show that he has it
	CodeBadHeight    Code = 13 // the next key begins too soon, too late, or after the one in force ends
	CodePending      Code = 14 // a next key of that use is announced already
	CodeFull         Code = 15 // the member has as many keys as the book holds of one
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
	case CodeNoEpoch:
		return "no key of that use"
	case CodeBadKey:
		return "bad key: not the form of its use, or in the book already"
	case CodeNoPossession:
		return "no proof that the next key is there"
	case CodeBadHeight:
		return "bad height: too soon, too late, or after a gap"
	case CodePending:
		return "a next key is announced already"
	case CodeFull:
		return "no room for a further key"
	}
	return "unknown code"
}
