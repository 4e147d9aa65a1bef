package er7

import (
	"slices"
	"strings"
)

// Header is what the first segment, MSH, says of a message.
type Header struct {
	Application, Facility string   // who sent it: MSH-3.1, MSH-4.1
	ToApplication         string   // MSH-5.1
	ToFacility            string   // MSH-6.1
	Type, Event           string   // MSH-9.1, MSH-9.2: "ADT", "A01"
	ControlID             string   // MSH-10
	Processing            string   // MSH-11.1: P, T or D
	Version               string   // MSH-12.1
	AcceptAck, AppAck     string   // MSH-15, MSH-16; "" in original mode
	Charset               []string // MSH-18
	Time                  string   // MSH-7, as it stands
	seps                  Separators
	raw                   []string // fields, for the acknowledgement
}

// versions are those that are read (table HL70104).
var versions = []string{"2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2"}

// ReadHeader reads the message header alone, so that a message that cannot be
// read any further can still be acknowledged. The error is an *Error.
func ReadHeader(raw []byte) (Header, error) {
	text := strings.TrimLeft(string(raw[:min(len(raw), MaxField)]), "\r\n")
	line := text
	if i := strings.IndexAny(text, "\r\n"); i >= 0 {
		line = text[:i]
	}
	at := Position{Segment: "MSH", Sequence: 1}
	switch {
	case strings.HasPrefix(line, "FHS"), strings.HasPrefix(line, "BHS"):
		return Header{}, wrong(Position{Segment: line[:3], Sequence: 1}, UnsupportedType, "a batch is not supported: send each message alone")
	case !strings.HasPrefix(line, "MSH"):
		return Header{}, wrong(at, SegmentSequence, "the message does not begin with a message header (MSH)")
	}
	h := Header{}
	if err := h.separators(line[3:]); err != nil {
		return Header{}, err
	}
	h.raw = strings.Split(line[4:], string(rune(h.seps.Field)))
	if len(h.raw) > MaxFields {
		return Header{}, wrong(at, TooLong, "the segment has more than 500 fields")
	}
	return h, h.fields()
}

// separators reads MSH-1 and MSH-2 (HL7 v2.8.2 2.5.4).
func (h *Header) separators(rest string) error {
	at := Position{Segment: "MSH", Sequence: 1, Field: 1}
	if rest == "" {
		return wrong(at, RequiredMissing, "the field separator is missing")
	}
	encoding, _, _ := cut(rest[1:], rest[0])
	all := rest[:1] + encoding
	if len(encoding) != 4 && len(encoding) != 5 {
		at.Field = 2
		return wrong(at, DataType, "there must be four encoding characters, or five since version 2.7")
	}
	for i := range len(all) {
		if !separator(all[i]) || strings.IndexByte(all, all[i]) != i {
			at.Field = min(i, 1) + 1
			return wrong(at, DataType, "the separators must be different punctuation characters")
		}
	}
	h.seps = Separators{Field: all[0], Component: all[1], Repetition: all[2], Escape: all[3], Subcomponent: all[4]}
	if len(all) == 6 {
		h.seps.Truncation = all[5]
	}
	return nil
}

// separator tells whether a character may separate: not one that names, times
// and version numbers hold.
func separator(c byte) bool {
	alphanumeric := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
	return c > ' ' && c < 0x7f && !alphanumeric && strings.IndexByte("\".+-", c) < 0
}

// maxControlID is what version 2.7 allows (MSH-10); earlier ones allow 20.
const maxControlID = 199

// fields reads what there is, and then says what is missing.
func (h *Header) fields() error {
	h.Application, h.Facility = h.part(3, 1), h.part(4, 1)
	h.ToApplication, h.ToFacility = h.part(5, 1), h.part(6, 1)
	h.Time, h.Type, h.Event = h.part(7, 1), h.part(9, 1), h.part(9, 2)
	h.ControlID, h.Processing, h.Version = h.part(10, 1), h.part(11, 1), h.part(12, 1)
	h.AcceptAck, h.AppAck = h.part(15, 1), h.part(16, 1)
	for _, name := range strings.Split(h.field(18), string(rune(h.seps.Repetition))) {
		if name, _, _ = cut(strings.TrimSpace(name), h.seps.Component); name != "" {
			h.Charset = append(h.Charset, name)
		}
	}
	at := func(field int) Position { return Position{Segment: "MSH", Sequence: 1, Field: field} }
	switch {
	case h.ControlID == "":
		return wrong(at(10), RequiredMissing, "the message control id is missing")
	case len(h.ControlID) > maxControlID || !isASCII(h.ControlID) || control(h.ControlID) >= 0:
		h.ControlID = ""
		return wrong(at(10), DataType, "the message control id is not a short plain text")
	case h.Type == "":
		return wrong(at(9), RequiredMissing, "the message type is missing")
	case !slices.Contains(versions, h.Version):
		return wrong(at(12), UnsupportedVer, "this version of HL7 is not supported: send 2.3 to 2.8.2")
	}
	return nil
}

// field returns a field of MSH from 2 on as it stands.
func (h *Header) field(n int) string {
	if n-2 < len(h.raw) {
		return h.raw[n-2]
	}
	return ""
}

// part returns a component of a field, "" for null.
func (h *Header) part(n, component int) string {
	rest, _, _ := cut(h.field(n), h.seps.Repetition)
	for i := 1; i < component; i++ {
		var more bool
		if _, rest, more = cut(rest, h.seps.Component); !more {
			return ""
		}
	}
	rest, _, _ = cut(rest, h.seps.Component)
	if rest == null {
		return ""
	}
	return strings.TrimSpace(rest)
}

// Enhanced tells whether the sender speaks the enhanced acknowledgement mode
// (HL7 v2.8.2 2.9.3): it says which acknowledgements it wants.
func (h *Header) Enhanced() bool { return h.AcceptAck != "" || h.AppAck != "" }
