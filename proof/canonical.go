package proof

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The canonical JSON of this package: no white space, every field present in a
// fixed order, integers in plain decimal from 0 to 2^53-1, strings in the
// escaping of RFC 8785 3.2.2.2, bytes in lower-case hexadecimal or in padded
// base64 (RFC 4648 4) without stray bits. It is what JSON.stringify makes in a
// browser.

// maxInteger is the largest integer that every JSON reader keeps exactly.
const maxInteger = 1<<53 - 1

// The last moment that has a four-digit year.
const (
	maxSeconds = 253402300799
	maxMillis  = maxSeconds*1000 + 999
)

// errCanonical is wrapped by every refusal of a text that is not in its one
// encoding.
var errCanonical = errors.New("not in canonical form")

// quote appends s as a canonical JSON string. s is valid UTF-8.
func quote(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		if e := escapeOf(c); e != 0 {
			b = append(b, '\\', e)
			continue
		}
		b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
	}
	return append(append(b, s[from:]...), '"')
}

// escapeOf returns the letter after the backslash in the short escape of c, 0
// if c has none.
func escapeOf(c byte) byte {
	switch c {
	case '"', '\\':
		return c
	case '\b':
		return 'b'
	case '\t':
		return 't'
	case '\n':
		return 'n'
	case '\f':
		return 'f'
	case '\r':
		return 'r'
	}
	return 0
}

// unescape is the inverse of escapeOf.
func unescape(e byte) (byte, bool) {
	if i := strings.IndexByte(`"\btnfr`, e); i >= 0 {
		return "\"\\\b\t\n\f\r"[i], true
	}
	return 0, false
}

func appendHash(b []byte, h [32]byte) []byte {
	b = append(b, '"')
	b = hex.AppendEncode(b, h[:])
	return append(b, '"')
}

func appendHashes(b []byte, hashes [][32]byte) []byte {
	b = append(b, '[')
	for i, h := range hashes {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendHash(b, h)
	}
	return append(b, ']')
}

func appendBase64(b, raw []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, raw)
	return append(b, '"')
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, "true"...)
	}
	return append(b, "false"...)
}

func appendUint(b []byte, n uint64) []byte { return strconv.AppendUint(b, n, 10) }

// scanner reads canonical JSON. After the first error it reads nothing more and
// returns zero values.
type scanner struct {
	in  []byte
	at  int
	err error
}

func (s *scanner) fail(what string) {
	if s.err == nil {
		s.err = fmt.Errorf("%w: %s at byte %d", errCanonical, what, s.at)
	}
}

// lit reads exactly the text.
func (s *scanner) lit(text string) {
	if s.err != nil {
		return
	}
	if !s.next(text) {
		s.fail("expected " + text)
		return
	}
	s.at += len(text)
}

// next reports whether text comes next; it reads nothing.
func (s *scanner) next(text string) bool {
	return s.err == nil && len(s.in)-s.at >= len(text) && string(s.in[s.at:s.at+len(text)]) == text
}

// take reads the text if it comes next and reports whether it did.
func (s *scanner) take(text string) bool {
	ok := s.next(text)
	if ok {
		s.at += len(text)
	}
	return ok
}

// integer reads a decimal from 0 to maxInteger without sign or leading zero.
func (s *scanner) integer() uint64 {
	if s.err != nil {
		return 0
	}
	end := s.at
	for end < len(s.in) && end-s.at < 17 && s.in[end] >= '0' && s.in[end] <= '9' {
		end++
	}
	text := string(s.in[s.at:end])
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > maxInteger || len(text) > 1 && text[0] == '0' {
		s.fail("expected an integer")
		return 0
	}
	s.at = end
	return n
}

// boolean reads true or false.
func (s *scanner) boolean() bool {
	if s.take("true") {
		return true
	}
	s.lit("false")
	return false
}

// str reads a string of at most max bytes once unescaped.
func (s *scanner) str(max int) string {
	s.lit(`"`)
	if s.err != nil {
		return ""
	}
	end := s.at
	for end < len(s.in) && s.in[end] >= 0x20 && s.in[end] != '"' && s.in[end] != '\\' {
		end++
	}
	plain := s.in[s.at:end]
	if end < len(s.in) && s.in[end] == '\\' {
		return s.escaped(max)
	}
	s.at = end
	return s.finish(plain, max)
}

// escaped reads the rest of a string that has escapes.
func (s *scanner) escaped(max int) string {
	var out []byte
	for s.err == nil && s.at < len(s.in) {
		c := s.in[s.at]
		switch {
		case c == '"':
			return s.finish(out, max)
		case c < 0x20:
			s.fail("expected an escape")
		case c == '\\':
			out = append(out, s.escape())
		default:
			out = append(out, c)
			s.at++
		}
		if len(out) > max {
			s.fail("a string too long")
		}
	}
	s.fail("a string without end")
	return ""
}

// escape reads one escape sequence. Only the escape that quote would write is
// taken.
func (s *scanner) escape() byte {
	s.at++
	if s.at < len(s.in) {
		if c, ok := unescape(s.in[s.at]); ok {
			s.at++
			return c
		}
	}
	if len(s.in)-s.at >= 5 && string(s.in[s.at:s.at+3]) == "u00" {
		digits := string(s.in[s.at+3 : s.at+5])
		n, err := strconv.ParseUint(digits, 16, 8)
		if err == nil && n < 0x20 && escapeOf(byte(n)) == 0 && digits == strings.ToLower(digits) {
			s.at += 5
			return byte(n)
		}
	}
	s.fail("a needless escape")
	return 0
}

// finish checks a string's bytes and reads its closing quote.
func (s *scanner) finish(raw []byte, max int) string {
	if len(raw) > max {
		s.fail("a string too long")
	}
	if !utf8.Valid(raw) {
		s.fail("invalid UTF-8")
	}
	s.lit(`"`)
	if s.err != nil {
		return ""
	}
	return string(raw)
}

// hash reads 64 lower-case hexadecimal digits.
func (s *scanner) hash() (h [32]byte) {
	s.lit(`"`)
	if s.err != nil {
		return h
	}
	if len(s.in)-s.at < 64 {
		s.fail("expected a hash")
		return h
	}
	text := s.in[s.at : s.at+64]
	if _, err := hex.Decode(h[:], text); err != nil || hasUpper(text) {
		s.fail("expected a hash")
		return [32]byte{}
	}
	s.at += 64
	s.lit(`"`)
	return h
}

func hasUpper(text []byte) bool {
	for _, c := range text {
		if c >= 'A' && c <= 'Z' {
			return true
		}
	}
	return false
}

// list reads a list of at most max items, each read by item.
func (s *scanner) list(max int, item func()) {
	s.lit("[")
	if s.take("]") {
		return
	}
	for n := 0; s.err == nil; n++ {
		if n == max {
			s.fail("a list too long")
			return
		}
		item()
		if s.take("]") {
			return
		}
		s.lit(",")
	}
}

// hashes reads a list of at most max hashes.
func (s *scanner) hashes(max int) [][32]byte {
	var out [][32]byte
	s.list(max, func() { out = append(out, s.hash()) })
	return out
}

// base64 reads at most max bytes in padded base64.
func (s *scanner) base64(max int) []byte {
	s.lit(`"`)
	if s.err != nil {
		return nil
	}
	end := s.at
	for end < len(s.in) && s.in[end] != '"' {
		end++
	}
	raw, err := decodeBase64(s.in[s.at:end])
	if err != nil || len(raw) > max {
		s.fail("expected base64")
		return nil
	}
	s.at = end
	s.lit(`"`)
	return raw
}

// decodeBase64 takes padded base64 whose unused bits are zero, and nothing else.
func decodeBase64(text []byte) ([]byte, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(string(text))
	if err != nil || base64.StdEncoding.EncodedLen(len(raw)) != len(text) {
		return nil, fmt.Errorf("%w: base64", errCanonical)
	}
	return raw, nil
}

// done returns the first error; trailing bytes are one.
func (s *scanner) done() error {
	if s.err == nil && s.at != len(s.in) {
		s.fail("trailing bytes")
	}
	return s.err
}
