package resource

import (
	"fmt"
	"strconv"
)

// Error says why a resource was refused. It names places, never values, so that it can be shown and logged.
type Error struct {
	Code       string // an OperationOutcome.issue.code: structure, invalid, required, value, too-long, too-costly
	Offset     int    // where in the received bytes, from 0
	Expression string // the same place as a FHIRPath, e.g. "Patient.name[0].given[1]"; "" where the text is no JSON object at all
	Text       string // what is wrong and what to change, one or two sentences
}

// Codes of Error, from http://hl7.org/fhir/issue-type.
const (
	CodeStructure = "structure"
	CodeInvalid   = "invalid"
	CodeRequired  = "required"
	CodeValue     = "value"
	CodeTooLong   = "too-long"
	CodeTooCostly = "too-costly"
)

func (e *Error) Error() string {
	where := e.Expression
	if where == "" {
		where = "resource"
	}
	return fmt.Sprintf("%s (byte %d): %s", where, e.Offset, e.Text)
}

// expression writes the way from the root to node at, e.g. "Patient.name[0].family".
func (d *Doc) expression(at uint32) string {
	if len(d.nodes) == 0 {
		return ""
	}
	out := d.rootName()
	for i := uint32(0); i != at; {
		parent := &d.nodes[i]
		child, index := i+1, 0
		for d.nodes[child].next <= at {
			child = d.nodes[child].next
			index++
		}
		out = d.step(out, parent.kind, child, index)
		i = child
	}
	return out
}

func (d *Doc) rootName() string {
	if d.typ != "" {
		return d.typ
	}
	if name, ok := d.Root().Get("resourceType").Text(); ok && IsType(name) {
		return name
	}
	return "Resource"
}

func (d *Doc) step(path string, parent Kind, child uint32, index int) string {
	if parent == Array {
		return path + "[" + strconv.Itoa(index) + "]"
	}
	return path + "." + elementName(d.nodes[child].keyText(d))
}

// elementName lets a member name into an expression only if it has the form of a FHIR element name, because
// any other name may be a value that somebody put in the wrong place.
func elementName(key string) string {
	name := key
	if len(name) > 0 && name[0] == '_' {
		name = name[1:]
	}
	if len(name) == 0 || len(name) > 64 || name[0] < 'a' || name[0] > 'z' {
		return "?"
	}
	for i := range len(name) {
		if !isAlphanumeric(name[i]) {
			return "?"
		}
	}
	return key
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
