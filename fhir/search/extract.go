package search

import (
	"cairn/fhir/path"
	"cairn/fhir/resource"
)

// Extract takes the searchable values out of a resource. It fails with a *resource.Error only where a time that
// search and consent rely on is not one.
func Extract(d *resource.Doc) (Index, error) {
	p := planOf(d.Type())
	c := collector{plan: p, root: d.Root(), run: p.set.Begin(d.Root())}
	for i := range p.params {
		if program := &p.params[i]; program.Kind != ByComposite {
			c.param(program)
		} else {
			c.composite(program)
		}
	}
	c.index.Subject = c.subject(d)
	c.index.Facets = c.facets(d)
	if c.err != nil {
		return Index{}, c.err
	}
	return c.index, nil
}

// collector gathers the values of one resource. The first mistake stays in err.
type collector struct {
	plan  *plan
	root  resource.Node
	run   path.Run
	index Index
	err   error
	from  starts
	seen  map[any]struct{} // values of the current parameter, once they are many
}

// starts is where the values of the current parameter begin in the lists of an index.
type starts struct {
	tokens, identifiers, dates, references, texts, numbers, quantities, uris, places int
}

func (c *collector) start() {
	x := &c.index
	c.from = starts{
		len(x.Tokens), len(x.Identifiers), len(x.Dates), len(x.References), len(x.Texts), len(x.Numbers), len(x.Quantities), len(x.URIs), len(x.Places),
	}
	c.seen = nil
}

// param takes the values of one parameter.
func (c *collector) param(p *program) {
	if answeredElsewhere(p.Name) {
		return
	}
	c.start()
	if p.condition {
		c.token(p, specialValues, truth(c.run.Holds(p.number)), "")
		return
	}
	c.run.Each(p.number, func(n resource.Node) bool {
		c.value(p, n)
		return true
	})
}

const specialValues = "http://terminology.hl7.org/CodeSystem/special-values" // of true and false

func truth(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// value takes what a parameter finds in a node, by the kind of the parameter and the shape of the data type.
func (c *collector) value(p *program, n resource.Node) {
	switch p.Kind {
	case ByToken:
		c.tokens(p, n)
	case ByDate:
		if lo, hi, ok := c.span(n); ok {
			c.index.Dates = unique(&c.seen, c.index.Dates, c.from.dates, Date{p.Name, lo, hi})
		}
	case ByReference:
		c.reference(p, n)
	case ByText:
		c.texts(p, n)
	case ByNumber:
		if f, ok := number(n); ok {
			c.index.Numbers = unique(&c.seen, c.index.Numbers, c.from.numbers, Number{p.Name, f, f})
		}
	case ByQuantity:
		if q, ok := quantity(n); ok {
			q.Param = p.Name
			c.index.Quantities = unique(&c.seen, c.index.Quantities, c.from.quantities, q)
		}
	case ByURI:
		if text, ok := n.Text(); ok {
			c.index.URIs = unique(&c.seen, c.index.URIs, c.from.uris, URI{p.Name, text})
		}
	case BySpecial:
		if at, ok := position(n); ok {
			at.Param = p.Name
			c.index.Places = unique(&c.seen, c.index.Places, c.from.places, at)
		}
	}
}

const fewValues = 16

// unique appends a value unless the list has it at or after from.
func unique[T comparable](seen *map[any]struct{}, list []T, from int, value T) []T {
	if len(list)-from < fewValues {
		for i := from; i < len(list); i++ {
			if list[i] == value {
				return list
			}
		}
		return append(list, value)
	}
	if *seen == nil {
		*seen = make(map[any]struct{}, 4*fewValues)
		for _, old := range list[from:] {
			(*seen)[old] = struct{}{}
		}
	}
	if _, ok := (*seen)[value]; ok {
		return list
	}
	(*seen)[value] = struct{}{}
	return append(list, value)
}

// composite takes the groups of values that stand in one element. Every value of a component is a value of the
// parameter that the component names, so that a group only has to say where in the lists they stand.
func (c *collector) composite(p *program) {
	finders := make([]finder, len(p.parts))
	scratch := collector{plan: c.plan, root: c.root}
	c.run.Each(p.number, func(base resource.Node) bool {
		parts := make([][]uint32, 0, len(p.parts))
		for i := range p.parts {
			part := &p.parts[i]
			scratch.clear()
			from := base
			if part.root {
				from = c.root
			}
			part.path.Each(from, func(n resource.Node) bool {
				scratch.value(part.of, n)
				return true
			})
			places := finders[i].places(&c.index, &scratch.index, part.of)
			if len(places) == 0 {
				return true
			}
			parts = append(parts, places)
		}
		c.index.Composites = append(c.index.Composites, Composite{p.Name, parts})
		return true
	})
}

// clear makes ready for the values of another node, of whichever kind.
func (c *collector) clear() {
	x := &c.index
	c.index = Index{
		Tokens: x.Tokens[:0], Dates: x.Dates[:0], References: x.References[:0], Texts: x.Texts[:0],
		Numbers: x.Numbers[:0], Quantities: x.Quantities[:0], URIs: x.URIs[:0],
	}
	c.seen = nil
}

// finder says where in the lists of an index the values of one parameter stand.
type finder struct{ at map[any]uint32 }

func (f *finder) places(in, values *Index, p *program) []uint32 {
	switch p.Kind {
	case ByToken:
		return locate(f, in.Tokens, values.Tokens, p.Name)
	case ByDate:
		return locate(f, in.Dates, values.Dates, p.Name)
	case ByReference:
		return locate(f, in.References, values.References, p.Name)
	case ByText:
		return locate(f, in.Texts, values.Texts, p.Name)
	case ByNumber:
		return locate(f, in.Numbers, values.Numbers, p.Name)
	case ByQuantity:
		return locate(f, in.Quantities, values.Quantities, p.Name)
	}
	return nil
}

func locate[V interface {
	comparable
	valued
}](f *finder, list, values []V, param string) (places []uint32) {
	if len(values) == 0 {
		return nil
	}
	if len(list) > fewValues && f.at == nil {
		f.at = make(map[any]uint32, len(list))
		for i, v := range list {
			f.at[v] = uint32(i) //nolint:gosec // a resource has at most 100,000 nodes
		}
	}
	for _, v := range values {
		if at, ok := f.find(v, func() int { return index(list, v) }); ok {
			places = append(places, at)
		}
	}
	return places
}

func index[V comparable](list []V, v V) int {
	for i := range list {
		if list[i] == v {
			return i
		}
	}
	return -1
}

// find looks a value up, by looking through the list while that is short.
func (f *finder) find(v any, through func() int) (uint32, bool) {
	if f.at != nil {
		at, ok := f.at[v]
		return at, ok
	}
	at := through()
	return uint32(at), at >= 0 //nolint:gosec // not used if it is negative
}
