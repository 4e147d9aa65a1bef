package record

import (
	"errors"
	"testing"

	"cairn/fhir/resource"
	"cairn/node/fault"
)

func TestStructure(t *testing.T) {
	doc, err := resource.Parse([]byte(`{"resourceType":"Patient","gender":"x","color":1,"birthDate":"1970-02-30"}`), resource.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	err = at(structure(doc), "Bundle.entry[2].resource")
	var first *fault.Error
	if !errors.As(err, &first) || first.Kind != fault.Invalid || first.Code != "code-invalid" || first.Rule != "required-binding" ||
		first.Expression != "Bundle.entry[2].resource.gender" {
		t.Errorf("the first is %+v", first)
	}
	var several interface{ Unwrap() []error }
	if !errors.As(err, &several) || len(several.Unwrap()) != 3 {
		t.Errorf("not three findings: %v", err)
	}
	good, err := resource.Parse([]byte(`{"resourceType":"Patient","gender":"male"}`), resource.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := structure(good); err != nil {
		t.Error(err)
	}
}
