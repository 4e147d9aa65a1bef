package search

import "cairn/fhir/search/param"

// Uses reports whether the answer to a query depends on a search parameter that is wanted: it asks wanted for each, with
// the resource type whose parameter it is, until one is. Includes with a wildcard depend on none.
func (q *Query) Uses(wanted func(typ, name string) bool) bool {
	for i := range q.Clauses {
		if wanted(q.Type, q.Clauses[i].Param) {
			return true
		}
	}
	for _, s := range q.Sort {
		if wanted(q.Type, s.Param) {
			return true
		}
	}
	for _, i := range q.Includes {
		if i.Type != "*" && i.Param != "*" && wanted(i.Type, i.Param) {
			return true
		}
	}
	if q.Within.Type != "" {
		for _, name := range param.Compartment(q.Within.Type, q.Type) {
			if wanted(q.Type, name) {
				return true
			}
		}
	}
	return q.chainsUse(wanted)
}

func (q *Query) chainsUse(wanted func(typ, name string) bool) bool {
	for _, c := range q.Chains {
		for i := range c.Of {
			of := q.Type
			if c.Reverse {
				of = c.Of[i].Type
			}
			if wanted(of, c.Param) || c.Of[i].Uses(wanted) {
				return true
			}
		}
	}
	return false
}
