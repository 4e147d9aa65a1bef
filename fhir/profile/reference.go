package profile

import (
	"bytes"
	"slices"
	"strings"

	"cairn/fhir/resource"
)

// reference checks that a Reference points to a type that it may point to, as far as it says: by its form (Type/id), by
// its element type, or by the contained resource that it names (FHIR R4 2.3.0). It also checks ref-1: a fragment names
// a contained resource.
func (c *checker) reference(n resource.Node, t *Type, home resource.Node) {
	content, _ := n.Get("reference").Content()
	named, _ := n.Get("type").Content()
	typ := TargetType(content)
	if string(content) == "#" {
		typ, _ = home.Get("resourceType").Content()
	}
	if len(content) > 1 && content[0] == '#' {
		target := c.contents(home, content[1:])
		if !target.Exists() {
			c.found("not-found", "ref-1", "This reference names no contained resource.", n.Get("reference"))
			return
		}
		typ, _ = target.Get("resourceType").Content()
	}
	if typ == nil {
		typ = named
	}
	switch {
	case typ == nil || len(t.Targets) == 0:
	case !slices.ContainsFunc(t.Targets, func(s string) bool { return string(typ) == s }):
		c.found("value", RuleTarget, "This reference may point to "+strings.Join(t.Targets, ", ")+".", n)
	}
}

// TargetType is the resource type in a literal reference of the form Type/id, relative or absolute; nil if it has
// another form.
func TargetType(reference []byte) []byte {
	if at := bytes.Index(reference, []byte("/_history/")); at >= 0 {
		reference = reference[:at]
	}
	slash := bytes.LastIndexByte(reference, '/')
	if slash < 0 || !isID(reference[slash+1:]) {
		return nil
	}
	typ := reference[:slash]
	if at := bytes.LastIndexByte(typ, '/'); at >= 0 {
		typ = typ[at+1:]
	}
	if s := tables().shapes[string(typ)]; s == nil || s.Kind != Resource {
		return nil
	}
	return typ
}

// few is how many contained resources are looked through one by one.
const few = 8

// contents is Contained, fast where there are many.
func (c *checker) contents(home resource.Node, id []byte) resource.Node {
	if home.Get("contained").Len() <= few {
		return Contained(home, id)
	}
	if c.home != home {
		c.home, c.ids = home, map[string]resource.Node{}
		for r := range home.Get("contained").Items() {
			if have, _ := r.Get("id").Content(); c.ids[string(have)] == (resource.Node{}) {
				c.ids[string(have)] = r
			}
		}
	}
	return c.ids[string(id)]
}

// Contained is the contained resource with that id.
func Contained(home resource.Node, id []byte) resource.Node {
	for r := range home.Get("contained").Items() {
		if have, _ := r.Get("id").Content(); bytes.Equal(have, id) {
			return r
		}
	}
	return resource.Node{}
}

// contained checks dom-3 to dom-5 of the resources inside another one, and that each has an id of its own.
func (c *checker) contained(home, all resource.Node) {
	used, ids := map[string]bool{}, map[string]bool{}
	fragments(home, used)
	for r := range all.Items() {
		meta := r.Get("meta")
		if meta.Get("versionId").Exists() || meta.Get("lastUpdated").Exists() {
			c.found("invariant", RuleVersioned, "A contained resource has no versionId and no lastUpdated of its own.", meta)
		}
		if meta.Get("security").Exists() {
			c.found("invariant", RuleLabelled, "A contained resource has no security label of its own.", meta)
		}
		id, _ := r.Get("id").Content()
		if ids[string(id)] {
			c.found("duplicate", RuleTwice, "Another contained resource has this id. Give each one of its own.", r.Get("id"))
		}
		ids[string(id)] = len(id) > 0
		if !used["#"+string(id)] && !pointsHome(r) {
			c.found("invariant", RuleContained, "Nothing refers to this contained resource, and it does not refer to the resource around it.", r)
		}
	}
}

// fragments gathers the strings that begin with a number sign: references, and canonicals and uris that point inside.
func fragments(n resource.Node, into map[string]bool) {
	for m := range n.Children() {
		switch m.Kind() {
		case resource.Object, resource.Array:
			fragments(m, into)
		case resource.String:
			if text, _ := m.Content(); len(text) > 1 && text[0] == '#' {
				into[string(text)] = true
			}
		}
	}
}

// pointsHome reports whether a contained resource refers to the one around it with "#".
func pointsHome(n resource.Node) bool {
	for m := range n.Children() {
		if m.Is("#") || pointsHome(m) {
			return true
		}
	}
	return false
}
