package profile

import "cairn/fhir/resource"

// Severity is how bad an Issue is (http://hl7.org/fhir/issue-severity).
type Severity uint8

// The severities. A resource is invalid if an issue of it is an Error.
const (
	Information Severity = iota
	Warning
	Error
)

func (s Severity) String() string { return [...]string{"information", "warning", "error"}[s] }

// Issue is one thing that is wrong with a resource. It names elements and rules, never values.
type Issue struct {
	Severity   Severity
	Code       string // an OperationOutcome.issue.code: structure, required, value, code-invalid, invariant, not-found...
	Rule       string // for programs: "unknown-element", "dom-2", "us-core-6"
	Expression string // the element, as a FHIRPath
	Text       string // what is wrong and what to change
	Profile    string // canonical URL of the profile whose rule it is; "" for R4 itself
}

// MaxIssues bounds how many issues Check and Validate find before they stop.
const MaxIssues = 100

// The rules of Check, beside the invariants of R4 that it knows by their keys.
const (
	RuleUnknown   = "unknown-element"   // an element that the type does not have
	RuleMin       = "min"               // an element that must be there
	RuleMax       = "max"               // more of an element than there may be
	RuleKind      = "json-type"         // a string for a number, an object for a string...
	RuleFormat    = "format"            // a primitive that has not the form of its type
	RuleCode      = "required-binding"  // a code outside of the value set
	RuleTarget    = "reference-target"  // a reference to a type that it may not point to
	RuleChoice    = "choice"            // value[x] with two types
	RuleType      = "resource-type"     // a resource of a type that R4 does not have, or that may not stand here
	RuleNarrative = "txt-1"             // XHTML beyond what a narrative may hold
	RuleContained = "dom-3"             // a contained resource that nobody refers to
	RuleTwice     = "contained-id"      // a contained resource with the id of another one: a fragment names one resource (FHIR R4 2.3.0.2)
	RuleNested    = "dom-2"             // a contained resource with contained resources
	RuleVersioned = "dom-4"             // a contained resource with a version of its own
	RuleLabelled  = "dom-5"             // a contained resource with a security label
	RuleExtension = "ext-1"             // an extension with both a value and extensions, or neither
	RuleEmpty     = "ele-1"             // an element with neither value nor content
	RuleTooMany   = "too-many-findings" // the search for issues stopped here
)

// found adds an issue; false when there is no room for more.
func (c *checker) found(code, rule, text string, at resource.Node) bool {
	return c.add(Issue{Error, code, rule, at.Expression(), text, ""})
}

func (c *checker) add(i Issue) bool {
	if len(c.issues) < MaxIssues {
		c.issues = append(c.issues, i)
	}
	c.full = len(c.issues) >= MaxIssues
	return !c.full
}
