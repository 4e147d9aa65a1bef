package profile

import (
	"cairn/fhir/resource"
)

// Summary is the elements of a type that its summary has (FHIR R4 3.1.1.5.8), mandatory ones included; nil for no type.
func Summary(typ string) []string {
	return named(typ, func(e *Element) bool { return e.Summary || e.Min > 0 })
}

// Mandatory is the elements of a type that must be there; nil for no type.
func Mandatory(typ string) []string { return named(typ, func(e *Element) bool { return e.Min > 0 }) }

func named(typ string, want func(*Element) bool) (out []string) {
	s := Of(typ)
	if s == nil {
		return nil
	}
	for i := range s.Elements {
		if e := &s.Elements[i]; want(e) {
			out = append(out, e.Name)
		}
	}
	return out
}

// IsArray reports whether an element of a type is a list, by the way to it from the type, as in JSON: "name", "given"
// for Patient.name.given. False where there is no such element.
func IsArray(typ string, way ...string) bool {
	s, many := Of(typ), false
	for _, name := range way {
		if s == nil {
			return false
		}
		m, ok := s.Member([]byte(name))
		if !ok {
			return false
		}
		s, many = m.Type.Shape, m.Element.Many()
	}
	return many
}

// Part is what of a resource is shown instead of all.
type Part uint8

// The parts (FHIR R4 3.1.1.5.8 and 3.1.1.5.9).
const (
	OnlySummary  Part = iota // the elements that the summary has, at any depth
	OnlyText                 // the narrative, id, meta and mandatory elements
	WithoutText              // all but the narrative
	OnlyElements             // elements that were asked for, and mandatory ones
)

// Subset is a part of a resource, marked in meta.tag as SUBSETTED (FHIR R4 3.1.1.5.8). Every value that it shows is as
// received. elements counts for OnlyElements: names as in FHIRPath, of elements right below the root, with or without
// the type in front.
func Subset(doc *resource.Doc, part Part, elements []string) []byte {
	s := subsetter{part: part, asked: map[string]bool{}, out: make([]byte, 0, len(doc.Raw()))}
	for _, name := range elements {
		if rest, ok := cutType(name, doc.Type()); ok {
			name = rest
		}
		s.asked[name] = true
	}
	s.object(doc.Root(), Of(doc.Type()), true)
	return s.out
}

func cutType(name, typ string) (string, bool) {
	if len(name) > len(typ) && name[:len(typ)] == typ && name[len(typ)] == '.' {
		return name[len(typ)+1:], true
	}
	return name, false
}

type subsetter struct {
	part  Part
	asked map[string]bool
	out   []byte
}

// keeps reports whether an element of the root is shown.
func (s *subsetter) keeps(e *Element) bool {
	if e.Name == "id" || e.Name == "meta" {
		return true
	}
	switch s.part {
	case OnlySummary:
		return e.Summary || e.Min > 0
	case OnlyText:
		return e.Name == "text" || e.Min > 0
	case WithoutText:
		return e.Name != "text"
	}
	stem := e.Name
	if e.choice > 0 {
		stem = stem[:len(stem)-len("[x]")]
	}
	return e.Min > 0 || s.asked[stem]
}

// object writes what is shown of an object. Elements below the root are cut only for a summary.
func (s *subsetter) object(n resource.Node, shape *Shape, root bool) {
	start := len(s.out)
	s.out = append(s.out, '{')
	for m := range n.Children() {
		name := m.Name()
		if len(name) > 1 && name[0] == '_' {
			name = name[1:]
		}
		is, ok := shape.Member(name)
		switch {
		case !ok && string(name) != "resourceType":
			continue // what R4 does not have has no place in a summary
		case ok && root && !s.keeps(is.Element):
			continue
		case ok && !root && !is.Element.Summary && is.Element.Min == 0 && is.Element.Name != "id":
			continue
		case ok && root && is.Element.Name == "meta":
			continue
		}
		s.name(string(m.Name()))
		s.value(m, is)
		if root && string(name) == "resourceType" {
			s.meta(n.Get("meta"))
		}
	}
	if len(s.out) == start+1 {
		s.out = append(s.out[:start], n.Raw()...) // nothing of it is of the summary, but it is
		return
	}
	s.out = append(s.out, '}')
}

func (s *subsetter) name(name string) {
	if s.out[len(s.out)-1] != '{' {
		s.out = append(s.out, ',')
	}
	s.out = append(append(append(s.out, '"'), name...), '"', ':')
}

// value writes a value whole, or of a summary what belongs to it.
func (s *subsetter) value(m resource.Node, is Member) {
	deeper := s.part == OnlySummary && is.Type != nil && is.Type.Shape != nil && is.Type.Shape.Kind == Backbone && m.Name()[0] != '_'
	if !deeper {
		s.out = append(s.out, m.Raw()...)
		return
	}
	if m.Kind() != resource.Array {
		s.object(m, is.Type.Shape, false)
		return
	}
	s.out = append(s.out, '[')
	for item := range m.Items() {
		if s.out[len(s.out)-1] != '[' {
			s.out = append(s.out, ',')
		}
		s.object(item, is.Type.Shape, false)
	}
	s.out = append(s.out, ']')
}

const subsetted = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`

// meta writes meta with the tag that says that this is not all.
func (s *subsetter) meta(meta resource.Node) {
	s.name("meta")
	s.out = append(s.out, '{')
	for m := range meta.Children() {
		if string(m.Name()) == "tag" {
			continue
		}
		s.name(string(m.Name()))
		s.out = append(s.out, m.Raw()...)
	}
	s.name("tag")
	s.out = append(s.out, '[')
	for tag := range meta.Get("tag").Items() {
		s.out = append(append(s.out, tag.Raw()...), ',')
	}
	s.out = append(append(s.out, subsetted...), ']', '}')
}
