package search

import (
	"slices"
	"strings"

	"cairn/fhir/resource"
	"cairn/fhir/search/index"
)

// Match reports whether a resource with this index is found by the query: it is the one meaning of a query. A query with
// a chain that is not resolved finds nothing. What says how the answer looks (Includes, Sort, Count and so on) says
// nothing about single resources.
func (q Query) Match(x *Index) bool {
	if q.Type != x.Facets.Type || len(q.Chains) > 0 || q.Subject != "" && q.Subject != x.Subject {
		return false
	}
	if len(q.IDs) > 0 && !slices.Contains(q.IDs, x.Facets.ID) {
		return false
	}
	for i := range q.Clauses {
		if !q.Clauses[i].Match(x) {
			return false
		}
	}
	return q.Within.holds(x)
}

// Match reports whether a resource with this index meets the clause.
func (c *Clause) Match(x *Index) bool {
	switch {
	case c.resolved:
		return c.reached(x)
	case c.Modifier == Missing:
		return x.Has(c.Param, c.Kind) == c.Present
	case c.Modifier == Not:
		return !c.meetsToken(x)
	case c.Modifier == OfType:
		return some(x.Identifiers, c.Types, c.Param, meetsType)
	case c.Modifier == ByIdentifier:
		return some(x.References, c.Tokens, c.Param, meetsIdentifier)
	case c.Modifier == ByWords:
		return some(x.Tokens, c.Texts, c.Param, meetsWords)
	}
	switch c.Kind {
	case ByToken:
		return c.meetsToken(x)
	case ByDate:
		if c.Param == "_lastUpdated" {
			return slices.ContainsFunc(c.Dates, func(v DateValue) bool { return v.Match(x.Updated, x.Updated+1) })
		}
		return some(x.Dates, c.Dates, c.Param, meetsDate)
	case ByReference:
		return some(x.References, c.References, c.Param, meetsReference)
	case ByText:
		return c.meetsText(x)
	case ByNumber:
		return some(x.Numbers, c.Numbers, c.Param, meetsNumber)
	case ByQuantity:
		return some(x.Quantities, c.Quantities, c.Param, meetsQuantity)
	case ByURI:
		return c.meetsURI(x)
	case BySpecial:
		return some(x.Places, c.Places, c.Param, meetsPlace)
	case ByComposite:
		return c.meetsComposite(x)
	}
	return false
}

// some reports whether one of the values under a parameter meets one of the alternatives.
func some[V index.Value, A any](values []V, alternatives []A, param string, meets func(*V, *A) bool) bool {
	for i := range values {
		if values[i].Parameter() == param && among(&values[i], alternatives, meets) {
			return true
		}
	}
	return false
}

func among[V, A any](value *V, alternatives []A, meets func(*V, *A) bool) bool {
	for i := range alternatives {
		if meets(value, &alternatives[i]) {
			return true
		}
	}
	return false
}

// reached reports whether the record is one that a resolved chain leads to or from.
func (c *Clause) reached(x *Index) bool {
	if c.Kind == ByToken {
		_, found := slices.BinarySearch(c.targets, x.Facets.ID)
		return found
	}
	for i := range x.References {
		if r := &x.References[i]; r.Param == c.Param {
			if _, found := slices.BinarySearch(c.targets, r.Target); found {
				return true
			}
		}
	}
	return false
}

func (c *Clause) meetsToken(x *Index) bool {
	for i := range x.Tokens {
		if t := &x.Tokens[i]; t.Param == c.Param && (among(t, c.Tokens, meetsToken) || c.codes[Coding{System: t.System, Code: t.Code}]) {
			return true
		}
	}
	return false
}

func meetsToken(t *Token, v *TokenValue) bool { return v.Match(t.System, t.Code) }

// Match reports whether a coding meets the alternative.
func (v TokenValue) Match(system, code string) bool {
	return (v.AnySystem || v.System == system) && (v.AnyCode || v.Code == code)
}

func meetsType(i *Identifier, v *TypeValue) bool {
	return i.System == v.System && i.Code == v.Code && i.Value == v.Value
}

func meetsIdentifier(r *Reference, v *TokenValue) bool { return v.Match(r.System, r.Value) }

// meetsWords reports whether a text has a word at which the words asked for begin. v is folded.
func meetsWords(t *Token, v *string) bool {
	text := index.Fold(t.Text)
	for at := 0; ; {
		next := strings.Index(text[at:], *v)
		if next < 0 {
			return false
		}
		if at += next; at == 0 || !wordByte(text[at-1]) {
			return true
		}
		at++
	}
}

// wordByte reports whether a byte of folded text is within a word: anything but ASCII signs and blanks.
func wordByte(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80 }

func meetsDate(d *Date, v *DateValue) bool { return v.Match(d.Lo, d.Hi) }

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

func meetsReference(r *Reference, v *ReferenceValue) bool {
	if v.Target == "" {
		_, id, local, ok := resource.Target(r.Target)
		return ok && local && id == v.ID
	}
	version, found := strings.CutPrefix(r.Target, v.Target)
	return found && (version == "" || version[0] == '|')
}

func (c *Clause) meetsText(x *Index) bool {
	for i := range x.Texts {
		if t := &x.Texts[i]; t.Param == c.Param && c.meetsString(t.Value) {
			return true
		}
	}
	return false
}

func (c *Clause) meetsString(value string) bool {
	if c.Modifier == Exact {
		return slices.Contains(c.Texts, value)
	}
	value = index.Fold(value)
	for _, v := range c.Texts {
		if strings.HasPrefix(value, v) || c.Modifier == Contains && strings.Contains(value, v) {
			return true
		}
	}
	return false
}

func meetsNumber(n *Number, v *NumberValue) bool { return v.Match(n.Lo, n.Hi) }

// Match reports whether a record's range [lo, hi], both ends included, meets the alternative.
func (v NumberValue) Match(lo, hi float64) bool {
	within := v.Lo <= lo && (hi < v.Hi || hi == v.Value) // the value itself, where more digits than a float holds leave no range
	switch v.Prefix {
	case Equal:
		return within
	case NotEqual:
		return !within
	case Greater:
		return hi > v.Value
	case Less:
		return lo < v.Value
	case GreaterOrEqual:
		return hi >= v.Value
	case LessOrEqual:
		return lo <= v.Value
	case StartsAfter:
		return lo > v.Value
	case EndsBefore:
		return hi < v.Value
	case Approximately:
		return lo < v.Hi && hi >= v.Lo
	}
	return false
}

// meetsQuantity compares what has the same unit as it is written, and units of UCUM that measure the same in base units.
func meetsQuantity(q *Quantity, v *QuantityValue) bool {
	switch {
	case v.Code == "":
		return v.NumberValue.Match(q.Lo, q.Hi)
	case v.System == "":
		return (v.Code == q.Code || v.Code == q.Unit) && v.NumberValue.Match(q.Lo, q.Hi)
	case v.System != q.System:
		return false
	case v.Code == q.Code:
		return v.NumberValue.Match(q.Lo, q.Hi)
	case v.base == "":
		return false
	}
	m, ok := index.MeasureOf(q.System, q.Code)
	return ok && m.Base == v.base && v.inBase.Match(m.Of(q.Lo), m.Of(q.Hi))
}

// meetsURI compares as written (FHIR R4 3.1.1.4.13). A uri that ends with "|" and a version is also found without.
func (c *Clause) meetsURI(x *Index) bool {
	return some(x.URIs, c.URIs, c.Param, func(u *URI, v *string) bool {
		switch c.Modifier {
		case Below:
			return below(u.Value, *v)
		case Above:
			return below(*v, u.Value)
		}
		version, found := strings.CutPrefix(u.Value, *v)
		return found && (version == "" || version[0] == '|')
	})
}

// below reports whether a uri is another one or lies in a hierarchy under it.
func below(uri, parent string) bool {
	rest, found := strings.CutPrefix(uri, parent)
	return found && (rest == "" || rest[0] == '/' || rest[0] == '|' || strings.HasSuffix(parent, "/"))
}

func (c *Clause) meetsComposite(x *Index) bool {
	return some(x.Composites, c.Composites, c.Param, func(g *Composite, v *CompositeValue) bool {
		for i := range v.Parts {
			if i >= len(g.Parts) || !v.Parts[i].meetsPart(x, g.Parts[i]) {
				return false
			}
		}
		return true
	})
}

// meetsPart reports whether one of the values at places in the list of the clause's kind meets it.
func (c *Clause) meetsPart(x *Index, places []uint32) bool {
	switch c.Kind {
	case ByToken:
		return picked(x.Tokens, places, c.Tokens, meetsToken)
	case ByDate:
		return picked(x.Dates, places, c.Dates, meetsDate)
	case ByReference:
		return picked(x.References, places, c.References, meetsReference)
	case ByText:
		return picked(x.Texts, places, c.Texts, func(t *Text, v *string) bool { return strings.HasPrefix(index.Fold(t.Value), *v) })
	case ByNumber:
		return picked(x.Numbers, places, c.Numbers, meetsNumber)
	case ByQuantity:
		return picked(x.Quantities, places, c.Quantities, meetsQuantity)
	}
	return false
}

// picked is some for values that are named by their places.
func picked[V index.Value, A any](values []V, places []uint32, alternatives []A, meets func(*V, *A) bool) bool {
	for _, at := range places {
		if int(at) < len(values) && among(&values[at], alternatives, meets) {
			return true
		}
	}
	return false
}
