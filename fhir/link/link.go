// Package link replaces links in a resource that are no References: elements of
// the types uri and url, and where a and img lead in the narrative (FHIR R4
// 3.1.0.11.2; references themselves are resource.Rewrite's). What stands for a
// type of its own is left alone: the url of an extension, canonicals, and the
// types oid and uuid, which nothing else may stand in. Every other byte is as
// received. The package is pure.
package link

import (
	"bytes"
	"encoding/json"
	"strings"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// Rewrite is the resource with the links replaced for which to knows another
// one, contained resources and extensions included, and whether there were any.
// The answer has yet to be parsed.
func Rewrite(doc *resource.Doc, to func(link string) (string, bool)) ([]byte, bool) {
	w := writer{to: to, raw: doc.Raw()}
	w.resource(doc.Root())
	if w.from == 0 {
		return w.raw, false
	}
	return append(w.out, w.raw[w.from:]...), true
}

// writer goes through a resource in the order of its text.
type writer struct {
	to   func(string) (string, bool)
	raw  []byte
	out  []byte
	from int // up to where raw is in out
}

func (w *writer) resource(n resource.Node) {
	typ, _ := n.Get("resourceType").Text()
	if shape := profile.Of(typ); shape != nil {
		w.object(n, shape)
	}
}

func (w *writer) object(n resource.Node, shape *profile.Shape) {
	for m := range n.Children() {
		name, companion := bytes.CutPrefix(m.Name(), []byte("_"))
		is, ok := shape.Member(name)
		if !ok {
			continue
		}
		for item := range m.Items() {
			switch inner := is.Type.Shape; {
			case companion:
				w.object(item, profile.Of("Element"))
			case inner == nil:
				w.resource(item)
			case inner.Kind == profile.Primitive:
				w.primitive(item, inner, is.Element)
			default:
				w.object(item, inner)
			}
		}
	}
}

func (w *writer) primitive(item resource.Node, shape *profile.Shape, e *profile.Element) {
	old, ok := item.Text()
	if !ok || e.Attribute {
		return
	}
	text, found := "", false
	switch shape.Name {
	case "uri", "url":
		text, found = w.to(old)
	case "xhtml":
		text, found = inNarrative(old, w.to)
	}
	if !found || text == old {
		return
	}
	lo, hi := item.Span()
	w.out = append(append(w.out, w.raw[w.from:lo]...), quote(text)...)
	w.from = hi
}

func quote(text string) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		panic(err) // a string can always be written
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// inNarrative replaces where a and img lead in well-formed XHTML; in any other
// it replaces nothing that matters, since that is refused.
func inNarrative(div string, to func(string) (string, bool)) (string, bool) {
	var out strings.Builder
	rest, changed := div, false
	for {
		start := strings.IndexByte(rest, '<')
		if start < 0 {
			break
		}
		tag := rest[start:]
		if end := strings.IndexByte(tag, '>'); end >= 0 {
			tag = tag[:end+1]
		}
		lo, hi, ok := target(tag)
		if linked, known := "", false; ok {
			if linked, known = to(tag[lo:hi]); known && !strings.ContainsAny(linked, `<>&"'`) {
				out.WriteString(rest[:start+lo] + linked)
				rest, changed = rest[start+hi:], true
				continue
			}
		}
		out.WriteString(rest[:start+len(tag)])
		rest = rest[start+len(tag):]
	}
	out.WriteString(rest)
	return out.String(), changed
}

// target is where in a tag the value stands that says where an a or img leads.
func target(tag string) (lo, hi int, ok bool) {
	name := ""
	switch {
	case strings.HasPrefix(tag, "<a"):
		lo, name = len("<a"), "href"
	case strings.HasPrefix(tag, "<img"):
		lo, name = len("<img"), "src"
	default:
		return 0, 0, false
	}
	for lo < len(tag) && strings.IndexByte(" \t\r\n", tag[lo]) >= 0 {
		at := strings.TrimLeft(tag[lo:], " \t\r\n")
		equal := strings.IndexByte(at, '=')
		if equal < 0 {
			return 0, 0, false
		}
		value := strings.TrimLeft(at[equal+1:], " \t\r\n")
		if value == "" || value[0] != '"' && value[0] != '\'' {
			return 0, 0, false
		}
		length := strings.IndexByte(value[1:], value[0])
		if length < 0 {
			return 0, 0, false
		}
		lo = len(tag) - len(value) + 1
		if strings.TrimSpace(at[:equal]) == name {
			return lo, lo + length, true
		}
		lo += length + 1
	}
	return 0, 0, false
}
