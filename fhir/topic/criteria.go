package topic

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"cairn/fhir/resource"
	"cairn/fhir/search"
)

// Bounds of what a subscription may ask.
const (
	MaxFilters    = 16
	maxFilterText = 2000
)

// interactionFilter is the filter parameter of every topic that keeps the
// interactions that are named: "interaction=create,update".
const interactionFilter = "interaction"

// Criteria are a topic narrowed by filters. They are safe for concurrent use.
type Criteria struct {
	topic   *Topic
	filters []filter
}

// filter is one condition on the events of a type. All filters on a type must
// hold.
type filter struct {
	typ          string
	interactions []Interaction // nil: any
	query        search.Query
}

// Error says what is wrong with criteria. It names parameters, never values.
type Error struct {
	Code   string // of http://hl7.org/fhir/issue-type
	Filter int    // which filter, from 0; -1 for the topic
	Text   string
	Hint   string
}

func (e *Error) Error() string { return e.Text }

// Compile reads criteria: the canonical URL of a topic and filters in the form
// of a search, "Observation?code=http://loinc.org|4548-4&patient=7", with or
// without the type. A filter without a type holds for every type of the topic.
// It fails with an *Error.
func Compile(canonical string, filters []string) (*Criteria, error) {
	t, ok := Find(canonical)
	if !ok {
		return nil, &Error{Code: "not-supported", Filter: -1, Text: "this hospital has no such topic",
			Hint: "GET [base]/Subscription/$topics lists the topics"}
	}
	if len(filters) > MaxFilters {
		return nil, &Error{Code: "too-costly", Filter: MaxFilters, Text: fmt.Sprintf("there are more than %d filters", MaxFilters), Hint: "join conditions of one type with &"}
	}
	c := &Criteria{topic: t}
	for i, text := range filters {
		if err := c.add(text); err != nil {
			err.Filter = i
			return nil, err
		}
	}
	return c, nil
}

func (c *Criteria) add(text string) *Error {
	if len(text) > maxFilterText {
		return &Error{Code: "too-long", Text: fmt.Sprintf("this filter is longer than %d bytes", maxFilterText)}
	}
	named, conditions := "", text
	if before, after, found := strings.Cut(text, "?"); found && resource.IsType(before) {
		named, conditions = before, after
	}
	values, err := url.ParseQuery(conditions)
	if err != nil || len(values) == 0 {
		return &Error{Code: "invalid", Text: "this is not a filter in the form of a search", Hint: "write Type?parameter=value"}
	}
	byType, problem := c.split(named, values)
	if problem != nil {
		return problem
	}
	for _, typ := range c.topic.Types() {
		if len(byType[typ]) == 0 {
			continue
		}
		f, problem := newFilter(typ, byType[typ])
		if problem != nil {
			return problem
		}
		c.filters = append(c.filters, f)
	}
	return nil
}

// split gives each condition to the types that it is for: that of
// "Type.parameter=value", the one named, or all of the topic.
func (c *Criteria) split(named string, values url.Values) (map[string]url.Values, *Error) {
	types := c.topic.Types()
	out := make(map[string]url.Values)
	for name, list := range values {
		to := types
		if named != "" {
			to = []string{named}
		}
		if typ, rest, found := strings.Cut(name, "."); found && resource.IsType(typ) {
			to, name = []string{typ}, rest
		}
		for _, typ := range to {
			if !slices.Contains(types, typ) {
				return nil, &Error{Code: "not-supported", Text: "the topic is not about the type that this filter names",
					Hint: "it is about " + strings.Join(types, ", ")}
			}
			if out[typ] == nil {
				out[typ] = make(url.Values)
			}
			out[typ][name] = append(out[typ][name], list...)
		}
	}
	return out, nil
}

func newFilter(typ string, values url.Values) (filter, *Error) {
	f := filter{typ: typ}
	for _, list := range values[interactionFilter] {
		var some []Interaction
		for word := range strings.SplitSeq(list, ",") {
			if !slices.Contains(all, Interaction(word)) {
				return f, &Error{Code: "value", Text: "the filter interaction takes create, update and delete"}
			}
			some = append(some, Interaction(word))
		}
		f.interactions = both(f.interactions, some)
	}
	values.Del(interactionFilter)
	q, err := parse(typ, values)
	if err != nil {
		return f, &Error{Code: "not-supported", Text: "this filter cannot be used: " + err.Error(), Hint: "use search parameters of " + typ + " without chains and results"}
	}
	f.query = q
	return f, nil
}

// both is what stands in both lists; nil is any.
func both(a, b []Interaction) []Interaction {
	if a == nil {
		return b
	}
	out := []Interaction{}
	for _, i := range a {
		if slices.Contains(b, i) {
			out = append(out, i)
		}
	}
	return out
}

// Topic returns the topic.
func (c *Criteria) Topic() *Topic { return c.topic }

// Patient returns the local id of the one patient that the criteria name for
// every type of the topic, or "".
func (c *Criteria) Patient() string {
	patient := ""
	for _, typ := range c.topic.Types() {
		one := ""
		for i := range c.filters {
			if f := &c.filters[i]; f.typ == typ && f.patient() != "" {
				one = f.patient()
			}
		}
		if one == "" || patient != "" && one != patient {
			return ""
		}
		patient = one
	}
	return patient
}

// patient is the one that a filter names: by a reference, or her own record by
// its id.
func (f *filter) patient() string {
	if f.typ == "Patient" && len(f.query.IDs) == 1 {
		return f.query.IDs[0]
	}
	return f.query.Subject
}

// Concerns tells, without a look at the record, whether a change could meet the
// criteria. It is cheap, and never says no to one that does.
func (c *Criteria) Concerns(typ string, i Interaction, subject string) bool {
	some := slices.ContainsFunc(c.topic.Triggers, func(t Trigger) bool { return t.Type == typ && slices.Contains(t.Interactions, i) })
	for k := range c.filters {
		f := &c.filters[k]
		some = some && (f.typ != typ || (f.interactions == nil || slices.Contains(f.interactions, i)) && (f.patient() == "" || f.patient() == subject))
	}
	return some
}

// Match tells whether a change meets the criteria: one of the topic's triggers,
// and every filter on its type. It fails only if the change does.
func (c *Criteria) Match(change *Change) (bool, error) {
	if !c.Concerns(change.Type, change.Interaction, change.Subject) {
		return false, nil
	}
	for i := range c.filters {
		f := &c.filters[i]
		if f.typ != change.Type || empty(&f.query) {
			continue
		}
		if ok, err := holds(&f.query, change.Current); !ok {
			return false, err
		}
	}
	for i := range c.topic.Triggers {
		ok, err := c.topic.Triggers[i].meets(change)
		if ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}
