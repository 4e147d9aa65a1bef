package fhir

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"cairn/api/rest"
)

// ndjson is the media type of resources in lines (Bulk Data 2.0).
const ndjson = "application/fhir+ndjson"

// importLines serves POST [base]/$import: NDJSON, a resource a line, each
// stored on its own (see record.Desk.Import).
func (s *Server) importLines(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	body, _, err := c.Body(ndjson, "application/ndjson", "application/x-ndjson")
	if err != nil {
		return nil, err
	}
	done, err := s.Records.Import(ctx, c.Actor, c.Header.Get("Idempotency-Key"), body)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(done)
	return &rest.Answer{Body: data, Media: "application/json", Header: http.Header{"Cairn-Stored": {strconv.Itoa(done.Stored)}}}, err
}
