package record

import (
	"context"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/identity"
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

// Claims returns what is wrong with a resource by the profiles that it claims
// in meta.profile.
type Claims func(ctx context.Context, actor identity.Actor, doc *resource.Doc) ([]profile.Issue, error)

// Enforce has the desk store no resource that does not meet the profiles that
// it claims; nil stops that. It is called while nobody uses the desk.
func (d *Desk) Enforce(claims Claims) { d.claims = claims }

// valid refuses a resource whose structure is wrong, or, where claims are
// enforced, one that does not meet the profiles that it claims.
func (d *Desk) valid(ctx context.Context, actor identity.Actor, doc *resource.Doc) error {
	err := structure(doc)
	if err != nil || d.claims == nil {
		return err
	}
	issues, err := d.claims(ctx, actor, doc)
	if err != nil || len(issues) == 0 {
		return err
	}
	return asFindings(issues)
}

// structure refuses a resource whose structure is not that of its R4
// definition (FHIR R4 2.1.0).
func structure(doc *resource.Doc) error {
	issues := profile.Check(doc)
	if len(issues) == 0 {
		return nil
	}
	return asFindings(issues)
}

// asFindings returns the first of some mistakes, as errors that stand together: each
// is a fault.
func asFindings(issues []profile.Issue) error {
	var out findings
	for _, i := range issues[:min(len(issues), maxFindings)] {
		f := fault.New(fault.Invalid, i.Code, i.Text).At(i.Expression)
		f.Rule = i.Rule
		out = append(out, f)
	}
	return out
}
