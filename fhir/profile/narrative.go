package profile

import (
	"bytes"
	"sync"

	"cairn/fhir/markup"
	"cairn/fhir/resource"
)

const xhtmlSpace = "http://www.w3.org/1999/xhtml"

// narrative checks Narrative.div: one div of well-formed XHTML with formatting only (FHIR R4 2.4.0, txt-1), and something
// in it to see (txt-2).
func (c *checker) narrative(item resource.Node, content []byte) {
	if text, rule := xhtmlFault(content); text != "" {
		c.found("invariant", rule, text, item)
	}
}

// readers keeps the buffers of readers.
var readers = sync.Pool{New: func() any { return new(markup.Reader) }}

// xhtmlFault says what is wrong with the content of a div, and which rule says so; "" for nothing.
func xhtmlFault(content []byte) (text, rule string) {
	if len(content) < 2 || content[0] != '<' || content[1] == '?' {
		return "The narrative is not one div.", RuleNarrative
	}
	r := readers.Get().(*markup.Reader)
	r.Reset(content, markup.Limits{})
	defer func() {
		r.Reset(nil, markup.Limits{})
		readers.Put(r)
	}()
	visible := false
	for first := true; ; first = false {
		kind, err := r.Next()
		if err != nil {
			return "The narrative is not well-formed XHTML.", RuleNarrative
		}
		switch kind {
		case markup.End:
			if !visible {
				return "The narrative has nothing in it to see.", "txt-2"
			}
			return "", ""
		case markup.Text:
			visible = visible || len(bytes.TrimSpace(r.Text)) > 0
		case markup.Open:
			if first && string(r.Local) != "div" {
				return "The narrative is not one div.", RuleNarrative
			}
			if r.Space != xhtmlSpace {
				return "The narrative is not in the namespace of XHTML.", RuleNarrative
			}
			if !formatting[string(r.Local)] || !harmless(r.Attrs) {
				return "The narrative has an element or attribute that is not formatting: no scripts, forms, frames, objects, event handlers.", RuleNarrative
			}
			visible = visible || string(r.Local) == "img"
		}
	}
}

func setOf(words ...string) map[string]bool {
	out := make(map[string]bool, len(words))
	for _, w := range words {
		out[w] = true
	}
	return out
}

// formatting is the elements of HTML 4.0 chapters 7 to 11 (without 9.4) and 15, and a, img and map.
var formatting = setOf("p", "br", "div", "h1", "h2", "h3", "h4", "h5", "h6", "a", "span", "b", "em", "i", "strong", "small", "big",
	"tt", "dfn", "q", "var", "abbr", "acronym", "cite", "blockquote", "hr", "address", "bdo", "kbd", "sub", "sup", "ul", "ol", "li",
	"dl", "dt", "dd", "pre", "table", "caption", "colgroup", "col", "thead", "tr", "tfoot", "tbody", "th", "td", "code", "samp",
	"img", "map", "area", "center", "strike", "s", "u", "font")

// attributes is those that say how something looks, what it is called, or where a link leads.
var attributes = setOf("title", "style", "class", "id", "lang", "dir", "accesskey", "tabindex", "span", "width", "align", "valign",
	"char", "charoff", "abbr", "axis", "headers", "scope", "rowspan", "colspan", "href", "name", "rel", "rev", "hreflang", "type",
	"charset", "shape", "coords", "target", "src", "alt", "longdesc", "height", "border", "hspace", "vspace", "ismap", "usemap",
	"nohref", "cite", "compact", "start", "value", "summary", "cellpadding", "cellspacing", "frame", "rules", "nowrap", "bgcolor",
	"clear", "size", "noshade", "color", "face")

func harmless(all []markup.Attr) bool {
	for _, a := range all {
		if a.Space != "" && !(string(a.Local) == "lang" || string(a.Local) == "space") || a.Space == "" && !attributes[string(a.Local)] {
			return false
		}
		if (string(a.Local) == "href" || string(a.Local) == "src") && scripted(a.Value) {
			return false
		}
	}
	return true
}

// scripted reports whether a link runs something instead of leading somewhere. Browsers ignore blanks and controls in
// the scheme.
func scripted(link []byte) bool {
	scheme, _, ok := bytes.Cut(link, []byte(":"))
	if !ok || len(scheme) > 64 {
		return false
	}
	var name []byte
	for _, c := range scheme {
		if c > ' ' {
			name = append(name, c|0x20)
		}
	}
	return string(name) == "javascript" || string(name) == "vbscript"
}
