package markup

import (
	"bytes"
	"fmt"
)

// opening reads a start tag or an empty element.
func (r *Reader) opening() bool {
	if len(r.open) == 0 && r.nodes > 0 {
		return r.fail(structure, "There is a second root element. Send exactly one resource.")
	}
	if len(r.open) >= r.lim.Depth {
		return r.fail("too-costly", fmt.Sprintf("Elements are nested more than %d deep here. Flatten the resource.", r.lim.Depth))
	}
	r.at++
	name := r.name()
	if name == nil || !r.count() || !r.attributes() {
		return false
	}
	r.open = append(r.open, frame{name: name, spaces: len(r.spaces)})
	return r.declareAll() && r.resolve(name) && r.resolveAttrs()
}

func (r *Reader) count() bool {
	if r.nodes++; r.nodes > r.lim.Nodes {
		return r.fail("too-costly", fmt.Sprintf("The text has more than %d elements and attributes. Split it.", r.lim.Nodes))
	}
	return true
}

// name reads a name with at most one colon in it; nil after an error.
func (r *Reader) name() []byte {
	start := r.at
	colon := -1
	for ; r.at < len(r.raw) && nameByte(r.raw[r.at]); r.at++ {
		if r.raw[r.at] != ':' {
			continue
		}
		if colon >= 0 || r.at == start {
			r.fail(structure, "This name has a colon in a place where it has none.")
			return nil
		}
		colon = r.at
	}
	n := r.raw[start:r.at]
	if len(n) == 0 || !startByte(n[0]) || colon >= 0 && (colon == r.at-1 || !startByte(r.raw[colon+1])) {
		r.fail(structure, "A name is expected here, of ASCII letters, digits, hyphens, dots and underscores.")
		return nil
	}
	return n
}

func startByte(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

func nameByte(c byte) bool {
	return startByte(c) || c >= '0' && c <= '9' || c == '-' || c == '.' || c == ':'
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func (r *Reader) space() bool {
	start := r.at
	for r.at < len(r.raw) && isSpace(r.raw[r.at]) {
		r.at++
	}
	return r.at > start
}

// attributes reads them up to the end of the tag.
func (r *Reader) attributes() bool {
	r.decl = r.decl[:0]
	for {
		spaced := r.space()
		switch {
		case r.ahead(">"):
			r.at++
			return true
		case r.ahead("/>"):
			r.at += 2
			r.empty = true
			return true
		case !spaced:
			return r.fail(structure, "White space or the end of the tag is expected here.")
		case !r.attribute():
			return false
		}
	}
}

// maxAttributes bounds the attributes of one element, among which names are compared pair by pair.
const maxAttributes = 64

func (r *Reader) attribute() bool {
	name := r.name()
	if name == nil || !r.count() {
		return false
	}
	if len(r.decl) >= maxAttributes {
		return r.fail("too-costly", fmt.Sprintf("This element has more than %d attributes.", maxAttributes))
	}
	r.space()
	if !r.ahead("=") {
		return r.fail(structure, "An attribute has no value.")
	}
	r.at++
	r.space()
	if r.at >= len(r.raw) || r.raw[r.at] != '"' && r.raw[r.at] != '\'' {
		return r.fail(structure, "An attribute's value stands in quotes.")
	}
	end := bytes.IndexByte(r.raw[r.at+1:], r.raw[r.at])
	if end < 0 {
		return r.fail(structure, "An attribute's value has no end.")
	}
	r.at++
	value, ok := r.value(r.raw[r.at : r.at+end])
	if !ok {
		return false
	}
	r.at += end + 1
	r.decl = append(r.decl, declared{name, value})
	return true
}

// declareAll puts the namespaces in force that the element declares (Namespaces in XML 1.0 section 3).
func (r *Reader) declareAll() bool {
	for _, a := range r.decl {
		prefix, ok := bytes.CutPrefix(a.name, []byte("xmlns"))
		if !ok || len(prefix) > 0 && prefix[0] != ':' {
			continue
		}
		prefix = bytes.TrimPrefix(prefix, []byte(":"))
		switch {
		case len(prefix) > 0 && len(a.value) == 0, string(prefix) == "xmlns", string(a.value) == xmlns,
			(string(prefix) == "xml") != (string(a.value) == xmlSpace):
			return r.fail(structure, "This namespace cannot be declared so.")
		}
		r.spaces = append(r.spaces, binding{prefix, internal(a.value)})
	}
	return true
}

const (
	xmlSpace = "http://www.w3.org/XML/1998/namespace"
	xmlns    = "http://www.w3.org/2000/xmlns/"
	fhir     = "http://hl7.org/fhir"
	xhtml    = "http://www.w3.org/1999/xhtml"
)

// internal is the text as a string, without a copy for the namespaces that are everywhere.
func internal(uri []byte) string {
	switch string(uri) {
	case fhir:
		return fhir
	case xhtml:
		return xhtml
	}
	return string(uri)
}

// lookup is the namespace of a prefix, the last declared; false if it is not declared.
func (r *Reader) lookup(prefix []byte) (string, bool) {
	for i := len(r.spaces) - 1; i >= 0; i-- {
		if bytes.Equal(r.spaces[i].prefix, prefix) {
			return r.spaces[i].uri, true
		}
	}
	if string(prefix) == "xml" {
		return xmlSpace, true
	}
	return "", len(prefix) == 0
}

func (r *Reader) resolve(name []byte) bool {
	prefix, local, prefixed := bytes.Cut(name, []byte(":"))
	if !prefixed {
		prefix, local = nil, name
	}
	r.plain = r.plain && !prefixed
	space, ok := r.lookup(prefix)
	if !ok {
		return r.fail(structure, "The prefix of this name is not declared.")
	}
	r.Space, r.Local = space, local
	return true
}

func (r *Reader) resolveAttrs() bool {
	r.Attrs = r.Attrs[:0]
	for _, a := range r.decl {
		if string(a.name) == "xmlns" || bytes.HasPrefix(a.name, []byte("xmlns:")) {
			if twice(r.decl, a.name) {
				return r.fail(structure, "An attribute stands twice in its element.")
			}
			continue
		}
		prefix, local, prefixed := bytes.Cut(a.name, []byte(":"))
		out := Attr{Local: a.name, Value: a.value}
		if prefixed {
			space, ok := r.lookup(prefix)
			if !ok {
				return r.fail(structure, "The prefix of this attribute is not declared.")
			}
			out.Space, out.Local = space, local
			r.plain = r.plain && string(prefix) == "xml"
		}
		for _, other := range r.Attrs {
			if other.Space == out.Space && bytes.Equal(other.Local, out.Local) {
				return r.fail(structure, "An attribute stands twice in its element.")
			}
		}
		r.Attrs = append(r.Attrs, out)
	}
	return true
}

func twice(all []declared, name []byte) bool {
	n := 0
	for _, a := range all {
		if bytes.Equal(a.name, name) {
			n++
		}
	}
	return n > 1
}

// closing reads an end tag.
func (r *Reader) closing() (Kind, error) {
	r.at += 2
	name := r.name()
	if name == nil {
		return End, r.err
	}
	r.space()
	if !r.ahead(">") || len(r.open) == 0 || !bytes.Equal(name, r.open[len(r.open)-1].name) {
		r.fail(structure, "This end tag does not end the element that is open.")
		return End, r.err
	}
	r.at++
	return r.close()
}

// close leaves the element opened last.
func (r *Reader) close() (Kind, error) {
	last := r.open[len(r.open)-1]
	was := r.plain
	r.resolve(last.name)
	r.plain = was
	r.open = r.open[:len(r.open)-1]
	r.spaces = r.spaces[:last.spaces]
	r.Attrs = r.Attrs[:0]
	return Close, nil
}
