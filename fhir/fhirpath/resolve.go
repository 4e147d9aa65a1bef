package fhirpath

import (
	"strings"

	"github.com/gofhir/fhirpath/types"

	"cairn/fhir/resource"
)

// resolve is the resources that references lead to, within the subject: contained resources, the resource around them,
// entries of the Bundle. A reference that leads elsewhere gives nothing (FHIR R4 2.9.1.5.1).
func resolve(m *meter, c call) (types.Collection, error) {
	out := types.Collection{}
	for _, item := range c.input {
		reference := referenceOf(item)
		target, ok := m.subject.target(reference)
		if !ok && m.subject.elsewhere != nil {
			out = append(out, m.subject.elsewhere(reference)...)
		}
		if !ok {
			continue
		}
		if !m.spend(len(target.Raw()) / 16) {
			return nil, errCostly
		}
		out = append(out, object(target, "")...)
	}
	return out, nil
}

// referenceOf is what a Reference, a uri or a canonical says.
func referenceOf(item types.Value) string {
	switch v := item.(type) {
	case types.String:
		return v.Value()
	case *types.ObjectValue:
		if s, ok := v.Get("reference"); ok {
			if s, ok := s.(types.String); ok {
				return s.Value()
			}
		}
	}
	return ""
}

// target is the resource with that reference in the subject.
func (s *Subject) target(reference string) (resource.Node, bool) {
	if s.targets == nil {
		s.index()
	}
	n, ok := s.targets[reference]
	return n, ok && reference != ""
}

// index lists what references can lead to. Of two with the same name the first counts.
func (s *Subject) index() {
	s.targets = map[string]resource.Node{}
	root := s.doc.Root()
	s.name("#", root)
	s.contained(root)
	if s.doc.Type() != "Bundle" {
		return
	}
	for entry := range root.Get("entry").Items() {
		r := entry.Get("resource")
		if !r.Exists() {
			continue
		}
		if url, ok := entry.Get("fullUrl").Text(); ok {
			s.name(url, r)
		}
		typ, _ := r.Get("resourceType").Text()
		if id, ok := r.Get("id").Text(); ok {
			s.name(typ+"/"+id, r)
		}
		s.contained(r)
	}
}

func (s *Subject) contained(in resource.Node) {
	for r := range in.Get("contained").Items() {
		if id, ok := r.Get("id").Text(); ok && !strings.HasPrefix(id, "#") {
			s.name("#"+id, r)
		}
	}
}

func (s *Subject) name(reference string, n resource.Node) {
	if _, ok := s.targets[reference]; !ok {
		s.targets[reference] = n
	}
}
