package patch

import (
	"slices"

	"cairn/fhir/resource"
)

// tree is the resource while operations are applied.
type tree struct {
	root  *value
	meter *meter
}

func nowhere(what string) *Error {
	return whole(Inapplicable, "not-found", what+" leads to nothing in this resource.")
}

func (t *tree) apply(o operation) *Error {
	switch o.op {
	case "add":
		return t.add(o.path, o.value)
	case "remove":
		_, err := t.remove(o.path)
		return err
	case "replace":
		return t.replace(o.path, o.value)
	case "test":
		return t.test(o.path, o.value)
	case "copy":
		v, err := t.find(o.from, "from")
		if err != nil {
			return err
		}
		return t.add(o.path, v)
	}
	return t.move(o.from, o.path)
}

// find is the value that a pointer leads to.
func (t *tree) find(p pointer, what string) (*value, *Error) {
	v := t.root
	for _, token := range p {
		if !t.meter.spend(1 + len(v.kids)/8) {
			return nil, tooMuch()
		}
		i := v.place(token)
		if i < 0 {
			return nil, nowhere(what)
		}
		v = v.kids[i]
	}
	return v, nil
}

// open is the container in which the last token of a pointer is, ready to be changed.
func (t *tree) open(p pointer) (*value, *Error) {
	v, err := t.find(p[:len(p)-1], "path")
	if err != nil {
		return nil, err
	}
	if v.kind != object && v.kind != array {
		return nil, nowhere("path")
	}
	t.mark(p[:len(p)-1])
	return v, nil
}

// mark says that what a pointer leads to changes, and with it all that it is in.
func (t *tree) mark(p pointer) {
	at := t.root
	at.changed = true
	for _, token := range p {
		at = at.kids[at.place(token)]
		at.changed = true
	}
}

// own is a copy of v that may be put where p leads.
func (t *tree) own(v *value, p pointer) (*value, *Error) {
	count, height := v.measure(t.meter.values)
	if !t.meter.make(count) || len(p)+height > 2*resource.Default.Depth {
		return nil, tooMuch()
	}
	return v.copy(), nil
}

func (t *tree) add(p pointer, v *value) *Error {
	v, err := t.own(v, p)
	if err != nil {
		return err
	}
	return t.put(p, v)
}

// put adds v, which stands nowhere else.
func (t *tree) put(p pointer, v *value) *Error {
	if len(p) == 0 {
		t.root = v
		return nil
	}
	into, err := t.open(p)
	if err != nil {
		return err
	}
	last := p[len(p)-1]
	if into.kind == object {
		into.set(last, v)
		return nil
	}
	i, ok := index(last)
	if last == "-" {
		i, ok = len(into.kids), true
	}
	if !ok || i > len(into.kids) {
		return whole(Inapplicable, "not-found", "path names no place in its array: an index from 0 to the length, or - for the end.")
	}
	if !t.meter.spend(len(into.kids) / 8) {
		return tooMuch()
	}
	into.insert(i, v)
	return nil
}

func (t *tree) remove(p pointer) (*value, *Error) {
	if len(p) == 0 {
		return nil, whole(Inapplicable, "business-rule", "The whole resource cannot be removed by a patch. Use a delete.")
	}
	if _, err := t.find(p, "path"); err != nil {
		return nil, err
	}
	from, err := t.open(p)
	if err != nil {
		return nil, err
	}
	if !t.meter.spend(len(from.kids) / 8) {
		return nil, tooMuch()
	}
	return from.remove(from.place(p[len(p)-1])), nil
}

func (t *tree) replace(p pointer, v *value) *Error {
	if _, err := t.find(p, "path"); err != nil {
		return err
	}
	v, err := t.own(v, p)
	if err != nil {
		return err
	}
	if len(p) == 0 {
		t.root = v
		return nil
	}
	in, err := t.open(p)
	if err != nil {
		return err
	}
	in.replace(in.place(p[len(p)-1]), v)
	return nil
}

func (t *tree) move(from, to pointer) *Error {
	if from.leads(to) {
		return whole(Inapplicable, "business-rule", "An element cannot be moved into itself.")
	}
	v, err := t.find(from, "from")
	if err != nil || slices.Equal(from, to) {
		return err
	}
	count, height := v.measure(t.meter.work)
	if !t.meter.spend(count) || len(to)+height > 2*resource.Default.Depth {
		return tooMuch()
	}
	if v, err = t.remove(from); err != nil {
		return err
	}
	return t.put(to, v)
}

func (t *tree) test(p pointer, want *value) *Error {
	v, err := t.find(p, "path")
	if err != nil {
		return err
	}
	count, _ := v.measure(t.meter.work)
	others, _ := want.measure(t.meter.work)
	if !t.meter.spend(count + others) {
		return tooMuch()
	}
	if !equal(v, want) {
		return whole(Untrue, "business-rule", "The test does not hold: the resource has another value there.")
	}
	return nil
}
