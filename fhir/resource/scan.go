package resource

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// scanner turns bytes into nodes. A method that answers false has set err.
type scanner struct {
	Doc
	at  int
	lim Limits
	err *Error
}

func (s *scanner) document() bool {
	if len(s.raw) > s.lim.Bytes {
		return s.fail(CodeTooLong, fmt.Sprintf("The resource is larger than %d bytes. Send large attachments as Binary resources of their own.", s.lim.Bytes))
	}
	if bytes.HasPrefix(s.raw, []byte("\xef\xbb\xbf")) {
		return s.fail(CodeStructure, "The text begins with a byte order mark. Send UTF-8 without one.")
	}
	if !utf8.Valid(s.raw) {
		s.at = firstInvalid(s.raw)
		return s.fail(CodeStructure, "The text is not valid UTF-8 here. Encode it as UTF-8.")
	}
	s.space()
	if s.peek() != '{' {
		return s.fail(CodeStructure, "A JSON object is expected: a resource begins with an opening brace.")
	}
	if !s.value(node{}, 1) {
		return false
	}
	s.space()
	if s.at < len(s.raw) {
		return s.fail(CodeStructure, "There is text after the end of the resource. Send exactly one resource.")
	}
	return true
}

func firstInvalid(raw []byte) int {
	for at := 0; at < len(raw); {
		r, size := utf8.DecodeRune(raw[at:])
		if r == utf8.RuneError && size <= 1 {
			return at
		}
		at += size
	}
	return len(raw)
}

// fail records an error at the current place. The nodes that have no end yet are the way to it.
func (s *scanner) fail(code, text string) bool {
	s.err = &Error{Code: code, Offset: s.at, Expression: s.where(), Text: text}
	return false
}

func (s *scanner) where() string {
	out := ""
	var parent *node
	for i := range s.nodes {
		n := &s.nodes[i]
		if n.end != 0 {
			continue
		}
		switch {
		case parent == nil:
			out = s.finishedName()
		case parent.kind == Array:
			out = s.step(out, Array, uint32(i), int(parent.count))
		default:
			out = s.step(out, Object, uint32(i), 0)
		}
		parent = n
	}
	return out
}

// finishedName looks for a resourceType among the members of the root that are complete.
func (s *scanner) finishedName() string {
	for i := 1; i < len(s.nodes) && s.nodes[i].end != 0; i = int(s.nodes[i].next) {
		n := &s.nodes[i]
		if n.kind != String || !n.named(&s.Doc, "resourceType") {
			continue
		}
		if name := text(s.raw[n.start:n.end], n.flags&escapedValue != 0); IsType(name) {
			return name
		}
	}
	return "Resource"
}

// peek is the byte at hand, or 0 at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.raw) {
		return s.raw[s.at]
	}
	return 0
}

const eightSpaces = 0x2020202020202020

// space skips white space, eight blanks at a time because most resources are indented.
func (s *scanner) space() {
	raw, at := s.raw, s.at
	for at < len(raw) && raw[at] <= ' ' {
		switch raw[at] {
		case ' ', '\n', '\r', '\t':
			at++
		default:
			s.at = at
			return
		}
		for at+8 <= len(raw) && binary.LittleEndian.Uint64(raw[at:]) == eightSpaces {
			at += 8
		}
	}
	s.at = at
}

// value scans the value at hand as node n, which has its name already, inside depth-1 others.
func (s *scanner) value(n node, depth int) bool {
	if len(s.nodes) >= s.lim.Nodes {
		return s.fail(CodeTooCostly, fmt.Sprintf("The resource has more than %d values. Split it.", s.lim.Nodes))
	}
	at := len(s.nodes)
	n.start = uint32(s.at)
	s.nodes = append(s.nodes, n)
	kind, flags, ok := s.content(at, depth)
	if !ok {
		return false
	}
	v := &s.nodes[at]
	v.kind, v.end, v.next = kind, uint32(s.at), uint32(len(s.nodes))
	v.flags |= flags
	return true
}

func (s *scanner) content(at, depth int) (kind Kind, flags uint8, ok bool) {
	switch c := s.peek(); c {
	case '"':
		escaped, ok := s.str()
		if escaped {
			flags = escapedValue
		}
		return String, flags, ok
	case '{':
		s.nodes[at].kind = Object
		return Object, 0, s.deeper(depth) && s.object(at, depth)
	case '[':
		s.nodes[at].kind = Array
		flags, ok = s.array(at, depth)
		return Array, flags, ok
	case 't':
		return Bool, 0, s.literal("true")
	case 'f':
		return Bool, 0, s.literal("false")
	case 'n':
		return Null, 0, s.literal("null")
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return Number, 0, s.number()
		}
		return 0, 0, s.fail(CodeStructure, "A JSON value is expected here.")
	}
}

func (s *scanner) deeper(depth int) bool {
	if depth > s.lim.Depth {
		return s.fail(CodeTooCostly, fmt.Sprintf("Objects and arrays are nested more than %d deep here. Flatten the resource.", s.lim.Depth))
	}
	return true
}

func (s *scanner) literal(word string) bool {
	end := s.at + len(word)
	if end > len(s.raw) || string(s.raw[s.at:end]) != word {
		return s.fail(CodeStructure, "A JSON value is expected here: a string needs double quotes, the bare words are true, false and null.")
	}
	s.at = end
	return true
}

func (s *scanner) object(at, depth int) bool {
	s.at++
	s.space()
	if s.peek() == '}' {
		s.at++
		return true
	}
	for {
		if !s.member(at, depth) {
			return false
		}
		s.space()
		switch s.peek() {
		case ',':
			s.at++
			s.space()
		case '}':
			s.at++
			return s.unique(at)
		default:
			return s.fail(CodeStructure, "A comma or a closing brace is expected here.")
		}
	}
}

func (s *scanner) member(at, depth int) bool {
	n := node{key: uint32(s.at)}
	if s.crowded(at) {
		return false
	}
	if s.peek() != '"' {
		return s.fail(CodeStructure, "A member name in double quotes is expected here.")
	}
	escaped, ok := s.str()
	if !ok {
		return false
	}
	n.keyEnd = uint32(s.at)
	if escaped {
		s.keepName(&n)
	}
	s.space()
	if s.peek() != ':' {
		return s.fail(CodeStructure, "A colon is expected here, between a member's name and its value.")
	}
	s.at++
	s.space()
	if !s.value(n, depth+1) {
		return false
	}
	s.nodes[at].count++
	return true
}

// keepName lets a member's name that has escapes refer to the name they mean.
func (s *scanner) keepName(n *node) {
	name := unescape(s.raw[n.key+1 : n.keyEnd-1])
	n.key, n.flags = uint32(len(s.names)), escapedKey
	s.names = append(append(append(s.names, '"'), name...), '"')
	n.keyEnd = uint32(len(s.names))
}

// array answers which kinds of items it has, as bits 1<<kind.
func (s *scanner) array(at, depth int) (kinds uint8, ok bool) {
	if !s.deeper(depth) {
		return 0, false
	}
	s.at++
	s.space()
	if s.peek() == ']' {
		s.at++
		return 0, true
	}
	for {
		item := len(s.nodes)
		if !s.value(node{}, depth+1) {
			return 0, false
		}
		s.nodes[at].count++
		kinds |= 1 << s.nodes[item].kind
		s.space()
		switch s.peek() {
		case ',':
			s.at++
			s.space()
		case ']':
			s.at++
			return kinds, true
		default:
			return 0, s.fail(CodeStructure, "A comma or a closing bracket is expected here.")
		}
	}
}
