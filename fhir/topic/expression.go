package topic

import (
	"strings"

	"cairn/fhir/fhirpath"
	"cairn/fhir/resource"
)

// variables are %previous and %current of a topic's FHIRPath criteria (FHIR R5
// 4.7.5.2), as they are found in the Parameters that both are put into.
var variables = strings.NewReplacer(
	"%previous", "%resource.parameter.where(name='previous').resource",
	"%current", "%resource.parameter.where(name='current').resource",
)

func mustExpression(text string) *fhirpath.Program {
	if text == "" {
		return nil
	}
	p, err := fhirpath.Compile(variables.Replace(text))
	if err != nil {
		panic(text + ": " + err.Error())
	}
	return &p
}

// expressionHolds evaluates FHIRPath criteria over the two versions of a
// record; one that is not there is nil.
func expressionHolds(p *fhirpath.Program, previous, current []byte) (bool, error) {
	both := []byte(`{"resourceType":"Parameters","parameter":[{"name":"both"}`)
	for _, version := range []struct {
		name string
		raw  []byte
	}{{"previous", previous}, {"current", current}} {
		if version.raw != nil {
			both = append(append(append(both, `,{"name":"`+version.name+`","resource":`...), version.raw...), '}')
		}
	}
	limits := resource.Default
	limits.Bytes, limits.Nodes, limits.Depth = 2*limits.Bytes+1000, 2*limits.Nodes+16, limits.Depth+3
	doc, err := resource.Parse(append(both, `]}`...), limits)
	if err != nil {
		return false, err
	}
	return p.True(doc)
}
