package index

import (
	"encoding/binary"
	"math"

	"cairn/fhir/resource"
)

// MaxSortKey is how many bytes of a string a sort looks at.
const MaxSortKey = 128

// SortRule is one key of _sort: a search parameter, also "_id" or "_lastUpdated".
type SortRule struct {
	Param      string
	Descending bool
}

// SortKey is what a record is sorted by under a rule: bytes that compare in ascending order. Of several values it is
// the least one, or the greatest one if the rule is descending (FHIR R4 3.1.1.5.1). Not ok if the record has no value:
// then it comes last, whatever the direction.
func (x *Index) SortKey(r SortRule) (key []byte, ok bool) {
	switch r.Param {
	case "_id":
		return []byte(x.Facets.ID), true
	case "_lastUpdated":
		return ordinal(x.Updated), true
	}
	p := Of(x.Facets.Type).Param(r.Param)
	if p == nil {
		return nil, false
	}
	best := extreme{greatest: r.Descending}
	x.sortValues(p, best.offer)
	return best.key, best.key != nil
}

// sortValues offers the sort key of every value under a parameter.
func (x *Index) sortValues(p *Param, offer func([]byte)) {
	switch p.Kind {
	case ByToken:
		each(x.Tokens, p.Name, func(t *Token) { offer(phrase(t.Code + "\x00" + t.System)) })
	case ByDate:
		each(x.Dates, p.Name, func(d *Date) { offer(ordinal(begins(d))) })
	case ByReference:
		each(x.References, p.Name, func(r *Reference) { offer(phrase(r.Target + "\x00" + r.Value)) })
	case ByText:
		each(x.Texts, p.Name, func(t *Text) { offer(phrase(Fold(t.Value))) })
	case ByNumber:
		each(x.Numbers, p.Name, func(n *Number) { offer(ordinal(Ordered(n.Lo))) })
	case ByQuantity:
		each(x.Quantities, p.Name, func(q *Quantity) { offer(ordinal(Ordered(q.Lo))) })
	case ByURI:
		each(x.URIs, p.Name, func(u *URI) { offer(phrase(u.Value)) })
	}
}

func each[V Value](values []V, param string, visit func(*V)) {
	for i := range values {
		if values[i].Parameter() == param {
			visit(&values[i])
		}
	}
}

// extreme keeps the least or the greatest of the keys that it is offered.
type extreme struct {
	greatest bool
	key      []byte
}

func (e *extreme) offer(key []byte) {
	if e.key == nil || (string(key) > string(e.key)) == e.greatest {
		e.key = key
	}
}

func ordinal(n int64) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(n)^(1<<63)) //nolint:gosec // the sign bit is turned over
}

// begins is when a time begins, or if that is open, when it ends.
func begins(d *Date) int64 {
	if d.Lo == resource.Past && d.Hi != math.MaxInt64 {
		return d.Hi
	}
	return d.Lo
}

func phrase(s string) []byte { return []byte(s[:min(len(s), MaxSortKey)]) }
