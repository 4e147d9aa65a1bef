// Package fhirpath evaluates general FHIRPath (N1, with the functions that FHIR R4 2.9 adds) over a resource: invariants, the
// criteria of subscriptions, the conditions in a FHIRPath Patch. What runs for every record that is written or read is
// compiled by fhir/path instead, which knows less and takes microseconds.
//
// Compile reads an expression into a Program, Of makes a Subject of a resource, and a Program is evaluated on the whole of
// it or on one element. The engine is github.com/gofhir/fhirpath, which this package alone imports; types come from
// fhir/profile, units from fhir/unit.
//
// An expression may come from anybody. Limits bound its length and nesting, and every evaluation is metered: each
// node of the expression, each value that it makes and each byte that it goes over is counted, before it is spent where
// one operation could spend much. So an evaluation ends soon, in bounded memory, whatever it says. It reads nothing but
// the resource: references lead to contained resources and entries of a Bundle, trace() writes nothing, and the clock
// is read once for each evaluation that asks for it. Errors say nothing of the resource or the expression.
//
// A Program is immutable and safe for concurrent use; a Subject is for one goroutine at a time.
package fhirpath

// Limits. They are the same everywhere, so that an expression that one hospital accepts does not fail at another.
const (
	maxLength  = 4096      // bytes of an expression
	maxNesting = 24        // parentheses, brackets and braces inside one another
	maxSteps   = 5_000_000 // in one evaluation: nodes evaluated, three for each value made, and bytes gone over, 64 to the step
	maxItems   = 200_000   // in one collection
	maxText    = 4 << 20   // bytes of text in one collection that an expression made
	maxDigits  = 400       // of a number, and its exponent
	maxInsts   = 20_000    // instructions of a regular expression
	maxCached  = 512       // programs, and regular expressions
)

// Error says why an expression was refused or what became of its evaluation. It holds neither values nor parts of the
// expression, so that it can be shown and logged.
type Error struct {
	Code   string // an OperationOutcome.issue.code: invalid, too-long, too-costly, processing
	Offset int    // where in the expression, in characters from 0; -1 if it is not one place
	Text   string // what is wrong, one sentence
}

func (e *Error) Error() string { return e.Text }

func refuse(code, text string) *Error { return &Error{Code: code, Offset: -1, Text: text} }
