package store

import (
	"math"

	"cairn/fhir/search"
	"cairn/node/fault"
)

// A sorted search stands still: each of its pages is of the records that there
// were at the first one, in the order in which they stood then.

// begin notes, on the first page, up to where records are of this search. One in
// the order of _lastUpdated goes on to what is stored meanwhile: who follows
// changes with it must not miss any.
func (s *searching) begin() error {
	if s.first.Cursor != "" {
		return nil
	}
	if rule := s.first.Sort[0]; rule.Param == "_lastUpdated" && !rule.Descending {
		return nil
	}
	n, err := s.view.c.number("SELECT coalesce(max(seq), 0) FROM version")
	s.from.seq = uint64(n) //nolint:gosec // not negative
	return err
}

// stays tells whether a record is what it was when the search began.
func (s *searching) stays(h *Hit) bool { return s.from.seq == 0 || h.seq <= s.from.seq }

// stood returns by what a record that is found has its place; nil if it has none:
// it was not there when the search began, or was not found by it.
func (s *searching) stood(q *search.Query, h *Hit) (*search.Index, error) {
	switch {
	case s.stays(h):
		return h.Index, nil
	case uint64(h.rid&maxSeq) > s.from.seq: //nolint:gosec // not negative
		return nil, nil
	case s.earlier == nil:
		return h.Index, nil
	}
	if s.moved++; s.moved > s.view.bounds.moved {
		return nil, fault.New(fault.Invalid, codeTooCostly, "Too many records of this search were changed since its first page.").
			WithHint("Start the search again from its first page.")
	}
	x, err := s.earlier(h, s.from.seq)
	if err != nil || x == nil || !q.Match(x) {
		return nil, err
	}
	return x, nil
}

// offerChanged offers the records of a type that were changed since the search
// began, which the walk along the time of their last change does not meet where
// they stood.
func (s *searching) offerChanged(t *top, q *search.Query) error {
	if s.from.seq == 0 || s.first.Cursor == "" {
		return nil
	}
	var failed error
	err := s.judge(q, &changed{view: s.view, typ: q.Type, since: s.from.seq, after: s.from.seq}, math.MaxInt, func(h *Hit) bool {
		failed = s.offer(t, q, 0, h)
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return err
}

// changed gives the records of a type that were there at a seq and were changed
// since, in the order of their present seq.
type changed struct {
	view         *View
	typ          string
	since, after uint64
}

const changedRows = hitColumns + "FROM version v JOIN record r ON r.rid = v.rid AND r.seq = v.seq " +
	"WHERE v.type = ? AND v.seq > ? AND r.deleted = 0 AND (r.rid & ?) <= ? ORDER BY v.seq LIMIT ?"

func (c *changed) next(n, _ int) (hits []Hit, err error) {
	err = c.view.c.each(changedRows, func(r row) error {
		h, err := scanHit(r)
		hits, c.after = append(hits, h), h.seq
		return err
	}, c.typ, int64(c.after), int64(maxSeq), int64(c.since), int64(n)) //nolint:gosec // below maxSeq
	return hits, err
}

// VersionAt returns the last version of a record up to a seq.
func (v *View) VersionAt(h *Hit, seq uint64) (*Version, error) {
	return v.version(versionRows+"WHERE v.rid = ? AND v.seq <= ? ORDER BY v.version DESC LIMIT 1", h.rid, clampInt64(seq))
}
