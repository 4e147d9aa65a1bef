package xml

import (
	"bytes"
	"unicode/utf8"

	"cairn/fhir/markup"
	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// primitive puts a primitive into its run: the attribute value, and id and extensions apart.
func (d *decoder) primitive(now *run, shape *profile.Shape) error {
	if shape.Name == "xhtml" {
		return d.xhtml(now)
	}
	if now.length > 0 {
		now.values, now.notes = append(now.values, ','), append(now.notes, ',')
	}
	var value, id []byte
	for _, a := range d.r.Attrs {
		switch {
		case a.Space == "" && string(a.Local) == "value":
			value = a.Value
		case a.Space == "" && string(a.Local) == "id":
			id = a.Value
		default:
			return d.fail(resource.CodeStructure, "This element has an attribute that FHIR does not have here.")
		}
	}
	var err error
	if now.values, err = d.literal(now.values, value, shape); err != nil {
		return err
	}
	now.some = now.some || value != nil
	noted, err := d.notes(now, id)
	if err == nil && value == nil && !noted {
		err = d.fail(resource.CodeInvalid, "This element is empty. Leave it out.")
	}
	return err
}

// literal appends the JSON of a value, null for none.
func (d *decoder) literal(out, value []byte, shape *profile.Shape) ([]byte, error) {
	switch {
	case value == nil:
		return append(out, "null"...), nil
	case len(value) == 0:
		return out, d.fail(resource.CodeInvalid, "A value must not be empty. Leave the element or attribute out.")
	case !shape.Bare():
		return quote(out, value), nil
	case !shape.Accepts(value):
		return out, d.fail(resource.CodeValue, "The value of this element is no "+shape.Name+".")
	}
	return append(out, value...), nil
}

// notes puts id and extensions of a primitive into its run, null if there are none.
func (d *decoder) notes(now *run, id []byte) (noted bool, err error) {
	outside := d.out
	d.out = append(now.notes, '{')
	start := len(d.out)
	if id != nil {
		d.name("id")
		if err := d.text(id); err != nil {
			return false, err
		}
	}
	if err := d.elements(profile.Of("Element")); err != nil {
		return false, err
	}
	noted = len(d.out) > start
	if noted {
		now.notes = append(d.out, '}')
	} else {
		now.notes = append(d.out[:start-1], "null"...)
	}
	now.noted = now.noted || noted
	d.out = outside
	return noted, nil
}

// xhtml puts the narrative's div into its run: cut out of the text if it stands on its own, else written again with
// XHTML as its default namespace.
func (d *decoder) xhtml(now *run) error {
	start := d.r.Start
	cut := d.r.Declares() && bytes.HasPrefix(d.r.Slice(start), []byte("<div"))
	d.r.Plain()
	depth := d.r.Depth()
	d.keep = d.keep[:0]
	for kind := markup.Open; ; {
		if err := d.keepToken(kind, d.r.Depth() == depth); err != nil {
			return err
		}
		if kind == markup.Close && d.r.Depth() < depth {
			break
		}
		var err error
		if kind, err = d.next(); err != nil {
			return err
		}
	}
	content := d.keep
	if cut && d.r.Plain() {
		content = d.r.Slice(start)
	}
	now.values, now.some = quote(now.values, content), true
	return nil
}

// keepToken writes a token of the narrative.
func (d *decoder) keepToken(kind markup.Kind, first bool) error {
	switch kind {
	case markup.Text:
		d.keep = escape(d.keep, d.r.Text)
		return nil
	case markup.Close:
		d.keep = append(append(append(d.keep, "</"...), d.r.Local...), '>')
		return nil
	}
	if d.r.Space != xhtmlSpace {
		return d.fail(resource.CodeStructure, "The narrative is not in the namespace "+xhtmlSpace+".")
	}
	d.keep = append(append(d.keep, '<'), d.r.Local...)
	if first {
		d.keep = append(d.keep, ` xmlns="`+xhtmlSpace+`"`...)
	}
	for _, a := range d.r.Attrs {
		d.keep = append(d.keep, ' ')
		switch a.Space {
		case "":
		case xmlSpace:
			d.keep = append(d.keep, "xml:"...)
		default:
			return d.fail(resource.CodeStructure, "The narrative has an attribute of another namespace.")
		}
		d.keep = append(append(d.keep, a.Local...), `="`...)
		d.keep = append(escape(d.keep, a.Value), '"')
	}
	d.keep = append(d.keep, '>')
	return nil
}

// quote appends text as a JSON string.
func quote(out, text []byte) []byte {
	const digits = "0123456789abcdef"
	out = append(out, '"')
	from := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		out = append(out, text[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\n':
			out = append(out, '\\', 'n')
		case '\r':
			out = append(out, '\\', 'r')
		case '\t':
			out = append(out, '\\', 't')
		default:
			out = append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(append(out, text[from:]...), '"')
}

// escape appends text so that XML reads the same: in an element and in an attribute's double quotes.
func escape(out, text []byte) []byte {
	from := 0
	for i, c := range text {
		var to string
		switch c {
		case '<':
			to = "&lt;"
		case '>':
			to = "&gt;"
		case '&':
			to = "&amp;"
		case '"':
			to = "&quot;"
		case '\n':
			to = "&#xA;"
		case '\r':
			to = "&#xD;"
		case '\t':
			to = "&#x9;"
		default:
			continue
		}
		out = append(append(out, text[from:i]...), to...)
		from = i + 1
	}
	return append(out, text[from:]...)
}

// writable reports whether XML has all characters of a text (XML 1.0 section 2.2).
func writable(text []byte) bool {
	for i, c := range text {
		if c >= ' ' && c != 0xEF || c == '\n' || c == '\t' || c == '\r' {
			continue
		}
		if c < ' ' {
			return false
		}
		if r, _ := utf8.DecodeRune(text[i:]); r == 0xFFFE || r == 0xFFFF {
			return false
		}
	}
	return true
}
