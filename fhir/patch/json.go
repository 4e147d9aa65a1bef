package patch

import (
	"bytes"

	"cairn/fhir/resource"
)

// JSON applies a JSON Patch (RFC 6902; media type application/json-patch+json) to a resource and answers with the patched
// resource. Operations are applied in order, each to what the one before has left; the first that fails undoes all,
// and the answer is an *Error. Members of an operation that RFC 6902 does not define are ignored, as it says.
func JSON(doc, ops []byte) ([]byte, error) {
	old, err := resource.Parse(doc, resource.Limits{})
	if err != nil {
		return nil, unfit(err)
	}
	out, refused := applyJSON(doc, ops, Default)
	if refused != nil {
		return nil, refused
	}
	return finish(old, out)
}

// applyJSON is the patch without the rules of FHIR.
func applyJSON(doc, ops []byte, lim Limits) ([]byte, *Error) {
	m := newMeter(lim)
	list, err := readOperations(ops, lim, m)
	if err != nil {
		return nil, err
	}
	root, err := read(doc, m)
	if err != nil {
		return nil, err
	}
	t := &tree{root: root, meter: m}
	for i, op := range list {
		if err := t.apply(op); err != nil {
			err.Operation = i
			return nil, err
		}
	}
	return around(doc, t.root), nil
}

// around is the root with the white space that doc has before and after its own.
func around(doc []byte, root *value) []byte {
	const space = " \t\r\n"
	tail := bytes.TrimRight(doc, space)
	lead := len(doc) - len(bytes.TrimLeft(doc, space))
	out := append(make([]byte, 0, len(doc)), doc[:lead]...)
	return append(root.appendTo(out), doc[len(tail):]...)
}

// meter counts what may still be made and done.
type meter struct{ values, work int }

func newMeter(lim Limits) *meter { return &meter{values: lim.Values, work: lim.Work} }

func (m *meter) make(n int) bool {
	m.values -= n
	return m.values >= 0
}

func (m *meter) spend(n int) bool {
	m.work -= n
	return m.work >= 0
}

func tooMuch() *Error {
	return whole(Costly, "too-costly", "This patch copies, moves or compares too much. Send several smaller ones, or the whole resource.")
}

// operation is one object of a JSON Patch document.
type operation struct {
	op         string
	path, from pointer
	value      *value
}

var needs = map[string]struct{ from, value bool }{
	"add": {value: true}, "remove": {}, "replace": {value: true}, "move": {from: true}, "copy": {from: true}, "test": {value: true},
}

func readOperations(raw []byte, lim Limits, m *meter) ([]operation, *Error) {
	v, err := read(raw, m)
	if err != nil {
		return nil, err
	}
	if v.kind != array {
		return nil, whole(Malformed, "structure", "A JSON Patch is an array of operations.")
	}
	if len(v.kids) > lim.Operations {
		return nil, whole(Costly, "too-costly", "The patch has more than 1,000 operations. Send several smaller ones.")
	}
	out := make([]operation, len(v.kids))
	for i, kid := range v.kids {
		if out[i], err = readOperation(kid); err != nil {
			err.Operation = i
			return nil, err
		}
	}
	return out, nil
}

func readOperation(v *value) (o operation, err *Error) {
	if v.kind != object {
		return o, whole(Malformed, "structure", "An operation is an object.")
	}
	o.op, _ = v.get("op").content()
	need, ok := needs[o.op]
	if !ok {
		return o, whole(Malformed, "value", "op is one of add, remove, replace, move, copy and test.")
	}
	if o.path, err = readPointer(v, "path"); err != nil {
		return o, err
	}
	if need.from {
		if o.from, err = readPointer(v, "from"); err != nil {
			return o, err
		}
	}
	if o.value = v.get("value"); need.value && o.value == nil {
		return o, whole(Malformed, "required", "This operation needs a value.")
	}
	return o, nil
}

func readPointer(v *value, name string) (pointer, *Error) {
	s, ok := v.get(name).content()
	if !ok {
		return nil, whole(Malformed, "required", "This operation needs the string "+name+", a JSON Pointer.")
	}
	p, ok := parsePointer(s)
	if !ok {
		return nil, whole(Malformed, "value", name+" is no JSON Pointer (RFC 6901): empty, or steps that each begin with a slash, with ~0 for a tilde and ~1 for a slash.")
	}
	return p, nil
}
