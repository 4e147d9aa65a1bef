package patch

import (
	"strings"

	"cairn/fhir/fhirpath"
	"cairn/fhir/profile"
)

// path is a FHIRPath that selects elements, step by step.
type path []step

type step struct {
	does deed
	name string           // of a member, a type or an extension
	n    int              // of an index, skip or take
	when fhirpath.Program // of where
}

type deed uint8

const (
	member deed = iota
	item
	skip
	take
	last
	single
	where
	typed
	extended
)

func unknownPath(text string) *Error { return whole(Malformed, "value", text) }

// split takes the last step off, which must be a member.
func (p path) split() (parent path, name string, ok bool) {
	if len(p) == 0 || p[len(p)-1].does != member {
		return nil, "", false
	}
	return p[:len(p)-1], p[len(p)-1].name, true
}

// parsePath reads a path. The name of the resource's type at its beginning stays a member; find steps over it.
func parsePath(text string) (path, *Error) {
	if len(text) > 4096 {
		return nil, whole(Costly, "too-long", "A path has more than 4,096 bytes.")
	}
	r := pathReader{rest: strings.TrimSpace(text)}
	for _, start := range [...]string{"%resource", "%rootResource", "%context", "$this"} {
		if rest, ok := strings.CutPrefix(r.rest, start); ok && (rest == "" || rest[0] == '.') {
			r.rest = strings.TrimPrefix(rest, ".")
			if rest == "" {
				return path{}, nil
			}
		}
	}
	return r.path(0)
}

// pathReader takes a path apart from the left.
type pathReader struct{ rest string }

func notPath() *Error {
	return unknownPath("path is no FHIRPath that selects elements: names, indexes and where(), first(), last(), tail(), skip(), take(), single(), extension(), ofType(), as().")
}

func (r *pathReader) path(depth int) (path, *Error) {
	var out path
	if rest, ok := strings.CutPrefix(r.rest, "("); ok {
		inner, after, closed := cutClosing(rest)
		if !closed || depth > 8 {
			return nil, notPath()
		}
		sub := pathReader{rest: strings.TrimSpace(inner)}
		steps, err := sub.path(depth + 1)
		if err != nil {
			return nil, err
		}
		out, r.rest = steps, after
		if r.rest == "" {
			return out, nil
		}
	} else if err := r.invocation(&out); err != nil {
		return nil, err
	}
	for r.rest != "" {
		if err := r.next(&out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// next reads ".name", ".function(...)", "[n]" or " as Type".
func (r *pathReader) next(out *path) *Error {
	trimmed := strings.TrimSpace(r.rest)
	switch {
	case trimmed[0] == '.':
		r.rest = strings.TrimSpace(trimmed[1:])
		return r.invocation(out)
	case trimmed[0] == '[':
		inner, after, closed := cutClosing(trimmed[1:])
		n, ok := index(strings.TrimSpace(inner))
		if !closed || !ok {
			return notPath()
		}
		r.rest = after
		*out = append(*out, step{does: item, n: n})
		return nil
	case strings.HasPrefix(trimmed, "as ") && trimmed != r.rest:
		name := strings.TrimSpace(trimmed[3:])
		r.rest = ""
		return addType(out, name)
	}
	return notPath()
}

func (r *pathReader) invocation(out *path) *Error {
	name := r.identifier()
	if name == "" {
		return notPath()
	}
	rest, call := strings.CutPrefix(r.rest, "(")
	if !call {
		*out = append(*out, step{does: member, name: name})
		return nil
	}
	argument, after, closed := cutClosing(rest)
	if !closed {
		return notPath()
	}
	r.rest = after
	return function(out, name, strings.TrimSpace(argument))
}

func (r *pathReader) identifier() string {
	if rest, ok := strings.CutPrefix(r.rest, "`"); ok {
		name, after, _ := strings.Cut(rest, "`")
		r.rest = after
		return name
	}
	end := 0
	for end < len(r.rest) && (isLetter(r.rest[end]) || end > 0 && r.rest[end] >= '0' && r.rest[end] <= '9') {
		end++
	}
	name := r.rest[:end]
	r.rest = r.rest[end:]
	return name
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

// cutClosing cuts s at the parenthesis or bracket that closes one which stands before it.
func cutClosing(s string) (inner, after string, ok bool) {
	depth := 1
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\'', '`':
			i = closingQuote(s, i)
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return s[:i], s[i+1:], true
			}
		}
	}
	return "", "", false
}

func closingQuote(s string, i int) int {
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case '\\':
			j++
		case s[i]:
			return j
		}
	}
	return len(s)
}

func function(out *path, name, argument string) *Error {
	switch name {
	case "where":
		return addWhere(out, argument)
	case "extension":
		url, ok := literal(argument)
		if !ok {
			return notPath()
		}
		*out = append(*out, step{does: extended, name: url})
		return nil
	case "ofType", "as":
		return addType(out, argument)
	case "skip", "take":
		n, ok := index(argument)
		if !ok {
			return notPath()
		}
		does := skip
		if name == "take" {
			does = take
		}
		*out = append(*out, step{does: does, n: n})
		return nil
	}
	plain := map[string]step{"first": {does: take, n: 1}, "last": {does: last}, "tail": {does: skip, n: 1}, "single": {does: single}}
	s, ok := plain[name]
	if !ok || argument != "" {
		return notPath()
	}
	*out = append(*out, s)
	return nil
}

func addWhere(out *path, argument string) *Error {
	if strings.Contains(argument, "$index") {
		return unknownPath("$index is not known in the where() of a path. Use an index, skip() or take().")
	}
	p, err := fhirpath.Compile(argument)
	if err != nil {
		return unknownPath("where() in the path has no FHIRPath that can be read.")
	}
	*out = append(*out, step{does: where, when: p})
	return nil
}

func addType(out *path, name string) *Error {
	name = strings.TrimPrefix(name, "FHIR.")
	if profile.Of(name) == nil {
		return unknownPath("The path names a type that R4 does not have.")
	}
	*out = append(*out, step{does: typed, name: name})
	return nil
}

func literal(s string) (string, bool) {
	if len(s) < 2 || s[0] != '\'' || s[len(s)-1] != '\'' || strings.ContainsAny(s[1:len(s)-1], `'\`) {
		return "", false
	}
	return s[1 : len(s)-1], true
}
