package path

import (
	"fmt"
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
		{"$this.id", `"o"`},
		{"$this | subject.reference", "THIS \"Patient/1\""},
		{"telecom[1].value", `"2"`},
		{"telecom[3].value", ""},
		{"category.coding[2].code", `"lab"`},
		{"category.coding.first().code", `"vital-signs"`},
		{"category[1].coding[0].code", `"lab"`},
		{"(category.first()).coding.code", `"vital-signs" "exam"`},
		{"telecom[0].value | telecom[2].value", `"1" "3"`},
		{"contained.ofType(Device).code.text", `"d"`},
		{"contained[0].ofType(Device)", ""},
		{"telecom.where(system=' and ')", ""},
		{"id.exists()", ""},
	} {
		p, err := Compile(c.expression)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		var got []string
		p.Each(d.Root(), func(n resource.Node) bool {
			got = append(got, strings.ReplaceAll(string(n.Raw()), observation, "THIS"))
			return true
		})
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", c.expression, got, c.want)
		}
		if first := strings.ReplaceAll(string(p.First(d.Root()).Raw()), observation, "THIS"); len(got) > 0 && first != got[0] || len(got) == 0 && first != "" {
			t.Errorf("%s: first is %s", c.expression, first)
		}
		if p.String() != c.expression {
			t.Errorf("%s is written %s", c.expression, p)
		}
	}
}

func TestCondition(t *testing.T) {
	d, err := resource.Parse([]byte(`{"resourceType":"Patient","id":"p","deceasedBoolean":false,"active":true,"gender":"f\u0065male","name":[{"family":"a"},{"family":"b"}]}`), resource.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for expression, want := range map[string]bool{
		"Patient.deceased[x].exists()":                                true,
		"Patient.deceased[x].exists() and Patient.deceased[x]!=false": false,
		"deceased[x] = false":                                         true,
		"active = true and gender = 'female'":                         true,
		"active != true":                                              false,
		"gender != 'male'":                                            true,
		"name.family = 'a'":                                           false,
		"name.family != 'a'":                                          true,
		"photo = true":                                                false,
		"photo != true":                                               false,
		"photo.exists()":                                              false,
		"Observation.id.exists()":                                     false,
		"name.where(family='b').exists()":                             true,
	} {
		p, err := Compile(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		run := NewSet([]Program{p}).Begin(d.Root())
		if !p.IsCondition() || p.Holds(d.Root()) != want || run.Holds(0) != want {
			t.Errorf("%s: not %v", expression, want)
		}
	}
	if (Program{}).Holds(d.Root()) || MustCompile("id").IsCondition() {
		t.Error("what is no condition holds")
	}
}

// TestSet runs the programs of TestProgram together and alone.
func TestSet(t *testing.T) {
	d, err := resource.Parse([]byte(observation), resource.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	programs := []Program{{}}
	for _, expression := range []string{
		"id", "Observation.id", "Condition.id | id", "category.coding.code", "effective[x].start", "value[x] | id", "telecom[1]",
		"contained.where(resourceType='Medication')", "resourceType", "where(id='o').id", "note", "nothing", "contained[1].code | contained[0].code",
	} {
		programs = append(programs, MustCompile(expression))
	}
	for i := range 2 * maxPlaces {
		programs = append(programs, MustCompile(fmt.Sprintf("m%d | id", i)))
	}
	run := NewSet(programs).Begin(d.Root())
	if !run.Idle(0) || !run.Idle(12) || run.Idle(1) {
		t.Error("the idle programs are others")
	}
	for i, p := range programs {
		var alone, together []string
		p.Each(d.Root(), func(n resource.Node) bool { alone = append(alone, n.Expression()); return true })
		run.Each(i, func(n resource.Node) bool { together = append(together, n.Expression()); return true })
		if fmt.Sprint(alone) != fmt.Sprint(together) || i > 0 && i < 12 && len(alone) == 0 {
			t.Errorf("%s: %v, alone %v", p, together, alone)
		}
		if run.Idle(i) && len(alone) > 0 {
			t.Errorf("%s is idle, but selects something", p)
		}
		count := 0
		run.Each(i, func(resource.Node) bool { count++; return false })
		if count > 1 {
			t.Errorf("%s goes on after the first was enough", p)
		}
	}
}

func TestProgramStops(t *testing.T) {
	d, err := resource.Parse([]byte(observation), resource.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, expression := range []string{"category.coding", "telecom | category", "performer.where(resolve() is Practitioner) | id", "value[x] | id", "telecom[0] | id", "telecom.first().system | id"} {
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
		"", " ", "a.", ".a", "a..b", "a b", "a |", "a.first(1)", "a.last()", "a.where()", "a.where(b)", "a.where(b=c)", "a.where(b='c' and d='e')",
		"a.where(b='it''s')", `a.where(b='\'')`, "a.where(resolve() is Nobody)", "a.ofType()", "a.ofType(Nothing)", "ofType(Period)",
		"a.where(b='c').ofType(Period)", "a[]", "a[-1]", "a[1000]", "a[x]x", "[0]", "a[x", "a.exists() and a", "a.exists() | b", "a = b", "a = 1", "a.where(b)='c'", "a.exists() or b.exists()", "1a", "a-b", "a.(b)", "(a", "a)", "extension(url)", "a.where(b='c'",
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
