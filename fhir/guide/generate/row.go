package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// row is what the table says of an element: what differs from what stands above it.
type row struct {
	id         string
	min        int // -1: nothing
	max        string
	types      []elementType
	reference  string // the element whose content this has, where the profile says anything of that
	values     map[string]json.RawMessage
	length     int
	binding    binding
	constraint []constraint
	slicing    *slicing
}

// differ is the row of an element.
func differ(e, above *element) row {
	if above == nil {
		above = &element{Max: "*"}
	}
	r := row{id: e.ID, min: -1, values: map[string]json.RawMessage{}}
	if e.Min != above.Min && e.path != "" {
		r.min = e.Min
	}
	if e.Max != above.Max && e.path != "" {
		r.max = e.Max
	}
	if !sameTypes(e.Type, above.Type) && !bare(e.Type) && !bare(above.Type) {
		r.types = e.Type
	}
	if e.MaxLength != above.MaxLength {
		r.length = e.MaxLength
	}
	for name, value := range e.values {
		if !bytes.Equal(value, above.values[name]) {
			r.values[name] = value
		}
	}
	r.bind(e.Binding, above.Binding)
	for _, c := range e.Constraint {
		c.Key, c.Human = strings.TrimSpace(c.Key), strings.TrimSpace(c.Human)
		if c.Expression != "" && !general[c.Key] && !slices.ContainsFunc(above.Constraint, func(o constraint) bool { return o.Key == c.Key && o.Expression == c.Expression }) {
			r.constraint = append(r.constraint, c)
		}
	}
	if s := e.Slicing; s != nil && !plain(e.path, s) {
		r.slicing = s
	}
	return r
}

// bind takes over a binding that is stricter than an example.
func (r *row) bind(b, above binding) {
	same := b.Strength == above.Strength && unversioned(b.ValueSet) == unversioned(above.ValueSet) && b.most() == above.most()
	if b.Strength != "example" && b.ValueSet != "" && !same {
		r.binding = b
	}
}

const mostSet = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"

// most is the value set beyond which no code may be.
func (b binding) most() string {
	for _, x := range b.Extension {
		if x.URL == mostSet {
			return unversioned(x.ValueCanonical)
		}
	}
	return ""
}

func unversioned(url string) string {
	url, _, _ = strings.Cut(url, "|")
	return url
}

// general are the invariants that every snapshot repeats.
var general = map[string]bool{"ele-1": true, "ext-1": true, "dom-1": true, "dom-2": true, "dom-3": true, "dom-4": true, "dom-5": true, "dom-6": true}

// plain reports whether slicing is what goes without saying: extensions by url, choices by type.
func plain(path string, s *slicing) bool {
	if len(s.Discriminator) != 1 || s.Ordered || s.Rules == "closed" {
		return false
	}
	d := s.Discriminator[0]
	name := path[strings.LastIndexByte(path, '.')+1:]
	return strings.HasSuffix(strings.ToLower(name), "extension") && d == discriminator{"value", "url"} ||
		strings.HasSuffix(name, "[x]") && d == discriminator{"type", "$this"}
}

func sameTypes(a, b []elementType) bool {
	return slices.EqualFunc(a, b, func(x, y elementType) bool {
		return x.Code == y.Code && slices.Equal(x.Profile, y.Profile) && slices.Equal(x.Target, y.Target)
	})
}

// bare reports whether a type is one of FHIRPath's: that of an id, a url, the value of a primitive.
func bare(types []elementType) bool {
	return len(types) == 1 && strings.HasPrefix(types[0].Code, "http://hl7.org/fhirpath/")
}

func (r *row) empty() bool { return string(r.json()) == `{"id":`+strconv.Quote(r.id)+`}` }

// json is the row as an ElementDefinition.
func (r *row) json() []byte {
	var out bytes.Buffer
	add := func(name string, value any) {
		out.WriteString(`,"` + name + `":`)
		out.Write(encode(value))
	}
	out.WriteString(`{"id":` + strconv.Quote(r.id))
	if r.slicing != nil {
		add("slicing", r.slicing)
	}
	if r.min >= 0 {
		add("min", r.min)
	}
	if r.max != "" {
		add("max", r.max)
	}
	if r.reference != "" {
		add("contentReference", r.reference)
	}
	if len(r.types) > 0 {
		add("type", r.types)
	}
	for _, name := range sorted(r.values) {
		add(name, r.values[name])
	}
	if r.length > 0 {
		add("maxLength", r.length)
	}
	if len(r.constraint) > 0 {
		add("constraint", r.constraint)
	}
	if r.binding.ValueSet != "" {
		add("binding", r.bound())
	}
	out.WriteByte('}')
	return out.Bytes()
}

func (r *row) bound() any {
	type canonical struct {
		URL   string `json:"url"`
		Value string `json:"valueCanonical"`
	}
	out := struct {
		Extension []canonical `json:"extension,omitempty"`
		Strength  string      `json:"strength"`
		ValueSet  string      `json:"valueSet"`
	}{Strength: r.binding.Strength, ValueSet: unversioned(r.binding.ValueSet)}
	if most := r.binding.most(); most != "" {
		out.Extension = []canonical{{mostSet, most}}
	}
	return out
}
