package fhir

import (
	"context"
	"strconv"
	"strings"

	"cairn/api/rest"
	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/record"
)

// everything serves Patient/[id]/$everything (FHIR R4 8.1.13).
func (s *Server) everything(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	p, err := c.Parameters()
	if err == nil {
		err = p.Only("start", "end", "_since", "_type", "_count", "cursor")
	}
	if err != nil {
		return nil, err
	}
	e, err := everythingOf(p)
	if err != nil {
		return nil, err
	}
	page, err := s.Records.Everything(ctx, c.Actor, c.ID, e)
	if err != nil {
		return nil, err
	}
	at := s.base() + "/Patient/" + c.ID + "/$everything"
	values := p.Values()
	self, next := at, ""
	if len(values) > 0 {
		self += "?" + values.Encode()
	}
	if page.Next != "" {
		values.Set("cursor", page.Next)
		next = at + "?" + values.Encode()
	}
	return &rest.Answer{Body: s.searchset(page, self, next, nil), Receipts: page.Receipts}, nil
}

func everythingOf(p rest.Parameters) (e record.Everything, err error) {
	e.Cursor, e.Since = p.Text("cursor"), p.Text("_since")
	e.Lo, e.Hi = resource.Past, resource.Future
	for name, to := range map[string]*int64{"start": &e.Lo, "end": &e.Hi} {
		if text := p.Text(name); text != "" {
			lo, hi, ok := resource.ParseDate(text)
			if !ok {
				return e, fault.New(fault.Invalid, "value", name+" is a date, such as 2024-01-31").At(name)
			}
			if *to = lo; name == "end" {
				*to = hi
			}
		}
	}
	if text := p.Text("_count"); text != "" {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil || n == 0 {
			return e, fault.New(fault.Invalid, "value", "_count is a whole number from 1").At("_count")
		}
		e.Count = int(n)
	}
	for _, one := range p.All("_type") {
		for _, typ := range strings.Split(one.Text, ",") {
			if !resource.IsType(typ) {
				return e, fault.New(fault.Invalid, "value", "_type names a type that FHIR R4 does not have").At("_type")
			}
			e.Types = append(e.Types, typ)
		}
	}
	return e, nil
}
