package fhir

import (
	"context"

	"cairn/api/rest"
	"cairn/node/record"
)

// update serves PUT [base]/[type]/[id] (FHIR R4 3.1.0.4). A record that is not
// there is created under the client's id, unless the hospital is configured
// otherwise.
func (s *Server) update(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	require, err := expect(c)
	if err != nil {
		return nil, err
	}
	data, err := sent(c)
	if err != nil {
		return nil, err
	}
	v, err := s.Records.Update(ctx, c.Actor, c.Type, c.ID, data, require)
	return stored(v), serverIDs(err)
}

// updateWhere serves PUT [base]/[type]?... (FHIR R4 3.1.0.4.3, conditional
// update).
func (s *Server) updateWhere(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	require, err := expect(c)
	if err != nil {
		return nil, err
	}
	condition, err := record.NewCondition(c.Type, c.Query.Encode())
	if err != nil {
		return nil, err
	}
	data, err := c.Resource()
	if err != nil {
		return nil, err
	}
	v, err := s.Records.UpdateWhere(ctx, c.Actor, c.Type, data, condition, require)
	a := stored(v)
	a.Location = v.Location()
	return a, serverIDs(err)
}
