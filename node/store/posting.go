package store

import (
	"cmp"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strings"

	"cairn/fhir/search"
)

// traces are the rows of posting, word and span that a record has besides its
// own: all follow from its index. Each list is sorted and holds nothing twice.
// Under each key there is a span that holds all others.
type traces struct {
	keys  []int64
	words []search.Word
	spans []search.Span
}

// tracesOf returns the rows for a record of a type that is not deleted.
func tracesOf(typ string, x *search.Index) traces {
	x.Facets.Type = typ
	p := x.Postings()
	t := traces{keys: append(p.Keys, typeKey(typ)), words: p.Words, spans: p.Spans}
	slices.Sort(t.keys)
	t.keys = slices.Compact(t.keys)
	slices.SortFunc(t.words, compareWords)
	t.words = slices.Compact(t.words)
	t.spans = append(t.spans, hulls(t.spans)...)
	slices.SortFunc(t.spans, compareSpans)
	t.spans = slices.Compact(t.spans)
	return t
}

// hulls returns for every key the span that holds all others under it, so that a
// record of which one span meets one range and another span another range has a
// span that meets both.
func hulls(spans []search.Span) []search.Span {
	if len(spans) < 2 {
		return nil
	}
	all := map[int64]search.Span{}
	for _, s := range spans {
		if h, ok := all[s.Key]; ok {
			s.Lo, s.Hi = min(s.Lo, h.Lo), max(s.Hi, h.Hi)
		}
		all[s.Key] = s
	}
	return slices.Collect(maps.Values(all))
}

func compareWords(a, b search.Word) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), strings.Compare(a.Value, b.Value))
}

func compareSpans(a, b search.Span) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Lo, b.Lo), cmp.Compare(a.Hi, b.Hi))
}

// typeKey is the key under which every record of a type has a posting: FNV-1a
// in 64 bits. It must not change.
func typeKey(typ string) int64 {
	h := uint64(14695981039346656037)
	for i := range len(typ) {
		h = (h ^ uint64(typ[i])) * 1099511628211
	}
	return int64(h)
}

// widths are the classes of a span's width: one of class i is narrower than
// 2^widths[i]. In milliseconds they are about a day, a month, two years, a
// lifetime; the others are for numbers and for what has an open end.
var widths = [...]int{27, 32, 36, 42, 46, 50, 64}

func widthOf(s search.Span) int {
	n := bits.Len64(uint64(s.Hi) - uint64(s.Lo))
	return slices.IndexFunc(widths[:], func(w int) bool { return n <= w })
}

// reach returns the lowest lo that a span of a class may have to overlap what
// begins at lo: one that is lower ends before it.
func reach(lo int64, class int) int64 {
	w := widths[class]
	if w >= 63 || lo < math.MinInt64+1<<w {
		return math.MinInt64
	}
	return lo - 1<<w
}

// post brings the rows of a record from those that it had to those that it is
// to have.
func (tx *Tx) post(rid int64, before, after traces) error {
	for _, k := range minus(before.keys, after.keys, cmp.Compare[int64]) {
		if err := tx.aside("DELETE FROM posting WHERE key = ? AND rid = ?", k, rid); err != nil {
			return err
		}
	}
	for _, w := range minus(before.words, after.words, compareWords) {
		if err := tx.aside("DELETE FROM word WHERE key = ? AND value = ? AND rid = ?", w.Key, []byte(w.Value), rid); err != nil {
			return err
		}
	}
	for _, s := range minus(before.spans, after.spans, compareSpans) {
		if err := tx.aside("DELETE FROM span WHERE key = ? AND width = ? AND lo = ? AND hi = ? AND rid = ?",
			s.Key, int64(widthOf(s)), s.Lo, s.Hi, rid); err != nil {
			return err
		}
	}
	return tx.postNew(rid, minus(after.keys, before.keys, cmp.Compare[int64]),
		minus(after.words, before.words, compareWords), minus(after.spans, before.spans, compareSpans))
}

func (tx *Tx) postNew(rid int64, keys []int64, words []search.Word, spans []search.Span) error {
	for _, k := range keys {
		if err := tx.insert(sheetPosting, k, rid); err != nil {
			return err
		}
	}
	for _, w := range words {
		if err := tx.insert(sheetWord, w.Key, []byte(w.Value), rid); err != nil {
			return err
		}
	}
	for _, s := range spans {
		if err := tx.insert(sheetSpan, s.Key, int64(widthOf(s)), s.Lo, s.Hi, rid); err != nil {
			return err
		}
	}
	return nil
}

// minus returns what of one sorted list is not in another.
func minus[T any](list, other []T, compare func(a, b T) int) []T {
	if len(other) == 0 {
		return list
	}
	var out []T
	for _, v := range list {
		if _, there := slices.BinarySearchFunc(other, v, compare); !there {
			out = append(out, v)
		}
	}
	return out
}
