package store

import (
	"math"
	"slices"

	"cairn/node/fault"
)

// Each returns up to limit current records that are not deleted, of some types,
// nil being all, and about a subject, "" being anybody and nobody, in the order
// of the store: those after a place, 0 being the start. It returns the place to
// go on from, 0 at the end; a page may be short or empty before that.
//
// Records that are stored, changed or deleted between two pages do not make it
// skip or double others. A place counts all records of the hospital and is not
// to be shown to anybody.
func (v *View) Each(types []string, subject string, after int64, limit int, allow Allow) ([]Hit, int64, error) {
	end := int64(math.MaxInt64)
	if subject != "" {
		lo, hi := bucket(subject)
		after, end = max(after, lo), hi
	}
	wanted := func(h *Hit) bool {
		return (len(types) == 0 || slices.Contains(types, h.Type)) && (subject == "" || h.Subject == subject) &&
			(allow == nil || allow(h))
	}
	var hits []Hit
	for looks := 0; looks < v.bounds.looks/10; looks += v.bounds.chunk {
		if err := v.ctx.Err(); err != nil {
			return nil, 0, fault.As(err)
		}
		some, err := v.after(after, end)
		if err != nil {
			return nil, 0, err
		}
		for i := range some {
			if wanted(&some[i]) {
				hits = append(hits, some[i])
			}
			if after = some[i].rid; len(hits) == limit {
				return hits, after, nil
			}
		}
		if len(some) < v.bounds.chunk {
			return hits, 0, nil
		}
	}
	return hits, after, nil
}

func (v *View) after(rid, end int64) (hits []Hit, err error) {
	err = v.c.each(hitColumns+"FROM record r WHERE r.rid > ? AND r.rid <= ? AND r.deleted = 0 ORDER BY r.rid LIMIT ?", func(r row) error {
		h, err := scanHit(r)
		hits = append(hits, h)
		return err
	}, rid, end, int64(v.bounds.chunk))
	return hits, err
}
