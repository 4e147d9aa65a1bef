package store

import (
	"maps"
	"math"
	"slices"
	"strings"

	"cairn/fhir/search"
)

// resolve replaces the chains of a query by what they lead to, as far as allow
// lets it be known: a chain through a record that is hidden leads nowhere, as if
// that record did not exist.
func (h *hunt) resolve(q search.Query) (search.Query, error) {
	for len(q.Chains) > 0 {
		targets, err := h.reach(q)
		if err != nil {
			return q, err
		}
		q = q.Resolve(0, targets)
	}
	return q, nil
}

// reach returns what the first chain of a query leads to.
func (h *hunt) reach(q search.Query) ([]string, error) {
	c := q.Chains[0]
	outer, few, err := h.outer(q)
	if err != nil {
		return nil, err
	}
	t := targets{chain: c, typ: q.Type, found: map[string]bool{}, most: h.view.bounds.targets}
	if few {
		t.within = reachable(c, outer)
	}
	for _, of := range c.Of {
		if few {
			if of = t.narrow(of, outer); of.Type == "" {
				continue
			}
		}
		if err := h.find(of, 0, math.MaxInt, t.take); err != nil {
			return nil, err
		}
		if len(t.found) > h.view.bounds.targets {
			return nil, tooCostly()
		}
	}
	return slices.Sorted(maps.Keys(t.found)), nil
}

// outer returns what a query finds without its chains, if that is so little that
// these are to be followed from there and not from their far end.
func (h *hunt) outer(q search.Query) (hits []Hit, few bool, err error) {
	q.Chains = nil
	p := newPlanner(h.view, &q, 0, math.MaxInt)
	best, err := p.fewest(h.view.bounds.outer)
	if err != nil || q.Subject == "" && best.count >= h.view.bounds.outer {
		return nil, false, err
	}
	few, h.own = true, true
	err = h.find(q, 0, math.MaxInt, func(hit *Hit) bool {
		hits = append(hits, *hit)
		few = len(hits) <= h.view.bounds.outer
		return few
	})
	h.own = false
	return hits, few, err
}

// reachable is what a chain can lead to from some records: of a forward chain
// those that they refer to, of a reverse one themselves.
func reachable(c search.Chain, outer []Hit) map[string]bool {
	all := map[string]bool{}
	for i := range outer {
		if c.Reverse {
			all[outer[i].ID] = true
			continue
		}
		for _, r := range outer[i].Index.Targets(c.Param) {
			all[r.Target] = true
		}
	}
	return all
}

// targets gathers what a chain leads to.
type targets struct {
	chain  search.Chain
	typ    string          // of the records that have the chain
	within map[string]bool // what it may lead to; nil: anything
	found  map[string]bool
	most   int
}

// narrow keeps a query at the far end of a chain to what some records can reach.
// It returns one without a type if that is nothing.
func (t *targets) narrow(of search.Query, outer []Hit) search.Query {
	var names []string
	if t.chain.Reverse {
		for i := range outer {
			names = append(names, t.typ+"/"+outer[i].ID)
		}
	} else {
		for target := range t.within {
			if typ, id, local := strings.Cut(target, "/"); local && typ == of.Type {
				names = append(names, id)
			}
		}
	}
	if len(names) == 0 {
		return search.Query{}
	}
	at := len(of.Chains)
	of.Chains = append(slices.Clip(of.Chains), search.Chain{Param: t.chain.Param, Reverse: !t.chain.Reverse})
	return of.Resolve(at, names)
}

// take notes where a record at the far end of the chain leads.
func (t *targets) take(h *Hit) bool {
	if !t.chain.Reverse {
		t.add(h.Type + "/" + h.ID)
	} else {
		for _, r := range h.Index.Targets(t.chain.Param) {
			if typ, id, local := strings.Cut(r.Target, "/"); local && typ == t.typ {
				t.add(id)
			}
		}
	}
	return len(t.found) <= t.most
}

func (t *targets) add(name string) {
	if t.within == nil || t.within[name] {
		t.found[name] = true
	}
}
