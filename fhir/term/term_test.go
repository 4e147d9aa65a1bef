package term

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"cairn/fhir/resource"
)

const v3 = "http://terminology.hl7.org/CodeSystem/v3-"

// hospital is what somebody loaded: a system with two parents for one code, and value sets over it.
type hospital map[string]any

func (h hospital) System(url, _ string) (*System, error) { s, _ := h["C"+url].(*System); return s, nil }
func (h hospital) Set(url, _ string) (*Set, error)       { s, _ := h["V"+url].(*Set); return s, nil }

func (h hospital) load(t *testing.T, text string) {
	t.Helper()
	d, err := resource.Parse([]byte(text), resource.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Type() == "CodeSystem" {
		s, err := ReadSystem(d)
		if err != nil {
			t.Fatal(err)
		}
		h["C"+s.URL] = s
		return
	}
	s, err := ReadSet(d)
	if err != nil {
		t.Fatal(err)
	}
	h["V"+s.URL] = s
}

func loaded(t *testing.T) Shelf {
	h := hospital{}
	h.load(t, `{"resourceType":"CodeSystem","url":"urn:animals","version":"3","content":"complete","caseSensitive":false,"concept":[
		{"code":"animal","display":"Animal","concept":[
			{"code":"bird","display":"Bird","concept":[{"code":"duck","display":"Duck","designation":[{"language":"de","value":"Ente"}],"property":[{"code":"parent","valueCode":"swimmer"},{"code":"legs","valueInteger":2}]}]},
			{"code":"swimmer","display":"Swimmer","property":[{"code":"notSelectable","valueBoolean":true}],"concept":[{"code":"eel","display":"Eel","property":[{"code":"status","valueCode":"retired"}]}]}]}]}`)
	h.load(t, `{"resourceType":"CodeSystem","url":"urn:part","content":"fragment","concept":[{"code":"one"}]}`)
	h.load(t, `{"resourceType":"ValueSet","url":"urn:all","compose":{"include":[{"system":"urn:animals"}]}}`)
	h.load(t, `{"resourceType":"ValueSet","url":"urn:swims","compose":{"include":[{"system":"urn:animals","filter":[{"property":"concept","op":"descendent-of","value":"swimmer"}]}]}}`)
	h.load(t, `{"resourceType":"ValueSet","url":"urn:both","compose":{"include":[{"valueSet":["urn:swims","urn:birds"]}]}}`)
	h.load(t, `{"resourceType":"ValueSet","url":"urn:birds","compose":{"include":[{"system":"urn:animals","filter":[{"property":"concept","op":"is-a","value":"BIRD"}]}]}}`)
	h.load(t, `{"resourceType":"ValueSet","url":"urn:but","compose":{"include":[{"system":"urn:animals"}],"exclude":[{"valueSet":["urn:swims"]},{"system":"urn:animals","concept":[{"code":"bird"}]}]}}`)
	h.load(t, `{"resourceType":"ValueSet","url":"urn:legs","compose":{"include":[{"system":"urn:animals","filter":[{"property":"legs","op":"=","value":"2"}]},{"system":"urn:animals","filter":[{"property":"code","op":"regex","value":"e.*"}]}]}}`)
	h.load(t, `{"resourceType":"ValueSet","url":"urn:circle","compose":{"include":[{"valueSet":["urn:circle"]}]}}`)
	h.load(t, `{"resourceType":"ValueSet","url":"urn:loinc","compose":{"include":[{"system":"http://loinc.org"}]}}`)
	h.load(t, `{"resourceType":"ValueSet","url":"urn:listed","compose":{"include":[{"system":"http://loinc.org","concept":[{"code":"8480-6","display":"Systolic"}]}]}}`)
	h.load(t, `{"resourceType":"ValueSet","url":"urn:butloinc","compose":{"include":[{"valueSet":["urn:listed"]}],"exclude":[{"valueSet":["urn:loinc"]}]}}`)
	h.load(t, `{"resourceType":"ValueSet","url":"urn:part-set","compose":{"include":[{"system":"urn:part"}]}}`)
	h.load(t, `{"resourceType":"ValueSet","url":"urn:expanded","expansion":{"timestamp":"2020-01-01","contains":[{"system":"urn:x","code":"a","contains":[{"system":"urn:y","code":"b"}]}]}}`)
	return Shelf{h, Builtin()}
}

func TestExpand(t *testing.T) {
	src := loaded(t)
	for _, c := range []struct {
		url  string
		ask  Ask
		want string
	}{
		{"urn:all", Ask{Count: -1}, "animal bird duck swimmer eel"},
		{"urn:all", Ask{Count: 2, Offset: 1}, "bird duck"},
		{"urn:all", Ask{Count: -1, ActiveOnly: true}, "animal bird duck swimmer"},
		{"urn:all", Ask{Count: -1, Filter: "EEL"}, "eel"},
		{"urn:all", Ask{Count: 0}, ""},
		{"urn:swims", Ask{Count: -1}, "duck eel"},
		{"urn:birds", Ask{Count: -1}, "bird duck"},
		{"urn:both", Ask{Count: -1}, "duck"},
		{"urn:but", Ask{Count: -1}, "animal swimmer"},
		{"urn:legs", Ask{Count: -1}, "duck eel"},
		{"urn:listed", Ask{Count: -1}, "8480-6"},
		{"urn:expanded", Ask{Count: -1}, "a b"},
		{"http://hl7.org/fhir/ValueSet/administrative-gender", Ask{Count: -1}, "male female other unknown"},
		{"http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1", Ask{Count: -1}, "male female other unknown"},
		{"http://terminology.hl7.org/ValueSet/v2-0003", Ask{Count: 1, Filter: "A01"}, "A01"},
	} {
		set, err := FindSet(src, c.url)
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		got, err := Expand(src, set, c.ask)
		var codes []string
		for _, one := range got.Codes {
			codes = append(codes, one.Code)
		}
		if err != nil || strings.Join(codes, " ") != c.want {
			t.Errorf("%s %+v: %v, %v; want %s", c.url, c.ask, codes, err, c.want)
		}
	}
}

func TestExpandRefuses(t *testing.T) {
	src := loaded(t)
	for url, want := range map[string]string{
		"urn:circle": CodeInvalid, "urn:loinc": CodeNotFound, "urn:butloinc": CodeNotFound, "urn:nowhere": CodeNotFound,
		"http://hl7.org/fhir/ValueSet/administrative-gender|9": CodeNotFound,
	} {
		set, err := FindSet(src, url)
		if err == nil {
			_, err = Expand(src, set, Ask{Count: -1})
		}
		var e *Error
		if !errors.As(err, &e) || e.Code != want {
			t.Errorf("%s: %v, want %s", url, err, want)
		}
	}
}

const core = "http://hl7.org/fhir/us/core/ValueSet/"

func TestContains(t *testing.T) {
	src := loaded(t)
	for _, c := range []struct {
		url, system, code string
		found, doubt      bool
	}{
		{"urn:all", "urn:animals", "DUCK", true, false},
		{"urn:all", "urn:other", "duck", false, false},
		{"urn:all", "", "duck", true, false},
		{"urn:swims", "urn:animals", "swimmer", false, false},
		{"urn:swims", "urn:animals", "duck", true, false},
		{"urn:both", "urn:animals", "duck", true, false},
		{"urn:both", "urn:animals", "eel", false, false},
		{"urn:but", "urn:animals", "bird", false, false},
		{"urn:but", "urn:animals", "eel", false, false},
		{"urn:but", "urn:animals", "animal", true, false},
		{"urn:loinc", "http://loinc.org", "8480-6", false, true},
		{"urn:listed", "http://loinc.org", "8480-6", true, false},
		{"urn:listed", "http://loinc.org", "1", false, false},
		{"urn:part-set", "urn:part", "one", true, false},
		{"urn:part-set", "urn:part", "two", false, true},
		{"urn:expanded", "urn:y", "b", true, false},
		{"http://hl7.org/fhir/ValueSet/administrative-gender", "http://hl7.org/fhir/administrative-gender", "male", true, false},
		{"http://hl7.org/fhir/ValueSet/administrative-gender", "http://hl7.org/fhir/administrative-gender", "Male", false, false},
		{"http://terminology.hl7.org/ValueSet/v3-ActEncounterCode", v3 + "ActCode", "AMB", true, false},
		{"http://terminology.hl7.org/ValueSet/v3-ActEncounterCode", v3 + "ActCode", "_ActEncounterCode", false, false},
		{"http://terminology.hl7.org/ValueSet/v3-ActEncounterCode", v3 + "ActCode", "R", false, false},
		{core + "birthsex", v3 + "AdministrativeGender", "F", true, false},
		{core + "birthsex", v3 + "AdministrativeGender", "UN", false, false},
		{core + "omb-race-category|6.1.0", "urn:oid:2.16.840.1.113883.6.238", "2131-1", true, false},
		{core + "omb-race-category", "urn:oid:2.16.840.1.113883.6.238", "2135-2", false, false},
		{core + "us-core-simple-observation-category", "http://hl7.org/fhir/us/core/CodeSystem/us-core-category", "sdoh", true, false},
		{core + "us-core-documentreference-type", "http://loinc.org", "34117-2", false, true},
		{core + "us-core-documentreference-type", "http://a.example", "34117-2", false, false},
	} {
		set, err := FindSet(src, c.url)
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		got, err := Contains(src, set, c.system, c.code)
		if err != nil || got.Found != c.found || (got.Doubt != "") != c.doubt {
			t.Errorf("%s holds %s|%s: %+v, %v", c.url, c.system, c.code, got, err)
		}
	}
}

// TestContainsIsExpand compares the two on every value set that is built in.
func TestContainsIsExpand(t *testing.T) {
	src := Builtin()
	systems, sets := Known()
	slices.Sort(sets)
	listed, unknown := 0, 0
	for _, url := range sets {
		set, err := FindSet(src, url)
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		got, err := Expand(src, set, Ask{Count: -1})
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("%s: %v", url, err)
			}
			unknown++
			continue
		}
		listed++
		for i, c := range got.Codes {
			if i%37 != 0 {
				continue
			}
			if a, err := Contains(src, set, c.System, c.Code); err != nil || !a.Found || a.Display != c.Display {
				t.Errorf("%s lists %s|%s and holds %+v, %v", url, c.System, c.Code, a, err)
			}
			if a, err := Contains(src, set, c.System, c.Code+"~"); err != nil || a.Found {
				t.Errorf("%s holds a code that it does not list: %v", url, err)
			}
		}
	}
	t.Logf("%d code systems, %d value sets: %d listed, %d draw on systems that are not here", len(systems), len(sets), listed, unknown)
	if listed < 1000 || unknown > 250 {
		t.Errorf("%d of %d value sets could be listed", listed, len(sets))
	}
}

func TestSystem(t *testing.T) {
	src := loaded(t)
	animals, err := FindSystem(src, "urn:animals|3")
	if err != nil {
		t.Fatal(err)
	}
	duck, ok := animals.Lookup("Duck")
	if !ok || duck.Display != "Duck" || !slices.Equal(duck.Parents, []string{"bird", "swimmer"}) || len(duck.Properties()) != 2 || duck.Designations()[0].Value != "Ente" {
		t.Errorf("%+v", duck)
	}
	if c, _ := animals.Lookup("swimmer"); !c.Abstract || !slices.Equal(c.Children, []string{"duck", "eel"}) {
		t.Errorf("%+v", c)
	}
	if _, ok := animals.Lookup("cow"); ok {
		t.Error("found a cow")
	}
	for _, c := range [][3]string{{"animal", "duck", "subsumes"}, {"duck", "SWIMMER", "subsumed-by"}, {"eel", "bird", "not-subsumed"}, {"eel", "eel", "equivalent"}, {"eel", "cow", ""}} {
		if got, ok := animals.Subsumes(c[0], c[1]); got != c[2] || ok != (c[2] != "") {
			t.Errorf("%v: %s", c, got)
		}
	}
	if got := animals.Above("duck"); len(got) != 4 {
		t.Errorf("above duck: %v", got)
	}
	if got := animals.Below("swimmer"); len(got) != 3 {
		t.Errorf("below swimmer: %v", got)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, text := range []string{
		`{"resourceType":"CodeSystem","content":"complete"}`,
		`{"resourceType":"CodeSystem","url":"urn:a","concept":[{"code":"a"},{"code":"a"}]}`,
		`{"resourceType":"CodeSystem","url":"urn:a","caseSensitive":false,"concept":[{"code":"a"},{"code":"A"}]}`,
		`{"resourceType":"CodeSystem","url":"urn:a","concept":[{"display":"a"}]}`,
		`{"resourceType":"CodeSystem","url":"urn:a","concept":[{"code":"a","property":[{"code":"parent","valueCode":"b"}]},{"code":"b","property":[{"code":"parent","valueCode":"a"}]}]}`,
		`{"resourceType":"ValueSet","url":"urn:a"}`,
		`{"resourceType":"ValueSet","url":"urn:a","compose":{"include":[{"version":"1"}]}}`,
		`{"resourceType":"Patient"}`,
	} {
		d, err := resource.Parse([]byte(text), resource.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		_, asSystem := ReadSystem(d)
		_, asSet := ReadSet(d)
		if asSystem == nil || asSet == nil {
			t.Errorf("%s was read", text)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"resourceType":"CodeSystem","url":"urn:a","concept":[{"code":"a","concept":[{"code":"b","property":[{"code":"child","valueCode":"a"}]}]}]}`))
	f.Add([]byte(`{"resourceType":"ValueSet","url":"urn:a","compose":{"include":[{"system":"http://hl7.org/fhir/administrative-gender","filter":[{"property":"code","op":"regex","value":"(a|b)*"}]}],"exclude":[{"valueSet":["urn:a"]}]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := resource.Parse(raw, resource.Limits{})
		if err != nil {
			return
		}
		if s, err := ReadSystem(d); err == nil {
			for i := range min(s.Len(), 50) {
				code := s.concepts[i].code
				if got, ok := s.Subsumes(code, code); !ok || got != "equivalent" {
					t.Errorf("a code is %s to itself", got)
				}
			}
		}
		s, err := ReadSet(d)
		if err != nil {
			return
		}
		h := hospital{"V" + s.URL: s}
		src := Shelf{h, Builtin()}
		got, err := Expand(src, s, Ask{Count: 50})
		if err != nil {
			return
		}
		for _, c := range got.Codes {
			if a, err := Contains(src, s, c.System, c.Code); err == nil && !a.Found {
				t.Error("a value set does not hold what it lists")
			}
		}
	})
}

func BenchmarkContains(b *testing.B) {
	src := Builtin()
	set, err := FindSet(src, "http://terminology.hl7.org/ValueSet/v3-ActEncounterCode")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if a, err := Contains(src, set, v3+"ActCode", "AMB"); err != nil || !a.Found {
			b.Fatal(a, err)
		}
	}
}

// TestWhole: nobody changes what is built in as a whole; what is built in in part, or rests on what is not, others may add
// to.
func TestWhole(t *testing.T) {
	for url, want := range map[string]bool{
		"http://hl7.org/fhir/administrative-gender": true, v3 + "ActCode": true, "http://hl7.org/fhir/administrative-gender|4.0.1": true,
		"http://hl7.org/fhir/administrative-gender|2": false, "http://loinc.org": false, "urn:nothing": false,
	} {
		s, err := Whole().System(Canonical(url))
		if err != nil || (s != nil) != want {
			t.Errorf("system %s: %v, %v", url, s != nil, err)
		}
	}
	const sets = "http://hl7.org/fhir/ValueSet/"
	for url, want := range map[string]bool{
		sets + "administrative-gender": true, sets + "administrative-gender|4.0.1": true, sets + "administrative-gender|other": false,
		sets + "condition-code": false, sets + "observation-codes": false, "urn:nothing": false,
		"http://terminology.hl7.org/ValueSet/v3-ActCode": true,
	} {
		s, err := Whole().Set(Canonical(url))
		if err != nil || (s != nil) != want {
			t.Errorf("set %s: %v, %v", url, s != nil, err)
		}
	}
	_, all := Known()
	whole := 0
	for _, url := range all {
		s, err := Whole().Set(url, "")
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		if s == nil {
			continue
		}
		whole++
		if _, err := Expand(Builtin(), s, Ask{Count: -1}); err != nil && !strings.Contains(err.Error(), "20,000") {
			t.Errorf("%s is whole and cannot be expanded: %v", url, err)
		}
	}
	if whole < len(all)/2 || whole == len(all) {
		t.Errorf("%d of %d value sets are whole", whole, len(all))
	}
}
