package search

import (
	"slices"
	"strings"
)

// Query is a FHIR search on one resource type that has been read and found sound. All of its conditions must hold.
type Query struct {
	Type      string
	IDs       []string // logical ids, any of which; empty: no condition
	Subject   string   // the patient asked for by a single "patient" or "subject": Index.Subject must be it; "": no condition
	Clauses   []Clause // all of which must hold
	Count     int      // entries a page, as asked; 0: not said
	Cursor    string   // opaque place to go on from; "": from the start
	CountOnly bool     // only the number of matches is wanted
}

// Clause is one condition: some value of the resource under Param meets some of the alternatives. The list that Kind
// names is filled, the others are empty.
type Clause struct {
	Param      string
	Kind       Kind
	Tokens     []TokenValue
	Dates      []DateValue
	References []string // targets in the form of Reference.Target
	Texts      []string // folded beginnings
}

// TokenValue is one alternative of a token parameter (FHIR R4 3.1.1.4.10).
type TokenValue struct {
	System, Code string
	AnySystem    bool // "code": whatever the system; otherwise System must be equal, "" being no system
	AnyCode      bool // "system|": whatever the code
}

// Match reports whether a coding meets the alternative.
func (v TokenValue) Match(system, code string) bool {
	return (v.AnySystem || v.System == system) && (v.AnyCode || v.Code == code)
}

// Prefix is how a date is compared (FHIR R4 3.1.1.4.5.1).
type Prefix string

// The prefixes of a date. With S the range asked for and T the range of the record:
const (
	Equal          Prefix = "eq" // S contains T: S.Lo <= T.Lo and T.Hi <= S.Hi
	NotEqual       Prefix = "ne" // not eq
	Greater        Prefix = "gt" // T reaches beyond S: T.Hi > S.Hi
	Less           Prefix = "lt" // T reaches before S: T.Lo < S.Lo
	GreaterOrEqual Prefix = "ge" // gt or eq
	LessOrEqual    Prefix = "le" // lt or eq
	StartsAfter    Prefix = "sa" // T.Lo >= S.Hi
	EndsBefore     Prefix = "eb" // T.Hi <= S.Lo
	Approximately  Prefix = "ap" // T overlaps S, which ParseQuery has widened: T.Lo < S.Hi and T.Hi > S.Lo
)

// DateValue is one alternative of a date parameter.
type DateValue struct {
	Prefix Prefix
	Lo, Hi int64
}

// Match reports whether a record's range [lo, hi) meets the alternative.
func (v DateValue) Match(lo, hi int64) bool {
	within := v.Lo <= lo && hi <= v.Hi
	switch v.Prefix {
	case Equal:
		return within
	case NotEqual:
		return !within
	case Greater:
		return hi > v.Hi
	case Less:
		return lo < v.Lo
	case GreaterOrEqual:
		return hi > v.Hi || within
	case LessOrEqual:
		return lo < v.Lo || within
	case StartsAfter:
		return lo >= v.Hi
	case EndsBefore:
		return hi <= v.Lo
	case Approximately:
		return lo < v.Hi && hi > v.Lo
	}
	return false
}

// Match reports whether a resource with this index is found by the query. Count, Cursor and CountOnly say nothing
// about single resources.
func (q Query) Match(x Index) bool {
	if q.Type != x.Facets.Type || q.Subject != "" && q.Subject != x.Subject {
		return false
	}
	if len(q.IDs) > 0 && !slices.Contains(q.IDs, x.Facets.ID) {
		return false
	}
	for _, c := range q.Clauses {
		if !c.Match(x) {
			return false
		}
	}
	return true
}

// Match reports whether a resource with this index meets the clause.
func (c Clause) Match(x Index) bool {
	switch c.Kind {
	case ByToken:
		return meet(x.Tokens, c.Tokens, func(t Token, v TokenValue) bool {
			return t.Param == c.Param && v.Match(t.System, t.Code)
		})
	case ByDate:
		return meet(x.Dates, c.Dates, func(d Date, v DateValue) bool {
			return d.Param == c.Param && v.Match(d.Lo, d.Hi)
		})
	case ByReference:
		return meet(x.References, c.References, func(r Reference, target string) bool {
			return r.Param == c.Param && r.Target == target
		})
	case ByText:
		return meet(x.Texts, c.Texts, func(t Text, beginning string) bool {
			return t.Param == c.Param && strings.HasPrefix(t.Value, beginning)
		})
	}
	return false
}

func meet[V, A any](values []V, alternatives []A, match func(V, A) bool) bool {
	for _, v := range values {
		for _, a := range alternatives {
			if match(v, a) {
				return true
			}
		}
	}
	return false
}
