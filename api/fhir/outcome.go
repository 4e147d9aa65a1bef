package fhir

import (
	"encoding/json"
	"net/http"
	"slices"

	"cairn/api/face"
	"cairn/node/fault"
)

// outcome is an OperationOutcome (FHIR R4 2.36).
type outcome struct {
	ResourceType string  `json:"resourceType"`
	Issue        []issue `json:"issue"`
}

type issue struct {
	Severity    string   `json:"severity"`
	Code        string   `json:"code"`
	Details     details  `json:"details"`
	Diagnostics string   `json:"diagnostics,omitempty"`
	Expression  []string `json:"expression,omitempty"`
}

type details struct {
	Coding []coding `json:"coding"`
	Text   string   `json:"text"`
}

type coding struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

// issueCodes are the codes of http://hl7.org/fhir/issue-type that a fault may
// carry as its own.
var issueCodes = []string{
	"invalid", "structure", "required", "value", "invariant", "not-supported", "duplicate", "not-found", "deleted",
	"too-long", "too-costly", "business-rule", "conflict", "security", "login", "forbidden",
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
	case fault.Busy:
		return "transient"
	case fault.Full:
		return "no-store"
	}
	return "exception"
}

// codeSystem names the codes of faults and rules in details.coding.
const codeSystem = "urn:cairn:rule"

// refuse answers with the fault as an OperationOutcome.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.As(err)
	face.Note(r, f)
	face.Headers(w, f)
	out := outcome{ResourceType: "OperationOutcome", Issue: []issue{{
		Severity: "error", Code: issueCode(f), Details: details{Coding: []coding{{codeSystem, f.Code}}, Text: f.Text}, Diagnostics: f.Hint,
	}}}
	if f.Expression != "" {
		out.Issue[0].Expression = []string{f.Expression}
	}
	data, err := json.Marshal(out)
	if err != nil {
		data = []byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"fatal","code":"exception"}]}`)
	}
	status := face.Status(f.Kind)
	if f.Kind == fault.Unsupported && f.Code == "not-supported" {
		status = http.StatusNotImplemented
	}
	if f.Code == "format" {
		status = http.StatusNotAcceptable
	}
	send(w, status, data)
}
