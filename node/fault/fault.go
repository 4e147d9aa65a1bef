// Package fault holds the one kind of error that crosses the rooms of a node.
//
// A fault says what kind of refusal it is, carries a code for programs, a text
// that may be shown to a patient, a hint for the person who can do something
// about it, and a cause that only the log sees. Faces render it once: as a FHIR
// OperationOutcome, as a page, or as a line on a terminal.
//
// Nothing about a patient belongs in a code, a text or a hint.
package fault

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
)

// Kind says what sort of refusal a fault is. The zero Kind is none of them and
// is treated as Broken.
type Kind uint8

// The kinds.
const (
	Invalid         Kind = iota + 1 // the request is malformed
	Unauthenticated                 // nobody, or nobody we know, is asking
	Refused                         // known, and not allowed
	NotFound                        // there is no such thing, or not for this asker
	Gone                            // it was there and was deleted or erased
	Conflict                        // somebody else changed it first, or it exists already
	Precondition                    // a stated condition (If-Match, If-None-Exist) does not hold
	TooLarge                        // over a stated limit
	Unsupported                     // well formed, and not something this node does
	Busy                            // try again soon
	Full                            // no room left to write
	Broken                          // our fault
	Unprocessable                   // well formed, and cannot be done with what is there
	Throttled                       // the asker has asked for too much; Retry says when to try again
)

var kindNames = [...]string{
	"broken", "invalid", "unauthenticated", "refused", "not-found", "gone", "conflict",
	"precondition", "too-large", "unsupported", "busy", "full", "broken", "unprocessable", "throttled",
}

// String returns the kind in lower case, words joined by a hyphen.
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return "broken"
	}
	return kindNames[k]
}

// Error is a fault. Text and Hint are fit for a patient; Cause is for the log
// only and is never rendered to the outside.
type Error struct {
	Kind       Kind
	Code       string // stable, for programs: "store.in-use"
	Text       string // one sentence, fit for a patient
	Hint       string // what to do about it; may be empty
	Expression string // the element of a resource that is meant, as a FHIRPath; may be empty
	Scope      string // the OAuth scope that the asker lacks; may be empty
	Rule       string // the rule of a resource's definition that was broken: "min", "dom-3"; may be empty
	Retry      int    // of Throttled: seconds after which it may be tried again; 0: soon
	Cause      error  // for the log; may be nil
}

// New returns a fault without a cause.
func New(kind Kind, code, text string) *Error {
	return &Error{Kind: kind, Code: code, Text: text}
}

// Wrap returns a fault that keeps cause for the log.
func Wrap(kind Kind, code, text string, cause error) *Error {
	return &Error{Kind: kind, Code: code, Text: text, Cause: cause}
}

// Error returns the text and, where there is one, the cause. It is what a log
// shows; a face shows Text.
func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Text
	}
	return e.Text + ": " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether target is a fault of the same kind and, if target has a
// code, of the same code. So errors.Is(err, fault.New(fault.Conflict, "", ""))
// asks for any conflict.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	if !ok {
		return false
	}
	return e.Kind == t.Kind && (t.Code == "" || e.Code == t.Code)
}

// WithHint returns a copy of e that tells the reader what to do.
func (e *Error) WithHint(hint string) *Error {
	c := *e
	c.Hint = hint
	return &c
}

// WithScope returns a copy of e that says which scope the asker lacks.
func (e *Error) WithScope(scope string) *Error {
	c := *e
	c.Scope, c.Hint = scope, "sign in again and ask for the scope "+scope
	return &c
}

// After returns a copy of e that says after how many seconds to try again.
func (e *Error) After(seconds int) *Error {
	c := *e
	c.Retry = seconds
	return &c
}

// At returns a copy of e that points at an element of a resource.
func (e *Error) At(expression string) *Error {
	c := *e
	c.Expression = expression
	return &c
}

// Is reports whether err is, or wraps, a fault of this kind.
func Is(err error, kind Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}

// As returns the fault in err, and nil for a nil err. A context that ended
// becomes Busy. Anything else that is not a fault is unexpected: it becomes
// Broken with a random id in its code and text, so that the person who saw the
// text and the log line that holds the cause can be brought together.
func As(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Wrap(Busy, "interrupted", "The request was given up before it was finished.", err)
	}
	id := randomID()
	return Wrap(Broken, "broken."+id, "Something went wrong on our side. Its number is "+id+".", err)
}

func randomID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read does not return an error
	return hex.EncodeToString(b[:])
}
