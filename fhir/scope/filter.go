package scope

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"cairn/fhir/search"
)

// Filter is which records of a type a scope is of: those that a search with these parameters finds.
type Filter struct {
	text  string // the one form
	typ   string
	query search.Query
	plain bool // facets and subject are all it asks about
}

// String writes the parameters in their one form: sorted, each once, with as little escaped as can be.
func (f *Filter) String() string { return f.text }

// Query returns the search that finds what the filter lets through.
func (f *Filter) Query() search.Query { return f.query }

// Values returns the parameters.
func (f *Filter) Values() url.Values {
	values, err := url.ParseQuery(f.text)
	if err != nil {
		return nil // it was written by encode
	}
	return values
}

// parseFilter reads the part of a scope behind the question mark.
func parseFilter(typ, text string) (*Filter, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, errors.New("its search parameters cannot be read; escape what is not a letter or digit")
	}
	return newFilter(typ, values)
}

// newFilter makes a filter of parameters that say what a record is like. What says how an answer looks, and what needs
// other records to be looked at, has no place in it.
func newFilter(typ string, values url.Values) (*Filter, error) {
	if typ == Any {
		return nil, errors.New("search parameters need a resource type")
	}
	values = tidied(values)
	q, err := search.ParseQuery(typ, values, search.Options{})
	if err != nil {
		return nil, err
	}
	if len(q.IDs) == 0 && q.Subject == "" && len(q.Clauses) == 0 || !condition(q) {
		return nil, errors.New("its search parameters say what a record itself is like, such as category; they have no chains, includes and the like")
	}
	return &Filter{text: encode(values), typ: typ, query: q, plain: plain(typ, q)}, nil
}

// condition tells whether a query is of single records and says nothing else.
func condition(q search.Query) bool {
	return len(q.Chains)+len(q.Includes)+len(q.Sort)+len(q.Elements)+len(q.Ignored)+q.Count == 0 && q.Within == search.Within{} &&
		q.Cursor == "" && !q.CountOnly && q.Total == "" && q.Summary == ""
}

// tidied sorts the values of each parameter, each once: all must hold, so their order says nothing.
func tidied(values url.Values) url.Values {
	out := make(url.Values, len(values))
	for name, list := range values {
		list = slices.Clone(list)
		slices.Sort(list)
		out[name] = slices.Compact(list)
	}
	return out
}

// encode writes parameters with only that escaped which has no place in a scope (RFC 6749 3.3) or would be read as
// something else.
func encode(values url.Values) string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	var out []string
	for _, name := range names {
		for _, value := range values[name] {
			out = append(out, escape(name)+"="+escape(value))
		}
	}
	return strings.Join(out, "&")
}

func escape(text string) string {
	const hex = "0123456789ABCDEF"
	var out strings.Builder
	for i := range len(text) {
		c := text[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"\%&=+#;?`, c) >= 0 {
			out.Write([]byte{'%', hex[c>>4], hex[c&15]})
			continue
		}
		out.WriteByte(c)
	}
	return out.String()
}

// both is the filter that lets through what a and b do. ok is false when there is no such filter to be had; then nothing
// is let through.
func both(typ string, a, b *Filter) (f *Filter, ok bool) {
	switch {
	case a == nil && b == nil:
		return nil, true
	case a == nil || b != nil && a.text == b.text:
		return refit(typ, b)
	case b == nil:
		return refit(typ, a)
	}
	values := a.Values()
	for name, list := range b.Values() {
		values[name] = append(values[name], list...)
	}
	f, err := newFilter(typ, values)
	return f, err == nil
}

// refit is a filter of a type.
func refit(typ string, f *Filter) (*Filter, bool) { return f, f.typ == typ }

// Types of which a facet is, code for code, what the search parameter of that name finds.
var (
	byCategory = []string{
		"CarePlan", "CareTeam", "Communication", "CommunicationRequest", "Composition", "Condition", "DiagnosticReport", "DocumentReference",
		"Goal", "MedicationStatement", "Observation", "Procedure", "ServiceRequest",
	}
	byCode = []string{"Condition", "DiagnosticReport", "Observation", "Procedure", "ServiceRequest"}
)

// plain tells whether the facets of a record, and whom it is about, are all that a query asks about.
func plain(typ string, q search.Query) bool {
	for i := range q.Clauses {
		c := &q.Clauses[i]
		known := c.Param == "_security" || c.Param == "category" && slices.Contains(byCategory, typ) || c.Param == "code" && slices.Contains(byCode, typ)
		whole := c.Kind == search.ByToken && (c.Modifier == search.Plain || c.Modifier == search.Not) &&
			!slices.ContainsFunc(c.Tokens, func(t search.TokenValue) bool { return t.Code == "" && t.System == "" })
		if !known || !whole {
			return false
		}
	}
	return true
}

// Record is a version of a record that a set is asked about.
type Record struct {
	Subject string // local id of the patient whom it is about, or ""
	Within  bool   // it is of the patient in the launch context, or of nobody
	Facets  *search.Facets
	// Load returns what the version can be found by; nil when that is not kept, as of an older version. Then a filter
	// lets through only what can be judged by its facets.
	Load func() (*search.Index, error)
}

// match tells whether the filter lets a record through.
func (f *Filter) match(r *Record) (bool, error) {
	if f.plain {
		return f.query.Match(faceted(r)), nil
	}
	if r.Load == nil {
		return false, nil
	}
	x, err := r.Load()
	if err != nil || x == nil {
		return false, err
	}
	return f.query.Match(x), nil
}

// faceted is as much of an index as facets say.
func faceted(r *Record) *search.Index {
	f := r.Facets
	x := &search.Index{Subject: r.Subject, Facets: *f, Tokens: make([]search.Token, 0, len(f.Categories)+len(f.Codes)+len(f.Labels))}
	for _, of := range []struct {
		param string
		list  []search.Coding
	}{{"category", f.Categories}, {"code", f.Codes}, {"_security", f.Labels}} {
		for _, c := range of.list {
			x.Tokens = append(x.Tokens, search.Token{Param: of.param, System: c.System, Code: c.Code})
		}
	}
	return x
}
