// Package judge says whether a resource is what FHIR R4 and profiles say (FHIR R4 5.1). A Set holds profiles and
// validates against them, on top of profile.Check; behind them stand those of fhir/guide. A Library also keeps value sets and code systems that were loaded, asks
// fhir/term about codes and has fhir/fhirpath evaluate invariants. Issues name elements and rules, never values.
//
// Each validation does a bounded amount of work, and says so where it stops. The package is pure. What is not filled any
// more is safe for concurrent use.
package judge

import (
	"errors"

	"cairn/fhir/fhirpath"
	"cairn/fhir/resource"
	"cairn/fhir/term"
)

// terms is a source of codes as fhir/profile asks for it.
type terms struct {
	source term.Source
	listed map[string]*term.Set // expansions, for value sets whose definition cannot be followed
}

// Contains asks the source. What it doubts, and what it refuses, is not known, unless there is an expansion.
func (t terms) Contains(valueSet, system, code string) (in, known bool) {
	set, err := term.FindSet(t.source, valueSet)
	if err != nil {
		return false, false
	}
	if in, known = t.ask(set, system, code); known {
		return in, true
	}
	if set = t.listed[valueSet]; set == nil {
		return false, false
	}
	return t.ask(set, system, code)
}

func (t terms) ask(set *term.Set, system, code string) (in, known bool) {
	answer, err := term.Contains(t.source, set, system, code)
	if err != nil {
		return false, false
	}
	return answer.Found, answer.Found || answer.Doubt == ""
}

// invariants evaluates with fhir/fhirpath.
type invariants struct{}

func (invariants) On(doc *resource.Doc) Evaluator { return evaluator{fhirpath.Of(doc)} }

type evaluator struct{ subject *fhirpath.Subject }

// True does not hold for nothing: an invariant has to give true (FHIR R4 ElementDefinition.constraint.expression).
func (e evaluator) True(expression string, at resource.Node, typ string, within resource.Node) (bool, error) {
	program, err := fhirpath.Compile(expression)
	if err != nil {
		return false, err
	}
	values, err := e.subject.At(at, typ, within).Eval(program)
	switch {
	case err != nil:
		return false, err
	case len(values) == 0:
		return false, nil
	case len(values) > 1:
		return false, errSeveral
	}
	holds, boolean := values[0].Bool()
	return holds || !boolean, nil // a single value that is no boolean is true (FHIRPath N1 5.1.1)
}

var errSeveral = errors.New("the expression gives several values")
