package param

import (
	"slices"
	"strings"
)

// Compartments is the types that R4 has a compartment of (http://hl7.org/fhir/R4/compartmentdefinition.html), in order.
func Compartments() []string {
	var out []string
	for typ := range compartments {
		out = append(out, typ)
	}
	slices.Sort(out)
	return out
}

// Compartment is the reference parameters that put a record of type typ in a compartment of a type; none if no record
// of that type is in one.
func Compartment(of, typ string) []string { return strings.Fields(compartments[of][typ]) }
