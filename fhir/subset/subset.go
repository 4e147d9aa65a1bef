// Package subset leaves parts of a resource out, as a reader asks for with
// _summary and _elements (FHIR R4 3.1.1.5.8, 3.1.1.5.9).
//
// What is left keeps its bytes, its order and its digits. It is tagged as
// SUBSETTED in meta, so that nobody takes it for the whole and stores it back.
// It always has resourceType, id, meta and the elements that must be there;
// contained resources are no part of a summary, even if something refers to them;
// which they are, and which belong to a summary, follows from the definitions
// (package profile). The package is pure.
package subset

import (
	"bytes"
	"encoding/json"
	"strings"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// Choice says what to leave. The zero Choice leaves everything.
type Choice struct {
	Summary  string   // _summary: true, text or data; anything else leaves everything
	Elements []string // _elements: names of elements of the resource itself, also with the type in front
}

// Whole tells whether nothing is left out.
func (c Choice) Whole() bool {
	return len(c.Elements) == 0 && c.Summary != "true" && c.Summary != "text" && c.Summary != "data"
}

// Of is a resource with what the choice leaves of it. The answer is a copy.
func Of(n resource.Node, c Choice) []byte {
	typ, _ := n.Get("resourceType").Text()
	shape := profile.Of(typ)
	if c.Whole() || shape == nil {
		return bytes.Clone(n.Raw())
	}
	w := writer{choice: c, typ: typ}
	w.resource(n, shape)
	return w.out
}

// InBundle is a bundle of answers with each of its resources cut down; what the
// bundle itself says, and outcomes, stay whole.
func InBundle(bundle resource.Node, c Choice) []byte {
	raw := bundle.Raw()
	start, _ := bundle.Span()
	out := make([]byte, 0, len(raw))
	from := 0
	for entry := range bundle.Get("entry").Items() {
		inner := entry.Get("resource")
		if !inner.Exists() || inner.Get("resourceType").Is("OperationOutcome") {
			continue
		}
		lo, hi := inner.Span()
		out = append(append(out, raw[from:lo-start]...), Of(inner, c)...)
		from = hi - start
	}
	return append(out, raw[from:]...)
}

type writer struct {
	choice Choice
	typ    string
	out    []byte
}

// subsetted is the tag (http://hl7.org/fhir/R4/v3/ObservationValue/cs.html).
const subsetted = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`

// resource writes the resource itself.
func (w *writer) resource(n resource.Node, shape *profile.Shape) {
	w.out = append(w.out, '{')
	for name, value := range n.Fields() {
		switch {
		case name == "meta":
			w.name(name)
			w.meta(value)
		case name == "resourceType" || name == "id" || w.keeps(shape, name):
			w.name(name)
			w.value(value, memberOf(shape, name))
		}
		if name == "resourceType" && !n.Get("meta").Exists() {
			w.name("meta")
			w.out = append(append(append(w.out, `{"tag":[`...), subsetted...), "]}"...)
		}
	}
	w.out = append(w.out, '}')
}

// memberOf returns what a name means; that of the companion of a primitive is
// the primitive's.
func memberOf(shape *profile.Shape, name string) profile.Member {
	m, _ := shape.Member([]byte(strings.TrimPrefix(name, "_")))
	return m
}

// keeps tells whether an element of the resource itself is left.
func (w *writer) keeps(shape *profile.Shape, name string) bool {
	e := memberOf(shape, name).Element
	if e == nil {
		return false
	}
	if len(w.choice.Elements) > 0 {
		return e.Min > 0 || e.Modifier || w.named(e.Name)
	}
	switch w.choice.Summary {
	case "text":
		return e.Min > 0 || e.Name == "text"
	case "data":
		return e.Name != "text"
	}
	return e.Min > 0 || e.Summary
}

func (w *writer) named(element string) bool {
	element = strings.TrimSuffix(element, "[x]")
	for _, name := range w.choice.Elements {
		name = strings.TrimPrefix(name, w.typ+".")
		if strings.TrimSuffix(name, "[x]") == element {
			return true
		}
	}
	return false
}

// value writes what is left of a value.
func (w *writer) value(n resource.Node, m profile.Member) {
	deep := w.choice.Summary == "true" && len(w.choice.Elements) == 0 && m.Type != nil && m.Type.Shape != nil && m.Type.Shape.Kind != profile.Primitive
	switch {
	case !deep:
		w.out = append(w.out, n.Raw()...)
	case n.Kind() == resource.Array:
		w.items(n, m)
	case n.Kind() == resource.Object:
		w.object(n, m.Type.Shape)
	default:
		w.out = append(w.out, n.Raw()...)
	}
}

func (w *writer) items(n resource.Node, m profile.Member) {
	w.out = append(w.out, '[')
	first := true
	for item := range n.Items() {
		if !first {
			w.out = append(w.out, ',')
		}
		w.value(item, m)
		first = false
	}
	w.out = append(w.out, ']')
}

// object writes what a summary has of an element. One of which nothing would be
// left stays whole: an empty object is no FHIR.
func (w *writer) object(n resource.Node, shape *profile.Shape) {
	start := len(w.out)
	w.out = append(w.out, '{')
	for name, value := range n.Fields() {
		m := memberOf(shape, name)
		if m.Element != nil && (m.Element.Summary || m.Element.Min > 0 || m.Element.Modifier) {
			w.name(name)
			w.value(value, m)
		}
	}
	if len(w.out) == start+1 {
		w.out = append(w.out[:start], n.Raw()...)
		return
	}
	w.out = append(w.out, '}')
}

// meta writes meta with the tag added.
func (w *writer) meta(n resource.Node) {
	w.out = append(w.out, '{')
	for name, value := range n.Fields() {
		w.name(name)
		if name != "tag" {
			w.out = append(w.out, value.Raw()...)
			continue
		}
		raw := value.Raw()
		w.out = append(append(append(append(w.out, raw[:len(raw)-1]...), ','), subsetted...), ']')
	}
	if !n.Get("tag").Exists() {
		w.name("tag")
		w.out = append(append(append(w.out, '['), subsetted...), ']')
	}
	w.out = append(w.out, '}')
}

// name begins a member.
func (w *writer) name(name string) {
	if last := w.out[len(w.out)-1]; last != '{' {
		w.out = append(w.out, ',')
	}
	quoted, err := json.Marshal(name)
	if err != nil {
		return // a string can be written
	}
	w.out = append(append(w.out, quoted...), ':')
}
