package search

import (
	"slices"

	"cairn/fhir/search/param"
)

// Within is a compartment, of one resource: Patient/7 (FHIR R4 3.1.1.2). The zero Within is no condition.
type Within struct{ Type, ID string }

// Compartments is the types that there are compartments of.
func Compartments() []string { return param.Compartments() }

// InCompartment reports whether records of type typ can be in a compartment of a type.
func InCompartment(of, typ string) bool { return of == typ || len(param.Compartment(of, typ)) > 0 }

// clauses are the conditions any of which puts a record of type typ in the compartment.
func (w Within) clauses(typ string) (any []Clause) {
	for _, name := range param.Compartment(w.Type, typ) {
		any = append(any, Clause{Param: name, Kind: ByReference, References: []ReferenceValue{{Target: w.Type + "/" + w.ID}}})
	}
	return any
}

// holds reports whether a record is in the compartment: it refers to what the compartment is of, or is that itself.
func (w Within) holds(x *Index) bool {
	if w.Type == "" || w.Type == x.Facets.Type && w.ID == x.Facets.ID {
		return true
	}
	return slices.ContainsFunc(w.clauses(x.Facets.Type), func(c Clause) bool { return c.Match(x) })
}

// need is what every record of a type in the compartment must meet.
func (w Within) need(typ string) []Need {
	if w.Type == "" {
		return nil
	}
	var n Need
	if w.Type == typ {
		n.IDs = []string{w.ID}
	}
	for _, c := range w.clauses(typ) {
		one := c.referenceNeed(typ)
		n.join(&one)
	}
	return []Need{n}
}
