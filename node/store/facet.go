package store

import (
	"encoding/binary"
	"errors"
	"slices"

	"cairn/fhir/search"
)

// The encoding of search.Facets in a row, without Type and ID, which are
// columns: a version byte; the three lists of codings; Lo and Hi as zigzag
// varints; Source. A list is a count, then for each coding its system and code.
// A string is a length and bytes. A system is a number: 0 for a string that
// follows, 1 for none, else its place in systems.

const facetsVersion = 1

// systems are the code systems that most records name. The order is part of
// the encoding: append only.
var systems = []string{
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
	"http://terminology.hl7.org/CodeSystem/v3-ActCode",
	"http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
	"http://terminology.hl7.org/CodeSystem/v2-0074",
	"http://terminology.hl7.org/CodeSystem/medicationrequest-category",
	"http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category",
	"http://www.ada.org/cdt",
	"http://www.ama-assn.org/go/cpt",
}

const (
	systemLiteral = 0
	systemNone    = 1
	systemFirst   = 2
)

var errFacets = errors.New("these facets are not readable")

// EncodeFacets returns the one encoding of facets, without their type and id.
func EncodeFacets(f *search.Facets) []byte { return appendFacets(nil, f) }

func appendFacets(b []byte, f *search.Facets) []byte {
	b = append(b, facetsVersion)
	b = appendCodings(b, f.Categories)
	b = appendCodings(b, f.Codes)
	b = appendCodings(b, f.Labels)
	b = binary.AppendVarint(b, f.Lo)
	b = binary.AppendVarint(b, f.Hi)
	return appendString(b, f.Source)
}

func appendCodings(b []byte, list []search.Coding) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, c := range list {
		switch i := slices.Index(systems, c.System); {
		case i >= 0:
			b = binary.AppendUvarint(b, uint64(i)+systemFirst)
		case c.System == "":
			b = append(b, systemNone)
		default:
			b = appendString(append(b, systemLiteral), c.System)
		}
		b = appendString(b, c.Code)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeFacets reads what appendFacets wrote and refuses anything else.
func decodeFacets(raw []byte) (search.Facets, error) {
	r := facetReader{raw: raw, text: string(raw)}
	var f search.Facets
	r.bad = r.byte() != facetsVersion
	f.Categories = r.codings()
	f.Codes = r.codings()
	f.Labels = r.codings()
	f.Lo = r.varint()
	f.Hi = r.varint()
	f.Source = r.string()
	if r.bad || r.at != len(raw) {
		return search.Facets{}, errFacets
	}
	return f, nil
}

// facetReader reads on until something is bad; then everything is zero.
type facetReader struct {
	raw  []byte
	text string // the same, so that strings are cut out of it without a copy each
	at   int
	bad  bool
}

func (r *facetReader) byte() byte {
	if r.bad || r.at >= len(r.raw) {
		r.bad = true
		return 0
	}
	r.at++
	return r.raw[r.at-1]
}

func (r *facetReader) uvarint() uint64 {
	if r.bad {
		return 0
	}
	n, size := binary.Uvarint(r.raw[r.at:])
	if size <= 0 {
		r.bad = true
		return 0
	}
	r.at += size
	return n
}

func (r *facetReader) varint() int64 {
	if r.bad {
		return 0
	}
	n, size := binary.Varint(r.raw[r.at:])
	if size <= 0 {
		r.bad = true
		return 0
	}
	r.at += size
	return n
}

func (r *facetReader) string() string { return r.take(r.uvarint()) }

func (r *facetReader) take(n uint64) string {
	if r.bad || n > uint64(len(r.raw)-r.at) {
		r.bad = true
		return ""
	}
	from := r.at
	r.at += int(n)
	return r.text[from:r.at]
}

func (r *facetReader) codings() []search.Coding {
	n := r.uvarint()
	if n > uint64(len(r.raw)-r.at) { // each takes two bytes at least
		r.bad = true
	}
	if r.bad || n == 0 {
		return nil
	}
	list := make([]search.Coding, n)
	for i := range list {
		list[i] = search.Coding{System: r.system(), Code: r.string()}
	}
	return list
}

func (r *facetReader) system() string {
	switch n := r.uvarint(); {
	case n == systemLiteral:
		return r.string()
	case n == systemNone:
		return ""
	case n-systemFirst < uint64(len(systems)):
		return systems[n-systemFirst]
	}
	r.bad = true
	return ""
}
