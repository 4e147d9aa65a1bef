package er7

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// unescape resolves the escape sequences of a value (HL7 v2.8.2 2.7): \F\ \S\
// \T\ \R\ \E\ \P\ and \Xdd...\ become what they stand for, formatting commands
// line ends and blanks. Highlighting is dropped, a local sequence (\Zdd\) kept
// as it is. An escape character that begins none of them is taken for itself,
// as in a path. A change of the character set is refused.
func (m *Message) unescape(raw string) (string, string) {
	if strings.IndexByte(raw, m.seps.Escape) < 0 {
		return raw, ""
	}
	var out strings.Builder
	for raw != "" {
		before, rest, found := strings.Cut(raw, string(rune(m.seps.Escape)))
		out.WriteString(before)
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, string(rune(m.seps.Escape)))
		text, known, mistake := m.sequence(name)
		switch {
		case mistake != "":
			return "", mistake
		case closed && known:
			out.WriteString(text)
			raw = after
		default:
			out.WriteByte(m.seps.Escape)
			raw = rest
		}
	}
	return out.String(), ""
}

// sequence returns what one escape sequence stands for.
func (m *Message) sequence(name string) (text string, known bool, mistake string) {
	switch name {
	case "F":
		return string(rune(m.seps.Field)), true, ""
	case "S":
		return string(rune(m.seps.Component)), true, ""
	case "T":
		return string(rune(m.seps.Subcomponent)), true, ""
	case "R":
		return string(rune(m.seps.Repetition)), true, ""
	case "E":
		return string(rune(m.seps.Escape)), true, ""
	case "P":
		return string(rune(m.seps.Truncation)), m.seps.Truncation != 0, ""
	case "H", "N":
		return "", true, ""
	case "":
		return "", false, ""
	}
	switch name[0] {
	case 'X':
		return m.hex(name[1:])
	case '.':
		text, known = command(name[1:])
		return text, known, ""
	case 'C', 'M':
		if _, err := hex.DecodeString(name[1:]); err == nil && len(name) >= 5 {
			return "", false, "it changes the character set by an escape sequence, which is not supported"
		}
	}
	return "", false, ""
}

// hex reads the bytes of \Xdd...\ in the message's character set. Carriage
// returns become line ends.
func (m *Message) hex(digits string) (text string, known bool, mistake string) {
	raw, err := hex.DecodeString(digits)
	if err != nil || len(raw) == 0 {
		return "", false, "" // a path such as \Xray\ is no sequence
	}
	text, ok := m.charset.decode(string(raw))
	if !ok {
		return "", false, "an escape sequence holds bytes that are not of the message's character set"
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	if control(strings.ReplaceAll(text, "\n", "")) >= 0 {
		return "", false, "an escape sequence holds control characters"
	}
	return text, true, ""
}

// maxSkip bounds what one formatting command may add.
const maxSkip = 100

// command returns what a formatting command of FT stands for (HL7 v2.8.2 2.7.6).
func command(name string) (string, bool) {
	if len(name) < 2 {
		return "", false
	}
	n := 1
	if count := strings.TrimSpace(name[2:]); count != "" {
		var err error
		if n, err = strconv.Atoi(strings.TrimPrefix(count, "+")); err != nil || n > maxSkip {
			return "", false
		}
	}
	n = max(n, 0)
	switch name[:2] {
	case "br", "ce":
		return "\n", true
	case "sp":
		return strings.Repeat("\n", n), true
	case "sk":
		return strings.Repeat(" ", n), true
	case "fi", "nf", "in", "ti":
		return "", true
	}
	return "", false
}
