package record

import (
	"cairn/fhir/profile"
	"cairn/fhir/resource"
	"cairn/node/fault"
)

// maxFindings is how many mistakes of one resource an answer lists.
const maxFindings = 20

// findings are the mistakes of one resource, each a fault. A face that can
// show several shows all of them; errors.As finds the first.
type findings []error

// Error returns the text of the first.
func (f findings) Error() string { return f[0].Error() }

// Unwrap returns all, as errors.Join does.
func (f findings) Unwrap() []error { return f }

// at points each at the entry of a transaction that it was found in.
func (f findings) at(where string) findings {
	out := make(findings, len(f))
	for i, err := range f {
		out[i] = at(err, where)
	}
	return out
}

// structure refuses a resource whose structure is not that of its R4
// definition (FHIR R4 2.1.0).
func structure(doc *resource.Doc) error {
	issues := profile.Check(doc)
	if len(issues) == 0 {
		return nil
	}
	return asFindings(issues[:min(len(issues), maxFindings)])
}

func asFindings(issues []profile.Issue) findings {
	var out findings
	for _, i := range issues {
		f := fault.New(fault.Invalid, i.Code, i.Text).At(i.Expression)
		f.Rule = i.Rule
		out = append(out, f)
	}
	return out
}
