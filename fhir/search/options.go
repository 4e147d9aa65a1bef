package search

import (
	"fmt"

	"cairn/fhir/resource"
)

// Bounds on what one search may ask, so that no query costs more than a page of a few conditions.
const (
	maxClauses      = 32     // conditions, those within chains too
	maxAlternatives = 256    // values of all of them
	maxValue        = 20_000 // bytes of one parameter's value
	maxAlternative  = 2000   // bytes of one value between commas
	maxName         = 500    // bytes of a parameter's name
	maxChains       = 8      // chains, those within chains too
	maxDepth        = 4      // chains within chains
	maxTypes        = 8      // resource types that a chain may lead to without naming one
	maxIncludes     = 32
	maxSorts        = 8
	maxElements     = 64
	maxCursor       = 2048
	maxTerms        = 20_000 // codes that a terminology may answer with
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

func mistake(param, text string) error {
	return &Error{Code: resource.CodeValue, Param: shown(param), Text: text}
}

func unsupported(param, text string) error {
	return &Error{Code: CodeNotSupported, Param: shown(param), Text: text}
}

func costly(param, format string, arguments ...any) error {
	return &Error{Code: resource.CodeTooCostly, Param: shown(param), Text: fmt.Sprintf(format, arguments...)}
}

// shown lets a name into an error only if it has the form of a parameter's name.
func shown(name string) string {
	if len(name) > 80 {
		return ""
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && c != '-' && c != ':' && c != '.' {
			return ""
		}
	}
	return name
}

// Options is what a caller may choose about how a search is read.
type Options struct {
	// Lenient passes over parameters that are not known and lists them in Query.Ignored, as "Prefer: handling=lenient"
	// asks (FHIR R4 3.1.1.3), but never on types that can be about a patient: there it would widen the answer.
	Lenient bool
	// Base is the URL below which this server's records are, without a slash at the end, or "". A reference that is asked
	// for with it is one to a local record, and references in records that are written with it are found, too.
	Base  string
	Terms Terms // nil: modifiers that need a terminology are refused
}

// Terms is the terminology that :in, :not-in, :above and :below ask. An *Error that it fails with gets the name of the
// parameter; any other error is passed on.
type Terms interface {
	Expand(url string) ([]Coding, error)         // the codes of a value set
	Above(system, code string) ([]Coding, error) // a code and what subsumes it
	Below(system, code string) ([]Coding, error) // a code and what it subsumes
}
