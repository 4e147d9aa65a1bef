package fhir

import (
	"context"

	"cairn/api/rest"
	"cairn/node/record"
)

// create serves POST [base]/[type] (FHIR R4 3.1.0.8), also with If-None-Exist
// (3.1.0.8.1): a record that the condition finds is the answer, with 200.
func (s *Server) create(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	data, err := sent(c)
	if err != nil {
		return nil, err
	}
	unless := c.Header.Get("If-None-Exist")
	if c.Header.Values("If-None-Exist") == nil {
		v, err := s.Records.Create(ctx, c.Actor, c.Type, data)
		return stored(v), err
	}
	condition, err := record.NewCondition(c.Type, unless)
	if err != nil {
		return nil, err
	}
	v, err := s.Records.CreateUnless(ctx, c.Actor, c.Type, data, condition)
	if err != nil {
		return nil, err
	}
	a := stored(v)
	a.Location = v.Location()
	return a, nil
}
