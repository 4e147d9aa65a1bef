package profile

import (
	"fmt"

	"cairn/fhir/resource"
)

// Check is what is wrong with the structure of a resource: elements that its type does not have, cardinality, JSON types,
// formats of primitives, codes of required bindings that R4 lists, types that references point to, choices, contained
// resources (dom-2 to dom-5), extensions (ext-1), empty elements (ele-1) and the XHTML of narratives (txt-1, txt-2), at
// any depth, resources in Bundles and Parameters included. Nil: nothing. It stops after MaxIssues. Where nothing is
// wrong it allocates nothing, unless strings have escapes or there are contained resources.
//
// Other invariants are Validate's.
func Check(doc *resource.Doc) []Issue {
	c := checker{t: tables(), root: doc.Root()}
	c.resource(c.root, c.root, false)
	return c.issues
}

// checker walks through one resource.
type checker struct {
	t      *table
	root   resource.Node
	issues []Issue
	full   bool

	home resource.Node            // whose contained resources ids has
	ids  map[string]resource.Node // where there are many
}

// seen is which elements of an object were met.
type seen struct {
	bits   [maxElements / 64]uint64
	choice [maxChoices]*Type
}

func (s *seen) has(place int) bool { return s.bits[place/64]&(1<<(place%64)) != 0 }
func (s *seen) mark(place int)     { s.bits[place/64] |= 1 << (place % 64) }

// resource checks a resource: the root, a contained one, or one in a Bundle or Parameters. home is the resource whose
// contained resources its fragments name.
func (c *checker) resource(n, home resource.Node, contained bool) {
	typ, _ := n.Get("resourceType").Content()
	shape := c.t.shapes[string(typ)]
	if shape == nil || shape.Kind != Resource {
		c.found("value", RuleType, "R4 has no such type of resource.", n)
		return
	}
	if !contained {
		home = n
	}
	c.object(n, shape, home)
	inside := n.Get("contained")
	switch {
	case !inside.Exists():
	case contained:
		c.found("invariant", RuleNested, "A contained resource cannot contain others. Put them beside it.", inside)
	default:
		c.contained(n, inside)
	}
}

// object checks the members of an object of the type shape.
func (c *checker) object(n resource.Node, shape *Shape, home resource.Node) {
	var s seen
	for m := range n.Children() {
		if c.full {
			return
		}
		c.member(m, shape, &s, home)
	}
	for _, place := range shape.mandatory {
		if e := &shape.Elements[place]; !s.has(place) {
			c.add(Issue{Error, "required", RuleMin, n.Expression() + "." + e.Name, "This element is missing: there must be at least one.", ""})
		}
	}
	switch {
	case shape.Name == "Extension":
		c.extension(n, shape, &s)
	case n.Len() == 1 && shape.Kind != Resource && shape.Kind != Abstract && s.has(0):
		c.found("invariant", RuleEmpty, "This element has an id and nothing else.", n)
	}
}

func (c *checker) member(m resource.Node, shape *Shape, s *seen, home resource.Node) {
	name := m.Name()
	companion := len(name) > 1 && name[0] == '_'
	if companion {
		name = name[1:]
	}
	is, ok := shape.members[string(name)]
	if !ok || companion && is.Type.Shape.kindOf() != Primitive {
		if string(name) != "resourceType" || companion || shape.Kind != Resource {
			c.unknown(m, shape)
		}
		return
	}
	e := is.Element
	if e.choice > 0 {
		if other := s.choice[e.choice]; other != nil && other != is.Type {
			c.found("structure", RuleChoice, "This element stands here with two types. Send one of them.", m)
			return
		}
		s.choice[e.choice] = is.Type
	}
	s.mark(e.place)
	if companion {
		c.companion(m, e, home)
		return
	}
	c.element(m, is, home)
}

func (s *Shape) kindOf() Kind {
	if s == nil {
		return Resource
	}
	return s.Kind
}

func (c *checker) unknown(m resource.Node, shape *Shape) {
	text := shape.Name + " has no such element."
	if name := m.Name(); len(name) > 0 && shape.choiceOf(string(name)) != "" {
		text = shape.Name + " has no such element: a choice carries its type in its name, such as " + shape.choiceOf(string(name)) + "."
	}
	c.found("structure", RuleUnknown, text, m)
}

// choiceOf is a member of the choice that goes by the name without type, "" if there is none.
func (s *Shape) choiceOf(name string) string {
	if e := s.Element(name + "[x]"); e != nil {
		return e.Types[0].Member
	}
	return ""
}

// element checks the value or the values of an element.
func (c *checker) element(m resource.Node, is Member, home resource.Node) {
	if !c.arity(m, is.Element) {
		return
	}
	for item := range m.Items() {
		if c.full {
			return
		}
		if item.Kind() == resource.Null && is.Type.Shape.kindOf() == Primitive {
			continue // its companion stands for it; fhir/resource has seen to that
		}
		c.value(item, is, home)
	}
}

// arity checks that a list is an array and anything else is not.
func (c *checker) arity(m resource.Node, e *Element) bool {
	switch array := m.Kind() == resource.Array; {
	case array && e.Max == 1:
		return c.found("structure", RuleMax, "This element may occur once: send its value without an array.", m) && false
	case e.Max == 0:
		return c.found("structure", RuleMax, "This element may not occur here.", m) && false
	case !array && e.Many():
		return c.found("structure", RuleKind, "This element is a list: send an array.", m) && false
	case array && m.Len() > e.Max:
		return c.found("structure", RuleMax, fmt.Sprintf("This element may occur %d times.", e.Max), m) && false
	}
	return true
}

func (c *checker) value(item resource.Node, is Member, home resource.Node) {
	shape := is.Type.Shape
	switch {
	case shape.kindOf() == Primitive:
		c.primitive(item, shape, is)
	case item.Kind() != resource.Object:
		c.found("structure", RuleKind, "This element is an object.", item)
	case shape == nil:
		c.resource(item, home, is.Element.Name == "contained")
	default:
		c.object(item, shape, home)
		c.complex(item, shape, is, home)
	}
}

// complex checks what the element asks of a value beyond its type.
func (c *checker) complex(item resource.Node, shape *Shape, is Member, home resource.Node) {
	if len(is.Type.Targets) > 0 || shape.Name == "Reference" {
		c.reference(item, is.Type, home)
	}
	if codes := is.Element.Binding.Codes; codes != nil {
		c.coded(item, shape, codes)
	}
}

// companion checks "_x", the id and extensions of the primitive x.
func (c *checker) companion(m resource.Node, e *Element, home resource.Node) {
	if !c.arity(m, e) {
		return
	}
	for item := range m.Items() {
		switch item.Kind() {
		case resource.Null:
		case resource.Object:
			c.object(item, c.t.shapes["Element"], home)
		default:
			c.found("structure", RuleKind, "This element holds id and extensions: it is an object.", item)
		}
	}
}

func (c *checker) primitive(item resource.Node, shape *Shape, is Member) {
	content, ok := literal(item, shape.Name)
	if !ok {
		c.found("structure", RuleKind, fmt.Sprintf("This element is a %s: send a JSON %s.", shape.Name, jsonKind(shape.Name)), item)
		return
	}
	if !shape.format(content) {
		c.found("value", RuleFormat, "The value of this element "+forms[shape.Name]+".", item)
		return
	}
	if codes := is.Element.Binding.Codes; codes != nil && !codes.Has(content) {
		c.found("code-invalid", RuleCode, "This code is not one that R4 allows here. "+codes.describe(), item)
	}
	if shape.Name == "xhtml" {
		c.narrative(item, content)
	}
}

// literal is the text of a primitive; false if the JSON kind is not that of the type (FHIR R4 2.6.2.2).
func literal(item resource.Node, typ string) ([]byte, bool) {
	switch item.Kind() {
	case resource.String:
		content, _ := item.Content()
		return content, jsonKind(typ) == "string"
	case resource.Number:
		return item.Raw(), jsonKind(typ) == "number"
	case resource.Bool:
		return item.Raw(), typ == "boolean"
	}
	return nil, false
}

func jsonKind(typ string) string {
	switch typ {
	case "boolean":
		return "boolean"
	case "integer", "unsignedInt", "positiveInt", "decimal":
		return "number"
	}
	return "string"
}

// extension checks ext-1: a value or extensions, not both, not neither.
func (c *checker) extension(n resource.Node, shape *Shape, s *seen) {
	value, inside := false, false
	for i := range shape.Elements {
		switch shape.Elements[i].Name {
		case "value[x]":
			value = s.has(i)
		case "extension":
			inside = s.has(i)
		}
	}
	if value == inside {
		c.found("invariant", RuleExtension, "An extension has either a value or extensions of its own, not both, and not neither.", n)
	}
}
