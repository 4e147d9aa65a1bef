package profile

import (
	"sort"
	"strings"

	"cairn/fhir/resource"
)

// maxListed is how many codes a text lists.
const maxListed = 16

// describe names the value set, and its codes if they are few.
func (c *Codes) describe() string {
	text := "Take one of " + c.URL
	if len(c.all) > maxListed {
		return text + "."
	}
	codes := make([]string, 0, len(c.all))
	for code := range c.all {
		codes = append(codes, code)
	}
	sort.Strings(codes)
	return text + ": " + strings.Join(codes, ", ") + "."
}

// coded checks a Coding, CodeableConcept or Quantity whose code R4 requires from a value set: of a CodeableConcept one
// coding at least has to be (FHIR R4 4.1.5.1).
func (c *checker) coded(item resource.Node, shape *Shape, codes *Codes) {
	ok := true
	switch shape.Name {
	case "Coding", "Quantity":
		ok = among(item, codes)
	case "CodeableConcept":
		ok = false
		for coding := range item.Get("coding").Items() {
			ok = ok || among(coding, codes)
		}
		ok = ok || Withheld(item)
	}
	if !ok {
		c.found("code-invalid", RuleCode, "No coding here is one that R4 requires. "+codes.describe(), item)
	}
}

func among(coding resource.Node, codes *Codes) bool {
	system, _ := coding.Get("system").Content()
	code, _ := coding.Get("code").Content()
	return codes.HasIn(system, code)
}

// Withheld reports whether the element says, by an extension, why there is nothing to say.
func Withheld(item resource.Node) bool {
	for x := range item.Get("extension").Items() {
		if x.Get("url").Is("http://hl7.org/fhir/StructureDefinition/data-absent-reason") {
			return true
		}
	}
	return false
}
