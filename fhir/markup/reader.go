package markup

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Reader takes one XML document apart, a token at a time. Its fields hold the token that Next met last; slices in them
// are good until the next call.
type Reader struct {
	Space string // namespace of the element opened or closed
	Local []byte // its name without prefix
	Attrs []Attr // of the element opened
	Text  []byte // of a Text token, references resolved
	Start int    // where the token begins

	raw     []byte
	at      int
	lim     Limits
	nodes   int
	open    []frame
	spaces  []binding
	decl    []declared
	scratch []byte
	empty   bool // the element opened last closes itself
	started bool
	plain   bool
	err     error
}

// frame is an element that is open.
type frame struct {
	name   []byte // with its prefix
	spaces int    // declarations in force outside
}

type binding struct {
	prefix []byte
	uri    string
}

// declared is an attribute as it stands in the text.
type declared struct{ name, value []byte }

// New makes a Reader of raw, which must not change while it is in use.
func New(raw []byte, lim Limits) *Reader {
	r := new(Reader)
	r.Reset(raw, lim)
	return r
}

// Reset makes r a Reader of another text and keeps its buffers.
func (r *Reader) Reset(raw []byte, lim Limits) {
	*r = Reader{
		raw: raw, lim: lim.filled(), open: r.open[:0], spaces: r.spaces[:0], decl: r.decl[:0], Attrs: r.Attrs[:0],
		scratch: r.scratch[:0], plain: true,
	}
}

// Depth is how many elements are open.
func (r *Reader) Depth() int { return len(r.open) }

// Offset is where the token met last ends.
func (r *Reader) Offset() int { return r.at }

// Plain reports whether no element read since the last call of Plain had a prefix.
func (r *Reader) Plain() bool {
	was := r.plain
	r.plain = true
	return was
}

// Declares reports whether the element opened last declares the default namespace itself.
func (r *Reader) Declares() bool {
	for _, a := range r.decl {
		if string(a.name) == "xmlns" {
			return true
		}
	}
	return false
}

// Next reads the next token. Comments are passed over. After an error every call gives the same one.
func (r *Reader) Next() (Kind, error) {
	if r.err != nil {
		return End, r.err
	}
	r.scratch = r.scratch[:0]
	if !r.started {
		r.started = true
		if !r.prolog() {
			return End, r.err
		}
	}
	if r.empty {
		r.empty = false
		return r.close()
	}
	return r.token()
}

func (r *Reader) fail(code, text string) bool {
	if r.err == nil {
		r.err = &Error{Code: code, Offset: r.at, Text: text}
	}
	return false
}

const structure = "structure"

func (r *Reader) prolog() bool {
	if len(r.raw) > r.lim.Bytes {
		return r.fail("too-long", fmt.Sprintf("The text is larger than %d bytes. Send large attachments as Binary resources of their own.", r.lim.Bytes))
	}
	if !utf8.Valid(r.raw) {
		return r.fail(structure, "The text is not valid UTF-8. Encode it as UTF-8.")
	}
	if bytes.HasPrefix(r.raw, []byte("\xef\xbb\xbf")) {
		r.at = 3
	}
	if bytes.HasPrefix(r.raw[r.at:], []byte("<?xml")) && len(r.raw) > r.at+5 && isSpace(r.raw[r.at+5]) {
		return r.declaration()
	}
	return true
}

// declaration reads <?xml version="1.0" encoding="UTF-8"?>.
func (r *Reader) declaration() bool {
	end := bytes.Index(r.raw[r.at:], []byte("?>"))
	if end < 0 || end > 200 {
		return r.fail(structure, "The XML declaration has no end.")
	}
	rest := r.raw[r.at+5 : r.at+end]
	for {
		rest = bytes.TrimLeft(rest, " \t\r\n")
		if len(rest) == 0 {
			break
		}
		name, after, ok := bytes.Cut(rest, []byte("="))
		after = bytes.TrimLeft(after, " \t\r\n")
		if !ok || len(after) < 2 || after[0] != '"' && after[0] != '\'' {
			return r.fail(structure, "The XML declaration is not well formed.")
		}
		close := bytes.IndexByte(after[1:], after[0])
		if close < 0 || !declares(bytes.TrimRight(name, " \t\r\n"), after[1:1+close]) {
			return r.fail(structure, "The XML declaration is not that of XML 1.0 in UTF-8.")
		}
		rest = after[close+2:]
	}
	r.at += end + 2
	return true
}

func declares(name, value []byte) bool {
	switch string(name) {
	case "version":
		return string(value) == "1.0"
	case "encoding":
		return bytes.EqualFold(value, []byte("utf-8")) || bytes.EqualFold(value, []byte("us-ascii"))
	case "standalone":
		return string(value) == "yes" || string(value) == "no"
	}
	return false
}

// token reads one token that is neither the declaration nor the second half of an empty element.
func (r *Reader) token() (Kind, error) {
	for {
		r.Start = r.at
		switch {
		case r.at >= len(r.raw):
			return r.end()
		case r.raw[r.at] != '<':
			if r.text() {
				if len(r.open) > 0 {
					return Text, nil
				}
				continue
			}
		case r.ahead("<!--"):
			if r.comment() {
				continue
			}
		case r.ahead("<![CDATA["):
			if r.cdata() {
				return Text, nil
			}
		case r.ahead("<!"):
			r.fail(structure, "A document type or another declaration stands here. FHIR has none: leave it out.")
		case r.ahead("<?"):
			r.fail(structure, "A processing instruction stands here. Leave it out.")
		case r.ahead("</"):
			return r.closing()
		case r.opening():
			return Open, nil
		}
		return End, r.err
	}
}

func (r *Reader) ahead(s string) bool {
	return len(r.raw)-r.at >= len(s) && string(r.raw[r.at:r.at+len(s)]) == s
}

func (r *Reader) end() (Kind, error) {
	switch {
	case len(r.open) > 0:
		r.fail(structure, "The text ends inside an element.")
	case r.nodes == 0:
		r.fail(structure, "An element is expected here.")
	}
	return End, r.err
}

func (r *Reader) comment() bool {
	body := r.raw[r.at+4:]
	end := bytes.Index(body, []byte("--"))
	if end < 0 || !bytes.HasPrefix(body[end:], []byte("-->")) {
		return r.fail(structure, "A comment has no end, or two hyphens inside.")
	}
	if !r.chars(body[:end]) {
		return false
	}
	r.at += 4 + end + 3
	return true
}

func (r *Reader) cdata() bool {
	if len(r.open) == 0 {
		return r.fail(structure, "Text stands outside of the root element.")
	}
	body := r.raw[r.at+9:]
	end := bytes.Index(body, []byte("]]>"))
	if end < 0 {
		return r.fail(structure, "A CDATA section has no end.")
	}
	if !r.chars(body[:end]) {
		return false
	}
	r.Text = r.lines(body[:end])
	r.at += 9 + end + 3
	return true
}

// Slice is the text from start to the end of the token met last. It is part of what New was given.
func (r *Reader) Slice(start int) []byte { return r.raw[start:r.at] }
