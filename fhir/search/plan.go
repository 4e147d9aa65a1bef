package search

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"cairn/fhir/path"
	"cairn/fhir/resource"
	"cairn/fhir/search/param"
)

// Kind is how a search parameter compares: the type of a SearchParameter (FHIR R4 3.1.1.4).
type Kind = param.Kind

// The kinds of search parameters.
const (
	ByToken     = param.Token
	ByDate      = param.Date
	ByReference = param.Reference
	ByText      = param.Text
	ByNumber    = param.Number
	ByQuantity  = param.Quantity
	ByURI       = param.URI
	ByComposite = param.Composite
	BySpecial   = param.Special
)

// program is a search parameter made ready to run.
type program struct {
	*param.Param
	number    int      // in the plan's set
	condition bool     // whether it is true that counts, not what it selects
	cover     []string // parameters whose postings are enough for this one
	parts     []component
}

// component is a part of a composite parameter.
type component struct {
	of   *program // the parameter whose values it has
	path path.Program
	root bool // the path begins at the resource
}

// plan is all that is taken out of one resource type.
type plan struct {
	typ    string
	params []program // simple ones first, composites after them, each in the order of their names
	byName map[string]*program
	set    *path.Set
	about  int  // number of the program that finds whom it is about
	own    bool // the resource is the patient
	facet  facetNumbers
}

// unanswered are parameters that R4 defines for every type and that cannot be answered here, with the reason.
var unanswered = map[string]string{
	"_text":    "The text of records is kept encrypted and is not searched.",
	"_content": "The text of records is kept encrypted and is not searched.",
	"_query":   "There are no named queries.",
	"_filter":  "Write the conditions as parameters of their own.",
}

// answeredElsewhere are parameters of every type whose values are not taken out of the resource.
func answeredElsewhere(name string) bool { return name == "_id" || name == "_lastUpdated" }

var lazyPlans = func() map[string]func() *plan {
	all := map[string]func() *plan{}
	for _, typ := range resource.Types() {
		all[typ] = sync.OnceValue(func() *plan { return newPlan(typ) })
	}
	return all
}()

// planOf is the plan of a resource type, made when it is first needed; nil if there is no such type.
func planOf(typ string) *plan {
	if lazy := lazyPlans[typ]; lazy != nil {
		return lazy()
	}
	return nil
}

// numbering collects the programs of a set.
type numbering struct{ programs []path.Program }

func (n *numbering) add(expression string) int {
	p := path.Program{}
	if expression != "" {
		p = path.MustCompile(expression)
	}
	n.programs = append(n.programs, p)
	return len(n.programs) - 1
}

func newPlan(typ string) *plan {
	p := &plan{typ: typ, own: typ == "Patient", byName: map[string]*program{}}
	var n numbering
	rows := rowsOf(typ)
	p.params = make([]program, 0, len(rows))
	for _, row := range rows {
		p.params = append(p.params, program{Param: row, number: n.add(row.Path), cover: strings.Fields(row.Cover)})
		added := &p.params[len(p.params)-1]
		added.condition = n.programs[added.number].IsCondition()
		p.byName[row.Name] = added
		for _, part := range row.Parts {
			expression, root := strings.CutPrefix(part.Path, "%resource.")
			added.parts = append(added.parts, component{p.byName[part.Param], path.MustCompile(expression), root})
		}
	}
	p.about = n.add(subjectPaths[typ])
	p.facet = numberFacets(typ, &n)
	p.set = path.NewSet(n.programs)
	return p
}

// rowsOf is the parameters of a type that can be answered, composites last.
func rowsOf(typ string) []*param.Param {
	var simple, composite []*param.Param
	for _, rows := range [...][]param.Param{param.Of("Resource"), param.Of(typ)} {
		for i := range rows {
			switch row := &rows[i]; {
			case unanswered[row.Name] != "":
			case row.Kind == ByComposite:
				composite = append(composite, row)
			default:
				simple = append(simple, row)
			}
		}
	}
	return append(simple, composite...)
}

// param is a parameter by its name, or nil. The plan may be nil.
func (p *plan) param(name string) *program {
	if p == nil {
		return nil
	}
	return p.byName[name]
}

// coverOf is the parameters whose postings hold the values of one: itself, unless others have them all.
func coverOf(typ, name string) []string {
	if p := planOf(typ).param(name); p != nil && len(p.cover) > 0 {
		return p.cover
	}
	return []string{name}
}

// Param is a search parameter that is implemented.
type Param struct {
	Name          string
	Type          Kind
	Definition    string // canonical URL of the SearchParameter
	Documentation string // in words, where this implementation says more than the definition
}

// documentation is what a kind understands.
var documentation = map[Kind]string{
	ByToken:     "code, system|code, |code or system|; a comma means or; repeat the parameter for and. Modifiers :not :text :of-type :in :not-in :above :below :missing.",
	ByDate:      "Prefixes eq ne gt lt ge le sa eb ap. Times without a zone are UTC. ap widens the range by a tenth of its length on each side. Modifier :missing.",
	ByReference: "Type/id, an absolute URL, a canonical, or an id alone. Modifiers :[type] :identifier :missing; chains.",
	ByText:      "Begins with the value, without regard to case and accents. Modifiers :exact :contains :missing.",
	ByNumber:    "Prefixes eq ne gt lt ge le sa eb ap; eq and ne by the digits given, ap within a tenth. Modifier :missing.",
	ByQuantity:  "number, number|system|code or number||unit, with the prefixes of a number; units of UCUM are converted. Modifier :missing.",
	ByURI:       "As written; a canonical is also found without its version. Modifiers :above :below :missing.",
	ByComposite: "One value for each component, with $ between them. Modifier :missing.",
	BySpecial:   "latitude|longitude|distance|unit with km (also without a unit), m, [mi_us] or [ft_us]; the distance is 10 km if it is left out. Modifier :missing.",
}

// Params is the search parameters that are implemented for a resource type in the order of their names; nil for an
// unknown type.
func Params(typ string) []Param {
	p := planOf(typ)
	if p == nil {
		return nil
	}
	list := make([]Param, 0, len(p.params))
	for i := range p.params {
		r := &p.params[i]
		one := Param{Name: r.Name, Type: r.Kind, Definition: r.Definition(), Documentation: documentation[r.Kind]}
		switch {
		case r.Name == "_id":
			one.Documentation = "One or more logical ids separated by commas; once in a search."
		case r.Name == "phonetic":
			one.Documentation = "Sounds like the value in English (American Soundex)."
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Param) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Program is how a search parameter finds its values in a resource, for whoever wants to check it against FHIRPath.
type Program struct {
	Type, Name string
	Kind       Kind
	Definition string // canonical URL of the SearchParameter
	Expression string // in FHIRPath, of the resource
	program    path.Program
}

// Programs is the programs of all search parameters of a resource type that have an expression.
func Programs(typ string) []Program {
	var list []Program
	for _, r := range slices.Concat(param.Of("Resource"), param.Of(typ)) {
		if r.Path != "" {
			list = append(list, Program{typ, r.Name, r.Kind, r.Definition(), fhirPath(typ, r.Path), path.MustCompile(r.Path)})
		}
	}
	return list
}

// fhirPath writes a path of package path as FHIRPath that begins with the resource type.
func fhirPath(typ, expression string) string {
	for _, separator := range []string{" | ", " and "} {
		if parts := strings.Split(expression, separator); len(parts) > 1 {
			for i := range parts {
				parts[i] = fhirPath(typ, parts[i])
			}
			return strings.Join(parts, separator)
		}
	}
	if expression == "$this" {
		return typ
	}
	return typ + "." + strings.ReplaceAll(expression, "[x]", "")
}

// Select is the values that the program finds. Of a condition it is none: see Holds.
func (p Program) Select(root resource.Node) (found []resource.Node) {
	p.program.Each(root, func(n resource.Node) bool {
		found = append(found, n)
		return true
	})
	return found
}

// Holds is the answer of a condition; is is false if the expression is none.
func (p Program) Holds(root resource.Node) (holds, is bool) {
	return p.program.Holds(root), p.program.IsCondition()
}

// String is the type and the name.
func (p Program) String() string { return fmt.Sprintf("%s %s", p.Type, p.Name) }
