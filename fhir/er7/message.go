package er7

import (
	"slices"
	"strings"
)

// Separators are the characters that a message is taken apart by (MSH-1, MSH-2).
type Separators struct {
	Field, Component, Repetition, Escape, Subcomponent byte
	Truncation                                         byte // 0 before version 2.7
}

// Message is a parsed message. It is read only and safe for concurrent use.
type Message struct {
	Header   Header
	segments []Segment
	seps     Separators
	charset  Charset
}

// Segment is one segment. The zero Segment has no field.
type Segment struct {
	Name     string
	Sequence int // which of the segments of that name in the message, from 1
	m        *Message
	fields   []string // fields[0] is field 1; of MSH fields[0] is MSH-2
}

// Parse reads a message. charset is what a message without MSH-18 is written
// in. Segments end with CR, LF or both; empty lines are passed over. The error
// is an *Error.
func Parse(raw []byte, charset Charset) (*Message, error) {
	if len(raw) > MaxMessage {
		return nil, wrong(Position{}, TooLong, "the message is longer than 1 MB")
	}
	header, err := ReadHeader(raw)
	if err != nil {
		return nil, err
	}
	m := &Message{Header: header, seps: header.seps, charset: charset}
	if err := m.choose(header.Charset); err != nil {
		return nil, err
	}
	text, ok := m.charset.decode(string(raw))
	if !ok {
		return nil, wrong(Position{Segment: "MSH", Sequence: 1, Field: 18}, DataType,
			"the message holds bytes that are not of its character set, "+m.charset.String())
	}
	return m, m.read(text)
}

// choose takes the character set that MSH-18 names.
func (m *Message) choose(names []string) error {
	at := Position{Segment: "MSH", Sequence: 1, Field: 18}
	for _, name := range names {
		c, known := ParseCharset(name)
		if !known {
			return wrong(at, TableValue, "this character set is not supported: send ASCII, UNICODE UTF-8 or 8859/1")
		}
		m.charset = c
	}
	if len(names) > 1 {
		return wrong(at, TableValue, "a message in several character sets is not supported")
	}
	if m.charset == 0 {
		m.charset = ASCII
	}
	return nil
}

// read takes the message apart into segments and fields.
func (m *Message) read(text string) error {
	count := make(map[string]int)
	for line := range lines(text) {
		if line == "" {
			continue
		}
		if len(m.segments) == MaxSegments {
			return wrong(Position{}, TooLong, "the message has more than 10,000 segments")
		}
		name, rest, _ := cut(line, m.seps.Field)
		if !segmentName(name) {
			return wrong(Position{}, SegmentSequence, "a line does not begin with the name of a segment")
		}
		count[name]++
		s := Segment{Name: name, Sequence: count[name], m: m}
		if err := s.read(rest); err != nil {
			return err
		}
		m.segments = append(m.segments, s)
	}
	return m.whole()
}

// whole refuses what is more, or less, than one message.
func (m *Message) whole() error {
	for _, s := range m.segments[1:] {
		switch s.Name {
		case "MSH":
			return wrong(s.Position(), SegmentSequence, "a second message header stands in the message")
		case "DSC", "ADD":
			return wrong(s.Position(), SegmentSequence, "a message in several parts is not supported")
		case "FHS", "BHS", "FTS", "BTS":
			return wrong(s.Position(), SegmentSequence, "a batch is not supported: send each message alone")
		}
	}
	return nil
}

// lines yields what stands between line ends.
func lines(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for text != "" {
			line := text
			if i := strings.IndexAny(text, "\r\n"); i >= 0 {
				line, text = text[:i], text[i+1:]
			} else {
				text = ""
			}
			if !yield(line) {
				return
			}
		}
	}
}

func segmentName(s string) bool {
	if len(s) != 3 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := 1; i < 3; i++ {
		if (s[i] < 'A' || s[i] > 'Z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}

// read splits the fields and holds them to the limits.
func (s *Segment) read(rest string) error {
	if at := control(rest); at >= 0 {
		field := 1 + strings.Count(rest[:at], string(rune(s.m.seps.Field)))
		return wrong(s.position(s.offset()+field), DataType, "the field holds a control character")
	}
	s.fields = strings.Split(rest, string(rune(s.m.seps.Field)))
	if len(s.fields) > MaxFields {
		return wrong(s.Position(), TooLong, "the segment has more than 500 fields")
	}
	for i, field := range s.fields {
		at := s.position(s.offset() + i + 1)
		switch {
		case len(field) > MaxField && (s.Name != "OBX" || at.Field != 5):
			return wrong(at, TooLong, "the field is longer than 64 KB")
		case strings.Count(field, string(rune(s.m.seps.Repetition))) >= MaxRepetitions:
			return wrong(at, TooLong, "the field repeats more than 1,000 times")
		}
	}
	return nil
}

// offset is 1 for MSH, whose first field is the separator itself.
func (s Segment) offset() int {
	if s.Name == "MSH" {
		return 1
	}
	return 0
}

func (s Segment) position(field int) Position {
	return Position{Segment: s.Name, Sequence: s.Sequence, Field: field}
}

// Position returns where the segment stands.
func (s Segment) Position() Position { return s.position(0) }

// Local tells whether the segment is one that sites define for themselves (Z..).
func (s Segment) Local() bool { return strings.HasPrefix(s.Name, "Z") }

// Exists tells whether this is a segment of a message.
func (s Segment) Exists() bool { return s.m != nil }

// Field returns a field by its number in the standard, from 1; an empty one if
// the segment is shorter.
func (s Segment) Field(n int) Value {
	v := Value{m: s.m, at: s.position(n)}
	if i := n - 1 - s.offset(); i >= 0 && i < len(s.fields) {
		v.raw = s.fields[i]
	}
	return v
}

// Segments returns the segments in their order, MSH first.
func (m *Message) Segments() []Segment { return slices.Clone(m.segments) }

// Find returns the first segment of a name; a zero one if there is none.
func (m *Message) Find(name string) Segment {
	for _, s := range m.segments {
		if s.Name == name {
			return s
		}
	}
	return Segment{Name: name, Sequence: 1}
}

// Charset returns what the message was written in.
func (m *Message) Charset() Charset { return m.charset }
