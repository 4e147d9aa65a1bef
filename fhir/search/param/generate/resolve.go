package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var (
	casted = regexp.MustCompile(`\(\s*([\w.\[\]]+)\s+as\s+(\w+)\s*\)`)
	spaced = regexp.MustCompile(`\s*=\s*'`)
)

// alternatives is the parts of an expression that begin with a resource type, each without it, in one form: casts are
// written ofType, and no more blanks than needed.
func alternatives(expression, typ string) []string {
	text := casted.ReplaceAllString(expression, "$1.ofType($2)")
	text = strings.ReplaceAll(text, ".as(", ".ofType(")
	text = spaced.ReplaceAllString(text, "='")
	text = strings.ReplaceAll(text, "ofType(DateTime)", "ofType(dateTime)") // Observation-code-value-date
	var all []string
	for _, part := range split(text, '|') {
		part = strings.TrimSpace(part)
		for strings.HasPrefix(part, "(") && strings.HasSuffix(part, ")") {
			part = strings.TrimSpace(part[1 : len(part)-1])
		}
		if part == typ {
			all = append(all, "")
		} else if rest, ok := strings.CutPrefix(part, typ+"."); ok {
			all = append(all, rest)
		} else if part != "" && strings.ToLower(part[:1]) == part[:1] {
			all = append(all, part)
		}
	}
	return all
}

// split cuts at a separator that stands outside of parentheses and quotes.
func split(s string, separator byte) []string {
	var parts []string
	depth, start, quoted := 0, 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == separator && depth == 0:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// usable is the data types that a kind of parameter can be read from (FHIR R4 3.1.1.4).
var usable = map[string][]string{
	"date":      {"date", "dateTime", "instant", "Period", "Timing"},
	"token":     {"CodeableConcept", "Coding", "Identifier", "ContactPoint", "code", "boolean", "string", "uri", "id"},
	"quantity":  {"Quantity", "Age", "Duration", "Money", "Count", "Distance", "Range", "SampledData"},
	"string":    {"string", "markdown", "HumanName", "Address", "code", "id"},
	"reference": {"Reference", "canonical", "uri", "Resource"},
	"number":    {"decimal", "integer", "positiveInt", "unsignedInt"},
	"uri":       {"uri", "url", "canonical", "oid", "uuid"},
	"special":   {"BackboneElement"},
	"composite": nil,
}

// found is where an alternative leads: it is written with the types that an element with a choice has there, and
// ends in elements of these types.
type found struct {
	paths []string
	types []string
	last  element
}

// resolve follows an alternative from a resource type or an element (a path of the definitions).
func (d *definitions) resolve(from, path, kind string) (found, error) {
	if path == "" {
		return found{paths: []string{""}}, nil
	}
	parts := split(path, '.')
	at, written := from, ""
	var out found
	for i, part := range parts {
		name, _, _ := strings.Cut(part, "[")
		if strings.Contains(part, "(") {
			written += "." + part
			if typ, ok := strings.CutPrefix(part, "ofType("); ok {
				at = strings.TrimSuffix(typ, ")")
				out.types = []string{at}
			}
			continue
		}
		e, err := d.child(at, name)
		if err != nil {
			return found{}, err
		}
		written += "." + part
		out.last, out.types = e, nil
		for _, t := range e.Type {
			out.types = append(out.types, t.Code)
		}
		next := ""
		if i+1 < len(parts) {
			next = parts[i+1]
		}
		if strings.HasSuffix(e.Path, "[x]") && !strings.HasPrefix(next, "ofType(") {
			if next != "" {
				return found{}, fmt.Errorf("%s goes on behind a choice of types", path)
			}
			return d.spread(written[1:], out, kind)
		}
		at = e.Path
		if len(e.Type) == 1 && e.Type[0].Code != "BackboneElement" && e.Type[0].Code != "Element" {
			at = e.Type[0].Code
		}
	}
	out.paths = []string{written[1:]}
	return out, nil
}

// spread writes an element with a choice of types once for each type that the kind can be read from.
func (d *definitions) spread(path string, f found, kind string) (found, error) {
	all := f.types
	f.types = nil
	for _, t := range all {
		if slices.Contains(usable[kind], t) {
			f.types = append(f.types, t)
			f.paths = append(f.paths, path+".ofType("+t+")")
		}
	}
	if len(f.types) == 0 {
		return f, fmt.Errorf("%s has no type that a %s can be read from: %v", path, kind, all)
	}
	return f, nil
}

// child is the definition of an element of a type or of another element.
func (d *definitions) child(of, name string) (element, error) {
	if e, ok := d.elements[of]; ok && e.ContentReference != "" {
		of = strings.TrimPrefix(e.ContentReference, "#")
	}
	for _, path := range []string{of + "." + name, of + "." + name + "[x]"} {
		if e, ok := d.elements[path]; ok {
			if e.ContentReference != "" && len(e.Type) == 0 {
				e.Path = strings.TrimPrefix(e.ContentReference, "#")
			}
			return e, nil
		}
	}
	return element{}, fmt.Errorf("%s has no element %s", of, name)
}
