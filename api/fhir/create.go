package fhir

import (
	"context"

	"cairn/api/rest"
	"cairn/node/fault"
)

// create serves POST [base]/[type] (FHIR R4 3.1.0.8).
func (s *Server) create(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	if c.Header.Get("If-None-Exist") != "" {
		return nil, fault.New(fault.Unsupported, "not-supported", "conditional create is not supported")
	}
	data, err := c.Resource()
	if err != nil {
		return nil, err
	}
	v, err := s.Records.Create(ctx, c.Actor, c.Type, data)
	if err != nil {
		return nil, err
	}
	return stored(v), nil
}
