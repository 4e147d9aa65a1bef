package store

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"cairn/fhir/search"
	"cairn/fhir/search/param"
	"cairn/node/fault"
)

// Includes returns the records that q.Includes asks for beside the hits of a
// page, each once and none that is a hit. What allow hides is not included, and
// nothing is reached through it. A page that would have more than a thousand is
// refused with fault.Invalid and the code too-costly.
func (v *View) Includes(q search.Query, hits []Hit, allow Allow) ([]Hit, error) {
	n := &including{hunt: newHunt(v, allow), seen: make(map[string]bool, len(hits))}
	defer n.over()
	for i := range hits {
		n.seen[hits[i].name()] = true
	}
	rules, from := q.Includes, hits
	for len(rules) > 0 && len(from) > 0 {
		before := len(n.found)
		for _, rule := range rules {
			if err := n.follow(rule, from); err != nil {
				return nil, err
			}
		}
		rules, from = iterating(q.Includes), n.found[before:]
	}
	return n.found, nil
}

func iterating(rules []search.Include) (some []search.Include) {
	for _, r := range rules {
		if r.Iterate {
			some = append(some, r)
		}
	}
	return some
}

func (h *Hit) name() string { return h.Type + "/" + h.ID }

// including is what was found so far.
type including struct {
	*hunt
	seen  map[string]bool // records that need no second look, as "Type/id"
	found []Hit
}

// follow adds what one rule leads to from some records.
func (n *including) follow(rule search.Include, from []Hit) error {
	if rule.Reverse {
		return n.back(rule, from)
	}
	for i := range from {
		if rule.Type != "*" && rule.Type != from[i].Type {
			continue
		}
		x, err := from[i].Load()
		if err != nil {
			return err
		}
		for _, r := range x.Targets(rule.Param) {
			if typ, id, local := strings.Cut(r.Target, "/"); local && (rule.Target == "" || rule.Target == typ) {
				if err := n.one(typ, id); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// one adds a record by its name, if it is there and may be seen.
func (n *including) one(typ, id string) error {
	if n.seen[typ+"/"+id] {
		return nil
	}
	n.seen[typ+"/"+id] = true
	h, err := n.view.Current(typ, id)
	if fault.Is(err, fault.NotFound) || err == nil && h.Deleted {
		return nil
	}
	if err != nil {
		return err
	}
	found, err := n.meets(&search.Query{Type: typ}, &h)
	if err != nil || !found {
		return err
	}
	return n.add(&h)
}

func tooMuchIncluded() error {
	return fault.New(fault.Invalid, codeTooCostly, "This page would include too many records.").
		WithHint("Ask for smaller pages with _count, or include less.")
}

func (n *including) add(h *Hit) error {
	if len(n.found) == n.view.bounds.included {
		return tooMuchIncluded()
	}
	n.seen[h.name()] = true
	n.found = append(n.found, h.keep())
	return nil
}

// back adds the records that refer to some.
func (n *including) back(rule search.Include, to []Hit) error {
	var names []string
	types := map[string]bool{}
	for i := range to {
		if rule.Target == "" || rule.Target == to[i].Type {
			names, types[to[i].Type] = append(names, to[i].name()), true
		}
	}
	if len(names) == 0 {
		return nil
	}
	ways, err := n.ways(rule, types)
	if err != nil {
		return err
	}
	if len(ways) > 1 && len(ways)*len(names) > n.view.bounds.probes {
		return tooMuchIncluded()
	}
	for _, way := range ways {
		var failed error
		err := n.find(way.Resolve(0, names), 0, math.MaxInt, func(h *Hit) bool {
			if !n.seen[h.name()] {
				failed = n.add(h)
			}
			return failed == nil
		})
		if err != nil || failed != nil {
			return cmp.Or(failed, err)
		}
	}
	return nil
}

// ways is the types, each with a parameter, by which a rule goes back to records
// of some types.
func (n *including) ways(rule search.Include, to map[string]bool) ([]search.Query, error) {
	way := func(typ, name string) search.Query {
		return search.Query{Type: typ, Chains: []search.Chain{{Param: name}}}
	}
	if rule.Param != "*" {
		return []search.Query{way(rule.Type, rule.Param)}, nil
	}
	types, err := []string{rule.Type}, error(nil)
	if rule.Type == "*" {
		if types, err = n.view.types(); err != nil {
			return nil, err
		}
	}
	var ways []search.Query
	for _, typ := range types {
		for _, p := range param.Of(typ) {
			if p.Kind == param.Reference && !p.Canonical && slices.ContainsFunc(slices.Collect(maps.Keys(to)), p.CanTarget) {
				ways = append(ways, way(typ, p.Name))
			}
		}
	}
	return ways, nil
}

// types returns the types of which there are records.
func (v *View) types() (all []string, err error) {
	for last := ""; ; {
		found, err := v.c.one("SELECT type FROM record WHERE type > ? ORDER BY type LIMIT 1", func(r row) error { last = r.text(0); return nil }, last)
		if err != nil || !found {
			return all, err
		}
		all = append(all, last)
	}
}
