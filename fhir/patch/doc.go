// Package patch changes one resource by what a client asks for: JSON applies a JSON Patch (RFC 6902), FHIRPath a FHIRPath
// Patch (FHIR R4, fhirpatch.html), to the bytes of a resource.
//
// A patch is applied as a whole or not at all. What it does not touch stays byte for byte as it was: numbers keep
// their digits, members their order, white space its place. What comes out parses with resource.Parse under its default
// limits and has the type and the id of what went in; the version and the time in meta are as the patch leaves them,
// and are for the caller to stamp.
//
// The package is pure: no clock, no input or output, no shared state. Time and memory are bounded by Limits whatever
// the patch says.
package patch

import (
	"fmt"

	"cairn/fhir/resource"
)

// Limits bounds what a patch may ask for.
type Limits struct {
	Operations int // operations in one patch
	Values     int // values that are read or made by copying, all operations together: memory
	Work       int // values that are moved, compared or passed by, all operations together: time
}

// Default is the limits of every public face.
var Default = Limits{Operations: 1000, Values: 300_000, Work: 2_000_000}

// Reason says what sort of refusal an Error is, so that a face can choose a status for it.
type Reason uint8

// The reasons.
const (
	Malformed    Reason = iota + 1 // the patch itself is not one: 400
	Inapplicable                   // a path leads nowhere, or to several elements: 422
	Untrue                         // a test operation does not hold: 422
	Protected                      // the patch would change what identifies the resource: 422
	Unfit                          // what would come out is no resource: 422
	Costly                         // more than the limits: 413
)

// Error says why a patch was refused. It names operations and elements, never values, so that it can be shown and
// logged.
type Error struct {
	Reason     Reason
	Code       string // an OperationOutcome.issue.code: structure, invalid, required, value, not-found, multiple-matches, business-rule, processing, too-long, too-costly
	Operation  int    // which operation, from 0; -1 where it is not one alone
	Expression string // the element that is meant, as a FHIRPath into the patch or, for Unfit, into what would come out; may be ""
	Text       string // what is wrong and what to change, one or two sentences
}

func (e *Error) Error() string {
	if e.Operation < 0 {
		return e.Text
	}
	return fmt.Sprintf("operation %d: %s", e.Operation, e.Text)
}

func whole(reason Reason, code, text string) *Error {
	return &Error{Reason: reason, Code: code, Operation: -1, Text: text}
}

// finish checks what a patch of the resource old has made.
func finish(old *resource.Doc, raw []byte) ([]byte, error) {
	made, err := resource.Parse(raw, resource.Limits{})
	if err != nil {
		return nil, unfit(err)
	}
	if made.Type() != old.Type() {
		return nil, whole(Protected, "business-rule", "A patch must not change resourceType. Create a resource of the other type instead.")
	}
	if made.ID() != old.ID() {
		return nil, whole(Protected, "business-rule", "A patch must not change, add or remove id. Create another resource instead.")
	}
	return raw, nil
}

func unfit(err error) error {
	e, ok := err.(*resource.Error)
	if !ok {
		return fmt.Errorf("reading the patched resource: %w", err)
	}
	reason := Unfit
	if e.Code == resource.CodeTooLong || e.Code == resource.CodeTooCostly {
		reason = Costly
	}
	return &Error{Reason: reason, Code: e.Code, Operation: -1, Expression: e.Expression, Text: "The patched resource would not be valid: " + e.Text}
}
