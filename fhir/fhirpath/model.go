package fhirpath

import (
	"strings"

	"cairn/fhir/profile"
)

// model tells the engine the types of R4, from the shapes of fhir/profile. An element with content of its own has a type of
// its own, "Patient.contact", so that what is below it is found whichever way it was reached.
type model struct{}

// noChoice is what stands for the types of an element that is no choice. The engine, which would try all types where it is
// told of none, looks for a member of that name once and finds nothing.
var noChoice = []string{"-"}

func element(path string) (*profile.Shape, string) {
	dot := strings.LastIndexByte(path, '.')
	if dot < 0 {
		return nil, ""
	}
	return profile.Of(path[:dot]), path[dot+1:]
}

// ChoiceTypes is the types of a choice, "Observation.value".
func (model) ChoiceTypes(path string) []string {
	shape, name := element(path)
	if shape == nil {
		return nil
	}
	e := shape.Element(name + "[x]")
	if e == nil {
		return noChoice
	}
	types := make([]string, len(e.Types))
	for i := range e.Types {
		types[i] = e.Types[i].Code
	}
	return types
}

// TypeOf is the type of an element; "" where there is none, or where it can be any resource and says itself which.
func (model) TypeOf(path string) string {
	shape, name := element(path)
	if shape == nil {
		return ""
	}
	m, ok := shape.Member([]byte(name))
	switch {
	case !ok || m.Type.Shape == nil:
		return ""
	case m.Type.Shape.Kind == profile.Backbone:
		return m.Type.Shape.Name
	}
	return m.Type.Code
}

// ReferenceTargets is never asked for.
func (model) ReferenceTargets(string) []string { return nil }

// ParentType is the type that a type is based on.
func (model) ParentType(name string) string {
	if shape := profile.Of(name); shape != nil && shape.Base != nil {
		return shape.Base.Name
	}
	return ""
}

// IsSubtype reports whether a type is another one, or based on it.
func (model) IsSubtype(child, parent string) bool { return profile.Of(child).Is(parent) }

// ResolvePath changes nothing: shapes follow references to the content of other elements.
func (model) ResolvePath(path string) string { return path }

// IsResource reports whether a type is a resource.
func (model) IsResource(name string) bool {
	shape := profile.Of(name)
	return shape != nil && shape.Is("Resource")
}

// FHIRVersion is that of R4.
func (model) FHIRVersion() string { return "4.0.1" }

// LookupType reports whether R4 has a type of that name; it always knows.
func (model) LookupType(name string) (known, supported bool) { return profile.Of(name) != nil, true }
