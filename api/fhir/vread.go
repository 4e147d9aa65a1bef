package fhir

import (
	"context"
	"strconv"

	"cairn/api/rest"
	"cairn/node/fault"
)

// vread serves GET [base]/[type]/[id]/_history/[vid] (FHIR R4 3.1.0.3).
func (s *Server) vread(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	number, err := versionID(c)
	if err != nil {
		return nil, err
	}
	v, err := s.Records.ReadVersion(ctx, c.Actor, c.Type, c.ID, number)
	if err != nil {
		return nil, err
	}
	return native(c, unlessKnown(c, v))
}

// versionID reads the version that a path names.
func versionID(c *rest.Call) (uint64, error) {
	number, err := strconv.ParseUint(c.Version, 10, 63)
	if err != nil || number == 0 {
		return 0, fault.New(fault.NotFound, "not-found", "versions are counted 1, 2, 3...")
	}
	return number, nil
}
