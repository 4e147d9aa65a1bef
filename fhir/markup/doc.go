// Package markup reads the XML that FHIR uses, and no more of XML than that: elements, attributes, namespaces, text,
// CDATA and comments in UTF-8 (XML 1.0, Namespaces in XML 1.0). A document type, an entity of its own, a processing
// instruction, another encoding, or a name that is not ASCII is refused, so nothing in a text can make another text be
// fetched or grow.
//
// A Reader holds the limits on size, depth and number of elements and attributes while it reads: what is beyond them is
// never looked at. It copies nothing but text that has references or line ends to resolve. The package is pure.
package markup

import "fmt"

// Limits bounds what a Reader accepts. A zero field takes its value from Default.
type Limits struct {
	Bytes int // length of the text
	Depth int // elements inside one another, the root being 1
	Nodes int // elements and attributes
}

// Default is the limits of every public face: 10 MB, 64 levels, 100,000 elements and attributes.
var Default = Limits{Bytes: 10_000_000, Depth: 64, Nodes: 100_000}

func (l Limits) filled() Limits {
	if l.Bytes <= 0 {
		l.Bytes = Default.Bytes
	}
	if l.Depth <= 0 {
		l.Depth = Default.Depth
	}
	if l.Nodes <= 0 {
		l.Nodes = Default.Nodes
	}
	return l
}

// Error says why a text was refused. It names places, never values.
type Error struct {
	Code   string // an OperationOutcome.issue.code: structure, too-long, too-costly
	Offset int    // byte, from 0
	Text   string // what is wrong and what to change
}

func (e *Error) Error() string { return fmt.Sprintf("byte %d: %s", e.Offset, e.Text) }

// Kind is what Next met.
type Kind uint8

// The kinds of tokens. End is the end of the document.
const (
	End Kind = iota
	Open
	Close
	Text
)

// Attr is an attribute. Namespace declarations are not among a token's attributes.
type Attr struct {
	Space string
	Local []byte
	Value []byte
}
