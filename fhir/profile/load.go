package profile

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// source is the tables: lines of words separated by tabs.
//
//	type   KIND NAME BASE                       a type; its lines follow
//	regex  TEXT                                 of a primitive
//	el     NAME MIN MAX FLAGS TYPES BINDING     flags: s summary, m modifier, a attribute in XML; - none
//	rule   ELEMENT KEY SEVERITY EXPRESSION TEXT an invariant of the element; . of the type
//	set    VALUESET                             a value set
//	in     SYSTEM CODES                         codes of it
//
// Types stand with a blank between them: string, Reference(Patient|Group), Quantity:SimpleQuantity (a type with a
// profile of R4's own), #Bundle.link (the content of that element), @ (a type of its own that follows). A binding is
// =SET required, +SET extensible, ~SET preferred, - none or an example.
//
//go:embed r4.txt
var source string

type table struct {
	shapes map[string]*Shape
	sets   map[string]*Codes
}

var tables = sync.OnceValue(func() *table {
	t, err := load(source)
	if err != nil {
		panic("profile: r4.txt: " + err.Error()) // it is part of the program
	}
	return t
})

// Of is the Shape of a type, resource type or element with content of its own ("Patient.contact"); nil if R4 has none.
func Of(name string) *Shape { return tables().shapes[name] }

// ValueSet is the codes of a value set to which R4 binds an element strictly, by canonical URL without version; nil
// where R4 does not list them all.
func ValueSet(url string) *Codes { return tables().sets[url] }

// loader reads the tables and ties types to each other when all are known.
type loader struct {
	table
	shape *Shape
	set   *Codes
	order []*Shape
	types map[*Shape][]string // what stands for the types of each element, in order
}

func load(text string) (*table, error) {
	l := loader{table: table{shapes: map[string]*Shape{}, sets: map[string]*Codes{}}, types: map[*Shape][]string{}}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if line[0] == '#' {
			continue
		}
		if err := l.line(strings.Split(strings.TrimSuffix(line, "\n"), "\t")); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	for _, s := range l.order {
		if err := l.tie(s); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return &l.table, nil
}

func (l *loader) line(f []string) error {
	sizes := map[string]int{"type": 4, "regex": 2, "el": 7, "rule": 6, "set": 2, "in": 3}
	if len(f) != sizes[f[0]] {
		return fmt.Errorf("%d words after %q", len(f), f[0])
	}
	switch f[0] {
	case "type":
		return l.begin(f[1], f[2], f[3])
	case "regex":
		l.shape.Regex = f[1]
	case "el":
		return l.element(f)
	case "rule":
		return l.rule(f)
	case "set":
		l.set = &Codes{URL: longSet(f[1]), systems: map[string]map[string]bool{}, all: map[string]bool{}}
		l.sets[l.set.URL] = l.set
	case "in":
		codes := map[string]bool{}
		for _, c := range strings.Fields(f[2]) {
			codes[c], l.set.all[c] = true, true
		}
		l.set.systems[f[1]] = codes
	}
	return nil
}

func longSet(name string) string {
	if strings.Contains(name, "://") {
		return name
	}
	return "http://hl7.org/fhir/ValueSet/" + name
}

var kinds = map[string]Kind{"primitive": Primitive, "complex": Complex, "backbone": Backbone, "resource": Resource, "abstract": Abstract}

func (l *loader) begin(kind, name, base string) error {
	s := &Shape{Name: name, Kind: kinds[kind], members: map[string]Member{}}
	if s.Kind == 0 || l.shapes[name] != nil {
		return fmt.Errorf("type %q of kind %q", name, kind)
	}
	if base != "-" {
		if s.Base = l.shapes[base]; s.Base == nil {
			return fmt.Errorf("no base %q", base)
		}
		if s.Kind != Primitive {
			s.Elements = append(s.Elements, s.Base.Elements...)
			l.types[s] = append(l.types[s], l.types[s.Base]...)
		}
	}
	if s.Kind == Primitive {
		if s.format = formats[name]; s.format == nil {
			return fmt.Errorf("primitive %q is unknown", name)
		}
	}
	l.shapes[name], l.shape = s, s
	l.order = append(l.order, s)
	return nil
}

func (l *loader) element(f []string) error {
	e := Element{
		Name: f[1], Max: Unbounded, Summary: strings.Contains(f[4], "s"), Modifier: strings.Contains(f[4], "m"),
		Attribute: strings.Contains(f[4], "a"), Binding: binding(f[6]),
	}
	var err error
	if e.Min, err = strconv.Atoi(f[2]); err != nil {
		return err
	}
	if f[3] != "*" {
		if e.Max, err = strconv.Atoi(f[3]); err != nil {
			return err
		}
	}
	l.shape.Elements = append(l.shape.Elements, e)
	l.types[l.shape] = append(l.types[l.shape], f[5])
	return nil
}

func binding(text string) Binding {
	strengths := map[byte]Strength{'=': Required, '+': Extensible, '~': Preferred}
	if text == "-" {
		return Binding{}
	}
	return Binding{Strength: strengths[text[0]], ValueSet: longSet(text[1:])}
}

func (l *loader) rule(f []string) error {
	r := Rule{Key: f[2], Warning: f[3] != "error", Expression: f[4], Human: f[5]}
	if f[1] == "." {
		l.shape.Rules = append(l.shape.Rules, r)
		return nil
	}
	e := l.shape.Element(f[1])
	if e == nil {
		return fmt.Errorf("no element %q", f[1])
	}
	e.Rules = append(e.Rules, r)
	return nil
}

// maxElements and maxChoices are what Check has room for.
const (
	maxElements = 128
	maxChoices  = 8
)

// tie resolves the types, value sets and member names of a shape.
func (l *loader) tie(s *Shape) error {
	if len(s.Elements) > maxElements {
		return fmt.Errorf("%d elements", len(s.Elements))
	}
	choices := 0
	for i := range s.Elements {
		e := &s.Elements[i]
		e.place = i
		if e.Min > 0 {
			s.mandatory = append(s.mandatory, i)
		}
		if e.Binding.Strength == Required {
			e.Binding.Codes = l.sets[e.Binding.ValueSet]
		}
		stem, choice := strings.CutSuffix(e.Name, "[x]")
		if choice {
			choices++
			e.choice = choices
		}
		if err := l.tieTypes(s, e, l.types[s][i]); err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
		for k := range e.Types {
			t := &e.Types[k]
			t.Member = e.Name
			if choice {
				t.Member = stem + strings.ToUpper(t.Code[:1]) + t.Code[1:]
			}
			s.members[t.Member] = Member{e, t}
		}
	}
	if choices >= maxChoices {
		return fmt.Errorf("%d choices", choices)
	}
	return nil
}

func (l *loader) tieTypes(s *Shape, e *Element, text string) error {
	e.Types = nil
	for word := range strings.FieldsSeq(text) {
		t, err := l.tieType(s, e, word)
		if err != nil {
			return err
		}
		e.Types = append(e.Types, t)
	}
	return nil
}

func (l *loader) tieType(s *Shape, e *Element, word string) (Type, error) {
	name := word
	var t Type
	if inner, targets, ok := strings.Cut(word, "("); ok {
		name, t.Targets = inner, strings.Split(strings.TrimSuffix(targets, ")"), "|")
	}
	t.Code = name
	if code, special, ok := strings.Cut(name, ":"); ok {
		t.Code, name = code, special
	}
	switch {
	case word == "@":
		name = s.Name + "." + e.Name
	case word[0] == '#':
		name = word[1:]
	case word == "Resource":
		return t, nil
	}
	t.Shape = l.shapes[name]
	if t.Shape == nil {
		return t, fmt.Errorf("no type %q", name)
	}
	if t.Shape.Kind == Backbone {
		t.Code = t.Shape.Base.Name
	}
	return t, nil
}
