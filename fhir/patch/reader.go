package patch

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"cairn/fhir/resource"
)

// read makes a tree of a text. It refuses what is not JSON in UTF-8 (RFC 8259), a member name that occurs twice in its
// object, and more than the limits of a resource.
func read(raw []byte, m *meter) (*value, *Error) {
	if len(raw) > resource.Default.Bytes {
		return nil, whole(Costly, "too-long", "The patch is larger than 10 MB. Send several smaller ones.")
	}
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return nil, whole(Malformed, "structure", "The patch is not JSON in UTF-8.")
	}
	r := reader{raw: raw, meter: m}
	r.space()
	v := r.value(1)
	if r.err != nil {
		return nil, r.err
	}
	return v, nil
}

// reader reads a text that json.Valid has accepted. The first mistake stays in err; after it nothing is read.
type reader struct {
	raw   []byte
	at    int
	nodes int
	meter *meter
	err   *Error
}

func (r *reader) fail(e *Error) *value {
	if r.err == nil {
		r.err = e
	}
	r.at = len(r.raw)
	return &value{}
}

func (r *reader) space() []byte {
	start := r.at
	for r.at < len(r.raw) && (r.raw[r.at] == ' ' || r.raw[r.at] == '\n' || r.raw[r.at] == '\r' || r.raw[r.at] == '\t') {
		r.at++
	}
	return r.raw[start:r.at:r.at]
}

// take steps over c if it is at hand.
func (r *reader) take(c byte) bool {
	if r.at < len(r.raw) && r.raw[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *reader) value(depth int) *value {
	r.nodes++
	if r.nodes > resource.Default.Nodes || !r.meter.make(1) {
		return r.fail(whole(Costly, "too-costly", "The patch has more than 100,000 values. Send several smaller ones."))
	}
	start := r.at
	v := &value{}
	switch r.raw[r.at] {
	case '{', '[':
		if depth > resource.Default.Depth {
			return r.fail(whole(Costly, "too-costly", "The patch is nested more than 64 deep."))
		}
		r.container(v, depth)
	case '"':
		v.kind = text
		r.quoted()
	default:
		v.kind = scalar
		for r.at < len(r.raw) && bytes.IndexByte([]byte(",]} \t\r\n"), r.raw[r.at]) < 0 {
			r.at++
		}
	}
	v.raw = r.raw[start:r.at:r.at]
	return v
}

// quoted steps over a string and returns it with its quotes.
func (r *reader) quoted() []byte {
	start := r.at
	for r.at++; r.raw[r.at] != '"'; r.at++ {
		if r.raw[r.at] == '\\' {
			r.at++
		}
	}
	r.at++
	return r.raw[start:r.at:r.at]
}

func (r *reader) container(v *value, depth int) {
	v.kind = array
	closer := byte(']')
	if r.raw[r.at] == '{' {
		v.kind, closer = object, '}'
	}
	r.at++
	lead := r.space()
	if r.take(closer) {
		v.tail = lead
		return
	}
	names := map[string]bool{}
	for r.err == nil {
		kid := r.kid(v.kind, lead, depth)
		if v.kind == object && names[kid.name] {
			r.fail(whole(Malformed, "structure", "A member name occurs twice in its object. Keep one."))
			return
		}
		names[kid.name] = true
		v.kids = append(v.kids, kid)
		after := r.space()
		if r.take(closer) {
			v.tail = after
			return
		}
		kid.after = after
		r.take(',')
		lead = r.space()
	}
}

// kid reads a member or an item; lead is the white space that stood in front of it.
func (r *reader) kid(of kind, lead []byte, depth int) *value {
	if of == array {
		kid := r.value(depth + 1)
		kid.lead = lead
		return kid
	}
	start := r.at
	name := plain(r.quoted())
	r.space()
	r.take(':')
	r.space()
	key := r.raw[start:r.at:r.at]
	kid := r.value(depth + 1)
	kid.lead, kid.key, kid.name = lead, key, name
	return kid
}

// plain is the content of a string of valid JSON.
func plain(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // valid, as read has checked
	return s
}
