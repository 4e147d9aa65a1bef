package fhir

import (
	"context"

	"cairn/api/rest"
	"cairn/node/fault"
	"cairn/node/record"
)

// create serves POST [base]/[type] (FHIR R4 3.1.0.8), also with If-None-Exist
// (3.1.0.8.1): a record that the condition finds is the answer, with 200. So is
// the one that a repeat under the same Idempotency-Key has created.
func (s *Server) create(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	data, err := sent(c)
	if err != nil {
		return nil, err
	}
	unless := c.Header.Get("If-None-Exist")
	key := c.Header.Get("Idempotency-Key")
	switch {
	case key != "" && unless != "":
		return nil, fault.New(fault.Invalid, "invalid", "If-None-Exist and Idempotency-Key are two ways to create once").WithHint("send one of them")
	case key != "":
		return located(s.Records.CreateOnce(ctx, c.Actor, c.Type, data, key))
	case c.Header.Values("If-None-Exist") == nil:
		return located(s.Records.Create(ctx, c.Actor, c.Type, data))
	}
	condition, err := record.NewCondition(c.Type, unless)
	if err != nil {
		return nil, err
	}
	return located(s.Records.CreateUnless(ctx, c.Actor, c.Type, data, condition))
}

// located is stored with the location, also of what was there already.
func located(v record.Version, err error) (*rest.Answer, error) {
	if err != nil {
		return nil, err
	}
	a := stored(v)
	a.Location = v.Location()
	return a, nil
}
