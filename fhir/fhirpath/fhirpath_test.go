package fhirpath

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"cairn/fhir/resource"
)

const patient = `{"resourceType":"Patient","id":"p","active":true,
 "contained":[{"resourceType":"Organization","id":"o","name":"Clinic"}],
 "managingOrganization":{"reference":"#o"},
 "name":[{"use":"official","family":"Ng","given":["Ada","May"],"_given":[null,{"extension":[{"url":"u","valueCode":"x"}]}]},{"use":"nickname","given":["Addie"]}],
 "birthDate":"1970-03-30","_birthDate":{"extension":[{"url":"http://a.example/t","valueDateTime":"1970-03-30T10:00:00Z"}]},
 "multipleBirthInteger":2,
 "telecom":[{"system":"phone","value":"1","rank":1},{"system":"email","value":"a@b.example"}],
 "extension":[{"url":"http://a.example/w","valueQuantity":{"value":3.50,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}]}`

func parseDoc(t testing.TB, raw string) *resource.Doc {
	t.Helper()
	d, err := resource.Parse([]byte(raw), resource.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEval(t *testing.T) {
	d := parseDoc(t, patient)
	for _, c := range []struct{ expression, want string }{
		{"Patient.name.given", "Ada May Addie"},
		{"name.where(use='official').family", "Ng"},
		{"name.given.count()", "3"},
		{"Observation.name", ""},
		{"multipleBirth", "2"},
		{"birthDate > @1960", "true"},
		{"birthDate.extension('http://a.example/t').value", "1970-03-30T10:00:00Z"},
		{"extension.value.value", "3.50"},
		{"birthDate.extension.url", "http://a.example/t"},
		{"birthDate.extension.value is dateTime", "true"},
		{"name.given.extension.url | name.extension.url", "u"},
		{"name.given.where(extension.exists())", "May"},
		{"name.given.select(extension.value)", "x"},
		{"id | name.id", "p"},
		{"active.extension", ""},
		{"extension.value > 3000 'g'", "true"},
		{"extension.value = 3500 'g'", "true"},
		{"extension.value > 3 'm'", ""},
		{"2 'cm' * 3 'm' = 0.06 'm2'", "true"},
		{"10 'g' / 2 'm'", "5 'g.m-1'"},
		{"10 'g' / 5 'g'", "2 '1'"},
		{"10 'g' / 0 'g'", "processing"},
		{"10 'mm' + 1 'cm' = 2 'cm'", "true"},
		{"37 'Cel' = 98.6 '[degF]'", "true"},
		{"37 'Cel' * 2 'm'", "processing"},
		{"1 '[pH]' < 2 '[pH]'", "true"},
		{"1 '[pH]' < 2 'mol/L'", ""},
		{"1 'nonsense' < 2 'nonsense'", "true"},
		{"1 'nonsense' = 2 'g'", ""},
		{"{}.value * 2", ""},
		{"managingOrganization.resolve().name", "Clinic"},
		{"'#'.resolve().id", "p"},
		{"'Organization/1'.resolve().exists()", "false"},
		{"telecom.exists(system='phone' and rank=1)", "true"},
		{"telecom.all(value.exists())", "true"},
		{"name.given.trace('t')", "Ada May Addie"},
		{"name.given.first().matches('^A.a$')", "true"},
		{"name.given.first().matchesFull('d')", "false"},
		{"'a\nb'.matches('a.b')", "true"},
		{"'Abc'.matches('a', 'i')", "true"},
		{"'abcabc'.replaceMatches('b(c)', 'x$1')", "axcaxc"},
		{"now() = now()", "true"},
		{"today() <= now().toString().substring(0,10).toDate()", "true"},
		{"(1|2|3).repeat(iif($this<5, $this+1, {}))", "2 3 4 5"},
		{"(1|2|3|2).distinct().count()", "3"},
		{"%resource.id", "p"},
		{"%rootResource.id | %context.id", "p"},
		{"%ucum", "http://unitsofmeasure.org"},
		{"%`vs-name`", "http://hl7.org/fhir/ValueSet/name"},
		{"defineVariable('n', name.first()).select(%n.family)", "Ng"},
		{"(3|1|2).sort(-$this)", "3 2 1"},
		{"1.5.round(0)", "2"},
		{"descendants().where($this is Quantity).count()", "1"},
		{"{}", ""},
	} {
		p, err := Compile(c.expression)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		got, err := p.Eval(d)
		s := join(got)
		if err != nil {
			s = verdict(false, err)
		}
		if s != c.want {
			t.Errorf("%s gives %s, %v; want %s", c.expression, s, err, c.want)
		}
		if p.String() != c.expression {
			t.Errorf("%s is written %s", c.expression, p)
		}
	}
}

func join(values []Value) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.Text()
	}
	return strings.Join(texts, " ")
}

func TestTrue(t *testing.T) {
	d := parseDoc(t, patient)
	for expression, want := range map[string]string{
		"active": "true", "active.not()": "false", "{}": "false", "id": "true", "name": "processing", "name.given.exists()": "true",
		"nobody()": "invalid", "%nobody": "invalid", "name.single()": "processing", "1 + 'a'": "processing",
	} {
		p, err := Compile(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		got, err := p.True(d)
		if s := verdict(got, err); s != want {
			t.Errorf("%s: %s, %v; want %s", expression, s, err, want)
		}
	}
	if ok, err := (Program{}).True(d); ok || err != nil {
		t.Errorf("the zero program: %v, %v", ok, err)
	}
}

func verdict(ok bool, err error) string {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Code
	case err != nil:
		return "another error"
	case ok:
		return "true"
	}
	return "false"
}

func TestAt(t *testing.T) {
	d := parseDoc(t, patient)
	s := Of(d)
	root := d.Root()
	organization := root.Get("contained").At(0)
	for _, c := range []struct {
		at, within resource.Node
		typ        string
		expression string
		want       string
	}{
		{root.Get("name").At(1), root, "HumanName", "given", "Addie"},
		{root.Get("name").At(1), root, "HumanName", "%resource.id", "p"},
		{root.Get("name").At(1), root, "HumanName", "$this is HumanName", "true"},
		{organization, organization, "Organization", "%resource.id | %rootResource.id", "o p"},
		{organization.Get("name"), organization, "string", "length()", "6"},
		{root.Get("birthDate"), root, "date", "$this < today()", "true"},
		{root.Get("birthDate"), root, "date", "extension('http://a.example/t').value", "1970-03-30T10:00:00Z"},
		{root.Get("birthDate"), root, "date", "hasValue() and extension.exists()", "true"},
		{root.Get("name").At(0).Get("given").At(1), root, "string", "extension.url", "u"},
		{root.Get("name").At(0).Get("given").At(0), root, "string", "extension.url", ""},
		{root.Get("active"), root, "boolean", "$this", "true"},
		{root.Get("multipleBirthInteger"), root, "integer", "$this + 1", "3"},
		{root.Get("nothing"), root, "string", "$this.exists()", "false"},
	} {
		p, err := Compile(c.expression)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.At(c.at, c.typ, c.within).Eval(p)
		if join(got) != c.want || err != nil {
			t.Errorf("%s at %s gives %s, %v; want %s", c.expression, c.at.Expression(), join(got), err, c.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, c := range []struct{ expression, code string }{
		{"", "invalid"}, {" ", "invalid"}, {"a.", "invalid"}, {"a b", "invalid"}, {"(a", "invalid"}, {"a)", "invalid"}, {"'a", "invalid"}, {"a and", "invalid"},
		{"\x00", "invalid"}, {"a\xff", "invalid"}, {"%`\u0000meter`", "invalid"}, {`%'\u0000meter'`, "invalid"}, {"%`a b`", "invalid"},
		{strings.Repeat("a", 4097), "too-long"}, {strings.Repeat("(", 25) + "a" + strings.Repeat(")", 25), "too-costly"},
		{strings.Repeat("a[", 25) + "0" + strings.Repeat("]", 25), "too-costly"},
	} {
		_, err := Compile(c.expression)
		var e *Error
		if !errors.As(err, &e) || e.Code != c.code || e.Text == "" {
			t.Errorf("%.40q: %v", c.expression, err)
		}
	}
	if _, err := Compile("'" + strings.Repeat("(", 25) + "'"); err != nil {
		t.Errorf("parentheses in a string: %v", err)
	}
}

// TestCostlyIsRefused tries what would take long or much memory.
func TestCostlyIsRefused(t *testing.T) {
	entry := `{"resource":{"resourceType":"Patient","name":[{"family":"a","given":["b","c","d"]}]}}`
	bundle := parseDoc(t, `{"resourceType":"Bundle","type":"collection","entry":[`+strings.Repeat(entry+",", 4000)+entry+`]}`)
	nine := "(1|2|3|4|5|6|7|8|9)"
	for _, expression := range []string{
		"(1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|21|22|23|24|25|26|27|28|29|30).aggregate($total + $total, 'abcdefgh')",
		nine + ".aggregate($total * $total, 1234567890123456789.5)",
		nine + ".select(" + nine + ".select(" + nine + ".select(" + nine + ".select(" + nine + ".select(" + nine + ".select(" + nine + "))))))",
		"1.5.round(2147483647)",
		"1.5.lowBoundary(1000000)",
		"'1e999999999'.toDecimal() + 1",
		"repeat($this | 1)" + strings.Repeat(".repeat(descendants())", 3),
		"descendants().repeat(children())",
		"descendants().select($index).distinct()",
		"descendants().select($index) | descendants().select($index)",
		"descendants().select($index).isDistinct()",
		"descendants().combine(descendants().combine(descendants().combine(descendants().combine(descendants().combine(descendants())))))" + strings.Repeat(".combine(descendants())", 20),
		"descendants().select(%resource.descendants())",
		"repeatAll(%resource)",
		"repeatAll($this)",
		"descendants() ~ descendants()",
		"entry.resource.where(%resource.entry.resource.name.given.count() > 1)",
		"('a' + 'b').replace('', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx').replace('','yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy')" +
			strings.Repeat(".replace('', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx')", 8),
		"entry.resource.name.given.join('" + strings.Repeat("x", 2000) + "')",
		"entry.resource.name.given.join(',').matches('(a{1,1000}){1,1000}b')",
		"entry.resource.name.given.join(',').matches('" + strings.Repeat("((x?){20}){20}", 9) + "')",
		"entry.resource.name.given.join(',').replaceMatches('.*', '$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0')" + strings.Repeat(".replaceMatches('.*', '$0$0$0$0$0$0$0$0$0$0')", 9),
	} {
		p, err := Compile(expression)
		if err != nil {
			t.Errorf("%.60s: %v", expression, err)
			continue
		}
		got, err := p.Eval(bundle)
		if s := verdict(false, err); s != "too-costly" && s != "processing" {
			t.Errorf("%.60s: %d values, %v", expression, len(got), err)
		}
	}
}

func TestConcurrent(t *testing.T) {
	d := parseDoc(t, patient)
	p, err := Compile("name.where(use='official').given.first() & 'x'")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				if got, err := p.Eval(d); err != nil || join(got) != "Adax" {
					t.Errorf("%v, %v", join(got), err)
				}
			}
		})
	}
	group.Wait()
}

// TestCacheIsBounded compiles more than is kept.
func TestCacheIsBounded(t *testing.T) {
	var c cache[int]
	for i := range 10 * maxCached {
		c.put(strings.Repeat("a", i%5000), i)
		if n := len(c.hot) + len(c.old); n > maxCached {
			t.Fatalf("%d are kept", n)
		}
	}
}
