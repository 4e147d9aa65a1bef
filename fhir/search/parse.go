package search

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cairn/fhir/resource"
	"cairn/fhir/search/index"
)

// ParseQuery reads the parameters of a search on one type. It refuses, with an *Error unless Options.Terms fails with
// another, a type that is not in R4,
// a parameter or modifier that is not implemented (and lists those that are), values that do not have the form of
// their kind, and more than the bounds. Parameters for the form of the answer (_format, _pretty) are the face's own and
// to be taken out first.
func ParseQuery(typ string, values url.Values, o Options) (Query, error) {
	plan := index.Of(typ)
	if plan == nil {
		return Query{}, &Error{Code: resource.CodeValue, Text: "The type searched for is not a resource type of FHIR R4 (4.0.1)."}
	}
	r := parser{plan: plan, query: Query{Type: typ}, options: o, spent: &spending{}}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range values[name] {
			if err := r.read(name, value); err != nil {
				return Query{}, err
			}
		}
	}
	if r.query.Ignored != nil {
		r.query.Ignored = sorted(r.query.Ignored)
	}
	return r.query, nil
}

// parser reads the parameters of one query. Those of a chain have a parser of their own.
type parser struct {
	plan    *index.Plan
	query   Query
	options Options
	depth   int // chains around this query
	spent   *spending
}

// spending counts against the bounds, over a query and its chains.
type spending struct{ clauses, alternatives, chains int }

// results are the parameters that say how the answer looks (FHIR R4 3.1.1.5). They have no place in a chain.
var results = map[string]func(r *parser, value string) error{
	"_count":    (*parser).count,
	"_summary":  (*parser).summary,
	"_elements": (*parser).elements,
	"_sort":     (*parser).sort,
	"_total":    (*parser).total,
	"cursor":    (*parser).cursor,
}

func (r *parser) read(name, value string) error {
	switch {
	case len(name) > maxName:
		return costly("", "The name of a parameter has at most %d characters.", maxName)
	case value == "":
		return mistake(name, "The value is empty. Leave the parameter out, or give it one.")
	case !utf8.ValidString(value) || strings.IndexByte(value, 0) >= 0:
		return mistake(name, "The value is no UTF-8 text, or has a character U+0000 in it.")
	case len(value) > maxValue:
		return costly(name, "The value of a parameter has at most %d characters. Ask in several searches.", maxValue)
	case !r.inner() && results[name] != nil:
		return results[name](r, value)
	}
	base, modifier, _ := strings.Cut(name, ":")
	switch {
	case base == "_has":
		return r.has(name, modifier, value)
	case !r.inner() && (base == "_include" || base == "_revinclude"):
		return r.include(base, modifier, value)
	case base == "_list" && modifier == "":
		return r.list(value)
	case index.Unanswered(base) != "":
		return unsupported(base, index.Unanswered(base))
	}
	if head, rest, chained := strings.Cut(name, "."); chained {
		return r.chain(head, rest, value)
	}
	if p := r.plan.Param(base); p != nil {
		return r.clause(p, modifier, value)
	}
	return r.unknown(name)
}

func (r *parser) inner() bool { return r.depth > 0 }

// unknown refuses a parameter, and says which there are; or passes over it.
func (r *parser) unknown(name string) error {
	if r.options.Lenient && !r.inner() && !Protected(r.query.Type) && shown(name) != "" {
		r.query.Ignored = append(r.query.Ignored, name)
		return nil
	}
	known := []string{"_has", "_list"}
	if !r.inner() {
		known = append(known, "_include", "_revinclude")
		for name := range results {
			known = append(known, name)
		}
	}
	for i := range r.plan.Params {
		known = append(known, r.plan.Params[i].Name)
	}
	slices.Sort(known)
	return unsupported(name, fmt.Sprintf("A search on %s does not know this parameter. It knows: %s.", r.query.Type, strings.Join(known, ", ")))
}

// spend counts conditions and values against the bounds.
func (r *parser) spend(param string, clauses, alternatives int) error {
	r.spent.clauses += clauses
	r.spent.alternatives += alternatives
	if r.spent.clauses > maxClauses || r.spent.alternatives > maxAlternatives {
		return costly(param, "A search has at most %d conditions and %d values. Ask in several searches.", maxClauses, maxAlternatives)
	}
	return nil
}

func (r *parser) ids(value string) error {
	if len(r.query.IDs) > 0 {
		return mistake("_id", "Give it once, with commas between the ids.")
	}
	for _, id := range split(value, ',') {
		if !resource.ValidID(id) {
			return mistake("_id", "An id has 1 to 64 letters, digits, hyphens and dots.")
		}
		if !slices.Contains(r.query.IDs, id) {
			r.query.IDs = append(r.query.IDs, id)
		}
	}
	return r.spend("_id", 1, len(r.query.IDs))
}

// count reads _count. What is more than a page holds means a full page, however large it is.
func (r *parser) count(value string) error {
	if strings.Trim(value, "0123456789") != "" || len(value) > 100 {
		return mistake("_count", fmt.Sprintf("Send a whole number from 0. A page has at most %d entries.", MaxCount))
	}
	n, err := strconv.Atoi(value)
	if err != nil || n > MaxCount {
		n = MaxCount
	}
	r.query.Count = n
	r.query.CountOnly = r.query.CountOnly || n == 0 // FHIR R4 3.1.1.5.4: the same as _summary=count
	return nil
}

func (r *parser) summary(value string) error {
	if !slices.Contains([]string{"true", "text", "data", "count", "false"}, value) {
		return mistake("_summary", "Send true, text, data, count or false.")
	}
	r.query.Summary = value
	r.query.CountOnly = r.query.CountOnly || value == "count"
	return nil
}

func (r *parser) total(value string) error {
	if !slices.Contains([]string{"none", "estimate", "accurate"}, value) {
		return mistake("_total", "Send none, estimate or accurate.")
	}
	r.query.Total = value
	return nil
}

func (r *parser) elements(value string) error {
	for _, name := range strings.Split(value, ",") {
		name = strings.TrimPrefix(name, r.query.Type+".")
		if !elementName(name) {
			return mistake("_elements", "Send names of elements of the resource, with commas between them.")
		}
		if !slices.Contains(r.query.Elements, name) {
			r.query.Elements = append(r.query.Elements, name)
		}
	}
	if len(r.query.Elements) > maxElements {
		return costly("_elements", "Send at most %d elements, or leave _elements out.", maxElements)
	}
	return nil
}

func elementName(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (i == 0 || s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func (r *parser) sort(value string) error {
	for _, key := range strings.Split(value, ",") {
		name, descending := strings.CutPrefix(key, "-")
		p := r.plan.Param(name)
		if p == nil || p.Kind == ByComposite || p.Kind == BySpecial {
			return unsupported("_sort", fmt.Sprintf("A search on %s is sorted by search parameters that are not composite or special, with commas between them and - in front of one that descends.", r.query.Type))
		}
		if !slices.ContainsFunc(r.query.Sort, func(s SortRule) bool { return s.Param == name }) {
			r.query.Sort = append(r.query.Sort, SortRule{Param: name, Descending: descending})
		}
	}
	if len(r.query.Sort) > maxSorts {
		return costly("_sort", "Sort by at most %d parameters.", maxSorts)
	}
	return nil
}

func (r *parser) cursor(value string) error {
	if r.query.Cursor != "" || len(value) > maxCursor {
		return mistake("cursor", "Send the cursor of the last page's next link, once and unchanged.")
	}
	r.query.Cursor = value
	return nil
}

// include reads Type:param[:Target] of _include and _revinclude (FHIR R4 3.1.1.5.2).
func (r *parser) include(name, modifier, value string) error {
	in := Include{Reverse: name == "_revinclude", Iterate: modifier == "iterate" || modifier == "recurse"}
	if modifier != "" && !in.Iterate {
		return unsupported(name, "The only modifiers are :iterate and its old name :recurse.")
	}
	if len(r.query.Includes) == maxIncludes {
		return costly(name, "Ask for at most %d includes.", maxIncludes)
	}
	parts := strings.Split(value, ":")
	if value == "*" {
		in.Type, in.Param = "*", "*"
	} else if len(parts) < 2 || len(parts) > 3 || !resource.IsType(parts[0]) {
		return mistake(name, "Send Type:parameter or Type:parameter:Target, Type:*, or *.")
	} else {
		in.Type, in.Param = parts[0], parts[1]
	}
	if len(parts) == 3 {
		in.Target = parts[2]
	}
	if err := r.checkInclude(name, in); err != nil {
		return err
	}
	if !slices.Contains(r.query.Includes, in) {
		r.query.Includes = append(r.query.Includes, in)
	}
	return nil
}

func (r *parser) checkInclude(name string, in Include) error {
	if in.Target != "" && !resource.IsType(in.Target) {
		return mistake(name, "The type of the target is not a resource type of FHIR R4 (4.0.1).")
	}
	if in.Param == "*" {
		return nil
	}
	p := index.Of(in.Type).Param(in.Param)
	switch {
	case p == nil || p.Kind != ByReference:
		return unsupported(name, fmt.Sprintf("%s has no reference parameter of this name. It has: %s.", in.Type, references(in.Type)))
	case in.Target != "" && !p.CanTarget(in.Target):
		return mistake(name, "References under this parameter do not point to that type.")
	case !in.Reverse && !in.Iterate && in.Type != r.query.Type:
		return mistake(name, "Without :iterate the type is the one that is searched for.")
	case in.Reverse && !in.Iterate && !p.CanTarget(r.query.Type):
		return mistake(name, "References under this parameter do not point to the type that is searched for.")
	}
	return nil
}

// references is the names of the reference parameters of a type.
func references(typ string) string {
	var names []string
	for i := range index.Of(typ).Params {
		if p := &index.Of(typ).Params[i]; p.Kind == ByReference {
			names = append(names, p.Name)
		}
	}
	return strings.Join(names, ", ")
}
