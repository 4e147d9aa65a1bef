package param

import (
	"slices"
	"strings"
	"testing"

	"cairn/fhir/path"
	"cairn/fhir/resource"
)

// without are the parameters of R4 that have no expression, and why.
var without = map[string]string{
	"_content": "FHIR R4 3.1.1.4.14: the whole text of a resource",
	"_text":    "FHIR R4 3.1.1.4.14: the narrative",
	"_query":   "FHIR R4 3.1.1.4.15: a named query of the server",
}

func TestEveryExpressionCompiles(t *testing.T) {
	definitions, rows := map[string]bool{}, 0
	for _, table := range byType {
		if !resource.IsType(table.typ) && table.typ != "Resource" {
			t.Errorf("%s is no resource type", table.typ)
		}
		for _, p := range Of(table.typ) {
			rows++
			definitions[p.Definition()] = true
			if p.Path == "" {
				if without[p.Name] == "" {
					t.Errorf("%s of %s has no expression", p.Name, table.typ)
				}
				continue
			}
			if _, err := path.Compile(p.Path); err != nil {
				t.Errorf("%s of %s: %v", p.Name, table.typ, err)
			}
			for _, part := range p.Parts {
				if _, err := path.Compile(strings.TrimPrefix(part.Path, "%resource.")); err != nil {
					t.Errorf("%s of %s: %v", p.Name, table.typ, err)
				}
			}
		}
	}
	// 1,375 in the specification, three more in its types, seven of US Core; one row for each type that has them.
	if len(definitions) != 1385 || rows != 1716 {
		t.Errorf("%d definitions in %d rows", len(definitions), rows)
	}
}

func TestRowsAgree(t *testing.T) {
	for _, table := range byType {
		rows := Of(table.typ)
		find := func(name string) *Param {
			at := slices.IndexFunc(rows, func(p Param) bool { return p.Name == name })
			if at < 0 {
				return nil
			}
			return &rows[at]
		}
		for i, p := range rows {
			if i > 0 && rows[i-1].Name >= p.Name {
				t.Errorf("%s of %s is out of order", p.Name, table.typ)
			}
			for _, name := range strings.Fields(p.Cover) {
				if by := find(name); by == nil || by.Kind != p.Kind || by.Cover != "" || by.Contact != p.Contact || name == p.Name {
					t.Errorf("%s of %s cannot be covered by %s", p.Name, table.typ, name)
				}
			}
			for _, part := range p.Parts {
				if find(part.Param) == nil {
					t.Errorf("%s of %s has a component %s", p.Name, table.typ, part.Param)
				}
			}
			if (p.Kind == Composite) != (len(p.Parts) > 1) || (p.Kind == Reference) != (p.Targets != "") {
				t.Errorf("%s of %s: %d components, targets %q", p.Name, table.typ, len(p.Parts), p.Targets)
			}
			for _, target := range strings.Fields(p.Targets) {
				if target != "*" && !resource.IsType(target) || !p.CanTarget(target) {
					t.Errorf("%s of %s points to %s", p.Name, table.typ, target)
				}
			}
			if number, ok := NumberOf(p.Name); !ok || Name(number) != p.Name {
				t.Errorf("%s has the number %d", p.Name, number)
			}
		}
	}
}

// Stored indexes name parameters by their number: these must not move.
func TestNumbersStay(t *testing.T) {
	for name, want := range map[string]uint64{"identifier": 0, "status": 1, "code": 6, "_id": 36, "value-quantity": 70, "variant-start": 447} {
		if got, ok := NumberOf(name); !ok || got != want {
			t.Errorf("%s has the number %d, want %d", name, got, want)
		}
	}
	if Name(Names) != "" || Name(Names-1) == "" {
		t.Error("there are more numbers than names")
	}
	if _, ok := NumberOf("nothing"); ok {
		t.Error("what is no parameter has a number")
	}
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			t.Errorf("%s has two numbers", name)
		}
		seen[name] = true
	}
}

func TestRows(t *testing.T) {
	for _, c := range []struct {
		typ  string
		want Param
	}{
		{"Patient", Param{Name: "gender", Kind: Token, ID: "individual-gender", Path: "gender", System: "http://hl7.org/fhir/administrative-gender"}},
		{"Patient", Param{Name: "family", Kind: Text, ID: "individual-family", Path: "name.family", Cover: "name"}},
		{"Patient", Param{Name: "email", Kind: Token, ID: "individual-email", Path: "telecom.where(system='email')", Contact: true, Cover: "telecom"}},
		{"Patient", Param{Name: "deceased", Kind: Token, ID: "Patient-deceased", Path: "deceased[x].exists() and deceased[x] != false"}},
		{"Observation", Param{Name: "patient", Kind: Reference, ID: "clinical-patient", Path: "subject.where(resolve() is Patient)", Targets: "Patient", Cover: "subject"}},
		{"Observation", Param{Name: "combo-code", Kind: Token, ID: "Observation-combo-code", Path: "code | component.code", Cover: "code component-code"}},
		{"Procedure", Param{Name: "date", Kind: Date, ID: "clinical-date", Path: "performed.ofType(dateTime) | performed.ofType(Period)"}},
		{"Bundle", Param{Name: "composition", Kind: Reference, ID: "Bundle-composition", Path: "entry[0].resource", Targets: "Composition"}},
		{"DeviceRequest", Param{Name: "code", Kind: Token, ID: "clinical-code", Path: "code.ofType(CodeableConcept)"}},
	} {
		at := slices.IndexFunc(Of(c.typ), func(p Param) bool { return p.Name == c.want.Name })
		if at < 0 {
			t.Errorf("%s has no %s", c.typ, c.want.Name)
			continue
		}
		got := Of(c.typ)[at]
		if len(got.Parts) > 0 || got.Name != c.want.Name || got.Kind != c.want.Kind || got.ID != c.want.ID || got.Path != c.want.Path ||
			got.Targets != c.want.Targets || got.System != c.want.System || got.Contact != c.want.Contact || got.Cover != c.want.Cover {
			t.Errorf("got  %+v\nwant %+v", got, c.want)
		}
	}
	if Of("Nothing") != nil {
		t.Error("an unknown type has parameters")
	}
}
