package markup

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// text reads characters up to the next tag. Outside of the root only white space may stand.
func (r *Reader) text() bool {
	end := bytes.IndexByte(r.raw[r.at:], '<')
	if end < 0 {
		end = len(r.raw) - r.at
	}
	body := r.raw[r.at : r.at+end]
	if len(r.open) == 0 && len(bytes.TrimLeft(body, " \t\r\n")) > 0 {
		return r.fail(structure, "Text stands outside of the root element.")
	}
	if bytes.Contains(body, []byte("]]>")) {
		return r.fail(structure, "The end of a CDATA section stands in a text where none began.")
	}
	if !r.chars(body) {
		return false
	}
	out, ok := r.references(r.lines(body))
	r.Text = out
	r.at += end
	return ok
}

// value resolves an attribute's value (XML 1.0 section 3.3.3): white space as it stands becomes blanks.
func (r *Reader) value(body []byte) ([]byte, bool) {
	if bytes.IndexByte(body, '<') >= 0 {
		return nil, r.fail(structure, "An attribute's value has a less-than sign in it. Write &lt;.")
	}
	if !r.chars(body) {
		return nil, false
	}
	if bytes.ContainsAny(body, "\t\r\n") {
		flat := bytes.Clone(r.lines(body))
		for i, c := range flat {
			if isSpace(c) {
				flat[i] = ' '
			}
		}
		body = flat
	}
	return r.references(body)
}

// chars refuses what is no character of XML (XML 1.0 section 2.2).
func (r *Reader) chars(body []byte) bool {
	for i, c := range body {
		switch {
		case c < ' ' && !isSpace(c):
		case c == 0xEF && i+2 < len(body) && body[i+1] == 0xBF && body[i+2] >= 0xBE: // U+FFFE, U+FFFF
		default:
			continue
		}
		return r.fail(structure, "A control character stands here that XML does not have. Leave it out.")
	}
	return true
}

// lines makes each line end a line feed (XML 1.0 section 2.11).
func (r *Reader) lines(body []byte) []byte {
	if bytes.IndexByte(body, '\r') < 0 {
		return body
	}
	body = bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(body, []byte("\r"), []byte("\n"))
}

// references resolves the five entities of XML and character references.
func (r *Reader) references(body []byte) ([]byte, bool) {
	at := bytes.IndexByte(body, '&')
	if at < 0 {
		return body, true
	}
	start := len(r.scratch)
	for at >= 0 {
		r.scratch = append(r.scratch, body[:at]...)
		end := bytes.IndexByte(body[at:min(len(body), at+12)], ';')
		if end < 0 {
			return nil, r.fail(structure, "An ampersand begins no reference. Write &amp;.")
		}
		char, ok := reference(body[at+1 : at+end])
		if !ok {
			return nil, r.fail(structure, "This reference is not one of XML. Write the character itself, or its number.")
		}
		r.scratch = utf8.AppendRune(r.scratch, char)
		body = body[at+end+1:]
		at = bytes.IndexByte(body, '&')
	}
	r.scratch = append(r.scratch, body...)
	return r.scratch[start:len(r.scratch):len(r.scratch)], true
}

func reference(name []byte) (rune, bool) {
	switch string(name) {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, ok := bytes.CutPrefix(name, []byte("#"))
	if !ok {
		return 0, false
	}
	base := 10
	if hex, ok := bytes.CutPrefix(digits, []byte("x")); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(string(digits), base, 32)
	return rune(n), err == nil && isChar(n) && digits[0] != '+'
}

func isChar(n uint64) bool {
	return n == 9 || n == 10 || n == 13 || n >= 0x20 && n <= 0xD7FF || n >= 0xE000 && n <= 0xFFFD || n >= 0x10000 && n <= 0x10FFFF
}
