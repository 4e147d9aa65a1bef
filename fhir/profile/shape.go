package profile

// Kind is what sort of type a Shape is.
type Kind uint8

// The kinds. A Backbone is the content of an element that is a type of its own, such as Patient.contact.
const (
	Primitive Kind = iota + 1
	Complex
	Backbone
	Resource
	Abstract
)

// Shape is one type of R4. It is shared: do not change it.
type Shape struct {
	Name     string // "Patient", "HumanName", "Patient.contact", "date"
	Kind     Kind
	Base     *Shape // nil for Element and Resource
	Regex    string // of a primitive, as R4 writes it; formats are checked without it
	Elements []Element
	Rules    []Rule // invariants of the type, those of Base not among them

	format    format
	members   map[string]Member
	mandatory []int
}

// Element is an element of a Shape, inherited ones included.
type Element struct {
	Name      string // as defined: "birthDate", "value[x]"
	Min       int
	Max       int // Unbounded, 0 where a type forbids it, else the most
	Summary   bool
	Modifier  bool
	Attribute bool // in XML it is an attribute (Element.id, Extension.url)
	Types     []Type
	Binding   Binding
	Rules     []Rule // invariants of the element beside those of its type

	place  int
	choice int // 1, 2... for the elements of a shape that are choices; 0 for others
}

// Unbounded is the Max of an element that may occur any number of times.
const Unbounded = 1 << 30

// Many reports whether the element is a list, in JSON an array.
func (e *Element) Many() bool { return e.Max > 1 }

// Place is where the element stands among those of its shape, from 0. XML has the same order.
func (e *Element) Place() int { return e.place }

// Type is one of the types that an element may have.
type Type struct {
	Code    string   // "string", "Quantity", "Reference", "Resource", "BackboneElement"
	Shape   *Shape   // nil for Resource, whose shape the resourceType names
	Targets []string // of a Reference: resource types; empty for any
	Member  string   // the name in JSON and XML: "valueQuantity"
}

// Member is what a name in JSON or XML means in a Shape.
type Member struct {
	Element *Element
	Type    *Type
}

// Strength is how strictly a binding holds (FHIR R4 4.1.5).
type Strength uint8

// The strengths. Example bindings are not kept.
const (
	Unbound Strength = iota
	Preferred
	Extensible
	Required
)

// Binding ties an element to a value set.
type Binding struct {
	Strength Strength
	ValueSet string // canonical URL without version
	Codes    *Codes // where R4 lists them all and the binding is required; else nil
}

// Codes is the codes of a value set.
type Codes struct {
	URL     string
	systems map[string]map[string]bool
	all     map[string]bool
}

// Has reports whether a code is among them, whatever its system.
func (c *Codes) Has(code []byte) bool { return c.all[string(code)] }

// HasIn reports whether a code of a system is among them.
func (c *Codes) HasIn(system, code []byte) bool { return c.systems[string(system)][string(code)] }

// Rule is an invariant: a FHIRPath expression that is true.
type Rule struct {
	Key        string
	Warning    bool // else an error
	Expression string
	Human      string
}

// Member is what the name of a member of JSON, or of an element in XML, means; false if the shape has no such.
func (s *Shape) Member(name []byte) (Member, bool) {
	m, ok := s.members[string(name)]
	return m, ok
}

// Element is the element of that name as it is defined, nil if there is none: "value[x]" is one, "valueString" is not.
func (s *Shape) Element(name string) *Element {
	for i := range s.Elements {
		if s.Elements[i].Name == name {
			return &s.Elements[i]
		}
	}
	return nil
}

// Is reports whether s is the type of that name or based on it.
func (s *Shape) Is(name string) bool {
	for ; s != nil; s = s.Base {
		if s.Name == name {
			return true
		}
	}
	return false
}

// Accepts reports whether text has the form of a primitive type (FHIR R4 2.24.0.1); false for types that are none.
func (s *Shape) Accepts(text []byte) bool { return s.format != nil && s.format(text) }

// Bare reports whether the values of a primitive type stand without quotes in JSON: numbers and booleans.
func (s *Shape) Bare() bool { return s.Kind == Primitive && jsonKind(s.Name) != "string" }
