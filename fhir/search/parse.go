package search

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"cairn/fhir/resource"
)

// Bounds on what one search may ask, so that no query costs more than a page of a few conditions.
const (
	maxClauses      = 32
	maxAlternatives = 256
	maxCursor       = 512
)

// Error says why a search was refused. It names parameters, never values, so that it can be shown and logged.
type Error struct {
	Code  string // an OperationOutcome.issue.code: invalid, value, not-supported, too-costly
	Param string // the parameter at fault; "" if its name has not the form of one
	Text  string // what is wrong and what to send instead
}

// Codes of Error beside those of resource.Error, from http://hl7.org/fhir/issue-type.
const CodeNotSupported = "not-supported"

func (e *Error) Error() string {
	if e.Param == "" {
		return "search: " + e.Text
	}
	return "search parameter " + e.Param + ": " + e.Text
}

// Options is what a caller may choose about how a search is read.
type Options struct {
	// Lenient passes over parameters that are not known and lists them in Query.Ignored, as "Prefer: handling=lenient"
	// asks (FHIR R4 3.1.1.3), but never on types that can be about a patient: there it would widen the answer.
	Lenient bool
	Terms   Terms // nil: modifiers that need a terminology are refused
}

// Terms is the terminology that :in, :not-in, :above and :below ask. It answers with an error that can be shown.
type Terms interface {
	Expand(url string) ([]Coding, error)         // the codes of a value set
	Above(system, code string) ([]Coding, error) // a code and what subsumes it
	Below(system, code string) ([]Coding, error) // a code and what it subsumes
}

// ParseQuery reads the parameters of a search on one type. It refuses, always with an *Error, a type that is not in R4,
// a parameter or modifier that is not implemented (and lists those that are), and values that do not have the form
// of their kind. Parameters for the form of the answer (_format, _pretty) are the face's own and to be taken out first.
func ParseQuery(typ string, values url.Values, o Options) (Query, error) {
	plan := plans[typ]
	if plan == nil {
		return Query{}, &Error{Code: resource.CodeValue, Text: "The type searched for is not a resource type of FHIR R4 (4.0.1)."}
	}
	r := reader{plan: plan, query: Query{Type: typ}, options: o}
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
	return r.query, nil
}

type reader struct {
	plan         *plan
	query        Query
	options      Options
	alternatives int
}

func (r *reader) read(name, value string) error {
	if value == "" {
		return mistake(name, "The value is empty. Leave the parameter out, or give it one.")
	}
	switch name {
	case "_id":
		return r.ids(value)
	case "_count":
		return r.count(value)
	case "_summary":
		return r.summary(value)
	case "cursor":
		return r.cursor(value)
	}
	base, modifier, modified := strings.Cut(name, ":")
	for i := range r.plan.params {
		if p := &r.plan.params[i]; p.name == base {
			if modified && (p.kind != ByReference || modifier != "Patient") {
				return &Error{Code: CodeNotSupported, Param: shown(base), Text: "This modifier is not implemented. Leave it out."}
			}
			return r.clause(p, modifier, value)
		}
	}
	return r.unknown(name)
}

func (r *reader) unknown(name string) error {
	if r.options.Lenient && !Protected(r.query.Type) && shown(name) != "" {
		r.query.Ignored = append(r.query.Ignored, name)
		return nil
	}
	known := []string{"_count", "_summary", "cursor"}
	for _, p := range r.plan.listed {
		known = append(known, p.Name)
	}
	slices.Sort(known)
	return &Error{Code: CodeNotSupported, Param: shown(name), Text: fmt.Sprintf(
		"A search on %s does not know this parameter. It knows: %s.", r.query.Type, strings.Join(known, ", "))}
}

func mistake(param, text string) error {
	return &Error{Code: resource.CodeValue, Param: shown(param), Text: text}
}

// shown lets a name into an error only if it has the form of a parameter's name.
func shown(name string) string {
	if len(name) > 40 {
		return ""
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("_-:.", rune(c)) {
			return ""
		}
	}
	return name
}

func (r *reader) ids(value string) error {
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
	return r.spend("_id", len(r.query.IDs))
}

func (r *reader) count(value string) error {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return mistake("_count", "Send a whole number from 0.")
	}
	r.query.Count = int(min(n, MaxCount))
	if n == 0 {
		r.query.CountOnly = true // FHIR R4 3.1.1.5.4: the same as _summary=count
	}
	return nil
}

func (r *reader) summary(value string) error {
	switch value {
	case "count":
		r.query.CountOnly = true
	case "false":
	default:
		return &Error{Code: CodeNotSupported, Param: "_summary", Text: "Only count and false are implemented."}
	}
	return nil
}

func (r *reader) cursor(value string) error {
	if r.query.Cursor != "" || len(value) > maxCursor {
		return mistake("cursor", "Send the cursor of the last page's next link, once and unchanged.")
	}
	r.query.Cursor = value
	return nil
}

// spend counts alternatives against the bound.
func (r *reader) spend(param string, alternatives int) error {
	r.alternatives += alternatives
	if r.alternatives > maxAlternatives || len(r.query.Clauses) > maxClauses {
		return &Error{Code: resource.CodeTooCostly, Param: param, Text: fmt.Sprintf(
			"A search has at most %d conditions and %d values. Ask in several searches.", maxClauses, maxAlternatives)}
	}
	return nil
}

func (r *reader) clause(p *program, modifier, value string) error {
	c := Clause{Param: p.name, Kind: p.kind}
	parts := split(value, ',')
	if err := r.spend(p.name, len(parts)); err != nil {
		return err
	}
	for _, part := range parts {
		if err := c.add(part, p.implied, modifier); err != nil {
			return err
		}
	}
	if r.isSubject(c) {
		_, r.query.Subject, _ = strings.Cut(c.References[0].Target, "/")
		return nil
	}
	r.query.Clauses = append(r.query.Clauses, c)
	return r.spend(p.name, 0)
}

// isSubject reports whether a clause says no more than whom the records are about.
func (r *reader) isSubject(c Clause) bool {
	if c.Param != "patient" && c.Param != "subject" || len(c.References) != 1 {
		return false
	}
	typ, id, local, ok := resource.Target(c.References[0].Target)
	return ok && local && typ == "Patient" && (r.query.Subject == "" || r.query.Subject == id)
}
