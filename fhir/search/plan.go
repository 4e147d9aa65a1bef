package search

import (
	"cairn/fhir/path"
	"cairn/fhir/resource"
)

// Kind is how a search parameter compares: the type of a SearchParameter (FHIR R4 3.1.1.4).
type Kind string

// The kinds of search parameters that are implemented.
const (
	ByToken     Kind = "token"
	ByDate      Kind = "date"
	ByReference Kind = "reference"
	ByText      Kind = "string"
	ByNumber    Kind = "number"
	ByQuantity  Kind = "quantity"
	ByURI       Kind = "uri"
	ByComposite Kind = "composite"
	BySpecial   Kind = "special"
)

// row is one search parameter of one resource type.
type row struct {
	Type, Name string
	Kind       Kind
	Definition string // last part of the SearchParameter's URL
	Path       string // expression below the resource, as package path reads it
	Implied    string // what a bare value means: a token's system in resources, the type of a reference's id in queries
}

// Param is a search parameter that is implemented.
type Param struct {
	Name          string
	Type          Kind
	Definition    string // canonical URL of the SearchParameter
	Documentation string // in words, where this implementation says more than the definition
}

// program is a row made ready to run.
type program struct {
	name    string
	kind    Kind
	implied string
	path    path.Program
}

// plan is all that is taken out of one resource type.
type plan struct {
	params []program
	listed []Param
	about  path.Program
	own    bool // the resource is the patient
	facet  facetPrograms
}

var plans = compilePlans()

func compilePlans() map[string]*plan {
	all := map[string]*plan{}
	for _, typ := range resource.Types() {
		all[typ] = newPlan(typ)
	}
	for _, table := range [][]row{tableAH, tableIZ} {
		for _, r := range table {
			p := all[r.Type]
			p.params = append(p.params, program{r.Name, r.Kind, r.Implied, path.MustCompile(r.Path)})
			p.listed = append(p.listed, r.param())
		}
	}
	return all
}

func newPlan(typ string) *plan {
	p := &plan{own: typ == "Patient", facet: compileFacets(typ)}
	if expression := subjectPaths[typ]; expression != "" {
		p.about = path.MustCompile(expression)
	}
	p.listed = []Param{{
		Name: "_id", Type: ByToken, Definition: definition + "Resource-id",
		Documentation: "One or more logical ids separated by commas; once in a search.",
	}}
	return p
}

const definition = "http://hl7.org/fhir/SearchParameter/"

func (r row) param() Param {
	p := Param{Name: r.Name, Type: r.Kind, Definition: definition + r.Definition}
	switch r.Kind {
	case ByToken:
		p.Documentation = "code, system|code, |code or system|; a comma means or; repeat the parameter for and. No modifiers."
	case ByDate:
		p.Documentation = "Prefixes eq ne gt lt ge le sa eb ap. Times without a zone are UTC. ap widens the range by a tenth of its length on each side."
	case ByReference:
		p.Documentation = "Type/id, an absolute URL, or an id alone, which means a " + r.Implied + ". The only modifier is :Patient; no chaining."
	case ByText:
		p.Documentation = "Begins with the value, without regard to case and accents. No modifiers."
	}
	return p
}

// Params is the search parameters that are implemented for a resource type, "_id" first; nil for an unknown type.
func Params(typ string) []Param {
	p := plans[typ]
	if p == nil {
		return nil
	}
	return append([]Param(nil), p.listed...)
}

// param is a parameter by its name, or nil. The plan may be nil.
func (p *plan) param(name string) *program {
	if p == nil {
		return nil
	}
	for i := range p.params {
		if p.params[i].name == name {
			return &p.params[i]
		}
	}
	return nil
}
