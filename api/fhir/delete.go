package fhir

import (
	"context"
	"net/http"
	"strconv"

	"cairn/api/rest"
	"cairn/node/record"
)

// delete serves DELETE [base]/[type]/[id] (FHIR R4 3.1.0.7): 204 whether or not
// it was there.
func (s *Server) delete(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	require, err := expect(c)
	if err != nil {
		return nil, err
	}
	v, err := s.Records.Delete(ctx, c.Actor, c.Type, c.ID, require)
	return version(http.StatusNoContent, v), err
}

// deleteWhere serves DELETE [base]/[type]?... (FHIR R4 3.1.0.7.1, conditional
// delete).
func (s *Server) deleteWhere(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	require, err := expect(c)
	if err != nil {
		return nil, err
	}
	condition, err := record.NewCondition(c.Type, c.Query.Encode())
	if err != nil {
		return nil, err
	}
	gone, err := s.Records.DeleteWhere(ctx, c.Actor, c.Type, condition, require)
	a := &rest.Answer{Status: http.StatusNoContent, Header: http.Header{"Cairn-Deleted": {strconv.Itoa(len(gone))}}}
	for _, v := range gone {
		a.Receipts = append(a.Receipts, v.Receipt)
	}
	return a, err
}
