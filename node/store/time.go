package store

import (
	"encoding/binary"
	"math"
)

// byTime makes a page of a search that is sorted by _lastUpdated alone, and
// that would look at many records otherwise, by going along the index of that
// time. It reports false when the search is not one of those.
func (s *searching) byTime(t *top) (bool, error) {
	rules := s.first.Sort
	if len(s.queries) != 1 || len(rules) != 1 || rules[0].Param != "_lastUpdated" || s.counting() {
		return false, nil
	}
	q, err := s.resolve(s.first)
	if err != nil {
		return true, err
	}
	p := newPlanner(s.view, &q, 0, math.MaxInt)
	if q.Subject != "" {
		return false, nil
	}
	if best, err := p.fewest(s.view.bounds.many); err != nil || best.count < s.view.bounds.many {
		return false, err
	}
	w := &walk{view: s.view, typ: q.Type, descending: rules[0].Descending, rid: math.MaxInt64, updated: math.MaxInt64}
	if !w.descending {
		w.rid, w.updated = -1, math.MinInt64
	}
	if t.after != nil {
		if len(t.after.keys[0]) != 8 {
			return true, badCursor()
		}
		w.rid, w.updated = t.after.rid, int64(binary.BigEndian.Uint64(t.after.keys[0])^(1<<63)) //nolint:gosec // as SortKey made it
	}
	if err := s.offerChanged(t, &q); err != nil {
		return true, err
	}
	walked := 0
	return true, s.judge(&q, w, t.size, func(h *Hit) bool {
		if s.stays(h) {
			t.offer(0, h, h.Index)
			walked++
		}
		return walked < t.size
	})
}

// walk gives the records of a type in the order of when they were stored.
type walk struct {
	view         *View
	typ          string
	descending   bool
	updated, rid int64
	over         bool
}

const (
	walkUp = hitColumns + "FROM record r WHERE r.type = ? AND r.deleted = 0 AND r.updated >= ? AND (r.updated > ? OR r.rid > ?) " +
		"ORDER BY r.updated, r.rid LIMIT ?"
	walkDown = hitColumns + "FROM record r WHERE r.type = ? AND r.deleted = 0 AND r.updated <= ? AND (r.updated < ? OR r.rid < ?) " +
		"ORDER BY r.updated DESC, r.rid DESC LIMIT ?"
)

func (w *walk) next(n, _ int) (hits []Hit, err error) {
	if w.over {
		return nil, nil
	}
	sql := walkUp
	if w.descending {
		sql = walkDown
	}
	err = w.view.c.each(sql, func(r row) error {
		h, err := scanHit(r)
		hits, w.updated, w.rid = append(hits, h), h.Updated, h.rid
		return err
	}, w.typ, w.updated, w.updated, w.rid, int64(n))
	w.over = len(hits) < n
	return hits, err
}
