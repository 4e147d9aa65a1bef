package er7

import (
	"strconv"
	"strings"
)

// Code is a message error condition (table HL70357).
type Code uint16

// The codes that are used here.
const (
	SegmentSequence   Code = 100 // a segment is missing, out of order or one too many
	RequiredMissing   Code = 101
	DataType          Code = 102
	TableValue        Code = 103 // a coded value is not in its table
	TooLong           Code = 104
	UnsupportedType   Code = 200 // message type
	UnsupportedEvent  Code = 201
	UnsupportedID     Code = 202 // processing id
	UnsupportedVer    Code = 203
	UnknownKey        Code = 204 // the patient, visit or order is not known
	DuplicateKey      Code = 205 // it is known already, and not as this
	ApplicationLocked Code = 206 // somebody else is writing; to be sent again
	ApplicationError  Code = 207
)

// Texts of table HL70357, as ERR-3.2 wants them.
var codeTexts = map[Code]string{
	SegmentSequence: "Segment sequence error", RequiredMissing: "Required field missing", DataType: "Data type error",
	TableValue: "Table value not found", TooLong: "Value too long", UnsupportedType: "Unsupported message type",
	UnsupportedEvent: "Unsupported event code", UnsupportedID: "Unsupported processing id", UnsupportedVer: "Unsupported version id",
	UnknownKey: "Unknown key identifier", DuplicateKey: "Duplicate key identifier", ApplicationLocked: "Application record locked",
	ApplicationError: "Application error",
}

// String returns the code's text in table HL70357.
func (c Code) String() string {
	if text, ok := codeTexts[c]; ok {
		return text
	}
	return "Application error"
}

// Position is a place in a message (data type ERL, HL7 v2.8.2 2A.3.22). Numbers
// begin with 1; 0 means the whole of what stands before it.
type Position struct {
	Segment      string // its three letters; "" for the message
	Sequence     int    // which of the segments of that name
	Field        int
	Repetition   int
	Component    int
	Subcomponent int
}

// String returns the position as people write it: "OBX[3]-5[2].1".
func (p Position) String() string {
	if p.Segment == "" {
		return "message"
	}
	var out strings.Builder
	out.WriteString(p.Segment)
	if p.Sequence > 1 {
		out.WriteString("[" + strconv.Itoa(p.Sequence) + "]")
	}
	if p.Field > 0 {
		out.WriteString("-" + strconv.Itoa(p.Field))
	}
	if p.Repetition > 1 {
		out.WriteString("[" + strconv.Itoa(p.Repetition) + "]")
	}
	for _, n := range []int{p.Component, p.Subcomponent} {
		if n > 0 {
			out.WriteString("." + strconv.Itoa(n))
		}
	}
	return out.String()
}

// Error is what is wrong with a message and where. Text is a sentence for the
// sender's people and holds no value of the message.
type Error struct {
	At   Position
	Code Code
	Text string
}

// Error returns the position and the text.
func (e *Error) Error() string { return e.At.String() + ": " + e.Text }

func wrong(at Position, code Code, text string) *Error { return &Error{At: at, Code: code, Text: text} }
