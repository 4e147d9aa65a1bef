package xml

import (
	"bytes"
	"errors"
	"strconv"

	"cairn/fhir/markup"
	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// Decode is the JSON of one resource in XML: resourceType first, elements in the order of their definition, no white
// space between them. The answer has yet to be parsed.
func Decode(raw []byte, lim markup.Limits) ([]byte, error) {
	d := decoder{r: markup.New(raw, lim), out: make([]byte, 0, len(raw))}
	if err := d.document(); err != nil {
		return nil, err
	}
	return d.out, nil
}

// decoder turns tokens into JSON.
type decoder struct {
	r    *markup.Reader
	out  []byte
	way  []step // from the root to the element at hand
	keep []byte // XHTML written again, where it cannot be cut out
}

// step is an element and its place among those of its name, -1 for one that is no list.
type step struct {
	name  string
	index int
}

func (d *decoder) document() error {
	if err := d.expectOpen(); err != nil {
		return err
	}
	if err := d.resource(); err != nil {
		return err
	}
	_, err := d.next() // nothing but the end may follow
	return err
}

// next is the next token, its error as ours.
func (d *decoder) next() (markup.Kind, error) {
	kind, err := d.r.Next()
	var refusal *markup.Error
	if errors.As(err, &refusal) {
		err = &resource.Error{Code: refusal.Code, Offset: refusal.Offset, Expression: d.where(), Text: refusal.Text}
	}
	return kind, err
}

func (d *decoder) fail(code, text string) error {
	return &resource.Error{Code: code, Offset: d.r.Start, Expression: d.where(), Text: text}
}

func (d *decoder) where() string {
	var out []byte
	for i, s := range d.way {
		if i > 0 {
			out = append(out, '.')
		}
		out = append(out, s.name...)
		if s.index >= 0 {
			out = strconv.AppendInt(append(out, '['), int64(s.index), 10)
			out = append(out, ']')
		}
	}
	return string(out)
}

// content is the next token that is no white space; other text is refused.
func (d *decoder) content() (markup.Kind, error) {
	for {
		kind, err := d.next()
		if err != nil || kind != markup.Text {
			return kind, err
		}
		if len(bytes.TrimLeft(d.r.Text, " \t\r\n")) > 0 {
			return kind, d.fail(resource.CodeStructure, "Text stands between elements. The value of a FHIR element is in its attribute value.")
		}
	}
}

func (d *decoder) expectOpen() error {
	kind, err := d.content()
	if err == nil && kind != markup.Open {
		err = d.fail(resource.CodeStructure, "An element that is a resource is expected here.")
	}
	return err
}

// expectClose wants the end of the element that is open.
func (d *decoder) expectClose() error {
	kind, err := d.content()
	if err == nil && kind != markup.Close {
		err = d.fail(resource.CodeStructure, "Only one resource may stand here.")
	}
	return err
}

// resource writes the resource whose start tag was read.
func (d *decoder) resource() error {
	shape := profile.Of(string(d.r.Local))
	if d.r.Space != fhirSpace || shape == nil || shape.Kind != profile.Resource {
		return d.fail(resource.CodeValue, "This element is no resource of FHIR R4 in the namespace "+fhirSpace+".")
	}
	root := len(d.way) == 0
	if root {
		d.way = append(d.way, step{shape.Name, -1})
		defer func() { d.way = d.way[:0] }()
	}
	for _, a := range d.r.Attrs {
		if !root || a.Space != schemaSpace {
			return d.fail(resource.CodeStructure, "A resource in XML has no attributes.")
		}
	}
	d.out = append(append(append(d.out, `{"resourceType":"`...), shape.Name...), '"')
	if err := d.elements(shape); err != nil {
		return err
	}
	d.out = append(d.out, '}')
	return nil
}

// object writes an element of a complex type whose start tag was read.
func (d *decoder) object(shape *profile.Shape) error {
	start := len(d.out)
	d.out = append(d.out, '{')
	for _, a := range d.r.Attrs {
		is, ok := shape.Member(a.Local)
		if a.Space != "" || !ok || !is.Element.Attribute {
			return d.fail(resource.CodeStructure, "This element has an attribute that FHIR does not have here.")
		}
		d.name(is.Type.Member)
		if err := d.text(a.Value); err != nil {
			return err
		}
	}
	if err := d.elements(shape); err != nil {
		return err
	}
	if len(d.out) == start+1 {
		return d.fail(resource.CodeInvalid, "This element is empty. Leave it out.")
	}
	d.out = append(d.out, '}')
	return nil
}

// name writes a member's name, after a comma where one is needed.
func (d *decoder) name(name string) {
	if d.out[len(d.out)-1] != '{' {
		d.out = append(d.out, ',')
	}
	d.out = append(append(append(d.out, '"'), name...), '"', ':')
}

func (d *decoder) text(value []byte) error {
	if len(value) == 0 {
		return d.fail(resource.CodeInvalid, "A value must not be empty. Leave the element or attribute out.")
	}
	d.out = quote(d.out, value)
	return nil
}

// run is the elements of one name that follow each other.
type run struct {
	is     profile.Member
	length int
	values []byte // of a primitive: what stands for each, with commas between
	notes  []byte // of a primitive: its id and extensions, or null, with commas between
	some   bool   // of a primitive: there is a value
	noted  bool   // of a primitive: there is an id or extension
}

// elements writes the elements of shape up to the end tag.
func (d *decoder) elements(shape *profile.Shape) error {
	var now run
	for {
		kind, err := d.content()
		if err != nil {
			return err
		}
		if kind == markup.Close {
			d.finish(&now)
			return nil
		}
		if err := d.element(shape, &now); err != nil {
			return err
		}
	}
}

func (d *decoder) element(shape *profile.Shape, now *run) error {
	is, ok := shape.Member(d.r.Local)
	narrative := ok && is.Type.Code == "xhtml"
	if !ok || is.Element.Attribute || d.r.Space != fhirSpace && !narrative {
		return d.fail(resource.CodeStructure, shape.Name+" has no such element.")
	}
	if now.is.Type != is.Type {
		if now.is.Element != nil && is.Element.Place() <= now.is.Element.Place() {
			return d.fail(resource.CodeStructure, "The element "+is.Type.Member+" does not stand in its place: FHIR's order of elements is fixed in XML.")
		}
		d.finish(now)
		*now = run{is: is}
	} else if !is.Element.Many() {
		return d.fail(resource.CodeStructure, "The element "+is.Type.Member+" may occur once.")
	}
	index := -1
	if is.Element.Many() {
		index = now.length
	}
	d.way = append(d.way, step{is.Type.Member, index})
	err := d.value(now)
	now.length++
	d.way = d.way[:len(d.way)-1]
	return err
}

// value writes the element whose start tag was read; a primitive is put aside until all of its run are known.
func (d *decoder) value(now *run) error {
	shape := now.is.Type.Shape
	if shape != nil && shape.Kind == profile.Primitive {
		return d.primitive(now, shape)
	}
	switch {
	case now.length > 0:
		d.out = append(d.out, ',')
	default:
		d.name(now.is.Type.Member)
		if now.is.Element.Many() {
			d.out = append(d.out, '[')
		}
	}
	if shape != nil {
		return d.object(shape)
	}
	if len(d.r.Attrs) > 0 {
		return d.fail(resource.CodeStructure, "The element around a resource has no attributes.")
	}
	if err := d.expectOpen(); err != nil {
		return err
	}
	if err := d.resource(); err != nil {
		return err
	}
	return d.expectClose()
}

// finish ends the run at hand.
func (d *decoder) finish(now *run) {
	if now.length == 0 {
		return
	}
	shape, many := now.is.Type.Shape, now.is.Element.Many()
	if shape == nil || shape.Kind != profile.Primitive {
		if many {
			d.out = append(d.out, ']')
		}
		return
	}
	if now.some {
		d.name(now.is.Type.Member)
		d.out = listed(d.out, now.values, many)
	}
	if now.noted {
		d.name("_" + now.is.Type.Member)
		d.out = listed(d.out, now.notes, many)
	}
}

func listed(out, items []byte, many bool) []byte {
	if !many {
		return append(out, items...)
	}
	return append(append(append(out, '['), items...), ']')
}
