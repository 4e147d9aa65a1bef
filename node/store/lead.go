package store

import (
	"container/heap"
	"slices"
	"strings"
)

// stretch gives the records of one run of postings.
type stretch struct {
	view *View
	run
	filters [][]int64
	over    bool
}

// fewHits is how many records most searches find.
const fewHits = 8

const (
	stretchWhere  = "WHERE p.key = ? AND p.rid > ? AND p.rid <= ?"
	stretchRows   = hitColumns + "FROM posting p CROSS JOIN record r " + stretchWhere
	stretchSealed = hitColumns + sealedColumns + "FROM posting p CROSS JOIN record r " + sealedJoin + "AND length(v.body) <= 32768 AND " +
		"p.rid <= coalesce((SELECT f.rid FROM posting f WHERE f.key = ? AND f.rid > ? AND f.rid <= ? ORDER BY f.rid LIMIT 1 OFFSET ?), ?) " + stretchWhere
)

func (s *stretch) next(n, sealed int) (hits []Hit, err error) {
	if s.over {
		return nil, nil
	}
	// CROSS JOIN: in SQLite its left side leads.
	from, scan, args := stretchRows, scanHit, make([]any, 0, 9)
	if sealed > 0 {
		from, scan, args = stretchSealed, scanSealed, append(args, s.key, s.after, s.end, int64(sealed-1), s.end)
	}
	args = append(args, s.key, s.after, s.end)
	var sql strings.Builder
	sql.WriteString(from)
	for _, keys := range s.filters {
		in, more := choices(keys, maxChoices)
		sql.WriteString(" AND EXISTS (SELECT 1 FROM posting x WHERE x.rid = p.rid AND x.key IN " + in + ")")
		args = append(args, more...)
	}
	sql.WriteString(" AND r.rid = p.rid ORDER BY p.rid LIMIT ?")
	hits = make([]Hit, 0, min(n, fewHits))
	err = s.view.c.ask(sql.String(), func(r row) error {
		h, err := scan(r)
		hits, s.after = append(hits, h), h.rid
		return err
	}, append(args, int64(n))...)
	s.over = len(hits) < n
	return hits, err
}

// listed gives the records of rids that come from elsewhere.
type listed struct {
	view    *View
	rids    interface{ next(n int) ([]int64, error) } // in order, each once; none at the end
	filters [][]int64
}

func (l *listed) next(n, _ int) ([]Hit, error) {
	for {
		rids, err := l.rids.next(n)
		if err != nil || len(rids) == 0 {
			return nil, err
		}
		for _, keys := range l.filters {
			if rids, err = posted(l.view, rids, keys); err != nil {
				return nil, err
			}
		}
		hits, err := rowsOf(l.view, rids)
		if err != nil || len(hits) > 0 {
			return hits, err
		}
		if err := l.view.ctx.Err(); err != nil {
			return nil, err
		}
	}
}

const ridsAtOnce = 64

// posted returns those of some rids that have a posting under one of the keys.
func posted(v *View, rids, keys []int64) (some []int64, err error) {
	in, first := choices(keys, maxChoices)
	for part := range slices.Chunk(rids, ridsAtOnce) {
		these, args := choices(part, ridsAtOnce)
		err := v.c.ask("SELECT rid FROM posting WHERE key IN "+in+" AND rid IN "+these, func(r row) error {
			some = append(some, r.int(0))
			return nil
		}, append(slices.Clone(first), args...)...)
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(some)
	return slices.Compact(some), nil
}

// rowsOf returns the records with these rids, in their order.
func rowsOf(v *View, rids []int64) (hits []Hit, err error) {
	for part := range slices.Chunk(rids, ridsAtOnce) {
		these, args := choices(part, ridsAtOnce)
		err := v.c.ask(hitColumns+"FROM record r WHERE r.rid IN "+these+" ORDER BY r.rid", func(r row) error {
			h, err := scanHit(r)
			hits = append(hits, h)
			return err
		}, args...)
		if err != nil {
			return nil, err
		}
	}
	return hits, nil
}

// given is rids that are all there.
type given struct{ rids []int64 }

func (g *given) next(n int) ([]int64, error) {
	n = min(n, len(g.rids))
	some := g.rids[:n]
	g.rids = g.rids[n:]
	return some, nil
}

// union is the rids of several runs in one order, each once: a heap with the run
// that goes on lowest on top. A run is first read when its turn comes.
type union struct {
	view *View
	runs []*branch
	size int
	last int64
}

type branch struct {
	run
	rids []int64 // read and not yet given
}

// low is a rid that none to come is below.
func (b *branch) low() int64 {
	if len(b.rids) > 0 {
		return b.rids[0]
	}
	return b.after
}

func newUnion(v *View, runs []run) *union {
	u := &union{view: v, size: max(8, min(ridsAtOnce, 4096/max(1, len(runs)))), last: -1}
	for _, r := range runs {
		u.runs = append(u.runs, &branch{run: r})
	}
	heap.Init(u)
	return u
}

func (u *union) next(n int) (rids []int64, err error) {
	for len(rids) < n && len(u.runs) > 0 {
		b := u.runs[0]
		if len(b.rids) > 0 {
			if rid := b.rids[0]; rid > u.last {
				rids, u.last = append(rids, rid), rid
			}
			b.rids = b.rids[1:]
			if len(b.rids) > 0 || b.after < b.end {
				heap.Fix(u, 0)
				continue
			}
			heap.Pop(u)
			continue
		}
		if err := u.read(b); err != nil {
			return nil, err
		}
	}
	return rids, nil
}

// read reads on in the run on top, or drops it at its end.
func (u *union) read(b *branch) error {
	err := u.view.c.each("SELECT rid "+fromPosting+" ORDER BY rid LIMIT ?", func(r row) error {
		b.rids = append(b.rids, r.int(0))
		return nil
	}, b.key, b.after, b.end, int64(u.size))
	if err != nil {
		return err
	}
	switch n := len(b.rids); {
	case n == 0:
		heap.Pop(u)
		return nil
	case n < u.size:
		b.after = b.end
	default:
		b.after = b.rids[n-1]
	}
	heap.Fix(u, 0)
	return nil
}

// For container/heap.
func (u *union) Len() int           { return len(u.runs) }
func (u *union) Less(i, j int) bool { return u.runs[i].low() < u.runs[j].low() }
func (u *union) Swap(i, j int)      { u.runs[i], u.runs[j] = u.runs[j], u.runs[i] }
func (u *union) Push(x any)         { u.runs = append(u.runs, x.(*branch)) } //nolint:forcetypeassert // ours
func (u *union) Pop() any {
	last := u.runs[len(u.runs)-1]
	u.runs = u.runs[:len(u.runs)-1]
	return last
}
