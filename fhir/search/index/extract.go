package index

import (
	"slices"

	"cairn/fhir/path"
	"cairn/fhir/resource"
)

// Extract takes the searchable values out of a resource. It fails with a *resource.Error only where a time that
// search and consent rely on is not one.
func Extract(d *resource.Doc) (Index, error) {
	p := Of(d.Type())
	c := collector{plan: p, run: p.set.Begin(d.Root())}
	if len(d.Raw()) <= fewBytes {
		c.all = string(d.Raw())
	}
	visit := func(n resource.Node) bool {
		c.value(c.current, n)
		return true
	}
	for i := range p.Params {
		if program := &p.Params[i]; program.Kind != ByComposite {
			c.param(program, visit)
		} else {
			c.composite(program, d.Root())
		}
	}
	c.index.Subject = c.subject(d)
	c.index.Facets = c.facets(d)
	if c.err != nil {
		return Index{}, c.err
	}
	return c.index, nil
}

// collector gathers the values of one resource.
type collector struct {
	reader
	plan    *Plan
	run     *path.Run
	current *Param
	grouper *grouper // nil until there is a composite
}

// fewBytes is up to which length a resource is copied as a whole, rather than the strings that are found in it.
const fewBytes = 1 << 16

// reader takes values out of nodes. The first mistake stays in err.
type reader struct {
	all   string // the resource, so that strings are cut out of it without a copy each, or ""
	index Index
	err   error
	from  starts
	seen  map[any]struct{} // values of the current parameter, once they are many
}

// starts is where the values of the current parameter begin in the lists of an index.
type starts struct {
	tokens, identifiers, dates, references, texts, numbers, quantities, uris, places int
}

func (c *reader) start() {
	x := &c.index
	c.from = starts{
		len(x.Tokens), len(x.Identifiers), len(x.Dates), len(x.References), len(x.Texts), len(x.Numbers), len(x.Quantities), len(x.URIs), len(x.Places),
	}
	c.seen = nil
}

// param takes the values of one parameter.
func (c *collector) param(p *Param, visit func(resource.Node) bool) {
	if AnsweredElsewhere(p.Name) || !p.condition && c.run.Idle(p.number) {
		return
	}
	c.start()
	if p.condition {
		c.token(p, specialValues, truth(c.run.Holds(p.number)), "")
		return
	}
	c.current = p
	c.run.Each(p.number, visit)
}

const specialValues = "http://terminology.hl7.org/CodeSystem/special-values" // of true and false

func truth(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// value takes what a parameter finds in a node, by the kind of the parameter and the shape of the data type.
func (c *reader) value(p *Param, n resource.Node) {
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
		if q, ok := c.quantity(n); ok {
			q.Param = p.Name
			c.index.Quantities = unique(&c.seen, c.index.Quantities, c.from.quantities, q)
		}
	case ByURI:
		if text := c.text(n); text != "" {
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
	if list == nil {
		list = make([]T, 0, fewValues/2)
	}
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
func (c *collector) composite(p *Param, root resource.Node) {
	if c.run.Idle(p.number) {
		return
	}
	for i := range p.Components {
		if of := p.Components[i].Of; !c.index.Has(of.Name, of.Kind) {
			return
		}
	}
	if c.grouper == nil {
		c.grouper = newGrouper(root, &c.reader)
	}
	c.grouper.program, c.grouper.finders = p, [maxParts]finder{}
	c.run.Each(p.number, c.grouper.element)
}

// grouper takes the groups of one composite parameter after the other.
type grouper struct {
	root    resource.Node
	index   *Index
	program *Param
	finders [maxParts]finder
	scratch reader
	current *Param
	element func(resource.Node) bool // add
	visit   func(resource.Node) bool // takes a value of current
}

func newGrouper(root resource.Node, into *reader) *grouper {
	g := &grouper{root: root, index: &into.index, scratch: reader{all: into.all}}
	g.element = g.add
	g.visit = func(n resource.Node) bool {
		g.scratch.value(g.current, n)
		return true
	}
	return g
}

// add takes the group of one element, unless a component has no value there. The last one is looked at first: it is
// the value in most, and missing most often.
func (g *grouper) add(base resource.Node) bool {
	parts := make([][]uint32, len(g.program.Components))
	for i := len(parts) - 1; i >= 0; i-- {
		part := &g.program.Components[i]
		from := base
		if part.root {
			from = g.root
		}
		g.scratch.clear()
		g.current = part.Of
		part.path.Each(from, g.visit)
		if parts[i] = g.finders[i].places(g.index, &g.scratch.index, part.Of); len(parts[i]) == 0 {
			return true
		}
	}
	g.index.Composites = append(g.index.Composites, Composite{g.program.Name, parts})
	return true
}

// clear makes ready for the values of another node, of whichever kind.
func (c *reader) clear() {
	x := &c.index
	*x = Index{
		Tokens: x.Tokens[:0], Dates: x.Dates[:0], References: x.References[:0], Texts: x.Texts[:0],
		Numbers: x.Numbers[:0], Quantities: x.Quantities[:0], URIs: x.URIs[:0],
	}
	c.seen = nil
}

// finder says where in the lists of an index the values of one parameter stand.
type finder struct{ at map[any]uint32 }

func (f *finder) places(in, values *Index, p *Param) []uint32 {
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
	Value
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
		if f.at == nil {
			if at := slices.Index(list, v); at >= 0 {
				places = append(places, uint32(at)) //nolint:gosec // not negative
			}
		} else if at, ok := f.at[v]; ok {
			places = append(places, at)
		}
	}
	return places
}
