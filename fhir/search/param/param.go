// Package param is the search parameters of FHIR R4 (4.0.1) as data: all that the specification defines
// (http://hl7.org/fhir/R4/searchparameter-registry.html) and those that US Core 6.1 adds, for each resource type, with
// expressions in the form that package path compiles. The tables are written by generate, which reads the definitions.
package param

import (
	"slices"
	"strings"
	"sync"
)

// Kind is how a search parameter compares: the type of a SearchParameter (FHIR R4 3.1.1.4).
type Kind string

// The kinds of search parameters.
const (
	Token     Kind = "token"
	Date      Kind = "date"
	Reference Kind = "reference"
	Text      Kind = "string"
	Number    Kind = "number"
	Quantity  Kind = "quantity"
	URI       Kind = "uri"
	Composite Kind = "composite"
	Special   Kind = "special"
)

// Param is one search parameter of one resource type.
type Param struct {
	Name      string
	Kind      Kind
	ID        string // of the definition below http://hl7.org/fhir/SearchParameter/, or its whole URL
	Path      string // below the resource, without its type; "" if there is none in R4
	Targets   string // of a reference: resource types with blanks between them, "*" for any
	System    string // of a token: the code system that bare codes belong to by their binding; "" if several or none
	Contact   bool   // of a token: it reads ContactPoints only
	Canonical bool   // of a reference: it reads canonicals and uris only, which name no record
	Cover     string // parameters of the same type with blanks between them, that have all values of this one between them
	Parts     []Part // of a composite
}

// Part is one component of a composite parameter.
type Part struct {
	Param string // the parameter of the same type whose values it has
	Path  string // below what the composite's Path selects, or with "%resource." in front, below the resource
}

// Definition is the canonical URL of the SearchParameter.
func (p *Param) Definition() string {
	if strings.Contains(p.ID, ":") {
		return p.ID
	}
	return "http://hl7.org/fhir/SearchParameter/" + p.ID
}

// CanTarget reports whether references under the parameter may point to a type.
func (p *Param) CanTarget(typ string) bool {
	return p.Targets == "*" || slices.Contains(strings.Fields(p.Targets), typ)
}

type table struct {
	typ  string
	rows []Param
}

// Of is the parameters of a resource type, without those of every type, in the order of their names. "Resource" has
// those of every type. The caller must not change them.
func Of(typ string) []Param {
	at, ok := slices.BinarySearchFunc(byType[:], typ, func(t table, typ string) int { return strings.Compare(t.typ, typ) })
	if !ok {
		return nil
	}
	return byType[at].rows
}

// Name is the name with a number, "" if there is none. Numbers are from 0 and never change.
func Name(number uint64) string {
	if number >= uint64(len(names)) {
		return ""
	}
	return names[number]
}

// Names is how many numbers there are.
const Names = uint64(len(names))

// NumberOf is the number of a name.
func NumberOf(name string) (number uint64, ok bool) {
	number, ok = numbers()[name]
	return number, ok
}

var numbers = sync.OnceValue(func() map[string]uint64 {
	m := make(map[string]uint64, len(names))
	for i, name := range names {
		m[name] = uint64(i) //nolint:gosec // not negative
	}
	return m
})
