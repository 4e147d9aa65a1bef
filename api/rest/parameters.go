package rest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/record"
)

// Parameters are what an operation is called with, whether they came in a
// Parameters resource or in the URL (FHIR R4 3.2.0.3).
type Parameters struct{ list []Parameter }

// Parameter is one of them.
type Parameter struct {
	Name string
	// Text is the value of a primitive as it stands in the text; "" for any
	// other.
	Text string
	// Type is that of value[x], "String" for valueString; "" in the URL, where
	// the operation's definition says it, and for a resource or parts.
	Type     string
	Value    resource.Node // of value[x]; not there in the URL
	Resource *resource.Doc // nil if it is none
	Part     Parameters
}

// Parameters reads what an operation is called with. A body that is another
// resource than Parameters is taken for the one parameter named "resource", as
// a POST of the resource itself means (FHIR R4 3.2.0.3); parameters of the URL
// stand behind those of the body.
func (c *Call) Parameters() (Parameters, error) {
	var p Parameters
	if c.Method == http.MethodPost && c.Media == formType {
		data, err := c.Read()
		if err != nil {
			return p, err
		}
		form, err := url.ParseQuery(string(data))
		if err != nil {
			return p, fault.Wrap(fault.Invalid, "invalid", "the form is not valid", err)
		}
		p.add(form)
	} else if c.Method == http.MethodPost {
		if err := c.posted(&p); err != nil {
			return p, err
		}
	}
	p.add(c.Query)
	return p, nil
}

const formType = "application/x-www-form-urlencoded"

// posted reads a resource that was posted; a POST may have no body at all.
func (c *Call) posted(p *Parameters) error {
	if c.Media == "" && c.Header.Get("Content-Type") == "" {
		data, err := c.Read()
		if err != nil || len(data) == 0 {
			return err
		}
	}
	data, err := c.Resource()
	if err != nil {
		return err
	}
	doc, err := resource.Parse(data, resource.Limits{})
	if err != nil {
		return record.Invalid(err)
	}
	if doc.Type() != "Parameters" {
		p.list = append(p.list, Parameter{Name: "resource", Resource: doc})
		return nil
	}
	*p, err = parts(doc.Root().Get("parameter"))
	return err
}

// parts reads parameters, or the parts of one.
func parts(list resource.Node) (p Parameters, err error) {
	for n := range list.Items() {
		one, err := part(n)
		if err != nil {
			return p, err
		}
		p.list = append(p.list, one)
	}
	return p, nil
}

func part(n resource.Node) (p Parameter, err error) {
	var ok bool
	if p.Name, ok = n.Get("name").Text(); !ok {
		return p, fault.New(fault.Invalid, "required", "each parameter needs a name").At(n.Expression() + ".name")
	}
	if inner := n.Get("resource"); inner.Exists() {
		if p.Resource, err = resource.Parse(inner.Raw(), resource.Limits{}); err != nil {
			return p, record.Invalid(err)
		}
	}
	for name, value := range n.Fields() {
		if typ, is := strings.CutPrefix(name, "value"); is && typ != "" {
			p.Type, p.Value, p.Text = typ, value, plain(value)
		}
	}
	p.Part, err = parts(n.Get("part"))
	return p, err
}

// plain is a primitive as it stands in the text.
func plain(n resource.Node) string {
	switch n.Kind() {
	case resource.String:
		text, _ := n.Text()
		return text
	case resource.Number, resource.Bool:
		return string(n.Raw())
	}
	return ""
}

// add takes in the parameters of a URL or a form.
func (p *Parameters) add(values url.Values) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, text := range values[name] {
			p.list = append(p.list, Parameter{Name: name, Text: text})
		}
	}
}

// All returns the parameters of a name, in order.
func (p Parameters) All(name string) (out []Parameter) {
	for _, one := range p.list {
		if one.Name == name {
			out = append(out, one)
		}
	}
	return out
}

// Get returns the first parameter of a name; false if there is none.
func (p Parameters) Get(name string) (Parameter, bool) {
	for _, one := range p.list {
		if one.Name == name {
			return one, true
		}
	}
	return Parameter{}, false
}

// Text returns the primitive value of a parameter, "" if there is none.
func (p Parameters) Text(name string) string {
	one, _ := p.Get(name)
	return one.Text
}

// Resource returns the resource of a parameter, nil if there is none.
func (p Parameters) Resource(name string) *resource.Doc {
	one, _ := p.Get(name)
	return one.Resource
}

// Only refuses parameters that an operation does not know, so that a
// misspelled one does not widen what it does.
func (p Parameters) Only(names ...string) error {
	known := make(map[string]bool, len(names))
	for _, n := range names {
		known[n] = true
	}
	for _, one := range p.list {
		if !known[one.Name] {
			return fault.New(fault.Invalid, codeSupported, "this operation does not know one of the parameters").WithHint("it knows " + list(names))
		}
	}
	return nil
}

// Values returns the primitive parameters as a URL has them, for operations
// that search.
func (p Parameters) Values() url.Values {
	out := make(url.Values)
	for _, one := range p.list {
		if one.Text != "" {
			out.Add(one.Name, one.Text)
		}
	}
	return out
}
