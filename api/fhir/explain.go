package fhir

import (
	"context"
	"encoding/json"

	"cairn/api/rest"
)

// explain serves GET [base]/Patient/{id}/$explain: what whoever asks may see of a
// patient's records and why, or why nothing, as Parameters. It tells nothing of
// what is hidden.
func (s *Server) explain(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	mine, err := s.Grants.Mine(ctx, c.Actor, c.ID)
	if err != nil {
		return nil, err
	}
	type parameter struct {
		Name string `json:"name"`
		Bool *bool  `json:"valueBoolean,omitempty"`
		Text string `json:"valueString,omitempty"`
		Code string `json:"valueCode,omitempty"`
	}
	list := []parameter{{Name: "allowed", Bool: &mine.Allowed}, {Name: "what", Text: mine.What}, {Name: "rule", Text: mine.Rule}, {Name: "why", Text: mine.Why}}
	if mine.Hint != "" {
		list = append(list, parameter{Name: "hint", Text: mine.Hint})
	}
	if mine.Purpose != "" {
		list = append(list, parameter{Name: "purpose", Code: mine.Purpose})
	}
	body, err := json.Marshal(map[string]any{"resourceType": "Parameters", "parameter": list})
	return &rest.Answer{Body: body, Receipts: mine.Receipts}, err
}
