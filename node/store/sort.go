package store

import (
	"bytes"
	"cmp"
	"container/heap"
	"math"

	"cairn/fhir/search"
)

// sorted makes a page in the order of the sort rules. Equal records stand in the
// order of parts and rids, which turns with the direction of the first rule.
func (s *searching) sorted() (Page, error) {
	t := &top{rules: s.first.Sort, size: s.size + 1}
	if s.first.Cursor != "" {
		if len(s.from.keys) != len(t.rules) {
			return Page{}, badCursor()
		}
		t.after = &spot{keys: s.from.keys, part: s.from.part, rid: s.from.rid}
	}
	page := Page{Total: s.from.total}
	err := s.begin()
	if err == nil {
		err = s.rank(t, &page)
	}
	if err != nil {
		return Page{}, err
	}
	spots := t.ascending()
	more := len(spots) > s.size
	if more {
		spots = spots[:s.size]
		last := spots[s.size-1]
		page.Next, err = s.next(place{part: last.part, rid: last.rid, total: page.Total, seq: s.from.seq, keys: last.keys})
	}
	for _, p := range spots {
		page.Hits = append(page.Hits, p.hit)
	}
	return page, err
}

// rank offers everything that is found to the top of the page, or as much as
// must be looked at.
func (s *searching) rank(t *top, page *Page) error {
	if done, err := s.byTime(t); done || err != nil {
		return err
	}
	counting := s.counting()
	if counting {
		page.Total = 0
	}
	for part := range s.queries {
		q, err := s.resolve(s.queries[part])
		if err != nil {
			return err
		}
		p, err := s.plan(q, 0, math.MaxInt)
		if err != nil {
			return err
		}
		var failed error
		err = s.judge(&q, p, math.MaxInt, func(h *Hit) bool {
			if counting {
				page.Total++
			}
			failed = s.offer(t, &q, part, h)
			return failed == nil
		})
		if err = cmp.Or(failed, err); err != nil {
			return err
		}
	}
	return nil
}

// offer offers a record to the top at the place where it stood when the search
// began.
func (s *searching) offer(t *top, q *search.Query, part int, h *Hit) error {
	x, err := s.stood(q, h)
	if err == nil && x != nil {
		t.offer(part, h, x)
	}
	return err
}

// spot is where a record stands in a sorted search.
type spot struct {
	keys [][]byte
	part int
	rid  int64
	hit  Hit
}

// top keeps those of the spots it is offered that come first after a place: a
// heap with the last of them on top.
type top struct {
	rules []search.SortRule
	size  int
	after *spot
	spots []spot
}

// keyBytes is how many bytes of sort keys a cursor holds.
const keyBytes = search.MaxSortKey

// offer takes a record in by what it is found by, or was when the search began.
func (t *top) offer(part int, h *Hit, x *search.Index) {
	p := spot{keys: make([][]byte, len(t.rules)), part: part, rid: h.rid}
	for i, rule := range t.rules {
		if key, ok := x.SortKey(rule); ok {
			p.keys[i] = append([]byte{}, key[:min(len(key), max(16, keyBytes/len(t.rules)))]...)
		}
	}
	if t.after != nil && t.compare(&p, t.after) <= 0 {
		return
	}
	if len(t.spots) == t.size {
		if t.compare(&p, &t.spots[0]) >= 0 {
			return
		}
		heap.Pop(t)
	}
	p.hit = h.keep()
	heap.Push(t, p)
}

// compare tells which of two spots comes first. What has no value comes last.
func (t *top) compare(a, b *spot) int {
	for i, rule := range t.rules {
		switch {
		case a.keys[i] == nil && b.keys[i] == nil:
			continue
		case a.keys[i] == nil:
			return 1
		case b.keys[i] == nil:
			return -1
		}
		if c := bytes.Compare(a.keys[i], b.keys[i]); c != 0 {
			return turned(c, rule.Descending)
		}
	}
	return turned(cmp.Or(cmp.Compare(a.part, b.part), cmp.Compare(a.rid, b.rid)), t.rules[0].Descending)
}

func turned(c int, around bool) int {
	if around {
		return -c
	}
	return c
}

// ascending empties the heap.
func (t *top) ascending() []spot {
	out := make([]spot, len(t.spots))
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = heap.Pop(t).(spot) //nolint:forcetypeassert // Push takes nothing else
	}
	return out
}

// For container/heap.
func (t *top) Len() int           { return len(t.spots) }
func (t *top) Less(i, j int) bool { return t.compare(&t.spots[i], &t.spots[j]) > 0 }
func (t *top) Swap(i, j int)      { t.spots[i], t.spots[j] = t.spots[j], t.spots[i] }
func (t *top) Push(x any)         { t.spots = append(t.spots, x.(spot)) } //nolint:forcetypeassert // ours
func (t *top) Pop() any {
	last := t.spots[len(t.spots)-1]
	t.spots = t.spots[:len(t.spots)-1]
	return last
}
