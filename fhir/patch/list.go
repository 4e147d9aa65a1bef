package patch

import (
	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// list is an element of an object, once or many times, with what primitives have beside their values (FHIR R4 2.6.2.2).
type list struct {
	owner   *value
	element *profile.Element
	member  string // its name in the object; "" if it is not there
	meter   *meter
}

func (l *list) exists() bool { return l.member != "" }

// arrays are the values, and what stands beside them; nil where there are none.
func (l *list) arrays() (values, companions *value) {
	return l.owner.get(l.member), l.owner.get("_" + l.member)
}

func (l *list) length() int {
	if !l.exists() {
		return 0
	}
	n := 0
	values, companions := l.arrays()
	for _, v := range []*value{values, companions} {
		if v != nil {
			n = max(n, len(v.kids))
		}
	}
	return n
}

// insert puts a value in front of the one at i, or at the end, or where the only one can be.
func (l *list) insert(c content, i int) *Error {
	l.member = c.member
	if !l.element.Many() {
		if c.value != nil {
			l.owner.set(c.member, c.value)
		}
		if c.companion != nil {
			l.owner.set("_"+c.member, c.companion)
		}
		return nil
	}
	values, companions, err := l.opened(c.companion != nil)
	if err != nil {
		return err
	}
	put(values, i, c.value)
	if companions != nil {
		put(companions, i, c.companion)
	}
	l.tidy()
	return nil
}

func notList() *Error {
	return whole(Unfit, "structure", "The element should be a list in this resource and is none.")
}

// opened is both arrays, made if they are not there: that of values always, that of companions where both says so.
func (l *list) opened(both bool) (values, companions *value, err *Error) {
	n := l.length()
	if values, companions = l.arrays(); values == nil {
		values = l.nulls(l.member, n)
	}
	if companions == nil && both {
		companions = l.nulls("_"+l.member, n)
	}
	for _, v := range []*value{values, companions} {
		if v != nil && (v.kind != array || len(v.kids) != n) {
			return nil, nil, notList()
		}
	}
	if !l.meter.spend(n) {
		return nil, nil, tooMuch()
	}
	return values, companions, nil
}

// nulls is a new array of nulls in the object.
func (l *list) nulls(name string, n int) *value {
	v := &value{kind: array, changed: true}
	l.owner.set(name, v)
	for range n {
		put(v, len(v.kids), nil)
	}
	return v
}

func put(into *value, i int, v *value) {
	if v == nil {
		v = &value{raw: []byte("null")}
	}
	into.insert(i, v)
}

// tidy takes arrays away that hold nothing.
func (l *list) tidy() {
	for _, name := range []string{l.member, "_" + l.member} {
		v := l.owner.get(name)
		if v == nil || v.kind != array {
			continue
		}
		empty := true
		for _, kid := range v.kids {
			empty = empty && kid.kind == scalar && string(kid.raw) == "null"
		}
		if empty {
			l.owner.remove(l.owner.member(name))
		}
	}
}

// remove takes out the value at i; -1 for the only one.
func (l *list) remove(i int) {
	for _, name := range []string{l.member, "_" + l.member} {
		v := l.owner.get(name)
		switch {
		case v == nil:
		case i < 0:
			l.owner.remove(l.owner.member(name))
		case i < len(v.kids):
			v.remove(i)
		}
	}
	l.tidy()
}

// removeCompanion takes away what stands beside the value at i, or beside the only one.
func (l *list) removeCompanion(i int) {
	v := l.owner.get("_" + l.member)
	switch {
	case v == nil:
	case i < 0:
		l.owner.remove(l.owner.member("_" + l.member))
	case i < len(v.kids):
		v.replace(i, &value{raw: []byte("null")})
	}
	l.tidy()
}

// exchange puts a value in the place of the only one.
func (l *list) exchange(c content) *Error {
	if c.member != l.member {
		l.remove(-1)
	}
	for name, v := range map[string]*value{c.member: c.value, "_" + c.member: c.companion} {
		if i := l.owner.member(name); v == nil && i >= 0 {
			l.owner.remove(i)
		}
	}
	return l.insert(c, 0)
}

// makeCompanion puts an empty object beside the value at i, or beside the only one.
func (l *list) makeCompanion(i int) *Error {
	made := &value{kind: object, changed: true}
	if i < 0 {
		l.owner.set("_"+l.member, made)
		return nil
	}
	_, companions, err := l.opened(true)
	if err == nil {
		companions.replace(i, made)
	}
	return err
}

// set puts a value in the place of the one at i.
func (l *list) set(i int, c content) *Error {
	values, companions, err := l.opened(c.companion != nil)
	if err != nil {
		return err
	}
	for _, pair := range []struct{ into, v *value }{{values, c.value}, {companions, c.companion}} {
		if pair.into == nil {
			continue
		}
		if pair.v == nil {
			pair.v = &value{raw: []byte("null")}
		}
		pair.into.replace(i, pair.v)
	}
	l.tidy()
	return nil
}

func (l *list) move(from, to int) *Error {
	if n := l.length(); from >= n || to >= n {
		return whole(Inapplicable, "not-found", "source or destination is beyond the end of the list.")
	}
	values, companions, err := l.opened(false)
	if err != nil {
		return err
	}
	for _, v := range []*value{values, companions} {
		if v != nil {
			v.insert(to, v.remove(from))
		}
	}
	l.tidy()
	return nil
}

// content is a value that an operation brings, under the name that it has in JSON.
type content struct {
	member           string
	value, companion *value
}

func wrongType() *Error {
	return whole(Inapplicable, "structure", "value is not of a type that the element can have. Values of primitive and complex types are given as value[x] of exactly that type, other content in parts.")
}

// content reads the part that holds a value: value[x] with what stands beside it, a resource, or parts.
func (l *list) content(p *operand, part resource.Node) (content, *Error) {
	return contentOf(p.meter, l.element, part, 1)
}

func contentOf(m *meter, e *profile.Element, part resource.Node, depth int) (content, *Error) {
	if !m.make(1) || depth > resource.Default.Depth {
		return content{}, tooMuch()
	}
	shape := profile.Of("Parameters.parameter")
	for n := range part.Children() {
		name := string(n.Name())
		bare := name
		if bare[0] == '_' {
			bare = bare[1:]
		}
		is, ok := shape.Member([]byte(bare))
		switch {
		case ok && is.Element.Name == "value[x]":
			return typedContent(e, is.Type, part)
		case name == "resource":
			return resourceContent(e, n)
		case name == "part":
			return partContent(m, e, n, depth)
		}
	}
	return content{}, whole(Malformed, "required", "value has neither a value[x] nor parts.")
}

// typedContent is a value[x] of the type given.
func typedContent(e *profile.Element, given *profile.Type, part resource.Node) (content, *Error) {
	for i := range e.Types {
		t := &e.Types[i]
		if t.Code != given.Code && (t.Code != "xhtml" || given.Code != "string") {
			continue
		}
		return content{t.Member, asValue(part.Get(given.Member)), asValue(part.Get("_" + given.Member))}, nil
	}
	return content{}, wrongType()
}

func asValue(n resource.Node) *value {
	kinds := map[resource.Kind]kind{resource.Object: object, resource.Array: array, resource.String: text}
	if !n.Exists() {
		return nil
	}
	return &value{raw: n.Raw(), kind: kinds[n.Kind()]}
}

func resourceContent(e *profile.Element, n resource.Node) (content, *Error) {
	if e.Types[0].Code != "Resource" {
		return content{}, wrongType()
	}
	return content{member: e.Types[0].Member, value: asValue(n)}, nil
}

// partContent makes an object of parts, each of which is an element of it.
func partContent(m *meter, e *profile.Element, parts resource.Node, depth int) (content, *Error) {
	t := &e.Types[0]
	if len(e.Types) > 1 || t.Shape == nil || t.Shape.Kind == profile.Primitive {
		return content{}, wrongType()
	}
	made := &value{kind: object, changed: true}
	for part := range parts.Items() {
		name, _ := part.Get("name").Text()
		below := elementOf(t.Shape, name)
		if below == nil {
			return content{}, whole(Inapplicable, "structure", "A part of value has a name that is no element there.")
		}
		c, err := contentOf(m, below, part, depth+1)
		if err != nil {
			return content{}, err
		}
		l := &list{owner: made, element: below, meter: m}
		for i := range below.Types {
			if name := below.Types[i].Member; made.get(name) != nil || made.get("_"+name) != nil {
				l.member = name
			}
		}
		if l.exists() && !below.Many() {
			return content{}, whole(Inapplicable, "structure", "A part of value stands there twice and may be there once.")
		}
		if err := l.insert(c, l.length()); err != nil {
			return content{}, err
		}
	}
	if len(made.kids) == 0 {
		return content{}, wrongType()
	}
	return content{member: t.Member, value: made}, nil
}
