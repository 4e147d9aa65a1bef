package record

import (
	"bytes"
	"strings"

	"cairn/fhir/link"
	"cairn/fhir/resource"
)

// stamp gives a resource its id, version and time, and what it refers to the
// names that it has here: by this server's own URL, the relative reference (FHIR
// R4 2.3.0.1); to others that are written together with it, their ids, in
// references, in elements of type uri and url, and in the narrative (3.1.0.11.2).
func (d *Desk) stamp(with *among, doc *resource.Doc, id, version, instant string) (*resource.Doc, error) {
	to := d.links(with, doc)
	if to == nil {
		return resource.Parse(resource.Stamp(doc, id, version, instant), resource.Limits{})
	}
	stamped, err := resource.Parse(resource.StampLinked(doc, to, id, version, instant), resource.Limits{})
	if err != nil || with == nil || with.link == nil || !bytes.Contains(stamped.Raw(), []byte(placeholder)) {
		return stamped, err
	}
	raw, changed := link.Rewrite(stamped, func(to string) (string, bool) {
		if !strings.HasPrefix(to, placeholder) {
			return "", false
		}
		return with.link(to)
	})
	if !changed {
		return stamped, nil
	}
	return resource.Parse(raw, resource.Limits{})
}

// placeholder begins the links by which the entries of a transaction name each
// other before they have ids.
const placeholder = "urn:"

// links is what references mean; nil if all mean what they say.
func (d *Desk) links(with *among, doc *resource.Doc) func(string) (string, bool) {
	var named func(string) (string, bool)
	if with != nil {
		named = with.link
	}
	if d.rules.Base == "" || !bytes.Contains(doc.Raw(), []byte(host(d.rules.Base))) {
		return named
	}
	return func(reference string) (string, bool) {
		if named != nil {
			if to, ok := named(reference); ok {
				return to, true
			}
		}
		relative, own := strings.CutPrefix(reference, d.rules.Base+"/")
		_, _, local, ok := resource.Target(relative)
		return relative, own && ok && local
	}
}

// host is the part of a URL that stands in JSON as it is: slashes may be escaped.
func host(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	rest, _, _ = strings.Cut(rest, "/")
	return rest
}
