package fhir

import (
	"context"
	"net/http"

	"cairn/api/rest"
)

// delete serves DELETE [base]/[type]/[id] (FHIR R4 3.1.0.7): 204 whether or not
// it was there.
func (s *Server) delete(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	expect, err := ifMatch(c)
	if err != nil {
		return nil, err
	}
	v, err := s.Records.Delete(ctx, c.Actor, c.Type, c.ID, expect)
	if err != nil {
		return nil, err
	}
	return version(http.StatusNoContent, v), nil
}
