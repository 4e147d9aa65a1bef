package sample_test

import (
	"testing"

	"cairn/fhir/profile"
	fhir "cairn/fhir/resource"
	"cairn/sample"
)

// TestStructure checks what is invented against the R4 definitions.
func TestStructure(t *testing.T) {
	g := sample.New(11)
	for i := range 40 {
		doc, err := fhir.Parse(g.Bundle(i), fhir.Limits{Nodes: 1_000_000})
		if err != nil {
			t.Fatal(err)
		}
		for _, issue := range profile.Check(doc) {
			t.Errorf("patient %d: %s %s: %s", i, issue.Rule, issue.Expression, issue.Text)
		}
	}
}
