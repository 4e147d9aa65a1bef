// Package path compiles simple FHIRPath expressions into small programs that run over a resource in microseconds.
//
// It knows the part of FHIRPath that search parameters and consent rules are written in:
//
//	Observation.code                      the members of a resource of that type, lists flattened
//	code.coding                           without a type: from whatever node the program is given
//	$this                                 the node that the program is given
//	effective[x]                          an element with a choice of types, whichever is there
//	effective.ofType(Period)              one type of such an element; "(effective as Period)" is the same
//	entry.resource.ofType(Patient)        resources of that type
//	telecom.where(system='phone')         items whose member has one literal text
//	subject.where(resolve() is Patient)   references whose target, by its own words, has that type
//	extension('http://...')               extensions with that url
//	entry[0], name.first()                one of the nodes selected so far
//	a | b                                 the results of a, then of b
//	a.exists() and a != false             a condition, which holds or does not and selects nothing (Program.Holds)
//
// Anything else is refused by Compile rather than read otherwise. A program is immutable and safe for concurrent use.
package path
