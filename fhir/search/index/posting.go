package index

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"cairn/fhir/resource"
)

// Postings is what a store keeps of an Index beside it, so that it finds the records that may match a Query without
// looking at all of them. They are hints: a posting that is met says nothing for sure, but a record that Match accepts
// meets the query's Needs.
type Postings struct {
	Keys  []int64 // hashes of type, parameter and one value that has to be equal
	Words []Word  // strings that are found by how they begin
	Spans []Span  // ranges that are found by where they overlap
}

// Word is a folded string, at most MaxWord bytes of it, under a hash of type and parameter.
type Word struct {
	Key   int64
	Value string
}

// Span is a range [Lo, Hi) under a hash of type and parameter: Unix milliseconds, or a number as Ordered gives it.
type Span struct{ Key, Lo, Hi int64 }

// MaxWord is where a Word is cut, in bytes.
const MaxWord = 64

// Postings is what to keep of a record with this index. Equal indexes have equal postings, in the same order. A
// parameter whose values others have too has none of its own: see param.Param.Cover.
func (x *Index) Postings() Postings {
	p := poster{plan: Of(x.Facets.Type), typ: x.Facets.Type}
	for i := range x.Tokens {
		if t := &x.Tokens[i]; t.Code != "" {
			p.key(t.Param, t.Code)
		}
	}
	for i := range x.References {
		p.reference(&x.References[i], x.Subject)
	}
	for _, u := range x.URIs {
		p.key(u.Param, Unversioned(u.Value))
	}
	for _, t := range x.Texts {
		p.word(t.Param, t.Value)
	}
	for _, d := range x.Dates {
		p.span(d.Param, "", d.Lo, d.Hi)
	}
	for _, n := range x.Numbers {
		p.span(n.Param, "", Ordered(n.Lo), After(Ordered(n.Hi)))
	}
	for i := range x.Quantities {
		p.quantity(&x.Quantities[i])
	}
	slices.Sort(p.out.Keys)
	p.out.Keys = slices.Compact(p.out.Keys)
	slices.SortFunc(p.out.Words, func(a, b Word) int { return cmp.Or(cmp.Compare(a.Key, b.Key), strings.Compare(a.Value, b.Value)) })
	p.out.Words = slices.Compact(p.out.Words)
	return p.out
}

// poster gathers the postings of one record.
type poster struct {
	plan *Plan
	typ  string
	out  Postings
	last string // the parameter that was asked about last, and whether others cover it
	skip bool
}

// covered reports whether the values of a parameter are found by those of others.
func (p *poster) covered(param string) bool {
	if param != p.last {
		program := p.plan.Param(param)
		p.last, p.skip = param, program != nil && len(program.cover) > 0
	}
	return p.skip
}

func (p *poster) key(param, value string) {
	if !p.covered(param) {
		p.out.Keys = append(p.out.Keys, hash(p.typ, param, value))
	}
}

// reference adds a key for where a reference points. One to the patient whom the record is about needs none: the
// store finds it by the subject.
func (p *poster) reference(r *Reference, subject string) {
	if r.Value != "" {
		p.key(r.Param, r.Value)
	}
	if r.Target != "" && !(subject != "" && r.Target == "Patient/"+subject) {
		p.key(r.Param, Destination(r.Target))
	}
}

// AboutPatient reports whether a parameter says whom a record is about.
func AboutPatient(param string) bool { return param == "patient" || param == "subject" }

// Destination is what a target is found by: the id of a local one, so that it is found whatever type is asked for, else the
// URL without a version.
func Destination(target string) string {
	if _, id, local, ok := resource.Target(target); ok && local {
		return id
	}
	return Unversioned(target)
}

// Unversioned is a canonical without its version.
func Unversioned(uri string) string {
	uri, _, _ = strings.Cut(uri, "|")
	return uri
}

func (p *poster) word(param, value string) {
	if p.covered(param) {
		return
	}
	p.out.Words = append(p.out.Words, Word{hash(p.typ, param, ""), Cut(Fold(value))})
}

// Cut shortens a folded string to MaxWord bytes. It may part a character: words are compared as bytes.
func Cut(s string) string { return s[:min(len(s), MaxWord)] }

func (p *poster) span(param, what string, lo, hi int64) {
	if p.covered(param) {
		return
	}
	p.out.Spans = append(p.out.Spans, Span{hash(p.typ, param, what), lo, hi})
}

// quantity adds the span of a quantity under its parameter and what it measures, in base units if it is in one of UCUM.
func (p *poster) quantity(q *Quantity) {
	if p.covered(q.Param) {
		return
	}
	what, lo, hi := q.System+"|"+q.Code, q.Lo, q.Hi
	if m, ok := MeasureOf(q.System, q.Code); ok {
		what, lo, hi = m.Base, m.Of(lo), m.Of(hi)
	}
	p.span(q.Param, what, Ordered(lo), After(Ordered(hi)))
}

// Ordered is a number as an integer, so that of two numbers the greater one has the greater integer.
func Ordered(f float64) int64 {
	bits := int64(math.Float64bits(f + 0)) // +0: there is one zero
	if bits < 0 {
		bits ^= math.MaxInt64
	}
	return bits
}

// After is the smallest integer above one, if there is one.
func After(n int64) int64 {
	if n == math.MaxInt64 {
		return n
	}
	return n + 1
}

// Keys is the keys under which the values of a parameter are found: its own, or those of the parameters that have all its
// values. of is the value or, for a Word or a Span, what it is measured in.
func Keys(typ, param, of string) []int64 {
	p := Of(typ).Param(param)
	if p == nil || len(p.cover) == 0 {
		return []int64{hash(typ, param, of)}
	}
	keys := make([]int64, len(p.cover))
	for i, under := range p.cover {
		keys[i] = hash(typ, under, of)
	}
	return keys
}

// hash is FNV-1a in 64 bits over the parts, each ended by a byte that text does not have, with its bits mixed at the
// end. Stores keep it: it must not change.
func hash(typ, param, value string) int64 {
	h := uint64(14695981039346656037)
	for _, s := range [...]string{typ, param, value} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 32
	return int64(h) //nolint:gosec // any 64 bits will do
}
