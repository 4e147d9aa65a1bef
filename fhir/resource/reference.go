package resource

import (
	"iter"
	"strings"
)

// Target takes a literal reference apart that names a resource by type and id: relative ("Patient/7"), with a
// version ("Patient/7/_history/2") or absolute ("https://a.example/fhir/Patient/7"). local is true for the first two.
// Fragments, urn: and searches have no target.
func Target(reference string) (typ, id string, local, ok bool) {
	rest := reference
	if at := strings.Index(rest, "/_history/"); at >= 0 {
		if !ValidID(rest[at+len("/_history/"):]) {
			return "", "", false, false
		}
		rest = rest[:at]
	}
	slash := strings.LastIndexByte(rest, '/')
	if slash < 0 || !ValidID(rest[slash+1:]) {
		return "", "", false, false
	}
	id, rest = rest[slash+1:], rest[:slash]
	slash = strings.LastIndexByte(rest, '/')
	typ, ok = types[rest[slash+1:]]
	if !ok {
		return "", "", false, false
	}
	if slash < 0 {
		return typ, id, true, true
	}
	return typ, id, false, absolute(reference)
}

func absolute(s string) bool {
	for _, scheme := range []string{"http://", "https://"} {
		if rest, ok := strings.CutPrefix(s, scheme); ok {
			return rest != "" && !strings.ContainsAny(rest, " \t\r\n\"<>")
		}
	}
	return false
}

// validReference is the shapes of Reference.reference (FHIR R4 2.3.0): a fragment, a relative or absolute URL, a urn, and
// inside a Bundle a search that finds the target (FHIR R4 3.1.0.11.3).
func validReference(s string, bundle bool) bool {
	switch {
	case strings.HasPrefix(s, "#"):
		return s == "#" || ValidID(s[1:])
	case strings.HasPrefix(s, "urn:"):
		return len(s) > len("urn:") && !strings.ContainsAny(s, " \t\r\n")
	case absolute(s):
		return true
	}
	if typ, query, ok := strings.Cut(s, "?"); ok {
		return bundle && IsType(typ) && query != ""
	}
	_, _, local, ok := Target(s)
	return ok && local
}

// referenceMember reports whether a FHIR Reference has an element of that name.
func referenceMember(name []byte) bool {
	switch string(name) {
	case "reference", "type", "identifier", "display", "id", "extension", "_reference", "_type", "_display":
		return true
	}
	return false
}

// isReference reports whether the object at is a FHIR Reference that says where it points: it has a string member
// "reference" and nothing that a Reference cannot have.
func (d *Doc) isReference(at uint32) bool {
	end := d.nodes[at].next
	for i := at + 1; i < end; i = d.nodes[i].next {
		if !referenceMember(d.nodes[i].name(d)) {
			return false
		}
	}
	return at != 0 && d.nodes[at].flags&holdsURI == 0
}

// trail is the way from the root to a node, a level each.
type trail []level

// level is a node, its place among its siblings, and how many of its children have been met.
type level struct {
	at              uint32
	place, children int
}

// follow moves the trail on to the node after the one at its end, in the order of the text.
func (t *trail) follow(d *Doc, at uint32) {
	for len(*t) > 0 && at >= d.nodes[(*t)[len(*t)-1].at].next {
		*t = (*t)[:len(*t)-1]
	}
	place := 0
	if len(*t) > 0 {
		parent := &(*t)[len(*t)-1]
		place = parent.children
		parent.children++
	}
	*t = append(*t, level{at: at, place: place})
}

func (t trail) expression(d *Doc) string {
	out := d.rootName()
	for i := 1; i < len(t); i++ {
		out = d.step(out, d.nodes[t[i-1].at].kind, t[i].at, t[i].place)
	}
	return out
}

// references goes over the strings that are a Reference's reference, each with the trail to it.
func (d *Doc) references(yield func(uint32, trail) bool) {
	var t trail
	for at := range uint32(len(d.nodes)) {
		t.follow(d, at)
		n := &d.nodes[at]
		if n.kind != String || len(t) < 2 || !n.named(d, "reference") {
			continue
		}
		if d.isReference(t[len(t)-2].at) && !yield(at, t) {
			return
		}
	}
}

// References goes over every literal reference of the resource at any depth, contained resources and extensions
// included, in the order of the text: where it stands, as a FHIRPath, and what it says. Elements of type uri that are
// called "reference" are no references.
func (d *Doc) References() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		d.references(func(at uint32, t trail) bool {
			target, _ := Node{d, at}.Text()
			return yield(t.expression(d), target)
		})
	}
}
