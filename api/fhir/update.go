package fhir

import (
	"context"

	"cairn/api/rest"
	"cairn/node/fault"
)

// update serves PUT [base]/[type]/[id] (FHIR R4 3.1.0.4). A record that is not
// there is created under the client's id.
func (s *Server) update(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	if c.Header.Get("If-None-Match") != "" {
		return nil, fault.New(fault.Unsupported, "not-supported", "If-None-Match is not supported on update").
			WithHint("POST creates a record under an id of its own")
	}
	version, err := ifMatch(c)
	if err != nil {
		return nil, err
	}
	data, err := c.Resource()
	if err != nil {
		return nil, err
	}
	v, err := s.Records.Update(ctx, c.Actor, c.Type, c.ID, data, version)
	if err != nil {
		return nil, err
	}
	return stored(v), nil
}
