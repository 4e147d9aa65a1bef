package store

import (
	"errors"
	"math"
	"sync"

	"cairn/fhir/search"
	"cairn/node/fault"
)

// Records on a page.
const (
	defaultPage = 50
	maxPage     = 1000
)

// Allow tells whether a record may be known of, by whom it is about, its facets,
// and, with Hit.Load, what it can be found by. It sees every candidate before
// that is counted, put on a page, followed or included; a nil Allow allows all.
type Allow = func(h *Hit) bool

// Page is one page of what a search found.
type Page struct {
	Hits  []Hit
	Total int    // how many there are on all pages; -1 if they were not counted
	Next  string // cursor of the next page, "" at the end
}

// Search finds current records that are not deleted: those that q.Match finds,
// once its chains are resolved.
//
// They come in the order of q.Sort, by default in one of the store's own that
// keeps together what is about one patient. A page goes on where the one before
// ended, whatever was written meanwhile: no record is lost or doubled that is
// found all the while. What was made since the first page is not on those that
// follow it in a sorted search, and what was changed stands where it stood then,
// as earlier says. But in the order of _lastUpdated, the oldest first, what is
// made or changed comes, or comes again, at the end.
//
// What allow hides leaves no trace in the answer: not in Total, not as a short
// page, not by a chain that leads through it, and not in the cursor, which is
// encrypted. Total is counted on the first page and carried along: when q.Total
// asks for it, and unless it says none also when q names a patient or ids.
//
// A cursor that did not come from this search's own Next, or is older than a
// day, is refused with fault.Invalid. A search that would have to look at too
// many records is refused with fault.Invalid and the code too-costly.
func (v *View) Search(q search.Query, allow Allow) (Page, error) {
	return v.SearchMany([]search.Query{q}, allow, nil)
}

// Earlier returns what a record could be found by in the last of its versions up
// to a seq; nil if it was deleted then, or that version may not be known of. A
// sorted search asks it about what was changed since its first page, after Allow
// let that be seen. A nil Earlier puts it where its present values do.
type Earlier = func(h *Hit, seq uint64) (*search.Index, error)

// SearchMany is Search for what any of several queries finds, as is asked of
// several types at once. No record may be found by two of them. Sort, Count,
// Cursor, CountOnly and Total are those of the first query.
func (v *View) SearchMany(queries []search.Query, allow Allow, earlier Earlier) (Page, error) {
	if len(queries) == 0 {
		return Page{}, nil
	}
	if err := v.Answers(queries); err != nil {
		return Page{}, err
	}
	s := &searching{hunt: newHunt(v, allow), queries: queries, first: queries[0], size: pageSize(queries[0]), earlier: earlier}
	defer s.over()
	s.from.total = -1
	if s.first.Cursor != "" {
		question, err := questionOf(queries)
		if err != nil {
			return Page{}, err
		}
		if s.from, err = v.cursors.open(question, s.first.Cursor); err != nil {
			return Page{}, err
		}
	}
	if len(s.first.Sort) > 0 && s.size > 0 {
		return s.sorted()
	}
	return s.inOrder()
}

// searching is one page of a search on its way.
type searching struct {
	*hunt
	queries []search.Query
	first   search.Query
	size    int // hits on the page
	from    place
	earlier Earlier
	moved   int // records that were asked about with earlier
}

// next makes the cursor of the page after a place.
func (s *searching) next(p place) (string, error) {
	question, err := questionOf(s.queries)
	if err != nil {
		return "", err
	}
	return s.view.cursors.seal(question, p), nil
}

func pageSize(q search.Query) int {
	switch {
	case q.CountOnly:
		return 0
	case q.Count <= 0:
		return defaultPage
	}
	return min(q.Count, maxPage)
}

// counting tells whether this page counts what there is.
func (s *searching) counting() bool {
	if s.first.Cursor != "" || s.first.Total == "none" {
		return s.first.CountOnly
	}
	return s.insists() || s.first.Subject != "" || s.first.Within.Type == "Patient" || len(s.first.IDs) > 0
}

// insists tells whether there is no answer without a count.
func (s *searching) insists() bool { return s.first.CountOnly || s.first.Total == "accurate" }

// inOrder makes a page in the order of the parts and of rid.
func (s *searching) inOrder() (Page, error) {
	page := Page{Total: s.from.total}
	counting, more := s.counting(), false
	if counting {
		page.Total = 0
	}
	take := func(part int, h *Hit) bool {
		if counting {
			page.Total++
		}
		if len(page.Hits) < s.size {
			page.Hits = append(page.Hits, h.keep())
			s.from.part, s.from.rid = part, h.rid
			return true
		}
		more = true
		return counting
	}
	err := s.through(counting, take)
	if isTooCostly(err) && counting && !s.insists() && more {
		page.Total, err = -1, nil // a page, but too many to count
	}
	if err != nil {
		return Page{}, err
	}
	if more && s.size > 0 {
		s.from.total = page.Total
		page.Next, err = s.next(s.from)
	}
	return page, err
}

// through calls take with what the parts find after the place, until take says
// that it is enough.
func (s *searching) through(all bool, take func(part int, h *Hit) bool) error {
	after := s.from.rid
	s.sealed = min(s.size, maxSealed)
	for part := s.from.part; part < len(s.queries); part++ {
		want := s.size + 1
		if all {
			want = math.MaxInt
		}
		enough := false
		err := s.find(s.queries[part], after, want, func(h *Hit) bool {
			enough = !take(part, h)
			return !enough
		})
		if err != nil || enough {
			return err
		}
		after = 0
	}
	return nil
}

// hunt is what the parts of one search share: the view, who may see what, and
// the bound on how much is looked at.
type hunt struct {
	view   *View
	allow  Allow
	looks  int           // candidates that may still be looked at
	sealed int           // candidates to read with their newest versions, since these will be asked for
	index  *search.Index // of the candidate that is looked at
	own    bool          // each candidate gets an index of its own
}

// indexes is memory for the indexes of candidates.
var indexes = sync.Pool{New: func() any { return new(search.Index) }}

// over gives the memory of a hunt back. Nothing that it found is needed any more
// but what was kept.
func (h *hunt) over() { indexes.Put(h.index) }

func newHunt(v *View, allow Allow) *hunt {
	return &hunt{view: v, allow: allow, looks: v.bounds.looks, index: indexes.Get().(*search.Index)} //nolint:forcetypeassert // New makes nothing else
}

// find calls take with every record that a query finds, in the order of rid and
// after one, until take says that it is enough. want is how many that may be. What
// take is given is its own, but for the index, which is the next one's
// afterwards: who keeps the record calls keep.
func (h *hunt) find(q search.Query, after int64, want int, take func(*Hit) bool) error {
	sealed := h.sealed
	h.sealed = 0 // not for what chains lead through
	q, err := h.resolve(q)
	if err != nil {
		return err
	}
	p, err := h.plan(q, after, want)
	if err != nil {
		return err
	}
	h.sealed = sealed
	return h.judge(&q, p, want, take)
}

// keep returns a hit that can be kept.
func (h *Hit) keep() Hit {
	k := *h
	k.Index = nil
	return k
}

// source gives candidates, each once.
type source interface {
	// next returns up to n of them, none at the end: about so many with their
	// newest versions, if that is easy.
	next(n, sealed int) ([]Hit, error)
}

// judge calls take with those candidates of a source that a query finds.
func (h *hunt) judge(q *search.Query, from source, want int, take func(*Hit) bool) error {
	chunk := h.view.bounds.chunk
	for n := min(want, chunk); ; n = min(2*n, chunk) {
		if err := h.view.ctx.Err(); err != nil {
			return fault.As(err)
		}
		candidates, err := from.next(n, h.sealed)
		if err != nil || len(candidates) == 0 {
			return err
		}
		h.sealed = max(0, h.sealed-len(candidates))
		for i := range candidates {
			found, err := h.meets(q, &candidates[i])
			if err != nil {
				return err
			}
			if found && !take(&candidates[i]) {
				return nil
			}
		}
	}
}

// meets tells whether a candidate may be seen and is what a query asks for.
func (h *hunt) meets(q *search.Query, c *Hit) (bool, error) {
	if h.looks--; h.looks < 0 {
		return false, tooCostly()
	}
	if c.Deleted || c.Type != q.Type || h.allow != nil && !h.allow(c) {
		return false, nil
	}
	if c.Index == nil && !h.own {
		if err := c.decode(h.index); err != nil {
			return false, err
		}
		c.Index = h.index
	}
	x, err := c.Load()
	if err != nil {
		return false, err
	}
	return q.Match(x), nil
}

// maxSealed is how many candidates of a page are read with their newest versions.
// stretchSealed leaves those out that are large.
const maxSealed = 64

const codeTooCostly = "too-costly"

func tooCostly() error {
	return fault.New(fault.Invalid, codeTooCostly, "This search would have to look at too many records.").
		WithHint("Narrow the search, for example by patient.")
}

func isTooCostly(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Code == codeTooCostly
}
