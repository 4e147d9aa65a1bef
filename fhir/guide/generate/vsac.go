package main

// assembled is the value sets of the Value Set Authority Center that US Core 6.1.0 takes the codes of required bindings
// from, as far as they are few codes of CDC and HL7. The package names them only; their content stands in the expansions
// that are published with US Core 6.1.0 (ValueSet-birthsex.html: 5 codes, ValueSet-omb-race-category.html: 8,
// ValueSet-omb-ethnicity-category.html: 4).
func assembled() (out []definition) {
	const (
		gender    = "http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender"
		null      = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
		ethnicity = "urn:oid:2.16.840.1.113883.6.238"
	)
	for _, s := range []struct {
		oid, system string
		codes       []concept
	}{
		{"2.16.840.1.113762.1.4.1", gender, []concept{{Code: "F", Display: "Female"}, {Code: "M", Display: "Male"}}},
		{"2.16.840.1.113762.1.4.1021.102", null, []concept{{Code: "ASKU", Display: "asked but unknown"}, {Code: "UNK", Display: "unknown"}}},
		{"2.16.840.1.113762.1.4.1021.103", null, []concept{{Code: "ASKU", Display: "asked but unknown"}, {Code: "OTH", Display: "other"}, {Code: "UNK", Display: "unknown"}}},
		{"2.16.840.1.114222.4.11.836", ethnicity, []concept{
			{Code: "1002-5", Display: "American Indian or Alaska Native"}, {Code: "2028-9", Display: "Asian"},
			{Code: "2054-5", Display: "Black or African American"}, {Code: "2076-8", Display: "Native Hawaiian or Other Pacific Islander"},
			{Code: "2106-3", Display: "White"}, {Code: "2131-1", Display: "Other Race"},
		}},
		{"2.16.840.1.114222.4.11.837", ethnicity, []concept{{Code: "2135-2", Display: "Hispanic or Latino"}, {Code: "2186-5", Display: "Not Hispanic or Latino"}}},
	} {
		out = append(out, definition{
			ResourceType: "ValueSet", URL: "http://cts.nlm.nih.gov/fhir/ValueSet/" + s.oid,
			Compose: &compose{Include: []part{{System: s.system, Concept: s.codes}}},
		})
	}
	return out
}
