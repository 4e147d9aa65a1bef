package er7

import (
	"strings"
	"unicode/utf8"
)

// Charset is a character set that messages may be written in (table HL70211).
type Charset uint8

// The character sets that are read.
const (
	ASCII Charset = iota + 1
	UTF8
	Latin1 // ISO 8859-1
)

var charsetNames = map[string]Charset{"ASCII": ASCII, "UNICODE UTF-8": UTF8, "8859/1": Latin1}

// ParseCharset reads a code of table HL70211.
func ParseCharset(name string) (Charset, bool) {
	c, ok := charsetNames[name]
	return c, ok
}

// String returns the code in table HL70211.
func (c Charset) String() string {
	for name, have := range charsetNames {
		if have == c {
			return name
		}
	}
	return ""
}

// decode returns bytes of this character set as UTF-8.
func (c Charset) decode(raw string) (string, bool) {
	plain := isASCII(raw)
	switch {
	case plain:
		return raw, true
	case c == UTF8:
		return raw, utf8.ValidString(raw)
	case c == Latin1:
		return fromLatin1(raw), true
	}
	return "", false
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func fromLatin1(s string) string {
	var out strings.Builder
	out.Grow(len(s) + len(s)/8)
	for i := range len(s) {
		out.WriteRune(rune(s[i]))
	}
	return out.String()
}

// control returns the first control character but a tab, and where it stands;
// C1 controls count as well.
func control(s string) int {
	for i, r := range s {
		if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return i
		}
	}
	return -1
}
