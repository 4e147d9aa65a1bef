package term

import (
	"regexp"
	"slices"
	"strings"
)

// compile makes one test of all filters of an include (FHIR R4 4.9.8, http://hl7.org/fhir/filter-operator).
func (s *System) compile(filters []filter) (accept func(at int32) bool, err error) {
	var tests []func(int32) bool
	for _, f := range filters {
		test, err := s.filter(f)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	return func(at int32) bool {
		for _, test := range tests {
			if !test(at) {
				return false
			}
		}
		return true
	}, nil
}

func (s *System) filter(f filter) (func(int32) bool, error) {
	switch f.op {
	case "is-a", "descendent-of", "is-not-a", "generalizes":
		return s.hierarchy(f)
	case "regex":
		return s.regex(f)
	case "in", "not-in":
		var list []string
		for _, v := range strings.Split(f.value, ",") {
			list = append(list, strings.TrimSpace(v))
		}
		want := f.op == "in"
		return func(at int32) bool { return s.meets(at, f.property, list...) == want }, nil
	case "=":
		return func(at int32) bool { return s.meets(at, f.property, f.value) }, nil
	case "exists":
		want := f.value == "true"
		return func(at int32) bool { return (len(s.values(at, f.property)) > 0) == want }, nil
	}
	return nil, &Error{CodeNotSupported, "A filter of a value set over " + shown(s.URL) + " has an operator that FHIR R4 does not have."}
}

func (s *System) hierarchy(f filter) (func(int32) bool, error) {
	top, ok := s.byCode[s.fold(f.value)]
	if f.property != "concept" && f.property != "code" {
		return nil, &Error{CodeNotSupported, "A filter by hierarchy over " + shown(s.URL) + " is on a property other than concept."}
	}
	if !ok {
		return nil, &Error{CodeInvalid, "A filter of a value set names a concept that the code system " + shown(s.URL) + " does not have."}
	}
	switch f.op {
	case "descendent-of":
		return func(at int32) bool { return at != top && s.under(at, top) }, nil
	case "is-not-a":
		return func(at int32) bool { return !s.under(at, top) }, nil
	case "generalizes":
		return func(at int32) bool { return s.under(top, at) }, nil
	}
	return func(at int32) bool { return s.under(at, top) }, nil
}

func (s *System) regex(f filter) (func(int32) bool, error) {
	if len(f.value) > maxRegexp {
		return nil, &Error{CodeTooCostly, "A regular expression in a filter of a value set is too long."}
	}
	re, err := regexp.Compile(`^(?:` + f.value + `)$`)
	if err != nil {
		return nil, &Error{CodeInvalid, "A regular expression in a filter of a value set is not one that is understood here (RE2)."}
	}
	return func(at int32) bool { return slices.ContainsFunc(s.values(at, f.property), re.MatchString) }, nil
}

func (s *System) meets(at int32, property string, list ...string) bool {
	return slices.ContainsFunc(s.values(at, property), func(v string) bool { return slices.Contains(list, v) })
}

// values is what a concept has under a property: a declared one, or code, concept, display, parent.
func (s *System) values(at int32, property string) (out []string) {
	c := &s.concepts[at]
	switch property {
	case "code", "concept":
		return []string{c.code}
	case "display":
		if text, ok := c.node.Get("display").Text(); ok {
			return []string{text}
		}
		return nil
	case "parent":
		for _, p := range c.parents {
			out = append(out, s.concepts[p].code)
		}
		return out
	}
	for p := range c.node.Get("property").Items() {
		if !p.Get("code").Is(property) {
			continue
		}
		for name, v := range p.Fields() {
			if code := v.Get("code"); name == "valueCoding" && code.Exists() {
				v = code
			}
			if strings.HasPrefix(name, "value") {
				out = append(out, plain(v))
			}
		}
	}
	return out
}
