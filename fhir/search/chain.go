package search

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"cairn/fhir/resource"
	"cairn/fhir/search/index"
)

// deeper begins the reading of a query within a chain.
func (r *parser) deeper(name, typ string) (*parser, error) {
	if r.depth == maxDepth {
		return nil, costly(name, "Chains are at most %d deep. Ask in several searches.", maxDepth)
	}
	return &parser{plan: index.Of(typ), query: Query{Type: typ}, options: r.options, depth: r.depth + 1, spent: r.spent}, nil
}

func (r *parser) addChain(name string, c Chain) error {
	if r.spent.chains++; r.spent.chains > maxChains {
		return costly(name, "A search has at most %d chains. Ask in several searches.", maxChains)
	}
	r.query.Chains = append(r.query.Chains, c)
	return nil
}

// chain reads "subject:Patient.name" or "subject.name", split at its first dot (FHIR R4 3.1.1.4.3).
func (r *parser) chain(head, rest, value string) error {
	name, typ, typed := strings.Cut(head, ":")
	p := r.plan.Param(name)
	switch {
	case p == nil:
		return r.unknown(head)
	case p.Kind != ByReference || p.Canonical:
		return unsupported(head, "Only references to records can be chained.")
	case typed && (!resource.IsType(typ) || !p.CanTarget(typ)):
		return mistake(head, "References under this parameter do not point to that type.")
	}
	types := []string{typ}
	if !typed {
		types = strings.Fields(p.Targets)
	}
	c := Chain{Param: name}
	refused := &firstError{}
	for _, typ := range r.expand(types, rest) {
		in, err := r.deeper(head, typ)
		if err != nil {
			return err
		}
		if err := in.read(rest, value); err == nil {
			c.Of = append(c.Of, in.query)
		} else if !refused.keep(err) {
			return err
		}
	}
	switch {
	case len(c.Of) == 0 && refused.err != nil:
		return refused.err
	case len(c.Of) == 0 || len(c.Of) > maxTypes:
		return mistake(head, "This can lead to many types. Name the one that is meant, as in subject:Patient.name.")
	}
	return r.addChain(head, c)
}

// expand is the types that a chain may lead to; of a reference to anything, those on which the rest is known.
func (r *parser) expand(types []string, rest string) []string {
	if !slices.Equal(types, []string{"*"}) {
		return types
	}
	name := rest[:len(rest)-len(strings.TrimLeftFunc(rest, func(c rune) bool { return c != '.' && c != ':' }))]
	var known []string
	for _, typ := range resource.Types() {
		if index.Of(typ).Param(name) != nil {
			known = append(known, typ)
		}
		if len(known) > maxTypes {
			return nil
		}
	}
	return known
}

// firstError keeps the first refusal of a parameter that a type does not know.
type firstError struct{ err error }

func (f *firstError) keep(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeNotSupported {
		return false
	}
	if f.err == nil {
		f.err = err
	}
	return true
}

// has reads "_has:Type:param:rest" (FHIR R4 3.1.1.4.3.1), of which rest says what the record of Type must meet.
func (r *parser) has(name, argument, value string) error {
	parts := strings.SplitN(argument, ":", 3)
	if len(parts) < 3 || parts[2] == "" {
		return mistake("_has", "Send _has:Type:parameter:condition=value, as in _has:Observation:patient:code=1234-5.")
	}
	typ, by := parts[0], parts[1]
	if !resource.IsType(typ) {
		return mistake("_has", "The type is not a resource type of FHIR R4 (4.0.1).")
	}
	p := index.Of(typ).Param(by)
	switch {
	case p == nil || p.Kind != ByReference:
		return unsupported("_has", fmt.Sprintf("%s has no reference parameter of this name. It has: %s.", typ, references(typ)))
	case !p.CanTarget(r.query.Type):
		return mistake("_has", "References under this parameter do not point to the type that is searched for.")
	}
	in, err := r.deeper(name, typ)
	if err != nil {
		return err
	}
	if err := in.read(parts[2], value); err != nil {
		return err
	}
	return r.addChain(name, Chain{Param: by, Reverse: true, Of: []Query{in.query}})
}

// list reads _list (FHIR R4 3.1.1.4.14): the records that a List refers to.
func (r *parser) list(value string) error {
	if strings.HasPrefix(value, "$") {
		return unsupported("_list", "Lists that a server makes itself are not implemented. Send the id of a List.")
	}
	in, err := r.deeper("_list", "List")
	if err != nil {
		return err
	}
	if err := in.ids(strings.ReplaceAll(value, "List/", "")); err != nil {
		return mistake("_list", "Send ids of Lists, with commas between them.")
	}
	return r.addChain("_list", Chain{Param: "item", Reverse: true, Of: []Query{in.query}})
}

// ParseCriteria reads the question of a search that stands in a resource, "Type?name=value&...", as in a conditional
// reference or a Subscription.
func ParseCriteria(criteria string, o Options) (Query, error) {
	typ, question, _ := strings.Cut(criteria, "?")
	values, err := url.ParseQuery(question)
	if err != nil {
		return Query{}, &Error{Code: resource.CodeValue, Text: "What follows the question mark is not a query as URLs have it."}
	}
	return ParseQuery(typ, values, o)
}
