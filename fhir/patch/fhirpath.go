package patch

import (
	"fmt"
	"strconv"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// FHIRPath applies a FHIRPath Patch (FHIR R4 3.1.0.6 and fhirpatch.html) to a resource and answers with the patched
// resource. params is the Parameters that holds the operations add, insert, delete, replace and move. They are applied
// in order, each to what the one before has left; the first that fails undoes all, and the answer is an *Error.
//
// A path is an expression that selects elements: members, [n], where(), first(), last(), tail(), skip(), take(), single(),
// extension(), ofType(), as(); conditions in where() may be any FHIRPath. It must lead to exactly one element, for a
// delete to one or none. insert and move take the path of a list. A value must be of a type that the element has; the
// content of an element with content of its own is given in parts. What a delete leaves empty is deleted with it.
func FHIRPath(doc []byte, params *resource.Doc) ([]byte, error) {
	old, err := resource.Parse(doc, resource.Limits{})
	if err != nil {
		return nil, unfit(err)
	}
	orders, refused := readOrders(params, Default)
	if refused != nil {
		return nil, refused
	}
	p := &operand{meter: newMeter(Default), raw: doc, doc: old}
	for i, o := range orders {
		if err := p.apply(o); err != nil {
			err.Operation = i
			if err.Expression == "" && err.Reason != Unfit {
				err.Expression = fmt.Sprintf("Parameters.parameter[%d]", o.place)
			}
			return nil, err
		}
	}
	return finish(old, p.raw)
}

// order is one operation.
type order struct {
	place                      int // in Parameters.parameter
	kind                       string
	path                       path
	name                       string
	value                      resource.Node // the part that holds the value
	index, source, destination int           // -1 if not given
}

// readOrders reads the operations. A parameter of another name is refused: what is not understood must not be passed by.
func readOrders(params *resource.Doc, lim Limits) ([]order, *Error) {
	if params.Type() != "Parameters" {
		return nil, whole(Malformed, "structure", "A FHIRPath Patch is a Parameters resource.")
	}
	var out []order
	place := 0
	for parameter := range params.Root().Get("parameter").Items() {
		if len(out) == lim.Operations {
			return nil, whole(Costly, "too-costly", "The patch has more than 1,000 operations. Send several smaller ones.")
		}
		o, err := readOrder(parameter)
		if err != nil {
			err.Operation, err.Expression = place, parameter.Expression()
			return nil, err
		}
		o.place = place
		out = append(out, o)
		place++
	}
	return out, nil
}

// wants is which parts an operation has, beside type and path.
var wants = map[string]struct{ name, value, index, move bool }{
	"add": {name: true, value: true}, "insert": {value: true, index: true}, "delete": {}, "replace": {value: true}, "move": {move: true},
}

func readOrder(parameter resource.Node) (order, *Error) {
	o := order{index: -1, source: -1, destination: -1}
	if !parameter.Get("name").Is("operation") {
		return o, whole(Malformed, "value", "Every parameter of a FHIRPath Patch has the name operation.")
	}
	given := map[string]resource.Node{}
	for part := range parameter.Get("part").Items() {
		name, _ := part.Get("name").Text()
		if given[name].Exists() || !known(name) {
			return o, whole(Malformed, "value", "The parts of an operation are type, path, name, value, index, source and destination, each once.")
		}
		given[name] = part
	}
	o.kind, _ = given["type"].Get("valueCode").Text()
	want, ok := wants[o.kind]
	if !ok {
		return o, whole(Malformed, "value", "type is a valueCode: add, insert, delete, replace or move.")
	}
	text, ok := given["path"].Get("valueString").Text()
	if !ok {
		return o, whole(Malformed, "required", "path is missing: a valueString with a FHIRPath.")
	}
	var err *Error
	if o.path, err = parsePath(text); err != nil {
		return o, err
	}
	if o.name, ok = given["name"].Get("valueString").Text(); want.name && !ok {
		return o, whole(Malformed, "required", "name is missing: a valueString with the name of the element to add.")
	}
	if o.value = given["value"]; want.value && !o.value.Exists() {
		return o, whole(Malformed, "required", "value is missing.")
	}
	return o, o.numbers(given, want.index, want.move)
}

func known(name string) bool {
	switch name {
	case "type", "path", "name", "value", "index", "source", "destination":
		return true
	}
	return false
}

func (o *order) numbers(given map[string]resource.Node, index, move bool) *Error {
	for _, n := range []struct {
		name string
		into *int
		need bool
	}{{"index", &o.index, index}, {"source", &o.source, move}, {"destination", &o.destination, move}} {
		v := given[n.name].Get("valueInteger")
		if i, err := strconv.Atoi(string(v.Raw())); v.Kind() == resource.Number && err == nil && i >= 0 {
			*n.into = i
		} else if n.need {
			return whole(Malformed, "required", n.name+" is missing: a valueInteger from 0.")
		}
	}
	return nil
}

// operand is the resource that operations are applied to.
type operand struct {
	meter *meter
	raw   []byte
	doc   *resource.Doc
}

// apply does one operation and reads the result again.
func (p *operand) apply(o order) *Error {
	root, err := read(p.raw, p.meter)
	if err != nil {
		return err
	}
	t := &tree{root: root, meter: p.meter}
	if err := p.perform(t, o); err != nil {
		return err
	}
	raw := around(p.raw, t.root)
	doc, bad := resource.Parse(raw, resource.Limits{})
	if bad != nil {
		if e, ok := unfit(bad).(*Error); ok {
			return e
		}
		return whole(Unfit, "invalid", "The patched resource would not be valid.")
	}
	p.raw, p.doc = raw, doc
	return nil
}

func (p *operand) perform(t *tree, o order) *Error {
	switch o.kind {
	case "add":
		return p.add(t, o)
	case "delete":
		return p.delete(t, o)
	case "replace":
		return p.replace(t, o)
	}
	return p.shift(t, o)
}

// one is the element that a path leads to.
func (p *operand) one(o order) (spot, *Error) {
	found, err := p.find(o.path)
	switch {
	case err != nil:
		return spot{}, err
	case len(found) == 0:
		return spot{}, whole(Inapplicable, "not-found", "The path leads to no element of this resource.")
	case len(found) > 1:
		return spot{}, whole(Inapplicable, "multiple-matches", "The path leads to several elements of this resource. Select one, e.g. with an index.")
	}
	return found[0], nil
}

// add appends to a list, or sets an element that is not there (fhirpatch.html, add).
func (p *operand) add(t *tree, o order) *Error {
	at, err := p.one(o)
	if err != nil {
		return err
	}
	l, err := p.place(t, at, o.name)
	if err != nil {
		return err
	}
	made, err := l.content(p, o.value)
	if err != nil {
		return err
	}
	if !l.element.Many() && l.exists() {
		return whole(Inapplicable, "business-rule", "The element is there already, and may be there once. Replace it.")
	}
	return l.insert(made, l.length())
}

// shift inserts into a list, or moves within one.
func (p *operand) shift(t *tree, o order) *Error {
	parent, name, ok := o.path.split()
	if !ok {
		return whole(Malformed, "value", "The path of insert and move ends with the name of a list.")
	}
	at, err := p.one(order{path: parent})
	if err != nil {
		return err
	}
	l, err := p.place(t, at, name)
	if err != nil {
		return err
	}
	if !l.element.Many() {
		return whole(Inapplicable, "business-rule", "The path leads to an element that is no list.")
	}
	if o.kind == "move" {
		return l.move(o.source, o.destination)
	}
	made, err := l.content(p, o.value)
	if err != nil {
		return err
	}
	if o.index > l.length() {
		return whole(Inapplicable, "not-found", "index is beyond the end of the list.")
	}
	return l.insert(made, o.index)
}

// delete deletes the element, if it is there.
func (p *operand) delete(t *tree, o order) *Error {
	at, err := p.one(o)
	if err != nil {
		if err.Code == "not-found" {
			return nil
		}
		return err
	}
	if at.owner == nil {
		return rootless()
	}
	return p.removal(t, at)
}

func rootless() *Error {
	return whole(Inapplicable, "business-rule", "The path leads to a resource as a whole. Delete or update it instead.")
}

func (p *operand) removal(t *tree, at spot) *Error {
	for {
		l, err := p.list(t, at)
		if err != nil {
			return err
		}
		if at.beside {
			l.removeCompanion(at.index)
		} else {
			l.remove(at.index)
		}
		if len(l.owner.kids) > 0 || at.owner.owner == nil {
			return nil
		}
		at = *at.owner
	}
}

// replace puts another value where the element is. It may be of another of the types that the element can have.
func (p *operand) replace(t *tree, o order) *Error {
	at, err := p.one(o)
	if err != nil {
		return err
	}
	if at.owner == nil {
		return rootless()
	}
	l, err := p.list(t, at)
	if err != nil {
		return err
	}
	made, err := l.content(p, o.value)
	if err != nil {
		return err
	}
	if at.index < 0 {
		return l.exchange(made)
	}
	return l.set(at.index, made)
}

// place is the element of that name below a spot.
func (p *operand) place(t *tree, at spot, name string) (*list, *Error) {
	if at.shape != nil && at.shape.Kind == profile.Primitive {
		beside := *at.companion()
		if !beside.node.Exists() {
			return p.openBeside(t, at, beside, name)
		}
		at = beside
	}
	if at.node.Kind() != resource.Object || at.shape == nil {
		return nil, whole(Inapplicable, "business-rule", "The path leads to an element that has no elements.")
	}
	e := elementOf(at.shape, name)
	if e == nil {
		return nil, whole(Inapplicable, "structure", "The element at the path has no element of this name.")
	}
	return p.open(t, at, e)
}

// openBeside is the element of that name in what stands beside a primitive, where nothing does yet.
func (p *operand) openBeside(t *tree, at, beside spot, name string) (*list, *Error) {
	e := beside.shape.Element(name)
	if e == nil {
		return nil, whole(Inapplicable, "structure", "The element at the path has no element of this name.")
	}
	l, err := p.list(t, at)
	if err != nil {
		return nil, err
	}
	if err := l.makeCompanion(at.index); err != nil {
		return nil, err
	}
	return p.open(t, beside, e)
}

// list is the element that a spot is one of.
func (p *operand) list(t *tree, at spot) (*list, *Error) { return p.open(t, *at.owner, at.element) }

func (p *operand) open(t *tree, owner spot, e *profile.Element) (*list, *Error) {
	v, err := t.find(owner.pointer, "path")
	if err != nil {
		return nil, err
	}
	t.mark(owner.pointer)
	return &list{owner: v, element: e, meter: p.meter, member: memberIn(owner.node, e)}, nil
}

// elementOf is the element of a shape by the name that FHIRPath has for it: a choice goes without its type.
func elementOf(shape *profile.Shape, name string) *profile.Element {
	if e := shape.Element(name); e != nil {
		return e
	}
	return shape.Element(name + "[x]")
}

// memberIn is the name that an element has in an object, "" if it is not there.
func memberIn(n resource.Node, e *profile.Element) string {
	for i := range e.Types {
		name := e.Types[i].Member
		if n.Get(name).Exists() || n.Get("_"+name).Exists() {
			return name
		}
	}
	return ""
}
