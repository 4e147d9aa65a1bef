package search

import (
	"slices"
	"strings"

	"cairn/fhir/search/index"
)

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
	p := index.Of(typ)
	if p == nil {
		return nil
	}
	list := make([]Param, 0, len(p.Params))
	for i := range p.Params {
		r := &p.Params[i]
		one := Param{Name: r.Name, Type: r.Kind, Definition: r.Definition(), Documentation: documentation[r.Kind]}
		switch {
		case r.Name == "_id":
			one.Documentation = "One or more logical ids separated by commas; once in a search."
		case r.Name == index.Phonetic:
			one.Documentation = "Sounds like the value in English (American Soundex)."
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Param) int { return strings.Compare(a.Name, b.Name) })
	return list
}
