package fhir

import (
	"context"
	"slices"

	"cairn/api/rest"
	"cairn/fhir/profile"
	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/record"
)

// validate serves [type]/$validate and [type]/[id]/$validate (FHIR R4
// 3.1.0.11): what is wrong with the resource that was sent, or, at an id
// without one, with the record that is stored there. The answer is an
// OperationOutcome with status 200, whatever it says.
func (s *Server) validate(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	p, err := c.Parameters()
	if err == nil {
		err = p.Only("resource", "mode", "profile")
	}
	if err != nil {
		return nil, err
	}
	mode := p.Text("mode")
	if mode != "" && !slices.Contains([]string{"create", "update", "delete", "profile"}, mode) {
		return nil, fault.New(fault.Invalid, "code-invalid", "this mode of validation is not known").WithHint("it is create, update, delete or profile")
	}
	var profiles []string
	for _, one := range p.All("profile") {
		profiles = append(profiles, one.Text)
	}
	if mode == "profile" && len(profiles) == 0 {
		return nil, fault.New(fault.Invalid, "required", "this mode of validation needs a profile").WithHint("give profile=URL")
	}
	return s.judged(ctx, c, p.Resource("resource"), mode, profiles)
}

// judged answers with what is wrong with a resource, or with the stored one.
func (s *Server) judged(ctx context.Context, c *rest.Call, doc *resource.Doc, mode string, profiles []string) (*rest.Answer, error) {
	answer := new(rest.Answer)
	if doc == nil {
		if c.ID == "" {
			return nil, fault.New(fault.Invalid, "required", "there is nothing to validate").
				WithHint("send the resource, or Parameters with a resource, or ask [type]/[id]/$validate about a stored one")
		}
		v, err := s.Records.Read(ctx, c.Actor, c.Type, c.ID)
		if err != nil {
			return nil, err
		}
		if answer.Receipts = append(answer.Receipts, v.Receipt); mode == "delete" {
			answer.Body = outcome(nil)
			return answer, nil
		}
		if doc, err = resource.Parse(v.Raw, resource.Limits{}); err != nil {
			return nil, record.Invalid(err)
		}
	}
	issues := misplaced(c, doc, mode)
	found, err := s.Judge.Validate(ctx, c.Actor, doc, profiles)
	if err != nil {
		return nil, err
	}
	answer.Body = outcome(append(issues, found...))
	return answer, nil
}

// misplaced returns what is wrong with where a resource was sent.
func misplaced(c *rest.Call, doc *resource.Doc, mode string) (out []profile.Issue) {
	wrong := func(code, at, text string) {
		out = append(out, profile.Issue{Severity: profile.Error, Code: code, Rule: "request", Expression: at, Text: text})
	}
	if c.Type != "" && doc.Type() != c.Type {
		wrong("invalid", doc.Type(), "The resource is not of the type that the URL names.")
	}
	switch {
	case mode == "create" && c.ID != "":
		wrong("invalid", doc.Type(), "A record cannot be created at an id that the URL names. Validate the create at the type.")
	case c.ID != "" && doc.ID() != c.ID:
		wrong("value", doc.Type()+".id", "The id in the resource must be the id in the URL.")
	case mode == "update" && doc.ID() == "":
		wrong("required", doc.Type()+".id", "A resource that updates a record has that record's id.")
	}
	return out
}

// outcome tells issues; where there are none it says so.
func outcome(issues []profile.Issue) []byte {
	var out []rest.Issue
	for _, i := range issues {
		f := fault.New(fault.Invalid, i.Code, i.Text).At(i.Expression)
		if f.Rule = i.Rule; i.Profile != "" {
			f.Hint = "profile " + i.Profile
		}
		out = append(out, rest.IssueOf(i.Severity.String(), f))
	}
	if len(out) == 0 {
		out = []rest.Issue{{
			Severity: "information", Code: "informational",
			Details: rest.Details{Coding: []rest.Coding{{System: rest.CodeSystem, Code: "valid"}}, Text: "Nothing is wrong with this resource."},
		}}
	}
	return rest.OutcomeOf(out...)
}
