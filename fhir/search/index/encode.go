package index

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"cairn/fhir/search/param"
)

// The encoding of an Index: a version byte, then its lists in the order of the type, each a count and its values. A
// parameter is its number in package param. A string is a number n: if n is even, n/2 bytes that follow; else the string
// number n/2 of those that have been met, which begin with commonStrings. A time is a zigzag varint, an end of a range
// the distance from its beginning. A number is its IEEE 754 bits, turned around so that those of short numbers are
// small. Subject, Updated and Facets are kept elsewhere.

const indexVersion = 1

// encoder writes one index.
type encoder struct {
	out  []byte
	seen []string
	at   map[string]int // places in seen, once they are many
}

const fewStrings = 64

// Encode is the one encoding of what can be searched, without Subject, Updated and Facets.
func (x *Index) Encode() []byte {
	e := encoder{out: make([]byte, 0, 256), seen: make([]string, 0, fewStrings)}
	e.out = append(e.out, indexVersion)
	encode(&e, x.Tokens, func(t *Token) { e.strings(t.System, t.Code, t.Text) })
	encode(&e, x.Identifiers, func(i *Identifier) { e.strings(i.System, i.Code, i.Value) })
	encode(&e, x.Dates, func(d *Date) {
		e.out = binary.AppendVarint(e.out, d.Lo)
		e.number(uint64(d.Hi) - uint64(d.Lo)) //nolint:gosec // wraps around as it does when read
	})
	encode(&e, x.References, func(r *Reference) { e.strings(r.Target, r.System, r.Value) })
	encode(&e, x.Texts, func(t *Text) { e.strings(t.Value) })
	encode(&e, x.Numbers, func(n *Number) { e.floats(n.Lo, n.Hi) })
	encode(&e, x.Quantities, func(q *Quantity) {
		e.floats(q.Lo, q.Hi)
		e.strings(q.System, q.Code, q.Unit)
	})
	encode(&e, x.URIs, func(u *URI) { e.strings(u.Value) })
	encode(&e, x.Places, func(p *Place) { e.floats(p.Latitude, p.Longitude) })
	encode(&e, x.Composites, e.parts)
	return e.out
}

// encode writes a list: how many, and for each its parameter and the rest.
func encode[V Value](e *encoder, values []V, rest func(*V)) {
	e.number(uint64(len(values)))
	for i := range values {
		e.name(values[i].Parameter())
		rest(&values[i])
	}
}

// name writes the number of a parameter plus one, or zero and a string for one that has no number.
func (e *encoder) name(s string) {
	if n, ok := param.NumberOf(s); ok {
		e.number(n + 1)
		return
	}
	e.number(0)
	e.strings(s)
}

func (e *encoder) number(n uint64) { e.out = binary.AppendUvarint(e.out, n) }

func (e *encoder) strings(list ...string) {
	for _, s := range list {
		if at := e.find(s); at >= 0 {
			e.number(uint64(at)<<1 | 1)
			continue
		}
		e.number(uint64(len(s)) << 1)
		e.out = append(e.out, s...)
		e.remember(s)
	}
}

// find is the number of a string that has been met, or -1.
func (e *encoder) find(s string) int {
	if n, ok := commonPlaces[s]; ok {
		return n
	}
	n := -1
	if e.at != nil {
		if at, ok := e.at[s]; ok {
			n = at
		}
	} else {
		n = slices.Index(e.seen, s)
	}
	if n < 0 {
		return n
	}
	return n + len(commonStrings)
}

func (e *encoder) remember(s string) {
	e.seen = append(e.seen, s)
	switch {
	case e.at != nil:
		e.at[s] = len(e.seen) - 1
	case len(e.seen) > fewStrings:
		e.at = make(map[string]int, 4*fewStrings)
		for i, old := range e.seen {
			e.at[old] = i
		}
	}
}

// floats writes the two ends of a range, the second only where it is another.
func (e *encoder) floats(lo, hi float64) {
	e.number(bits.ReverseBytes64(math.Float64bits(lo)))
	e.number(bits.ReverseBytes64(math.Float64bits(lo) ^ math.Float64bits(hi)))
}

func (e *encoder) parts(c *Composite) {
	e.number(uint64(len(c.Parts)))
	for _, places := range c.Parts {
		e.number(uint64(len(places)))
		for _, at := range places {
			e.number(uint64(at))
		}
	}
}

// commonStrings are strings that many records have. The order is part of the encoding: append only.
var commonStrings = []string{
	"",
	"http://loinc.org",
	"http://snomed.info/sct",
	"http://www.nlm.nih.gov/research/umls/rxnorm",
	"http://unitsofmeasure.org",
	"http://hl7.org/fhir/sid/cvx",
	"http://hl7.org/fhir/sid/icd-10",
	"http://hl7.org/fhir/sid/icd-10-cm",
	"http://hl7.org/fhir/sid/ndc",
	"http://terminology.hl7.org/CodeSystem/observation-category",
	"http://terminology.hl7.org/CodeSystem/condition-category",
	"http://terminology.hl7.org/CodeSystem/condition-clinical",
	"http://terminology.hl7.org/CodeSystem/condition-ver-status",
	"http://terminology.hl7.org/CodeSystem/v3-ActCode",
	"http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
	"http://terminology.hl7.org/CodeSystem/v2-0074",
	"http://terminology.hl7.org/CodeSystem/v2-0203",
	"http://terminology.hl7.org/CodeSystem/medicationrequest-category",
	"http://hl7.org/fhir/observation-status",
	"http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category",
}

var commonPlaces = func() map[string]int {
	m := make(map[string]int, len(commonStrings))
	for i, s := range commonStrings {
		m[s] = i
	}
	return m
}()
