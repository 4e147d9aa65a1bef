package scope

import (
	"cmp"
	"slices"
	"strings"
)

// Set is scopes that were granted together: what any of them allows is allowed. The zero Set allows nothing.
type Set struct {
	scopes []Scope
	words  []string
}

// Everything is the set that allows software everything that its rights do.
func Everything() Set { return Set{scopes: []Scope{{Context: System, Type: Any, Permission: All}}} }

// tidy brings the set into its normal form: what is of the same records is one scope, what another covers is left out,
// and all stand in one order.
func (s Set) tidy() Set {
	var merged []Scope
	for _, one := range s.scopes {
		at := slices.IndexFunc(merged, func(m Scope) bool {
			return m.Context == one.Context && m.Type == one.Type && filterText(m) == filterText(one)
		})
		if at < 0 {
			merged = append(merged, one)
			continue
		}
		if merged[at].old != one.old {
			merged[at].old = ""
		}
		merged[at].Permission |= one.Permission
	}
	out := Set{}
	for i, one := range merged {
		covered := false
		for j, other := range merged {
			covered = covered || i != j && other.covers(one)
		}
		if !covered {
			out.scopes = append(out.scopes, one)
		}
	}
	slices.SortFunc(out.scopes, func(a, b Scope) int { return cmp.Compare(a.normal(), b.normal()) })
	for _, w := range Words {
		if slices.Contains(s.words, w) {
			out.words = append(out.words, w)
		}
	}
	return out
}

func filterText(s Scope) string {
	if s.Filter == nil {
		return ""
	}
	return s.Filter.text
}

// String writes the set with spaces: words first, then scopes. Parse reads it back.
func (s Set) String() string { return s.join(Scope.String) }

// Normal is String in version 2 throughout.
func (s Set) Normal() string { return s.join(Scope.normal) }

func (s Set) join(write func(Scope) string) string {
	return strings.Join(s.each(write), " ")
}

// List is every scope of the set, as String writes it.
func (s Set) List() []string { return s.each(Scope.String) }

func (s Set) each(write func(Scope) string) []string {
	parts := slices.Clone(s.words)
	for _, one := range s.scopes {
		parts = append(parts, write(one))
	}
	return parts
}

// Empty tells whether the set says nothing at all.
func (s Set) Empty() bool { return len(s.scopes)+len(s.words) == 0 }

// Scopes returns the resource scopes.
func (s Set) Scopes() []Scope { return slices.Clone(s.scopes) }

// Has tells whether a word, such as openid, is in the set.
func (s Set) Has(word string) bool { return slices.Contains(s.words, word) }

// Union is what a or b allow.
func Union(a, b Set) Set {
	return Set{scopes: slices.Concat(a.scopes, b.scopes), words: slices.Concat(a.words, b.words)}.tidy()
}

// Intersect is what both a and b allow, as far as scopes can say it: never more, and less only where two filters cannot
// be joined to one or there would be too many. It is how what is asked for is cut down to what may be had.
func Intersect(asked, allowed Set) Set {
	var out Set
	for _, a := range asked.scopes {
		for _, b := range allowed.scopes {
			if one, ok := meet(a, b); ok && len(out.scopes) < maxScopes {
				out.scopes = append(out.scopes, one)
			}
		}
	}
	for _, w := range asked.words {
		if allowed.Has(w) {
			out.words = append(out.words, w)
		}
	}
	return out.tidy()
}

// meet is what two scopes both allow.
func meet(a, b Scope) (Scope, bool) {
	typ := a.Type
	if typ == Any {
		typ = b.Type
	}
	if a.Context != b.Context || b.Type != Any && b.Type != typ || a.Permission&b.Permission == 0 {
		return Scope{}, false
	}
	f, ok := both(typ, a.Filter, b.Filter)
	return Scope{a.Context, typ, a.Permission & b.Permission, f, a.old}, ok
}

// Without is the set without some of its scopes and words, as List writes them.
func (s Set) Without(left []string) Set {
	out := Set{}
	for _, one := range s.scopes {
		if !slices.Contains(left, one.String()) {
			out.scopes = append(out.scopes, one)
		}
	}
	for _, w := range s.words {
		if !slices.Contains(left, w) {
			out.words = append(out.words, w)
		}
	}
	return out
}

// Only is the part of the set that is of some contexts, with all its words.
func (s Set) Only(of ...Context) Set {
	out := Set{words: s.words}
	for _, one := range s.scopes {
		if slices.Contains(of, one.Context) {
			out.scopes = append(out.scopes, one)
		}
	}
	return out
}

// Of tells whether a scope is of the context.
func (s Set) Of(c Context) bool {
	return slices.ContainsFunc(s.scopes, func(one Scope) bool { return one.Context == c })
}

// Lacks returns what of need no scope allows with any record of a type; "" stands for some type. Nothing lacking does
// not say that there is such a record.
func (s Set) Lacks(need Permission, typ string) Permission {
	for _, one := range s.scopes {
		if one.of(typ) {
			need &^= one.Permission
		}
	}
	return need
}

// LacksWhole returns what of need no scope allows with every record of a type, whatever it is like. For scopes of the
// launch context every record is every one of its patient.
func (s Set) LacksWhole(need Permission, typ string) Permission {
	for _, one := range s.scopes {
		if one.Filter == nil && (one.Type == Any || one.Type == typ) {
			need &^= one.Permission
		}
	}
	return need
}

// Allows tells whether each of the permissions that are needed is allowed with a record. It fails only when the record's
// Load does.
func (s Set) Allows(need Permission, r Record) (bool, error) {
	if r.Facets == nil || need == 0 {
		return false, nil
	}
	for i := range s.scopes {
		one := &s.scopes[i]
		if need&one.Permission == 0 || !one.of(r.Facets.Type) || one.Context == Patient && !r.Within {
			continue
		}
		if one.Filter != nil {
			ok, err := one.Filter.match(&r)
			if err != nil {
				return false, err
			}
			if !ok {
				continue
			}
		}
		if need &^= one.Permission; need == 0 {
			return true, nil
		}
	}
	return false, nil
}
