package fhir

import (
	"context"
	"fmt"
	"strconv"

	"cairn/api/rest"
	"cairn/node/fault"
	"cairn/node/record"
)

// matchGrade is the extension of search.score that says how sure a match is
// (FHIR R4 8.1.10).
const matchGrade = "http://hl7.org/fhir/StructureDefinition/match-grade"

// match serves Patient/$match (FHIR R4 8.1.10).
func (s *Server) match(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	p, err := c.Parameters()
	if err == nil {
		err = p.Only("resource", "onlyCertainMatches", "count")
	}
	if err != nil {
		return nil, err
	}
	asked := p.Resource("resource")
	if asked == nil {
		return nil, fault.New(fault.Invalid, "required", "say which patient is meant").WithHint("send a Patient in the parameter resource").At("resource")
	}
	count := 0
	if text := p.Text("count"); text != "" {
		if count, err = strconv.Atoi(text); err != nil || count < 1 {
			return nil, fault.New(fault.Invalid, "value", "count is a whole number from 1").At("count")
		}
	}
	found, receipts, err := s.Records.Match(ctx, c.Actor, asked, p.Text("onlyCertainMatches") == "true", count)
	if err != nil {
		return nil, err
	}
	return &rest.Answer{Body: s.matches(found), Receipts: receipts}, nil
}

// matches writes a Bundle whose entries are the stored bytes.
func (s *Server) matches(found []record.Candidate) []byte {
	out := fmt.Appendf(nil, `{"resourceType":"Bundle","type":"searchset","total":%d`, len(found))
	for i, m := range found {
		if i == 0 {
			out = append(out, `,"entry":[`...)
		} else {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, `{"fullUrl":%q,"resource":%s,"search":{"extension":[{"url":%q,"valueCode":%q}],"mode":"match","score":%.4f}}`,
			s.base()+"/"+m.Type+"/"+m.ID, m.Raw, matchGrade, m.Grade, m.Score)
	}
	if len(found) > 0 {
		out = append(out, ']')
	}
	return append(out, '}')
}
