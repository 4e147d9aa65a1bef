package path

import (
	"strings"
	"testing"

	"cairn/fhir/resource"
)

const observation = `{"resourceType":"Observation","id":"o",
 "contained":[{"resourceType":"Medication","code":{"coding":[{"code":"m"}]}},{"resourceType":"Device","code":{"text":"d"}}],
 "extension":[{"url":"http://a.example/x","valueString":"ext"},{"url":"http://a.example/y","valueString":"other"}],
 "category":[{"coding":[{"code":"vital-signs"},{"code":"exam"}]},{"coding":[{"code":"lab"}]}],
 "subject":{"reference":"Patient/1"},
 "performer":[{"reference":"Practitioner/2"},{"reference":"https://a.example/Patient/3"},{"display":"somebody"},{"reference":"#x"}],
 "effectivePeriod":{"start":"2020"},
 "valueQuantity":{"value":1.50},
 "valueSetting":"no choice",
 "telecom":[{"system":"phone","value":"1"},{"system":"email","value":"2"},{"system":"phone","value":"3"}],
 "note":[null,"n"],"_note":[{"id":"a"},null]}`

func TestProgram(t *testing.T) {
	d, err := resource.Parse([]byte(observation), resource.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ expression, want string }{
		{"Observation.id", `"o"`},
		{"id", `"o"`},
		{"Condition.id", ""},
		{"Condition.id | Observation.id", `"o"`},
		{"id | id", `"o" "o"`},
		{"category.coding.code", `"vital-signs" "exam" "lab"`},
		{"category.nothing.code", ""},
		{"id.code", ""},
		{"effective[x]", `{"start":"2020"}`},
		{"effective[x].start", `"2020"`},
		{"effective.ofType(Period).start", `"2020"`},
		{"(effective as Period).start", `"2020"`},
		{"(Observation.effective as Period)", `{"start":"2020"}`},
		{"effective.as(Period).start", `"2020"`},
		{"effective.ofType(dateTime)", ""},
		{"value[x]", `{"value":1.50}`},
		{"value[x].ofType(Quantity)", `{"value":1.50}`},
		{"telecom.where(system='phone').value", `"1" "3"`},
		{"telecom.where( system = 'email' ).value", `"2"`},
		{"telecom.where(system='fax')", ""},
		{"subject.where(resolve() is Patient)", `{"reference":"Patient/1"}`},
		{"subject.where(resolve() is Group)", ""},
		{"performer.where(resolve() is Patient).reference", `"https://a.example/Patient/3"`},
		{"contained.where(resourceType='Medication').code.coding.code", `"m"`},
		{"extension('http://a.example/x').value[x]", `"ext"`},
		{"((id))", `"o"`},
		{"note", `"n"`},
	} {
		p, err := Compile(c.expression)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		var got []string
		p.Each(d.Root(), func(n resource.Node) bool {
			got = append(got, string(n.Raw()))
			return true
		})
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", c.expression, got, c.want)
		}
		if first := string(p.First(d.Root()).Raw()); len(got) > 0 && first != got[0] || len(got) == 0 && first != "" {
			t.Errorf("%s: first is %s", c.expression, first)
		}
		if p.String() != c.expression {
			t.Errorf("%s is written %s", c.expression, p)
		}
	}
}

func TestProgramStops(t *testing.T) {
	d, err := resource.Parse([]byte(observation), resource.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, expression := range []string{"category.coding", "telecom | category", "performer.where(resolve() is Practitioner) | id", "value[x] | id"} {
		count := 0
		MustCompile(expression).Each(d.Root(), func(resource.Node) bool {
			count++
			return false
		})
		if count != 1 {
			t.Errorf("%s: %d nodes after the first was enough", expression, count)
		}
	}
}

func TestZeroProgramSelectsNothing(t *testing.T) {
	d, err := resource.Parse([]byte(observation), resource.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if (Program{}).First(d.Root()).Exists() || MustCompile("id").First(resource.Node{}).Exists() {
		t.Error("something was selected")
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, expression := range []string{
		"", " ", "a.", ".a", "a..b", "a b", "a |", "a.first()", "a.where()", "a.where(b)", "a.where(b=c)", "a.where(b='c' and d='e')",
		"a.where(b='it''s')", `a.where(b='\'')`, "a.where(resolve() is Nobody)", "a.ofType()", "a.ofType(Nothing)", "ofType(Period)",
		"a.where(b='c').ofType(Period)", "a[0]", "a[x", "a.exists() and a", "1a", "a-b", "a.(b)", "(a", "a)", "extension(url)", "a.where(b='c'",
		"(a | b).c", "a as Period.b",
	} {
		if p, err := Compile(expression); err == nil {
			t.Errorf("compiled %q to %v", expression, p.ways)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{"Observation.effective[x]", "a.where(b='c')", "(a as Period).b | c", "a.where(resolve() is Patient)"} {
		f.Add(seed)
	}
	d, err := resource.Parse([]byte(observation), resource.Limits{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		p, err := Compile(expression)
		if err != nil {
			return
		}
		p.Each(d.Root(), func(n resource.Node) bool {
			if !n.Exists() || n.Kind() == resource.Array || n.Kind() == resource.Null {
				t.Errorf("%q selects a %v", expression, n.Kind())
			}
			return true
		})
	})
}

func BenchmarkEach(b *testing.B) {
	d, err := resource.Parse([]byte(observation), resource.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	p := MustCompile("telecom.where(system='phone').value")
	b.ReportAllocs()
	for b.Loop() {
		p.Each(d.Root(), func(resource.Node) bool { return true })
	}
}
