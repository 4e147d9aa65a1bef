package rest

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"cairn/api/face"
	"cairn/node/fault"
)

// outcome is an OperationOutcome (FHIR R4 2.36).
type outcome struct {
	ResourceType string  `json:"resourceType"`
	Issue        []Issue `json:"issue"`
}

// Issue is one issue of an OperationOutcome.
type Issue struct {
	Severity    string   `json:"severity"`
	Code        string   `json:"code"`
	Details     Details  `json:"details"`
	Diagnostics string   `json:"diagnostics,omitempty"`
	Expression  []string `json:"expression,omitempty"`
}

// Details says in words what an issue is about, with the code of the rule.
type Details struct {
	Coding []Coding `json:"coding"`
	Text   string   `json:"text"`
}

// Coding is a code and its system.
type Coding struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

// CodeSystem names the codes of faults and rules in details.coding.
const CodeSystem = "urn:cairn:rule"

// definitionSystem names the rules of resources' definitions: the invariants by
// their keys, and what else is checked.
const definitionSystem = "urn:cairn:definition"

// issueCodes are the codes of http://hl7.org/fhir/issue-type that a fault may
// carry as its own.
var issueCodes = []string{
	"invalid", "structure", "required", "value", "invariant", "not-supported", "duplicate", "multiple-matches", "not-found", "deleted",
	"too-long", "too-costly", "business-rule", "conflict", "security", "login", "forbidden", "processing", "code-invalid", "extension",
}

// issueCode returns the issue type of a fault.
func issueCode(f *fault.Error) string {
	if slices.Contains(issueCodes, f.Code) {
		return f.Code
	}
	switch f.Kind {
	case fault.Invalid:
		return "invalid"
	case fault.Unauthenticated:
		return "login"
	case fault.Refused:
		return "forbidden"
	case fault.NotFound:
		return "not-found"
	case fault.Gone:
		return "deleted"
	case fault.Conflict, fault.Precondition:
		return "conflict"
	case fault.TooLarge:
		return "too-long"
	case fault.Unsupported:
		return "not-supported"
	case fault.Unprocessable:
		return "processing"
	case fault.Busy:
		return "transient"
	case fault.Throttled:
		return "throttled"
	case fault.Full:
		return "no-store"
	}
	return "exception"
}

// IssueOf returns a fault as an issue of a severity.
func IssueOf(severity string, f *fault.Error) Issue {
	is := Issue{Severity: severity, Code: issueCode(f), Details: Details{Coding: []Coding{{CodeSystem, f.Code}}, Text: f.Text}, Diagnostics: f.Hint}
	if f.Rule != "" {
		is.Details.Coding = append(is.Details.Coding, Coding{definitionSystem, f.Rule})
	}
	if f.Expression != "" {
		is.Expression = []string{f.Expression}
	}
	return is
}

// OutcomeOf returns an OperationOutcome in JSON.
func OutcomeOf(issues ...Issue) []byte {
	data, err := json.Marshal(outcome{ResourceType: "OperationOutcome", Issue: issues})
	if err != nil {
		return []byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"fatal","code":"exception"}]}`)
	}
	return data
}

// Refusal is the answer to a call that failed: an OperationOutcome that says
// what is wrong and what to do about it. Of errors that were joined each is an
// issue, and the first one gives the status.
func Refusal(err error) *Answer {
	f := fault.As(err)
	a := &Answer{Status: Status(f), Body: OutcomeOf(issues(err)...), fault: f, Header: make(http.Header)}
	var wrong *notAllowed
	if errors.As(err, &wrong) {
		a.Header.Set("Allow", strings.Join(wrong.allow, ", "))
	}
	return a
}

func issues(err error) (out []Issue) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // only what was joined at the top
		for _, e := range joined.Unwrap() {
			out = append(out, issues(e)...)
		}
	}
	if len(out) == 0 {
		out = []Issue{IssueOf("error", fault.As(err))}
	}
	return out
}

// Refused returns the fault of an answer that is a refusal, else nil.
func (a *Answer) Refused() *fault.Error { return a.fault }

// codes of faults that have a status of their own.
const (
	codeFormat    = "format"
	codeMethod    = "method"
	codeSupported = "not-supported"
)

// Status returns the HTTP status of a fault (FHIR R4 3.1.0.1.5 and the
// interactions' own sections).
func Status(f *fault.Error) int {
	if f.Kind == fault.Unsupported {
		switch f.Code {
		case codeFormat:
			return http.StatusNotAcceptable
		case codeMethod:
			return http.StatusMethodNotAllowed
		case codeSupported:
			return http.StatusNotImplemented
		}
	}
	return face.Status(f.Kind)
}

// notAllowed is a fault about the method of a request.
type notAllowed struct {
	fault *fault.Error
	allow []string
}

func (e *notAllowed) Error() string { return e.fault.Error() }
func (e *notAllowed) Unwrap() error { return e.fault }

// NotAllowed refuses a method with 405 and names those that are allowed there.
func NotAllowed(text string, allow ...string) error {
	once := allow[:0:0]
	for _, method := range allow {
		if !slices.Contains(once, method) {
			once = append(once, method)
		}
	}
	allow = once
	return &notAllowed{fault.New(fault.Unsupported, codeMethod, text).WithHint("send " + list(allow)), allow}
}
