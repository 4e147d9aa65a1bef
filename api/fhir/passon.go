package fhir

import (
	"context"
	"encoding/json"
	"net/http"

	"cairn/api/rest"
	"cairn/node/gate"
)

// slipMedia is the media type of a slip's encoding.
const slipMedia = "application/octet-stream"

// passOn serves POST [base]/Consent/$pass-on: another member passes on what a
// patient allowed it. The content is the encoding of the slip, so that what the
// member signs of the request is of that.
func (s *Server) passOn(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	body, _, err := c.Body(slipMedia)
	if err != nil {
		return nil, err
	}
	held, err := s.Grants.PassOn(ctx, c.Actor, body)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(map[string]any{"consent": gate.Reference(held.Commitment), "sealed_at": held.SealedAt})
	return &rest.Answer{Status: http.StatusCreated, Body: data, Media: "application/json"}, err
}
