package index

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

// Param is a search parameter made ready to run.
type Param struct {
	*param.Param
	Components []Component // of a composite
	number     int         // in the plan's set
	condition  bool        // whether it is true that counts, not what it selects
	cover      []string    // parameters whose postings are enough for this one
}

// Component is a part of a composite parameter.
type Component struct {
	Of   *Param // the parameter whose values it has
	path path.Program
	root bool // the path begins at the resource
}

// Plan is all that is taken out of one resource type. It must not be changed.
type Plan struct {
	Params []Param // simple ones first, composites after them, each in the order of their names
	typ    string
	byName map[string]*Param
	set    *path.Set
	about  int  // number of the program that finds whom it is about
	own    bool // the resource is the patient
	facet  facetNumbers
}

// Unanswered is why a parameter that R4 defines for every type cannot be answered here; "" for any other.
func Unanswered(name string) string { return unanswered[name] }

var unanswered = map[string]string{
	"_text":    "The text of records is kept encrypted and is not searched.",
	"_content": "The text of records is kept encrypted and is not searched.",
	"_query":   "There are no named queries.",
	"_filter":  "Write the conditions as parameters of their own.",
}

// answeredElsewhere are parameters of every type whose values are not taken out of the resource.
func AnsweredElsewhere(name string) bool { return name == "_id" || name == "_lastUpdated" }

var lazyPlans = func() map[string]func() *Plan {
	all := map[string]func() *Plan{}
	for _, typ := range resource.Types() {
		all[typ] = sync.OnceValue(func() *Plan { return newPlan(typ) })
	}
	return all
}()

// Of is the plan of a resource type, made when it is first needed; nil if there is no such type.
func Of(typ string) *Plan {
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

func newPlan(typ string) *Plan {
	p := &Plan{typ: typ, own: typ == "Patient", byName: map[string]*Param{}}
	var n numbering
	rows := rowsOf(typ)
	p.Params = make([]Param, 0, len(rows))
	for _, row := range rows {
		p.Params = append(p.Params, Param{Param: row, number: n.add(row.Path), cover: strings.Fields(row.Cover)})
		added := &p.Params[len(p.Params)-1]
		added.condition = n.programs[added.number].IsCondition()
		p.byName[row.Name] = added
		for _, part := range row.Parts {
			expression, root := strings.CutPrefix(part.Path, "%resource.")
			added.Components = append(added.Components, Component{p.byName[part.Param], path.MustCompile(expression), root})
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

// Param is a parameter by its name, or nil. The plan may be nil.
func (p *Plan) Param(name string) *Param {
	if p == nil {
		return nil
	}
	return p.byName[name]
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
