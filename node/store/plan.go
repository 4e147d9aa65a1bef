package store

import (
	"maps"
	"math"
	"slices"
	"strings"

	"cairn/fhir/search"
)

const (
	maxFilters = 3  // needs that candidates are held against before their rows are read
	maxChoices = 16 // alternatives of such a need
	idsAtOnce  = 64
)

// run is a stretch of the table posting: the rids under a key, above after and
// up to end, in order.
type run struct{ key, after, end int64 }

// option is one of a query's needs as a way to begin.
type option struct {
	need  search.Need
	runs  []run // of all alternatives, if each is one; then candidates come one by one
	count int   // of records that meet it, as far as it was counted
}

// streams tells whether candidates of an option come in the order of rid
// without being gathered first.
func (o *option) streams() bool { return o.runs != nil }

// filters tells whether a candidate can be held against an option by its rid.
func (o *option) filters() bool {
	n := len(o.need.Keys)
	return o.streams() && len(o.need.Subjects) == 0 && n > 0 && n <= maxChoices
}

// planner chooses how to find the candidates of one query.
type planner struct {
	view       *View
	q          *search.Query
	after, end int64 // rids in question
	options    []option
	typ        option // all records of the type
	wants      int
}

func newPlanner(v *View, q *search.Query, after int64, want int) *planner {
	p := &planner{view: v, q: q, after: after, end: math.MaxInt64, wants: want}
	if q.Subject != "" {
		lo, hi := bucket(q.Subject)
		p.after, p.end = max(after, lo), hi
	}
	p.typ = option{runs: []run{{typeKey(q.Type), p.after, p.end}}}
	for _, n := range together(q.Needs()) {
		if q.Subject == "" || !slices.Contains(n.Subjects, q.Subject) {
			p.options = append(p.options, p.option(n))
		}
	}
	return p
}

// together makes one need of several that ask for ranges of the same kind, as
// "not before" and "before" do: a record has one time at which it was stored, and
// among its spans under a key there is one that holds all others.
func together(needs []search.Need) (out []search.Need) {
	var updated *search.Range
	ranges := map[int64]*search.Range{}
	for _, n := range needs {
		alone := len(n.IDs)+len(n.Subjects)+len(n.Keys)+len(n.Words) == 0
		switch {
		case alone && n.Updated != nil && len(n.Ranges) == 0:
			updated = meet(updated, *n.Updated)
		case alone && n.Updated == nil && len(n.Ranges) == 1:
			ranges[n.Ranges[0].Key] = meet(ranges[n.Ranges[0].Key], n.Ranges[0])
		default:
			out = append(out, n)
		}
	}
	if updated != nil {
		out = append(out, search.Need{Updated: updated})
	}
	for _, key := range slices.Sorted(maps.Keys(ranges)) {
		out = append(out, search.Need{Ranges: []search.Range{*ranges[key]}})
	}
	return out
}

func meet(a *search.Range, b search.Range) *search.Range {
	if a != nil {
		b.Lo, b.Hi = max(a.Lo, b.Lo), min(a.Hi, b.Hi)
	}
	return &b
}

// OneQuestion tells whether a page of what queries find is likely to be had with
// one question to the database, see Brief.
func OneQuestion(queries []search.Query) bool {
	if len(queries) != 1 || len(queries[0].Chains)+len(queries[0].Sort)+len(queries[0].Includes) > 0 {
		return false
	}
	p := newPlanner(nil, &queries[0], 0, 0)
	return len(p.options) == 0 && queries[0].Subject != "" || len(p.options) == 1 && len(p.options[0].runs) == 1
}

// option makes runs of a need whose alternatives all are keys or patients.
func (p *planner) option(n search.Need) option {
	o := option{need: n}
	if len(n.IDs) > 0 || len(n.Words) > 0 || len(n.Ranges) > 0 || n.Updated != nil {
		return o
	}
	o.runs = make([]run, 0, len(n.Keys)+len(n.Subjects))
	for _, k := range n.Keys {
		o.runs = append(o.runs, run{k, p.after, p.end})
	}
	for _, s := range n.Subjects {
		lo, hi := bucket(s)
		if lo, hi = max(lo, p.after), min(hi, p.end); lo < hi {
			o.runs = append(o.runs, run{typeKey(p.q.Type), lo, hi})
		}
	}
	return o
}

// plan returns the candidates of a query whose chains are resolved, in the
// order of rid and after one.
func (h *hunt) plan(q search.Query, after int64, want int) (source, error) {
	p := newPlanner(h.view, &q, after, want)
	lead, err := p.lead()
	if err != nil {
		return nil, err
	}
	return p.source(lead)
}

// lead returns the option to begin with.
func (p *planner) lead() (*option, error) {
	if len(p.options) == 0 {
		return &p.typ, nil
	}
	if len(p.options) == 1 && (p.options[0].streams() || len(p.options[0].need.IDs) > 0) {
		return &p.options[0], nil
	}
	best, err := p.fewest(p.view.bounds.few)
	if err != nil || best.count < p.view.bounds.few {
		return best, err
	}
	bound := p.view.bounds.many
	if p.wants == math.MaxInt {
		bound = p.view.bounds.all
	}
	if best, err = p.fewest(bound); err != nil || best.count < bound {
		return best, err
	}
	for i := range p.options { // all are many: take what need not be gathered
		if p.options[i].streams() {
			return &p.options[i], nil
		}
	}
	return &p.typ, nil
}

// fewest counts what meets each option, up to a bound, and returns the one that
// fewest do.
func (p *planner) fewest(bound int) (*option, error) {
	best := &p.typ
	if p.q.Subject == "" {
		best.count = math.MaxInt
	} else if err := p.count(best, bound); err != nil {
		return nil, err
	}
	for i := range p.options {
		o := &p.options[i]
		if p.q.Subject != "" && !o.streams() && best.count < p.view.bounds.many {
			continue // gathered among all patients
		}
		if err := p.count(o, min(bound, best.count)); err != nil {
			return nil, err
		}
		if o.count < best.count {
			best = o
		}
	}
	return best, nil
}

// source returns the candidates that an option leads to, held against others.
func (p *planner) source(lead *option) (source, error) {
	var filters [][]int64
	for i := range p.options {
		if o := &p.options[i]; o != lead && o.filters() && len(filters) < maxFilters {
			filters = append(filters, o.need.Keys)
		}
	}
	switch {
	case lead.streams() && len(lead.runs) == 1:
		return &stretch{view: p.view, run: lead.runs[0], filters: filters}, nil
	case lead.streams():
		return &listed{view: p.view, rids: newUnion(p.view, lead.runs), filters: filters}, nil
	}
	rids, err := p.gather(&lead.need)
	if err != nil {
		return nil, err
	}
	return &listed{view: p.view, rids: &given{rids}, filters: filters}, nil
}

// count sets how many records meet an option, up to a bound.
func (p *planner) count(o *option, bound int) error {
	o.count = len(o.need.IDs)
	add := func(sql string, args ...any) (enough bool, err error) {
		n, err := p.view.c.number("SELECT count(*) FROM (SELECT 1 "+sql+" LIMIT ?) AS counted", append(args, int64(bound-o.count))...)
		o.count += int(n)
		return o.count >= bound, err
	}
	if o.count >= bound {
		return nil
	}
	if o.streams() {
		for _, r := range o.runs {
			if enough, err := add(fromPosting, r.key, r.after, r.end); enough || err != nil {
				return err
			}
		}
		return nil
	}
	return p.stretches(&o.need, add)
}

const (
	fromPosting = "FROM posting WHERE key = ? AND rid > ? AND rid <= ?"
	fromWord    = "FROM word WHERE key = ? AND value >= ? AND value < ?"
	fromSpan    = "FROM span WHERE key = ? AND width = ? AND lo >= ? AND lo < ? AND hi > ?"
	fromUpdated = "FROM record WHERE type = ? AND deleted = 0 AND updated >= ? AND updated < ?"
)

// stretches calls f with the parts of the tables in which the alternatives of a
// need stand, but ids, until it is enough.
func (p *planner) stretches(n *search.Need, f func(sql string, args ...any) (enough bool, err error)) error {
	for _, r := range p.option(search.Need{Keys: n.Keys, Subjects: n.Subjects}).runs {
		if enough, err := f(fromPosting, r.key, r.after, r.end); enough || err != nil {
			return err
		}
	}
	for _, w := range n.Words {
		if enough, err := f(fromWord, w.Key, []byte(w.Value), following(w.Value)); enough || err != nil {
			return err
		}
	}
	for _, r := range n.Ranges {
		for class := range widths {
			if enough, err := f(fromSpan, r.Key, int64(class), reach(r.Lo, class), r.Hi, r.Lo); enough || err != nil {
				return err
			}
		}
	}
	if n.Updated != nil {
		if enough, err := f(fromUpdated, p.q.Type, n.Updated.Lo, n.Updated.Hi); enough || err != nil {
			return err
		}
	}
	return nil
}

// following returns the lowest bytes above all that begin with these.
func following(prefix string) []byte {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i]++; b[i] != 0 {
			return b[:i+1]
		}
	}
	return []byte(strings.Repeat("\xff", search.MaxWord+1))
}

// gather returns all rids that meet a need, in order, each once. They have been
// counted: they are not more than bounds.all.
func (p *planner) gather(n *search.Need) ([]int64, error) {
	var rids []int64
	keep := func(r row) error {
		if rid := r.int(0); rid > p.after && rid <= p.end {
			rids = append(rids, rid)
		}
		return nil
	}
	for part := range slices.Chunk(n.IDs, idsAtOnce) {
		in, args := choices(part, idsAtOnce)
		if err := p.view.c.ask("SELECT rid FROM record WHERE type = ? AND id IN "+in, keep, append([]any{p.q.Type}, args...)...); err != nil {
			return nil, err
		}
	}
	err := p.stretches(n, func(sql string, args ...any) (bool, error) {
		return false, p.view.c.ask("SELECT rid "+sql, keep, args...)
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(rids)
	return slices.Compact(rids), nil
}

// choices returns (?, ?...) and its arguments, of one of a few lengths so that
// there are few statements: the last value is repeated.
func choices[T string | int64](values []T, most int) (sql string, args []any) {
	n := 1
	for n < len(values) {
		n = min(4*n, most)
	}
	args = make([]any, n)
	for i := range args {
		args[i] = values[min(i, len(values)-1)]
	}
	return "(?" + strings.Repeat(", ?", n-1) + ")", args
}
