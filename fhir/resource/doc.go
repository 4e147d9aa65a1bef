// Package resource reads one FHIR R4 resource in JSON and keeps it as the bytes that were received.
//
// Parse scans the bytes once into a flat array of nodes; a Node is a place in that array and knows the span
// of bytes it came from, so that a value can be cut out, compared or replaced without encoding anything
// again. Decimals keep their digits, members their order, and white space stays where it was.
//
// The package is pure: no clock, no input or output, no shared state. A Doc may be read from any number of
// goroutines as long as nobody changes the bytes under it.
package resource

// Doc is one parsed resource. It keeps the slice that was given to Parse: the caller must not change those
// bytes while the Doc or a Node of it is in use. The zero Doc holds nothing and can be filled by Reparse.
type Doc struct {
	raw   []byte
	nodes []node
	names []byte // member names that were spelled with escapes, resolved
	typ   string
	id    string
	entry bool // as in Limits
}

// Limits bounds what Parse accepts. A zero field takes its value from Default.
type Limits struct {
	Bytes int // length of the resource in bytes
	Depth int // objects and arrays inside one another, the root being 1
	Nodes int // values of any kind, the root included
	// Entry lets a reference be a search that finds the target, as in an entry of
	// a transaction (FHIR R4 3.1.0.11.3).
	Entry bool
}

// Default is the limits of every public face: 10 MB, 64 levels, 100,000 values.
var Default = Limits{Bytes: 10_000_000, Depth: 64, Nodes: 100_000}

const maxBytes = 1 << 30 // spans are kept in 32 bits

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
	l.Bytes = min(l.Bytes, maxBytes)
	return l
}

// Parse reads one resource. It refuses, always with an *Error: text that is not JSON (RFC 8259), not UTF-8, or
// has a byte order mark, a lone surrogate, U+0000 or anything after the resource; a member name that occurs
// twice in an object, however it is spelled; more than the limits; a root that is not an object with the
// resourceType of an R4 resource; and what the FHIR JSON format rules out (FHIR R4 2.6.2: null outside arrays of
// primitives, empty objects, arrays and strings, arrays of mixed kinds). It also checks the shape of id,
// meta, subject, patient and references, which the rest of the system relies on. It does not validate
// the resource against its definition.
func Parse(raw []byte, lim Limits) (*Doc, error) {
	d := new(Doc)
	if err := d.Reparse(raw, lim); err != nil {
		return nil, err
	}
	return d, nil
}

// Reparse is Parse into a Doc that exists, so that a loop over many resources allocates its node array once.
// Every Node of the earlier content is void after it. After an error d holds nothing.
func (d *Doc) Reparse(raw []byte, lim Limits) error {
	nodes := d.nodes[:0]
	*d = Doc{nodes: nodes}
	s := scanner{Doc: Doc{raw: raw, nodes: nodes, entry: lim.Entry}, lim: lim.filled()}
	if s.nodes == nil {
		s.nodes = make([]node, 0, min(len(raw)/24+8, s.lim.Nodes))
	}
	if !s.document() {
		return s.err
	}
	if err := s.check(); err != nil {
		return err
	}
	*d = s.Doc
	return nil
}

// Root is the resource itself, an object.
func (d *Doc) Root() Node {
	if len(d.nodes) == 0 {
		return Node{}
	}
	return Node{doc: d}
}

// Type is the resourceType, e.g. "Observation".
func (d *Doc) Type() string { return d.typ }

// ID is the logical id, or "" if the resource has none.
func (d *Doc) ID() string { return d.id }

// Raw is the resource as it was received. It is the caller's own slice, not a copy.
func (d *Doc) Raw() []byte { return d.raw }
