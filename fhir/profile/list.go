package profile

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
