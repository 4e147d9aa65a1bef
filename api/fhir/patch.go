package fhir

import (
	"context"

	"cairn/api/rest"
	"cairn/node/record"
)

// patch serves PATCH [base]/[type]/[id] (FHIR R4 3.1.0.5).
func (s *Server) patch(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	require, change, err := changeOf(c)
	if err != nil {
		return nil, err
	}
	v, err := s.Records.Patch(ctx, c.Actor, c.Type, c.ID, change, require)
	return stored(v), err
}

// patchWhere serves PATCH [base]/[type]?... (FHIR R4 3.1.0.5.2, conditional
// patch).
func (s *Server) patchWhere(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	condition, err := record.NewCondition(c.Type, c.Query.Encode())
	if err != nil {
		return nil, err
	}
	require, change, err := changeOf(c)
	if err != nil {
		return nil, err
	}
	v, err := s.Records.PatchWhere(ctx, c.Actor, c.Type, change, condition, require)
	a := stored(v)
	a.Location = v.Location()
	return a, err
}

// changeOf reads the patch and what it requires of the record. A FHIRPath Patch
// is a resource like any other, in any format.
func changeOf(c *rest.Call) (require record.Expect, change record.Change, err error) {
	if require, err = expect(c); err != nil {
		return require, change, err
	}
	var data []byte
	media := c.Media
	if rest.IsFormat(media) {
		data, err = c.Resource()
		media = record.FHIRPathPatch
	} else {
		data, _, err = c.Body(record.JSONPatch, record.FHIRPathPatch)
	}
	if err != nil {
		return require, change, err
	}
	change, err = record.NewChange(media, data)
	return require, change, err
}
