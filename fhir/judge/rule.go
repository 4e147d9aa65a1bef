package judge

import (
	"errors"
	"strconv"
	"strings"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// rule is what a profile says of one element, or of one slice of it.
type rule struct {
	name  string         // as R4 defines it: "identifier", "value[x]"
	slice string         // "" for the element itself
	shape *profile.Shape // of its content, nil where it may be of several types

	min, max  int // unset where the profile leaves it alone
	maxLength int
	types     []typeRule
	fixed     resource.Node
	pattern   resource.Node
	least     resource.Node // minValue[x]
	most      resource.Node // maxValue[x]
	binding   profile.Binding
	beyond    profile.Binding // the value set that no code may be outside of, whatever the strength of binding
	rules     []profile.Rule
	slicing   *slicing
	reference string // of a contentReference: the id of the element whose content this has
	content   *rule  // the same, found

	children []*rule
	slices   []*rule
}

const unset = -1

// typeRule is a type that an element may have.
type typeRule struct {
	code     string
	profiles []string // of which the value meets one
	targets  []string // profiles of which the target of a Reference meets one
}

// slicing is how the values of an element are told apart (FHIR R4 5.1.0.9).
type slicing struct {
	by      []discriminator
	closed  bool
	atEnd   bool // what is in no slice stands last
	ordered bool
}

type discriminator struct{ kind, path string }

// reader makes rules of the elements of a StructureDefinition.
type reader struct {
	root *rule
	byID map[string]*rule
}

// element adds what one ElementDefinition says.
func (r *reader) element(e resource.Node, typ string) error {
	id := textOf(e, "id")
	if id == "" {
		id = textOf(e, "path")
		if s := textOf(e, "sliceName"); s != "" {
			id += ":" + s
		}
	}
	first, rest, _ := strings.Cut(id, ".")
	if first != typ && !strings.HasPrefix(first, typ+":") {
		return errors.New("the element is not of the type that the profile constrains")
	}
	at := r.root
	for rest != "" {
		var step string
		if step, rest, _ = strings.Cut(rest, "."); step == "" {
			return errors.New("the id of the element is not well formed")
		}
		var err error
		if at, err = at.child(step); err != nil {
			return err
		}
	}
	r.byID[id] = at
	return at.read(e)
}

// child is the rule of an element right below, by a step of an element id: "name", "name:slice", "name:slice/reslice".
func (r *rule) child(step string) (*rule, error) {
	name, slice, _ := strings.Cut(step, ":")
	shape := r.shape
	if kindOf(shape) == profile.Primitive {
		if name == "value" {
			return &rule{name: name, min: unset, max: unset}, nil // the value itself, of which the element says all
		}
		shape = profile.Of("Element")
	}
	if shape != nil && shape.Element(name) == nil {
		m, ok := shape.Member([]byte(name))
		if !ok {
			return nil, errors.New("the type has no such element")
		}
		name, slice = m.Element.Name, m.Type.Member // valueQuantity for value[x]:valueQuantity
	}
	at := find(&r.children, name, "")
	if at.shape == nil {
		at.shape = shapeOf(shape, name)
	}
	if slice == "" {
		return at, nil
	}
	for part := range strings.SplitSeq(slice, "/") {
		parent := at
		at = find(&parent.slices, name, part)
		if at.shape == nil {
			at.shape = parent.shape
		}
		if at.shape == nil {
			at.choose(shape, part)
		}
	}
	return at, nil
}

// choose gives a slice of a choice the type in its name: value[x]:valueQuantity.
func (r *rule) choose(parent *profile.Shape, member string) {
	if parent == nil {
		return
	}
	if m, ok := parent.Member([]byte(member)); ok && strings.HasSuffix(m.Element.Name, "[x]") && m.Element.Name == r.name {
		r.shape = m.Type.Shape
		if r.types == nil {
			r.types = []typeRule{{code: m.Type.Code}}
		}
	}
}

// shapeOf is the type of an element that has one type.
func shapeOf(parent *profile.Shape, name string) *profile.Shape {
	if parent == nil {
		return nil
	}
	if e := parent.Element(name); e != nil && len(e.Types) == 1 {
		return e.Types[0].Shape
	}
	return nil
}

func find(in *[]*rule, name, slice string) *rule {
	for _, r := range *in {
		if r.name == name && r.slice == slice {
			return r
		}
	}
	r := &rule{name: name, slice: slice, min: unset, max: unset}
	*in = append(*in, r)
	return r
}

// read takes over what an ElementDefinition says.
func (r *rule) read(e resource.Node) error {
	var err error
	if n := e.Get("min"); n.Exists() {
		if r.min, err = strconv.Atoi(string(n.Raw())); err != nil {
			return errors.New("min is no whole number")
		}
	}
	switch most := textOf(e, "max"); most {
	case "":
	case "*":
		r.max = profile.Unbounded
	default:
		if r.max, err = strconv.Atoi(most); err != nil {
			return errors.New("max is neither a whole number nor *")
		}
	}
	if n := e.Get("maxLength"); n.Exists() {
		r.maxLength, _ = strconv.Atoi(string(n.Raw()))
	}
	for m := range e.Children() {
		switch name := string(m.Name()); {
		case strings.HasPrefix(name, "fixed"):
			r.fixed = m
		case strings.HasPrefix(name, "pattern"):
			r.pattern = m
		case strings.HasPrefix(name, "minValue"):
			r.least = m
		case strings.HasPrefix(name, "maxValue"):
			r.most = m
		}
	}
	reference := textOf(e, "contentReference")
	r.reference = reference[strings.IndexByte(reference, '#')+1:]
	r.readTypes(e.Get("type"))
	r.readBinding(e.Get("binding"))
	r.readRules(e.Get("constraint"))
	r.readSlicing(e.Get("slicing"))
	return nil
}

func (r *rule) readTypes(all resource.Node) {
	if !all.Exists() {
		return
	}
	r.types = nil
	for t := range all.Items() {
		code := textOf(t, "code")
		if rest, ok := strings.CutPrefix(code, "http://hl7.org/fhirpath/System."); ok {
			code = strings.ToLower(rest)
		}
		r.types = append(r.types, typeRule{code: code, profiles: texts(t.Get("profile")), targets: texts(t.Get("targetProfile"))})
	}
	if len(r.types) == 1 && r.shape == nil {
		if s := profile.Of(r.types[0].code); s != nil && s.Kind != profile.Abstract {
			r.shape = s
		}
	}
}

func texts(all resource.Node) (out []string) {
	for n := range all.Items() {
		if text, ok := n.Text(); ok {
			out = append(out, text)
		}
	}
	return out
}

// maxValueSet is the extension of a binding that names the set of all codes that may be there at all.
const maxValueSet = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"

func (r *rule) readBinding(b resource.Node) {
	strengths := map[string]profile.Strength{"required": profile.Required, "extensible": profile.Extensible, "preferred": profile.Preferred}
	if s := strengths[textOf(b, "strength")]; s != profile.Unbound {
		r.binding = bindingTo(textOf(b, "valueSet"), s)
	}
	for x := range b.Get("extension").Items() {
		if textOf(x, "url") == maxValueSet {
			r.beyond = bindingTo(textOf(x, "valueCanonical"), profile.Required)
		}
	}
}

func bindingTo(canonical string, s profile.Strength) profile.Binding {
	set, _, _ := strings.Cut(canonical, "|")
	if set == "" {
		return profile.Binding{}
	}
	return profile.Binding{Strength: s, ValueSet: set, Codes: profile.ValueSet(set)}
}

// readRules leaves out what Check knows without FHIRPath.
func (r *rule) readRules(all resource.Node) {
	for c := range all.Items() {
		key, expression := textOf(c, "key"), textOf(c, "expression")
		if expression == "" || checked[key] {
			continue
		}
		r.rules = append(r.rules, profile.Rule{Key: key, Warning: textOf(c, "severity") != "error", Expression: expression, Human: textOf(c, "human")})
	}
}

// checked are the invariants of R4 that Check checks without FHIRPath.
var checked = map[string]bool{
	"ele-1": true, "ext-1": true, "dom-2": true, "dom-3": true, "dom-4": true, "dom-5": true, "ref-1": true, "txt-1": true, "txt-2": true,
}

func (r *rule) readSlicing(s resource.Node) {
	if !s.Exists() {
		return
	}
	how := textOf(s, "rules")
	r.slicing = &slicing{closed: how == "closed", atEnd: how == "openAtEnd", ordered: string(s.Get("ordered").Raw()) == "true"}
	for d := range s.Get("discriminator").Items() {
		r.slicing.by = append(r.slicing.by, discriminator{textOf(d, "type"), textOf(d, "path")})
	}
}

// link finds the elements that others have the content of.
func (r *reader) link() error {
	for _, rule := range r.byID {
		if rule.reference == "" {
			continue
		}
		if rule.content = r.byID[rule.reference]; rule.content == nil && profile.Of(rule.reference) == nil {
			return &Invalid{"StructureDefinition.snapshot.element", "A contentReference names no element."}
		}
	}
	return nil
}

// needs gathers the profiles that some part of each type names.
func (r *rule) needs(into map[string]bool, of func(typeRule) []string) {
	for _, t := range r.types {
		for _, url := range of(t) {
			if !IsCore(url) {
				into[url] = true
			}
		}
	}
	for _, more := range [2][]*rule{r.children, r.slices} {
		for _, c := range more {
			c.needs(into, of)
		}
	}
}

// offspring is the rules of the elements below.
func (r *rule) offspring() []*rule {
	if r.content != nil && len(r.children) == 0 {
		return r.content.children
	}
	return r.children
}
