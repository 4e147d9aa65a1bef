package fhir

import (
	"context"
	"net/http"

	"cairn/api/rest"
)

// evidence serves [base]/[type]/[id]/_history/[vid]/$evidence: the proof bundle
// of one record version. It is a read like any other.
func (s *Server) evidence(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	number, err := versionID(c)
	if err != nil {
		return nil, err
	}
	file, err := s.Bundles.Record(ctx, c.Actor, c.Type, c.ID, number)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Content-Disposition": {`attachment; filename="evidence.json"`}}
	return &rest.Answer{Body: file, Media: "application/json", Header: header}, nil
}
