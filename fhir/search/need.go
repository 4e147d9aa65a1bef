package search

import (
	"math"
	"slices"

	"cairn/fhir/resource"
	"cairn/fhir/search/index"
)

// Need is a necessary condition: a record that a query finds meets at least one alternative of each of its needs. A
// need without alternatives is met by no record.
type Need struct {
	IDs      []string // the record has one of these ids
	Subjects []string // the record is about one of these patients
	Keys     []int64  // one of these is among the record's Keys
	Words    []Word   // one of the record's Words has the Key and begins with Value
	Ranges   []Range  // one of the record's Spans has the Key and overlaps the range
	Updated  *Range   // the record was stored in the range
}

// Range is a range [Lo, Hi) in which something is looked for.
type Range struct{ Key, Lo, Hi int64 }

// Needs is what every record that the query finds must meet. A store may use any of them, or several, to find
// candidates for Match; without any it has to look at all records of the type.
func (q Query) Needs() []Need {
	var needs []Need
	if len(q.Chains) > 0 {
		return []Need{{}}
	}
	if len(q.IDs) > 0 {
		needs = append(needs, Need{IDs: q.IDs})
	}
	if q.Subject != "" {
		needs = append(needs, Need{Subjects: []string{q.Subject}})
	}
	for i := range q.Clauses {
		needs = append(needs, q.Clauses[i].needs(q.Type)...)
	}
	return append(needs, q.Within.need(q.Type)...)
}

// needs is what a clause needs; none if it can be met by records without a posting that says so.
func (c *Clause) needs(typ string) []Need {
	switch {
	case c.resolved:
		return []Need{c.reachedNeed(typ)}
	case c.Modifier == OfType:
		return list(keys(typ, c.Param, c.Types, func(v TypeValue) (string, bool) { return v.Value, true }))
	case c.Kind == ByToken && c.Modifier == Plain:
		return c.tokenNeed(typ)
	case c.Modifier == ByIdentifier:
		return list(keys(typ, c.Param, c.Tokens, func(v TokenValue) (string, bool) { return v.Code, !v.AnyCode }))
	case c.Kind == ByText && c.Modifier != Missing && c.Modifier != Contains:
		return c.wordNeed(typ)
	case c.Modifier != Plain:
		return nil
	}
	switch c.Kind {
	case ByURI:
		return list(keys(typ, c.Param, c.URIs, func(v string) (string, bool) { return index.Unversioned(v), true }))
	case ByReference:
		return []Need{c.referenceNeed(typ)}
	case ByDate:
		return c.dateNeed(typ)
	case ByNumber:
		return list(ranges(typ, c.Param, c.Numbers, NumberValue.need))
	case ByQuantity:
		return list(ranges(typ, c.Param, c.Quantities, QuantityValue.need))
	case ByComposite:
		return c.compositeNeeds(typ)
	}
	return nil
}

// maxKeys is how many codes of a value set are looked for one by one.
const maxKeys = 256

func (c *Clause) tokenNeed(typ string) []Need {
	if len(c.codes) > maxKeys {
		return nil
	}
	n, ok := keys(typ, c.Param, c.Tokens, func(v TokenValue) (string, bool) { return v.Code, !v.AnyCode })
	if !ok {
		return nil
	}
	for code := range c.codes {
		n.add(typ, c.Param, code.Code)
	}
	slices.Sort(n.Keys)
	return []Need{n}
}

func list(n Need, ok bool) []Need {
	if !ok {
		return nil
	}
	return []Need{n}
}

// keys is a need for one of some keys, or not ok if there is an alternative that no key is for.
func keys[V any](typ, param string, values []V, value func(V) (string, bool)) (n Need, ok bool) {
	for _, v := range values {
		s, ok := value(v)
		if !ok {
			return Need{}, false
		}
		n.add(typ, param, s)
	}
	return n, true
}

// add adds the keys of a value: under the parameter, or under those whose postings are enough for it.
func (n *Need) add(typ, param, value string) {
	n.Keys = append(n.Keys, index.Keys(typ, param, value)...)
}

func (c *Clause) reachedNeed(typ string) Need {
	if c.Kind == ByToken {
		return Need{IDs: c.targets}
	}
	var n Need
	for _, target := range c.targets {
		n.reference(typ, c.Param, target)
	}
	return n
}

func (c *Clause) referenceNeed(typ string) (n Need) {
	for _, v := range c.References {
		if v.Target != "" {
			n.reference(typ, c.Param, v.Target)
			continue
		}
		n.add(typ, c.Param, v.ID)
		n.Subjects = append(n.Subjects, v.ID)
	}
	return n
}

func (n *Need) reference(typ, param, target string) {
	n.add(typ, param, index.Destination(target))
	if to, id, local, ok := resource.Target(target); ok && local && to == "Patient" {
		n.Subjects = append(n.Subjects, id)
	}
}

func (c *Clause) wordNeed(typ string) []Need {
	var n Need
	for _, s := range c.Texts {
		folded := index.Fold(s)
		if folded == "" {
			return nil
		}
		for _, key := range index.Keys(typ, c.Param, "") {
			n.Words = append(n.Words, Word{Key: key, Value: index.Cut(folded)})
		}
	}
	return []Need{n}
}

// ranges is a need for one of some ranges, or not ok if there is an alternative that no range is for.
func ranges[V any](typ, param string, values []V, within func(V) (r Range, what string, ok bool)) (n Need, ok bool) {
	for _, v := range values {
		r, what, ok := within(v)
		if !ok {
			return Need{}, false
		}
		for _, key := range index.Keys(typ, param, what) {
			r.Key = key
			n.Ranges = append(n.Ranges, r)
		}
	}
	return n, true
}

func (c *Clause) dateNeed(typ string) []Need {
	n, ok := ranges(typ, c.Param, c.Dates, DateValue.need)
	if !ok || c.Param != "_lastUpdated" {
		return list(n, ok)
	}
	if len(n.Ranges) == 0 {
		return []Need{{}}
	}
	around := Range{Lo: math.MaxInt64, Hi: math.MinInt64}
	for _, r := range n.Ranges {
		around.Lo, around.Hi = min(around.Lo, r.Lo), max(around.Hi, r.Hi)
	}
	return []Need{{Updated: &around}}
}

// need is the range that a record's range must overlap; not ok with ne, which any range may meet.
func (v DateValue) need() (r Range, what string, ok bool) {
	r.Lo, r.Hi = v.Lo, v.Hi
	switch v.Prefix {
	case Greater, StartsAfter:
		r.Lo, r.Hi = v.Hi, math.MaxInt64
	case GreaterOrEqual:
		r.Hi = math.MaxInt64
	case Less, EndsBefore:
		r.Lo, r.Hi = math.MinInt64, v.Lo
	case LessOrEqual:
		r.Lo = math.MinInt64
	}
	return r, "", v.Prefix != NotEqual
}

// need is a little wider than the value says: conversion rounds.
func (v NumberValue) need() (r Range, what string, ok bool) {
	r.Lo, r.Hi = index.Ordered(v.Lo)-1, index.After(index.After(index.Ordered(v.Hi)))
	switch at := index.Ordered(v.Value); v.Prefix {
	case Greater, GreaterOrEqual, StartsAfter:
		r.Lo, r.Hi = at-1, math.MaxInt64
	case Less, LessOrEqual, EndsBefore:
		r.Lo, r.Hi = math.MinInt64, index.After(index.After(at))
	}
	return r, "", v.Prefix != NotEqual
}

// need is the range in base units if the unit is one of UCUM. A number without a unit, or with a unit but no system,
// may be any quantity's.
func (v QuantityValue) need() (r Range, what string, ok bool) {
	if v.base != "" {
		r, _, ok = v.inBase.need()
		return r, v.base, ok
	}
	r, _, ok = v.NumberValue.need()
	return r, v.System + "|" + v.Code, ok && v.System != ""
}

// compositeNeeds is the needs of the components, as far as each has one in all alternatives.
func (c *Clause) compositeNeeds(typ string) (all []Need) {
	if len(c.Composites) == 0 {
		return []Need{{}}
	}
	for part := range c.Composites[0].Parts {
		var together Need
		covered := true
		for _, alternative := range c.Composites {
			needs := alternative.Parts[part].needs(typ)
			if covered = covered && len(needs) > 0; covered {
				together.join(&needs[0])
			}
		}
		if covered {
			all = append(all, together)
		}
	}
	return all
}

// join adds the alternatives of another need.
func (n *Need) join(other *Need) {
	n.IDs = append(n.IDs, other.IDs...)
	n.Subjects = append(n.Subjects, other.Subjects...)
	n.Keys = append(n.Keys, other.Keys...)
	n.Words = append(n.Words, other.Words...)
	n.Ranges = append(n.Ranges, other.Ranges...)
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}
