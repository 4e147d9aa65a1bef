package patch

import (
	"errors"
	"strconv"

	"cairn/fhir/fhirpath"
	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// spot is an element of the resource and the way to it.
type spot struct {
	node    resource.Node // does not exist where a primitive has extensions and no value
	pointer pointer
	shape   *profile.Shape
	owner   *spot // the object that it is an element of; nil for the resource itself
	element *profile.Element
	index   int           // in its list, else -1
	beside  bool          // it is what stands beside a primitive, its id and extensions
	within  resource.Node // the resource that it stands in
}

// find is the elements that a path selects, in order.
func (p *operand) find(steps path) ([]spot, *Error) {
	root := p.doc.Root()
	shape := profile.Of(p.doc.Type())
	found := []spot{{node: root, pointer: pointer{}, shape: shape, index: -1, within: root}}
	if len(steps) > 0 && steps[0].does == member && shape.Is(steps[0].name) {
		steps = steps[1:]
	}
	subject := fhirpath.Of(p.doc)
	for _, s := range steps {
		if !p.meter.spend(1 + len(found)) {
			return nil, tooMuch()
		}
		var err *Error
		if found, err = p.step(subject, found, s); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (p *operand) step(subject *fhirpath.Subject, from []spot, s step) ([]spot, *Error) {
	switch s.does {
	case member:
		var out []spot
		for i := range from {
			below, err := p.below(&from[i], s.name)
			if err != nil {
				return nil, err
			}
			out = append(out, below...)
		}
		return out, nil
	case extended:
		return p.extensions(from, s.name)
	case item:
		return slice(from, s.n, s.n+1), nil
	case skip:
		return slice(from, s.n, len(from)), nil
	case take:
		return slice(from, 0, s.n), nil
	case last:
		return slice(from, len(from)-1, len(from)), nil
	case single:
		if len(from) > 1 {
			return nil, whole(Inapplicable, "multiple-matches", "single() in the path finds several elements.")
		}
		return from, nil
	case typed:
		return keep(from, func(at spot) (bool, *Error) { return at.shape.Is(s.name), nil })
	}
	return keep(from, func(at spot) (bool, *Error) { return p.holds(subject, at, s.when) })
}

func slice(from []spot, lo, hi int) []spot {
	lo, hi = max(lo, 0), min(hi, len(from))
	if lo >= hi {
		return nil
	}
	return from[lo:hi]
}

func keep(from []spot, good func(spot) (bool, *Error)) (out []spot, err *Error) {
	for _, at := range from {
		ok, err := good(at)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, at)
		}
	}
	return out, nil
}

// holds evaluates the condition of a where().
func (p *operand) holds(subject *fhirpath.Subject, at spot, when fhirpath.Program) (bool, *Error) {
	start, end := at.node.Span()
	if !p.meter.spend(100 + (end-start)/64) {
		return false, tooMuch()
	}
	if at.shape == nil {
		return false, nil
	}
	ok, err := subject.At(at.node, at.shape.Name, at.within).True(when)
	if err == nil {
		return ok, nil
	}
	var e *fhirpath.Error
	if errors.As(err, &e) && e.Code == "too-costly" {
		return false, tooMuch()
	}
	return false, whole(Inapplicable, "processing", "A where() in the path cannot be evaluated on this resource.")
}

// below is the elements of a spot that go by a name.
func (p *operand) below(at *spot, name string) ([]spot, *Error) {
	if at.shape != nil && at.shape.Kind == profile.Primitive && !at.beside {
		at = at.companion()
	}
	if at.node.Kind() != resource.Object || at.shape == nil {
		return nil, nil
	}
	e := elementOf(at.shape, name)
	if e == nil {
		return nil, whole(Inapplicable, "structure", "The path names an element that R4 does not have there.")
	}
	member := memberIn(at.node, e)
	if member == "" {
		return nil, nil
	}
	value, companion := at.node.Get(member), at.node.Get("_"+member)
	if value.Kind() != resource.Array && companion.Kind() != resource.Array {
		return []spot{at.child(e, member, -1, value)}, nil
	}
	count := max(value.Len(), companion.Len())
	if !p.meter.spend(count) {
		return nil, tooMuch()
	}
	out := make([]spot, 0, count)
	items := make([]resource.Node, 0, count)
	for item := range value.Items() {
		items = append(items, item)
	}
	for i := range count {
		var item resource.Node
		if i < len(items) {
			item = items[i]
		}
		out = append(out, at.child(e, member, i, item))
	}
	return out, nil
}

// companion is what stands beside a primitive: an Element without a value (FHIR R4 2.6.2.2).
func (at *spot) companion() *spot {
	c := *at
	c.beside, c.shape = true, profile.Of("Element")
	c.pointer = append(pointer{}, at.pointer...)
	name := &c.pointer[len(at.owner.pointer)]
	*name = "_" + *name
	c.node = at.owner.node.Get(*name)
	if at.index >= 0 {
		c.node = c.node.At(at.index)
	}
	return &c
}

func (at *spot) child(e *profile.Element, member string, index int, n resource.Node) spot {
	way := append(append(make(pointer, 0, len(at.pointer)+2), at.pointer...), member)
	if index >= 0 {
		way = append(way, strconv.Itoa(index))
	}
	c := spot{node: n, pointer: way, owner: at, element: e, index: index, within: at.within}
	if is, ok := at.shape.Member([]byte(member)); ok {
		c.shape = is.Type.Shape
	}
	if c.shape == nil {
		typ, _ := n.Get("resourceType").Text()
		c.shape, c.within = profile.Of(typ), n
	}
	return c
}

// extensions is the extensions of spots with a url.
func (p *operand) extensions(from []spot, url string) ([]spot, *Error) {
	var out []spot
	for i := range from {
		all, err := p.below(&from[i], "extension")
		if err != nil {
			return nil, err
		}
		for _, at := range all {
			if at.node.Get("url").Is(url) {
				out = append(out, at)
			}
		}
	}
	return out, nil
}
