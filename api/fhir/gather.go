package fhir

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"cairn/node/exchange"
	"cairn/node/fault"
	"cairn/node/identity"
)

// gather serves GET [base]/Patient/[id]/$gather?_type=Observation&...: what the
// patient lets this hospital see elsewhere, merged. Each entry's fullUrl is the
// record at its custodian; its links name further sources and where the proof
// is; an OperationOutcome names each hospital that refused or was silent.
func (s *Server) gather(w http.ResponseWriter, r *http.Request, actor identity.Actor) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault.Wrap(fault.Invalid, "invalid", "the query part of the URL is not valid", err)
	}
	typ := values.Get("_type")
	values.Del("_type")
	if typ == "" {
		return fault.New(fault.Invalid, "required", "say which records to gather").WithHint("add _type=Observation, for example")
	}
	for _, own := range []string{"patient", "subject"} {
		if values.Has(own) {
			return fault.New(fault.Invalid, "invalid", own+" follows from the patient in the URL")
		}
	}
	got, err := s.Exchange.Gather(r.Context(), actor, r.PathValue("id"), typ, values)
	if err != nil {
		return err
	}
	for _, receipt := range got.Receipts {
		w.Header().Add("Cairn-Receipt", receipt.String())
	}
	send(w, http.StatusOK, gathered(got, s.Root+r.URL.RequestURI()))
	return nil
}

func gathered(got exchange.Gathered, self string) []byte {
	out := append([]byte(`{"resourceType":"Bundle","type":"searchset","total":`), strconv.Itoa(len(got.Items))...)
	out = append(append(append(out, `,"link":[{"relation":"self","url":`...), quote(self)...), "}]"...)
	n := 0
	for _, item := range got.Items {
		out = append(out, separator(n)...)
		out = append(append(out, `{"fullUrl":`...), quote(item.Sources[0].URL)...)
		out = links(out, item.Sources)
		out = append(append(append(out, `,"resource":`...), item.Raw...), `,"search":{"mode":"match"}}`...)
		n++
	}
	for _, c := range got.Custodians {
		out = append(append(out, separator(n)...), custodian(c)...)
		n++
	}
	return append(out, closing(n)...)
}

// links writes the further sources of a record and where each one's proof is.
func links(out []byte, sources []exchange.Source) []byte {
	var list []string
	for i, s := range sources {
		if i > 0 {
			list = append(list, `{"relation":"alternate","url":`+string(quote(s.URL))+`}`)
		}
		if s.Evidence != "" {
			list = append(list, `{"relation":"evidence","url":`+string(quote(s.Evidence))+`}`)
		}
	}
	if len(list) == 0 {
		return out
	}
	return append(out, `,"link":[`+strings.Join(list, ",")+`]`...)
}

// custodian says how one hospital answered, as an entry of mode outcome.
func custodian(c exchange.Custodian) []byte {
	is := issue{Severity: "information", Code: "informational", Details: details{
		Coding: []coding{{codeSystem, "gather.answered"}}, Text: c.Name + " answered with " + strconv.Itoa(c.Count) + " records.",
	}}
	if c.Fault != nil {
		is = issue{Severity: "warning", Code: issueCode(c.Fault), Details: details{
			Coding: []coding{{codeSystem, c.Fault.Code}}, Text: c.Name + ": " + c.Fault.Text + " (" + strconv.Itoa(c.Count) + " records came before that)",
		}}
		if c.Fault.Hint != "" {
			is.Details.Text += ". " + c.Fault.Hint
		}
	}
	is.Diagnostics = c.ID
	data, err := json.Marshal(outcome{ResourceType: "OperationOutcome", Issue: []issue{is}})
	if err != nil {
		return []byte(`{"search":{"mode":"outcome"}}`)
	}
	return append(append([]byte(`{"resource":`), data...), `,"search":{"mode":"outcome"}}`...)
}
