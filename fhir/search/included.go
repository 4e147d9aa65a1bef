package search

import (
	"slices"

	"cairn/fhir/resource"
	"cairn/fhir/search/index"
	"cairn/fhir/search/param"
)

// Included is what a search on a type may ask to include, as a CapabilityStatement lists it: with _include
// ("Observation:subject") and with _revinclude ("Provenance:target"). Each also takes "*".
func Included(typ string) (forward, reverse []string) {
	for _, from := range resource.Types() {
		for _, rows := range [...][]param.Param{param.Of("Resource"), param.Of(from)} {
			for i := range rows {
				p := &rows[i]
				if p.Kind != index.ByReference || index.Unanswered(p.Name) != "" {
					continue
				}
				name := from + ":" + p.Name
				if from == typ {
					forward = append(forward, name)
				}
				if p.CanTarget(typ) {
					reverse = append(reverse, name)
				}
			}
		}
	}
	slices.Sort(forward)
	slices.Sort(reverse)
	return forward, reverse
}
