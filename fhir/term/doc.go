// Package term answers questions about codes: what a code means (System), which codes a value set holds (Expand) and
// whether it holds one (Contains), by FHIR R4 4.7 (CodeSystem), 4.9 (ValueSet) and 4.8 (the terminology service).
//
// What is known comes from a Source. Builtin has the code systems and value sets of R4 itself, of HL7 v3 and of the
// HL7 v2 tables, 4.0.1, with codes, displays and hierarchies, without definitions. A Shelf is a list of sources of which
// the first that knows something counts, so that what a hospital loads stands before what is built in.
//
// A code of a system whose content is not here (SNOMED CT, LOINC, UCUM) is neither confirmed nor denied unless a value
// set lists it: the answer says that the system is not known. Nothing is guessed.
//
// The package is pure and safe for concurrent use. Every answer is bounded: at most MaxCodes codes, value sets nested
// at most maxDepth deep.
package term

// Bounds.
const (
	MaxCodes  = 20_000 // codes that one expansion may hold, and that it may look at to hold them
	maxDepth  = 16     // value sets that import value sets
	maxRegexp = 1_000  // bytes of a regular expression in a filter
)

// Coding is a code in a system.
type Coding struct {
	System, Version, Code, Display string
	Inactive, Abstract             bool
}

// Error says why a question cannot be answered. It names systems and value sets by their URL, never a code that was
// asked about.
type Error struct {
	Code string // an OperationOutcome.issue.code: not-found, not-supported, invalid, too-costly
	Text string // what is wrong and what to do
}

// Codes of Error, from http://hl7.org/fhir/issue-type.
const (
	CodeNotFound     = "not-found"
	CodeNotSupported = "not-supported"
	CodeInvalid      = "invalid"
	CodeTooCostly    = "too-costly"
)

func (e *Error) Error() string { return "terminology: " + e.Text }

func unknownSet(url string) error {
	return &Error{CodeNotFound, "The value set " + shown(url) + " is not known here. Store it as a ValueSet with that url first."}
}

func unknownSystem(url string) error {
	return &Error{CodeNotFound, "The content of the code system " + shown(url) + " is not known here. Store it as a CodeSystem with that url and its concepts first."}
}

// shown lets a URL into an error if it is short and printable.
func shown(url string) string {
	if len(url) > 200 {
		return "(a url of more than 200 characters)"
	}
	for i := range len(url) {
		if url[i] <= ' ' || url[i] > '~' {
			return "(a url with characters that urls do not have)"
		}
	}
	return url
}
