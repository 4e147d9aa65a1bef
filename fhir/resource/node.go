package resource

import (
	"bytes"
	"iter"
)

// Kind is the JSON kind of a node.
type Kind uint8

// The kinds of JSON values. Missing is the kind of a Node that is not there.
const (
	Missing Kind = iota
	Null
	Bool
	Number
	String
	Object
	Array
)

// node is one value. Nodes stand in the order of the text, so that the first child of node i is i+1 and the
// one after node i and all below it is next.
type node struct {
	key, keyEnd uint32 // span of the member name with its quotes (in names, if escaped); 0, 0 for the root and for items
	start, end  uint32 // span of the value; end is 0 while the value is being scanned
	next        uint32
	count       uint32 // members of an object, items of an array
	kind        Kind
	flags       uint8
}

const (
	escapedKey   = 1 << 7 // the member name was spelled with escapes
	escapedValue = 1 << 6 // the string has a backslash in it; for arrays bits 1 to 6 are the kinds of its items
	holdsURI     = 1 << 6 // the object's member "reference" is a uri, whatever else it has
)

// Node is a value inside a Doc: small, to be passed by value. The zero Node is a value that is not there; every
// method may be called on it and answers with nothing.
type Node struct {
	doc *Doc
	at  uint32
}

func (n Node) node() *node { return &n.doc.nodes[n.at] }

// Exists reports whether there is such a value. JSON null exists.
func (n Node) Exists() bool { return n.doc != nil }

// Kind is the kind of the value.
func (n Node) Kind() Kind {
	if n.doc == nil {
		return Missing
	}
	return n.node().kind
}

// Len is the number of members of an object or of items of an array, else 0.
func (n Node) Len() int {
	if n.doc == nil {
		return 0
	}
	return int(n.node().count)
}

// Get is the member of an object with that name, else a Node that does not exist.
func (n Node) Get(key string) Node {
	if n.Kind() != Object {
		return Node{}
	}
	nodes := n.doc.nodes
	end := nodes[n.at].next
	for i := n.at + 1; i < end; i = nodes[i].next {
		if nodes[i].named(n.doc, key) {
			return Node{n.doc, i}
		}
	}
	return Node{}
}

// At is the item of an array at index i from 0, else a Node that does not exist.
func (n Node) At(i int) Node {
	if n.Kind() != Array || i < 0 || i >= n.Len() {
		return Node{}
	}
	at := n.at + 1
	for ; i > 0; i-- {
		at = n.doc.nodes[at].next
	}
	return Node{n.doc, at}
}

// Fields goes over the members of an object in the order of the text.
func (n Node) Fields() iter.Seq2[string, Node] {
	return func(yield func(string, Node) bool) {
		if n.Kind() != Object {
			return
		}
		end := n.node().next
		for i := n.at + 1; i < end; i = n.doc.nodes[i].next {
			if !yield(n.doc.nodes[i].keyText(n.doc), Node{n.doc, i}) {
				return
			}
		}
	}
}

// Items goes over the items of an array. A value that is no array is its own only item, as in FHIRPath where
// one value and a list of one are the same; a value that is not there has none.
func (n Node) Items() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		if n.Kind() != Array {
			if n.Exists() {
				yield(n)
			}
			return
		}
		end := n.node().next
		for i := n.at + 1; i < end; i = n.doc.nodes[i].next {
			if !yield(Node{n.doc, i}) {
				return
			}
		}
	}
}

// Text is the content of a string with its escapes resolved; false for any other kind.
func (n Node) Text() (string, bool) {
	if n.Kind() != String {
		return "", false
	}
	v := n.node()
	return text(n.doc.raw[v.start:v.end], v.flags&escapedValue != 0), true
}

// Is reports whether the value is a string with exactly that content.
func (n Node) Is(s string) bool {
	if n.Kind() != String {
		return false
	}
	v := n.node()
	return same(n.doc.raw[v.start:v.end], v.flags&escapedValue != 0, s)
}

// Raw is the value as received, a string with its quotes. It is part of the Doc's bytes, not a copy.
func (n Node) Raw() []byte {
	if n.doc == nil {
		return nil
	}
	v := n.node()
	return n.doc.raw[v.start:v.end:v.end]
}

// Span is where the value stands in the Doc's bytes: [start, end).
func (n Node) Span() (start, end int) {
	if n.doc == nil {
		return 0, 0
	}
	v := n.node()
	return int(v.start), int(v.end)
}

// Expression is the way from the root to the value as a FHIRPath, e.g. "Patient.name[0].family". Member names that
// do not have the form of an element name are written as "?".
func (n Node) Expression() string {
	if n.doc == nil {
		return ""
	}
	return n.doc.expression(n.at)
}

// name is the member's name without quotes and escapes.
func (v *node) name(d *Doc) []byte {
	switch {
	case v.keyEnd == 0:
		return nil
	case v.flags&escapedKey != 0:
		return d.names[v.key+1 : v.keyEnd-1]
	}
	return d.raw[v.key+1 : v.keyEnd-1]
}

func (v *node) keyText(d *Doc) string { return string(v.name(d)) }

func (v *node) named(d *Doc, key string) bool { return string(v.name(d)) == key }

// text is the content of a quoted string that the scanner has accepted.
func text(quoted []byte, escaped bool) string {
	inner := quoted[1 : len(quoted)-1]
	if !escaped {
		return string(inner)
	}
	return string(unescape(inner))
}

func same(quoted []byte, escaped bool, s string) bool {
	if !escaped {
		return string(quoted[1:len(quoted)-1]) == s
	}
	return bytes.Equal(unescape(quoted[1:len(quoted)-1]), []byte(s))
}

// Children goes over what an object or an array holds, in the order of the text, without copying names.
func (n Node) Children() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		if n.Kind() != Object && n.Kind() != Array {
			return
		}
		end := n.node().next
		for i := n.at + 1; i < end; i = n.doc.nodes[i].next {
			if !yield(Node{n.doc, i}) {
				return
			}
		}
	}
}

// Name is the name under which a value stands in its object, escapes resolved; nil for the root and for items of
// arrays. It is part of the Doc, not a copy.
func (n Node) Name() []byte {
	if n.doc == nil {
		return nil
	}
	return n.node().name(n.doc)
}

// Content is what Text gives, as bytes: part of the Doc unless the string has escapes, then a copy and escaped is true.
func (n Node) Content() (content []byte, escaped bool) {
	if n.Kind() != String {
		return nil, false
	}
	v := n.node()
	content = n.doc.raw[v.start+1 : v.end-1 : v.end-1]
	if v.flags&escapedValue != 0 {
		return unescape(content), true
	}
	return content, false
}
