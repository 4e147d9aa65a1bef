package patch

import (
	"bytes"
	"encoding/json"
)

type kind uint8

const (
	scalar kind = iota // a number, true, false or null
	text
	object
	array
)

// value is one JSON value in its place. A value stands in one place only, so that changing it changes nothing else.
type value struct {
	raw     []byte // as it was read; void once changed
	changed bool   // it, or something in it, is not as it was read
	kind    kind
	kids    []*value // members or items
	tail    []byte   // white space before the closing brace or bracket
	lead    []byte   // white space in front of it, or of its member name
	after   []byte   // white space between it and the comma
	key     []byte   // its member name in quotes, the colon, and the white space around that
	name    string   // its member name
}

// appendTo writes the value without what surrounds it.
func (v *value) appendTo(out []byte) []byte {
	if !v.changed {
		return append(out, v.raw...)
	}
	open, closer := byte('['), byte(']')
	if v.kind == object {
		open, closer = '{', '}'
	}
	out = append(out, open)
	for i, kid := range v.kids {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, kid.lead...), kid.key...)
		out = append(kid.appendTo(out), kid.after...)
	}
	return append(append(out, v.tail...), closer)
}

// member is the place of a member, or -1.
func (v *value) member(name string) int {
	for i, kid := range v.kids {
		if kid.name == name {
			return i
		}
	}
	return -1
}

// get is the member of that name, or nil.
func (v *value) get(name string) *value {
	if i := v.member(name); v.kind == object && i >= 0 {
		return v.kids[i]
	}
	return nil
}

// content is the content of a string.
func (v *value) content() (string, bool) {
	if v == nil || v.kind != text {
		return "", false
	}
	return plain(v.raw), true
}

// copy is the value in a place of its own, without what surrounds it.
func (v *value) copy() *value {
	c := &value{raw: v.raw, changed: v.changed, kind: v.kind, tail: v.tail}
	if len(v.kids) > 0 {
		c.kids = make([]*value, len(v.kids))
	}
	for i, kid := range v.kids {
		c.kids[i] = kid.copy()
		c.kids[i].lead, c.kids[i].after, c.kids[i].key, c.kids[i].name = kid.lead, kid.after, kid.key, kid.name
	}
	return c
}

// measure is how many values v holds, itself included, and how deep they are nested; it stops beyond most.
func (v *value) measure(most int) (count, height int) {
	count = 1
	for _, kid := range v.kids {
		if count > most {
			break
		}
		n, h := kid.measure(most - count)
		count, height = count+n, max(height, h)
	}
	return count, height + 1
}

// replace puts w where the kid at i is.
func (v *value) replace(i int, w *value) {
	old := v.kids[i]
	w.lead, w.after, w.key, w.name = old.lead, old.after, old.key, old.name
	v.kids[i] = w
	v.changed = true
}

// insert puts w in front of the item at i, or at the end, in the layout of the items that are there.
func (v *value) insert(i int, w *value) {
	v.dress(w, "")
	v.kids = append(v.kids, nil)
	copy(v.kids[i+1:], v.kids[i:])
	v.kids[i] = w
	v.changed = true
}

// set puts w under a member name, in place of what is there or at the end.
func (v *value) set(name string, w *value) {
	if i := v.member(name); i >= 0 {
		v.replace(i, w)
		return
	}
	v.dress(w, name)
	v.kids = append(v.kids, w)
	v.changed = true
}

// dress gives w the white space and the name of a kid of v.
func (v *value) dress(w *value, name string) {
	w.lead, w.after, w.key, w.name = nil, nil, nil, name
	var colon []byte
	if len(v.kids) > 0 {
		like := v.kids[len(v.kids)-1]
		w.lead = like.lead
		colon = like.key[bytes.LastIndexByte(like.key, ':')+1:]
	}
	if v.kind == object {
		quoted, _ := json.Marshal(name) // a string always can be written
		w.key = append(append(quoted, ':'), colon...)
	}
}

// remove takes the kid at i out.
func (v *value) remove(i int) *value {
	old := v.kids[i]
	copy(v.kids[i:], v.kids[i+1:])
	v.kids[len(v.kids)-1] = nil
	v.kids = v.kids[:len(v.kids)-1]
	v.changed = true
	return old
}
