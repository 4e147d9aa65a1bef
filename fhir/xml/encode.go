package xml

import (
	"slices"

	"cairn/fhir/markup"
	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// Encode is a resource in XML, with the XML declaration, without white space between elements. It refuses what XML
// cannot say: elements that R4 does not have, values of another JSON kind than their type's, control characters, and a
// narrative that is not well formed.
func Encode(doc *resource.Doc) ([]byte, error) {
	e := encoder{out: make([]byte, 0, len(doc.Raw())+len(doc.Raw())/4)}
	e.out = append(e.out, `<?xml version="1.0" encoding="UTF-8"?>`...)
	if err := e.resource(doc.Root(), ` xmlns="`+fhirSpace+`"`); err != nil {
		return nil, err
	}
	return e.out, nil
}

type encoder struct {
	out     []byte
	members []member // of the objects at hand, innermost last
}

// member is an element of an object with the id and extensions of its primitives.
type member struct {
	is          profile.Member
	value, note resource.Node
}

func refuse(n resource.Node, code, text string) error {
	start, _ := n.Span()
	return &resource.Error{Code: code, Offset: start, Expression: n.Expression(), Text: text}
}

func (e *encoder) resource(n resource.Node, declaration string) error {
	typ, _ := n.Get("resourceType").Text()
	shape := profile.Of(typ)
	if shape == nil || shape.Kind != profile.Resource {
		return refuse(n, resource.CodeValue, "This is no resource of FHIR R4.")
	}
	e.out = append(append(append(e.out, '<'), typ...), declaration...)
	return e.content(n, shape, typ)
}

// content writes what an element holds, and its end tag; its start tag has still to be closed.
func (e *encoder) content(n resource.Node, shape *profile.Shape, tag string) error {
	from := len(e.members)
	if err := e.gather(n, shape); err != nil {
		return err
	}
	all := e.members[from:]
	for _, m := range all {
		if !m.is.Element.Attribute {
			continue
		}
		text, ok := m.value.Text()
		if !ok || m.note.Exists() {
			return refuse(m.value, resource.CodeStructure, "This element is an attribute in XML: it is a string without extensions.")
		}
		if err := e.attribute(m.is.Type.Member, []byte(text), m.value); err != nil {
			return err
		}
	}
	e.out = append(e.out, '>')
	for _, m := range all {
		if m.is.Element.Attribute {
			continue
		}
		if err := e.element(m); err != nil {
			return err
		}
	}
	e.members = e.members[:from]
	e.out = append(append(append(e.out, "</"...), tag...), '>')
	return nil
}

// gather puts the members of an object into the order of their definition.
func (e *encoder) gather(n resource.Node, shape *profile.Shape) error {
	from := len(e.members)
	for m := range n.Children() {
		name := m.Name()
		note := len(name) > 1 && name[0] == '_'
		if note {
			name = name[1:]
		}
		is, ok := shape.Member(name)
		if !ok && string(name) == "resourceType" && shape.Kind == profile.Resource {
			continue
		}
		if !ok || note && (is.Type.Shape == nil || is.Type.Shape.Kind != profile.Primitive) {
			return refuse(m, resource.CodeStructure, shape.Name+" has no such element.")
		}
		at := slices.IndexFunc(e.members[from:], func(o member) bool { return o.is.Type == is.Type })
		if at < 0 {
			e.members = append(e.members, member{is: is})
			at = len(e.members) - 1 - from
		}
		if note {
			e.members[from+at].note = m
		} else {
			e.members[from+at].value = m
		}
	}
	slices.SortStableFunc(e.members[from:], func(a, b member) int { return a.is.Element.Place() - b.is.Element.Place() })
	return nil
}

func (e *encoder) attribute(name string, value []byte, at resource.Node) error {
	if !writable(value) {
		return refuse(at, resource.CodeValue, "A control character stands here that XML does not have.")
	}
	e.out = append(append(append(e.out, ' '), name...), `="`...)
	e.out = append(escape(e.out, value), '"')
	return nil
}

// element writes all values of an element.
func (e *encoder) element(m member) error {
	shape := m.is.Type.Shape
	for _, n := range [2]resource.Node{m.value, m.note} {
		if n.Exists() && (n.Kind() == resource.Array) != m.is.Element.Many() {
			return refuse(n, resource.CodeStructure, "A list is an array in JSON, and anything else is not.")
		}
	}
	if shape == nil || shape.Kind != profile.Primitive {
		for item := range m.value.Items() {
			if err := e.complex(item, m.is, shape); err != nil {
				return err
			}
		}
		return nil
	}
	if !m.is.Element.Many() {
		return e.primitive(m.value, m.note, m.is)
	}
	for i := range max(m.value.Len(), m.note.Len()) {
		if err := e.primitive(m.value.At(i), m.note.At(i), m.is); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) complex(item resource.Node, is profile.Member, shape *profile.Shape) error {
	if item.Kind() != resource.Object {
		return refuse(item, resource.CodeStructure, "This element is an object.")
	}
	name := is.Type.Member
	e.out = append(append(e.out, '<'), name...)
	if shape != nil {
		return e.content(item, shape, name)
	}
	e.out = append(e.out, '>')
	if err := e.resource(item, ""); err != nil {
		return err
	}
	e.out = append(append(append(e.out, "</"...), name...), '>')
	return nil
}

// primitive writes one value and what goes with it.
func (e *encoder) primitive(value, note resource.Node, is profile.Member) error {
	shape := is.Type.Shape
	if shape.Name == "xhtml" {
		return e.xhtml(value)
	}
	e.out = append(append(e.out, '<'), is.Type.Member...)
	if value.Exists() && value.Kind() != resource.Null {
		text, ok := literal(value, shape)
		if !ok {
			return refuse(value, resource.CodeStructure, "The value of this element is no "+shape.Name+".")
		}
		if err := e.attribute("value", text, value); err != nil {
			return err
		}
	}
	if note.Kind() == resource.Object {
		return e.content(note, profile.Of("Element"), is.Type.Member)
	}
	e.out = append(e.out, "/>"...)
	return nil
}

func literal(value resource.Node, shape *profile.Shape) ([]byte, bool) {
	text, _ := value.Content()
	switch value.Kind() {
	case resource.String:
		return text, !shape.Bare()
	case resource.Number:
		return value.Raw(), shape.Bare() && shape.Accepts(value.Raw())
	case resource.Bool:
		return value.Raw(), shape.Name == "boolean"
	}
	return nil, false
}

// xhtml writes the narrative as it is, once it is known to be one well-formed element.
func (e *encoder) xhtml(value resource.Node) error {
	text, _ := value.Content()
	if !oneElement(text) {
		return refuse(value, resource.CodeValue, "The narrative is not one well-formed div of XHTML.")
	}
	e.out = append(e.out, text...)
	return nil
}

func oneElement(text []byte) bool {
	if len(text) < 2 || text[0] != '<' || text[1] == '?' {
		return false
	}
	r := markup.New(text, markup.Limits{})
	for first := true; ; first = false {
		kind, err := r.Next()
		switch {
		case err != nil:
			return false
		case kind == markup.End:
			return true
		case first && (kind != markup.Open || r.Space != xhtmlSpace || string(r.Local) != "div"):
			return false
		}
	}
}
