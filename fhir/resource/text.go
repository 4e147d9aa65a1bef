package resource

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks, by its lowest high bit, the first of eight bytes that is a control, a quote or a backslash; 0 if none
// is. Bits above the lowest one may be wrong.
func special(w uint64) uint64 {
	quote := w ^ ('"' * ones)
	slash := w ^ ('\\' * ones)
	return ((w - ' '*ones) | (quote - ones) | (slash - ones)) & highs &^ (w & highs)
}

// str scans the quoted string at hand and reports whether it has escapes. That the bytes are UTF-8 is known already.
func (s *scanner) str() (escaped, ok bool) {
	raw, at := s.raw, s.at+1
	for {
		for at+8 <= len(raw) {
			mark := special(binary.LittleEndian.Uint64(raw[at:]))
			if mark != 0 {
				at += bits.TrailingZeros64(mark) / 8
				break
			}
			at += 8
		}
		for at < len(raw) && raw[at] >= ' ' && raw[at] != '"' && raw[at] != '\\' {
			at++
		}
		s.at = at
		switch {
		case at >= len(raw):
			return false, s.fail(CodeStructure, "The text ends inside a string.")
		case raw[at] == '"':
			s.at++
			return escaped, true
		case raw[at] != '\\':
			return false, s.fail(CodeStructure, "A control character stands in a string. Write it as an escape, or leave it out.")
		}
		if !s.escape() {
			return false, false
		}
		escaped, at = true, s.at
	}
}

func (s *scanner) escape() bool {
	rest := s.raw[s.at+1:]
	if len(rest) == 0 {
		return s.fail(CodeStructure, "The text ends inside a string.")
	}
	switch rest[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at += 2
		return true
	case 'u':
		return s.unicode(rest)
	}
	return s.fail(CodeStructure, "This backslash begins no JSON escape. Write a backslash as two.")
}

func (s *scanner) unicode(rest []byte) bool {
	r, ok := hex(rest)
	switch {
	case !ok:
		return s.fail(CodeStructure, "This escape needs four hexadecimal digits.")
	case r == 0:
		return s.fail(CodeInvalid, "U+0000 cannot be part of a FHIR string. Leave it out.")
	case !utf16.IsSurrogate(r):
		s.at += 6
		return true
	}
	if low, ok := second(rest); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
		s.at += 12
		return true
	}
	return s.fail(CodeStructure, "This escape is half of a surrogate pair. Write both halves, or the character itself.")
}

// hex reads "uXXXX".
func hex(b []byte) (rune, bool) {
	if len(b) < 5 {
		return 0, false
	}
	var r rune
	for _, c := range b[1:5] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// second reads the second half of "uXXXX\uXXXX".
func second(b []byte) (rune, bool) {
	if len(b) < 11 || b[5] != '\\' || b[6] != 'u' {
		return 0, false
	}
	return hex(b[6:])
}

// unescape resolves the escapes of a string that the scanner has accepted.
func unescape(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			out = append(out, b[i])
			continue
		}
		i++
		switch c := b[i]; c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hex(b[i:])
			i += 4
			if utf16.IsSurrogate(r) {
				low, _ := second(b[i-4:])
				r, i = utf16.DecodeRune(r, low), i+6
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
	}
	return out
}

// quote writes a string as JSON.
func quote(s string) []byte {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, len(s)+2)
	out = append(out, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r < ' ':
			out = append(out, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return append(out, '"')
}
