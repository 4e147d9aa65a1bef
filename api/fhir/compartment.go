package fhir

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"

	"cairn/api/rest"
	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/record"
)

// compartment serves GET [base]/[type]/[id]/[other type]?... and .../* (FHIR R4
// 3.1.1.2): a search of what refers to one patient, encounter, device,
// practitioner or related person by the parameters of that compartment. A
// patient's holds what is about her, and what is about nobody and names her.
func (s *Server) compartment(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	if !slices.Contains(search.Compartments(), c.Type) {
		return nil, fault.New(fault.Unsupported, "not-supported", "there is no compartment of this type").
			WithHint("there are those of " + strings.Join(search.Compartments(), ", "))
	}
	path := c.Type + "/" + c.ID + "/" + c.Within
	if err := s.resume(c, path); err != nil {
		return nil, err
	}
	types := []string{c.Within}
	if c.Within == "*" {
		types = slices.DeleteFunc(resource.Types(), func(typ string) bool { return !search.InCompartment(c.Type, typ) })
	} else if !search.InCompartment(c.Type, c.Within) {
		return nil, fault.New(fault.Invalid, "value", "records of this type are in no compartment of that type")
	}
	return s.searchTypes(ctx, c, path, types, search.Within{Type: c.Type, ID: c.ID})
}

// searchSystem serves GET [base]?_type=A,B&... (FHIR R4 3.1.1.2).
func (s *Server) searchSystem(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	if err := s.resume(c, ""); err != nil {
		return nil, err
	}
	if c.Query.Get("_type") == "" {
		return nil, fault.New(fault.Invalid, "required", "say which types are searched").WithHint("add _type=Observation,Condition").At("_type")
	}
	return s.searchTypes(ctx, c, "", nil, search.Within{})
}

// compartmentByPost serves POST [base]/[type]/[id]/[other type]/_search, and
// searchSystemByPost POST [base]/_search.
func (s *Server) compartmentByPost(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	if err := takeForm(c); err != nil {
		return nil, err
	}
	return s.compartment(ctx, c)
}

func (s *Server) searchSystemByPost(ctx context.Context, c *rest.Call) (*rest.Answer, error) {
	if err := takeForm(c); err != nil {
		return nil, err
	}
	return s.searchSystem(ctx, c)
}

// searchTypes searches several types at once; _type names them, among those
// that may be named where there are any.
func (s *Server) searchTypes(ctx context.Context, c *rest.Call, path string, may []string, within search.Within) (*rest.Answer, error) {
	values := maps.Clone(map[string][]string(c.Query))
	types := may
	if named := c.Query.Get("_type"); named != "" {
		types = strings.Split(named, ",")
		delete(values, "_type")
	}
	var queries []search.Query
	for i, typ := range types {
		if !resource.IsType(typ) || may != nil && !slices.Contains(may, typ) || slices.Contains(types[:i], typ) {
			return nil, fault.New(fault.Invalid, "value", "_type names a type twice, or one that cannot be searched here").At("_type")
		}
		q, err := record.ParseSearch(typ, url.Values(values), s.searchOptions(ctx, c))
		if err != nil {
			return nil, err
		}
		q.Within = within
		queries = append(queries, q)
	}
	return s.found(ctx, c, path, queries, c.Query)
}
