package fhir

import (
	"context"
	"strconv"
	"strings"

	"cairn/api/rest"
	"cairn/node/exchange"
	"cairn/node/fault"
)

// gather serves GET [base]/Patient/[id]/$gather?_type=Observation&...: what the
// patient lets this hospital see elsewhere, merged. Each entry's fullUrl is the
// record at its custodian; its links name further sources and where the proof
// is; an OperationOutcome names each hospital that refused or was silent.
func (s *Server) gather(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	params, err := c.Parameters()
	if err != nil {
		return nil, err
	}
	values := params.Values()
	typ := values.Get("_type")
	values.Del("_type")
	if typ == "" {
		return nil, fault.New(fault.Invalid, "required", "say which records to gather").WithHint("add _type=Observation, for example")
	}
	for _, own := range []string{"patient", "subject"} {
		if values.Has(own) {
			return nil, fault.New(fault.Invalid, "invalid", own+" follows from the patient in the URL")
		}
	}
	got, err := s.Exchange.Gather(ctx, c.Actor, c.ID, typ, values)
	if err != nil {
		return nil, err
	}
	values.Set("_type", typ)
	self := s.base() + "/Patient/" + c.ID + "/$gather?" + values.Encode()
	return &rest.Answer{Body: gathered(got, self), Receipts: got.Receipts}, nil
}

func gathered(got exchange.Gathered, self string) []byte {
	out := append([]byte(`{"resourceType":"Bundle","type":"searchset","total":`), strconv.Itoa(len(got.Items))...)
	out = append(append(append(out, `,"link":[{"relation":"self","url":`...), rest.Quote(self)...), "}]"...)
	n := 0
	for _, item := range got.Items {
		out = append(out, rest.Separator(n)...)
		out = append(append(out, `{"fullUrl":`...), rest.Quote(item.Sources[0].URL)...)
		out = links(out, item.Sources)
		out = append(append(append(out, `,"resource":`...), item.Raw...), `,"search":{"mode":"match"}}`...)
		n++
	}
	for _, c := range got.Custodians {
		out = append(append(out, rest.Separator(n)...), custodian(c)...)
		n++
	}
	return append(out, rest.Closing(n)...)
}

// links writes the further sources of a record and where each one's proof is.
func links(out []byte, sources []exchange.Source) []byte {
	var list []string
	for i, s := range sources {
		if i > 0 {
			list = append(list, `{"relation":"alternate","url":`+string(rest.Quote(s.URL))+`}`)
		}
		if s.Evidence != "" {
			list = append(list, `{"relation":"evidence","url":`+string(rest.Quote(s.Evidence))+`}`)
		}
	}
	if len(list) == 0 {
		return out
	}
	return append(out, `,"link":[`+strings.Join(list, ",")+`]`...)
}

// custodian says how one hospital answered, as an entry of mode outcome.
func custodian(c exchange.Custodian) []byte {
	is := rest.Issue{Severity: "information", Code: "informational", Details: rest.Details{
		Coding: []rest.Coding{{System: rest.CodeSystem, Code: "gather.answered"}}, Text: c.Name + " answered with " + strconv.Itoa(c.Count) + " records.",
	}}
	if c.Fault != nil {
		is = rest.IssueOf("warning", c.Fault)
		is.Details.Text = c.Name + ": " + c.Fault.Text + " (" + strconv.Itoa(c.Count) + " records came before that)"
		if c.Fault.Hint != "" {
			is.Details.Text += ". " + c.Fault.Hint
		}
	}
	is.Diagnostics = c.ID
	return append(append([]byte(`{"resource":`), rest.OutcomeOf(is)...), `,"search":{"mode":"outcome"}}`...)
}
