package term

import (
	"slices"
	"strings"

	"cairn/fhir/resource"
)

// System is a code system with its content (FHIR R4 4.7).
type System struct {
	URL, Version, Name, Title string
	CaseSensitive             bool
	Complete                  bool // content is "complete": a code that is not here does not exist

	concepts []concept
	byCode   map[string]int32
}

// concept is one code. Its node stays in the document that the system was read from.
type concept struct {
	code    string
	node    resource.Node
	parents []int32
}

// ReadSystem reads a CodeSystem. It refuses, with an *Error, one without a url, a code that stands in it twice, and a
// hierarchy that is a circle.
func ReadSystem(d *resource.Doc) (*System, error) {
	root := d.Root()
	s := &System{byCode: make(map[string]int32)}
	for _, f := range []struct {
		to   *string
		name string
	}{{&s.URL, "url"}, {&s.Version, "version"}, {&s.Name, "name"}, {&s.Title, "title"}} {
		*f.to, _ = root.Get(f.name).Text()
	}
	if d.Type() != "CodeSystem" || s.URL == "" {
		return nil, &Error{CodeInvalid, "A CodeSystem with a url is expected."}
	}
	s.CaseSensitive = string(root.Get("caseSensitive").Raw()) != "false"
	s.Complete = root.Get("content").Is("complete")
	if err := s.read(root.Get("concept"), -1); err != nil {
		return nil, err
	}
	return s, s.link()
}

func (s *System) read(list resource.Node, parent int32) error {
	for n := range list.Items() {
		code, _ := n.Get("code").Text()
		if code == "" {
			return &Error{CodeInvalid, "A concept of the code system " + shown(s.URL) + " has no code."}
		}
		at := int32(len(s.concepts)) //nolint:gosec // a document has at most a million nodes
		if _, twice := s.byCode[s.fold(code)]; twice {
			return &Error{CodeInvalid, "The code system " + shown(s.URL) + " has the same code twice."}
		}
		s.byCode[s.fold(code)] = at
		c := concept{code: code, node: n}
		if parent >= 0 {
			c.parents = []int32{parent}
		}
		s.concepts = append(s.concepts, c)
		if err := s.read(n.Get("concept"), at); err != nil {
			return err
		}
	}
	return nil
}

// link adds the parents that properties name: "parent" and "subsumedBy" of the child, "child" of the parent.
func (s *System) link() error {
	for at := range s.concepts {
		for p := range s.concepts[at].node.Get("property").Items() {
			other, ok := s.find(p.Get("valueCode"))
			if !ok {
				continue
			}
			switch name, _ := p.Get("code").Text(); name {
			case "parent", "subsumedBy":
				s.addParent(int32(at), other) //nolint:gosec // as above
			case "child":
				s.addParent(other, int32(at)) //nolint:gosec // as above
			}
		}
	}
	return s.circles()
}

func (s *System) find(code resource.Node) (int32, bool) {
	text, ok := code.Text()
	if !ok {
		return 0, false
	}
	at, ok := s.byCode[s.fold(text)]
	return at, ok
}

func (s *System) addParent(child, parent int32) {
	c := &s.concepts[child]
	if child != parent && !slices.Contains(c.parents, parent) {
		c.parents = append(c.parents, parent)
	}
}

// circles refuses a hierarchy in which a concept is above itself.
func (s *System) circles() error {
	const open, done = 1, 2
	state := make([]uint8, len(s.concepts))
	var visit func(at int32, depth int) bool
	visit = func(at int32, depth int) bool {
		if state[at] != 0 {
			return state[at] == done
		}
		if state[at] = open; depth > maxAncestors {
			return false
		}
		for _, p := range s.concepts[at].parents {
			if !visit(p, depth+1) {
				return false
			}
		}
		state[at] = done
		return true
	}
	for at := range s.concepts {
		if !visit(int32(at), 0) { //nolint:gosec // as above
			return &Error{CodeInvalid, "The hierarchy of the code system " + shown(s.URL) + " is a circle or too deep."}
		}
	}
	return nil
}

// maxAncestors bounds how deep a hierarchy is.
const maxAncestors = 1_000

func (s *System) fold(code string) string {
	if s.CaseSensitive {
		return code
	}
	return strings.ToLower(code)
}

// Concept is what a system says of one code.
type Concept struct {
	Coding
	Definition string
	Parents    []string
	Children   []string
	node       resource.Node
}

// Len is the number of concepts.
func (s *System) Len() int { return len(s.concepts) }

// Lookup returns a concept by its code.
func (s *System) Lookup(code string) (Concept, bool) {
	at, ok := s.byCode[s.fold(code)]
	if !ok {
		return Concept{}, false
	}
	c := Concept{Coding: s.coding(at), node: s.concepts[at].node}
	c.Definition, _ = c.node.Get("definition").Text()
	for _, p := range s.concepts[at].parents {
		c.Parents = append(c.Parents, s.concepts[p].code)
	}
	for i := range s.concepts {
		if slices.Contains(s.concepts[i].parents, at) {
			c.Children = append(c.Children, s.concepts[i].code)
		}
	}
	return c, true
}

// Property is one property of a concept: the member value[x] as it stands in the CodeSystem.
type Property struct {
	Code  string
	Name  string // of the member: valueCode, valueString...
	Value resource.Node
}

// Properties returns the properties that the system gives a concept, in its order.
func (c Concept) Properties() (out []Property) {
	for p := range c.node.Get("property").Items() {
		code, _ := p.Get("code").Text()
		for name, value := range p.Fields() {
			if strings.HasPrefix(name, "value") {
				out = append(out, Property{code, name, value})
			}
		}
	}
	return out
}

// Designation is another way to say a concept.
type Designation struct{ Language, Value string }

// Designations returns the other ways to say a concept.
func (c Concept) Designations() (out []Designation) {
	for d := range c.node.Get("designation").Items() {
		var one Designation
		one.Language, _ = d.Get("language").Text()
		one.Value, _ = d.Get("value").Text()
		out = append(out, one)
	}
	return out
}

func (s *System) coding(at int32) Coding {
	c := &s.concepts[at]
	out := Coding{System: s.URL, Version: s.Version, Code: c.code}
	out.Display, _ = c.node.Get("display").Text()
	out.Inactive = s.has(at, "status", "retired", "inactive") || s.has(at, "inactive", "true")
	out.Abstract = s.has(at, "notSelectable", "true") || s.has(at, "abstract", "true")
	return out
}

// has reports whether a concept has a property with one of these values.
func (s *System) has(at int32, property string, values ...string) bool {
	for p := range s.concepts[at].node.Get("property").Items() {
		if !p.Get("code").Is(property) {
			continue
		}
		for name, v := range p.Fields() {
			if strings.HasPrefix(name, "value") && slices.Contains(values, plain(v)) {
				return true
			}
		}
	}
	return false
}

// plain is a value as text: a string's content, anything else as written.
func plain(n resource.Node) string {
	if text, ok := n.Text(); ok {
		return text
	}
	return string(n.Raw())
}

// under reports whether at is top or below it.
func (s *System) under(at, top int32) bool {
	if at == top {
		return true
	}
	return slices.ContainsFunc(s.concepts[at].parents, func(p int32) bool { return s.under(p, top) })
}

// Subsumes answers how two codes stand to each other, in the words of the operation $subsumes: equivalent, subsumes,
// subsumed-by or not-subsumed. Not ok where a code is not known.
func (s *System) Subsumes(a, b string) (outcome string, ok bool) {
	i, known := s.byCode[s.fold(a)]
	j, also := s.byCode[s.fold(b)]
	switch {
	case !known || !also:
		return "", false
	case i == j:
		return "equivalent", true
	case s.under(j, i):
		return "subsumes", true
	case s.under(i, j):
		return "subsumed-by", true
	}
	return "not-subsumed", true
}

// Below returns a concept and all below it; Above, it and all above it. Both are empty for a code that is not known.
func (s *System) Below(code string) []Coding { return s.relatives(code, s.under) }

// Above returns a concept and all above it.
func (s *System) Above(code string) []Coding {
	return s.relatives(code, func(at, of int32) bool { return s.under(of, at) })
}

func (s *System) relatives(code string, is func(at, of int32) bool) (out []Coding) {
	of, ok := s.byCode[s.fold(code)]
	if !ok {
		return nil
	}
	for at := range s.concepts {
		if is(int32(at), of) { //nolint:gosec // as above
			out = append(out, s.coding(int32(at))) //nolint:gosec // as above
		}
	}
	return out
}
