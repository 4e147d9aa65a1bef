package patch

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// op writes an operation as a parameter: its type and path, then its other parts, each a name and members in JSON.
func op(kind, path string, parts ...string) string {
	out := `{"name":"operation","part":[{"name":"type","valueCode":"` + kind + `"},{"name":"path","valueString":` + string(quoted(path)) + `}`
	for i := 0; i < len(parts); i += 2 {
		out += `,{"name":"` + parts[i] + `",` + parts[i+1] + `}`
	}
	return out + `]}`
}

func quoted(s string) []byte { return []byte(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`) }

func params(t testing.TB, ops ...string) *resource.Doc {
	t.Helper()
	raw := `{"resourceType":"Parameters","parameter":[` + strings.Join(ops, ",") + `]}`
	if len(ops) == 0 {
		raw = `{"resourceType":"Parameters"}`
	}
	d, err := resource.Parse([]byte(raw), resource.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const (
	named = `"valueString":"%s"`
	three = `"identifier":[{"value":"1"},{"value":"2"},{"value":"3"}]`
)

func name(s string) string { return fmt.Sprintf(named, s) }
func at(n int) string      { return fmt.Sprintf(`"valueInteger":%d`, n) }

// TestFHIRPath is what fhirpatch.html says of each operation. want is the resource that comes out, without its type,
// or reason, code and operation of an error.
func TestFHIRPath(t *testing.T) {
	for _, c := range []struct {
		what, doc string
		ops       []string
		want      string
	}{
		{"nothing to do", `"birthDate":"1920-01-01"`, nil, `"birthDate":"1920-01-01"`},
		{"add a primitive", `"active":true`, []string{op("add", "Patient", "name", name("birthDate"), "value", `"valueDate":"1930-01-01"`)}, `"active":true,"birthDate":"1930-01-01"`},
		{"add with an extension", ``, []string{op("add", "Patient", "name", name("birthDate"), "value", `"valueDate":"1930","_valueDate":{"id":"x"}`)}, `"birthDate":"1930","_birthDate":{"id":"x"}`},
		{"add an extension without a value", ``, []string{op("add", "Patient", "name", name("birthDate"), "value", `"_valueDate":{"extension":[{"url":"u","valueCode":"x"}]}`)}, `"_birthDate":{"extension":[{"url":"u","valueCode":"x"}]}`},
		{"add what is there", `"birthDate":"1920"`, []string{op("add", "Patient", "name", name("birthDate"), "value", `"valueDate":"1930"`)}, "inapplicable business-rule 0"},
		{"add a complex value", ``, []string{op("add", "Patient", "name", name("maritalStatus"), "value", `"valueCodeableConcept":{"text":"m"}`)}, `"maritalStatus":{"text":"m"}`},
		{"add to a list that is not there", ``, []string{op("add", "Patient", "name", name("identifier"), "value", `"valueIdentifier":{"value":"1"}`)}, `"identifier":[{"value":"1"}]`},
		{"add to a list", three, []string{op("add", "Patient", "name", name("identifier"), "value", `"valueIdentifier":{"value":"4"}`)}, `"identifier":[{"value":"1"},{"value":"2"},{"value":"3"},{"value":"4"}]`},
		{"add to a list of primitives", `"name":[{"given":["a"]}]`, []string{op("add", "Patient.name", "name", name("given"), "value", `"valueString":"b"`)}, `"name":[{"given":["a","b"]}]`},
		{"add to a list of primitives with extensions", `"name":[{"given":["a",null],"_given":[null,{"id":"x"}]}]`, []string{op("add", "Patient.name[0]", "name", name("given"), "value", `"valueString":"b"`)}, `"name":[{"given":["a",null,"b"],"_given":[null,{"id":"x"},null]}]`},
		{"add an extension to a list of primitives", `"name":[{"given":["a"]}]`, []string{op("add", "Patient.name[0]", "name", name("given"), "value", `"_valueString":{"id":"x"}`)}, `"name":[{"given":["a",null],"_given":[null,{"id":"x"}]}]`},
		{"add content of its own", ``, []string{op("add", "Patient", "name", name("contact"), "value", `"part":[{"name":"name","valueHumanName":{"text":"n"}},{"name":"gender","valueCode":"male"},{"name":"telecom","valueContactPoint":{"value":"1"}},{"name":"telecom","valueContactPoint":{"value":"2"}}]`)}, `"contact":[{"name":{"text":"n"},"gender":"male","telecom":[{"value":"1"},{"value":"2"}]}]`},
		{"add content in content", ``, []string{op("add", "Patient", "name", name("contact"), "value", `"part":[{"name":"name","part":[{"name":"given","valueString":"g"},{"name":"period","valuePeriod":{"start":"2020"}}]}]`)}, `"contact":[{"name":{"given":["g"],"period":{"start":"2020"}}}]`},
		{"add a choice", ``, []string{op("add", "Patient", "name", name("deceased"), "value", `"valueBoolean":false`)}, `"deceasedBoolean":false`},
		{"add the other of a choice", `"deceasedBoolean":false`, []string{op("add", "Patient", "name", name("deceased"), "value", `"valueDateTime":"2020"`)}, "inapplicable business-rule 0"},
		{"add a narrative", ``, []string{op("add", "Patient", "name", name("text"), "value", `"part":[{"name":"status","valueCode":"generated"},{"name":"div","valueString":"<div/>"}]`)}, `"text":{"status":"generated","div":"<div/>"}`},
		{"add a contained resource", ``, []string{op("add", "Patient", "name", name("contained"), "value", `"resource":{"resourceType":"Organization","id":"o"}`)}, `"contained":[{"resourceType":"Organization","id":"o"}]`},
		{"add into a contained resource", `"contained":[{"resourceType":"Organization","id":"o"}]`, []string{op("add", "Patient.contained.where(id='o')", "name", name("name"), "value", `"valueString":"n"`)}, `"contained":[{"resourceType":"Organization","id":"o","name":"n"}]`},
		{"add an extension to a primitive", `"birthDate":"1930"`, []string{op("add", "Patient.birthDate", "name", name("extension"), "value", `"valueExtension":{"url":"u","valueCode":"x"}`)}, "malformed required 0"},
		{"add an extension to a primitive, in parts", `"birthDate":"1930"`, []string{op("add", "Patient.birthDate", "name", name("extension"), "value", `"part":[{"name":"url","valueUri":"u"},{"name":"value","valueCode":"x"}]`)}, `"birthDate":"1930","_birthDate":{"extension":[{"url":"u","valueCode":"x"}]}`},
		{"add an extension to one of several primitives", `"name":[{"given":["a","b"]}]`, []string{op("add", "Patient.name.given[1]", "name", name("extension"), "value", `"part":[{"name":"url","valueUri":"u"},{"name":"value","valueInteger":1}]`)}, `"name":[{"given":["a","b"],"_given":[null,{"extension":[{"url":"u","valueInteger":1}]}]}]`},
		{"add another extension to a primitive", `"birthDate":"1930","_birthDate":{"extension":[{"url":"u","valueCode":"x"}]}`, []string{op("add", "birthDate", "name", name("extension"), "value", `"part":[{"name":"url","valueUri":"v"},{"name":"value","valueDecimal":1.50}]`)}, `"birthDate":"1930","_birthDate":{"extension":[{"url":"u","valueCode":"x"},{"url":"v","valueDecimal":1.50}]}`},
		{"add to nothing", `"identifier":[{"use":"official"}]`, []string{op("add", "Patient.identifier.where(use = 'official').period", "name", name("end"), "value", `"valueDateTime":"2021"`)}, "inapplicable not-found 0"},
		{"add to several", three, []string{op("add", "Patient.identifier", "name", name("use"), "value", `"valueCode":"old"`)}, "inapplicable multiple-matches 0"},
		{"add what R4 does not have", ``, []string{op("add", "Patient", "name", name("birthday"), "value", `"valueDate":"1930"`)}, "inapplicable structure 0"},
		{"add a name with its type", ``, []string{op("add", "Patient", "name", name("deceasedBoolean"), "value", `"valueBoolean":true`)}, "inapplicable structure 0"},
		{"add another type", ``, []string{op("add", "Patient", "name", name("birthDate"), "value", `"valueString":"1930"`)}, "inapplicable structure 0"},
		{"add to a primitive", `"active":true`, []string{op("add", "Patient.active", "name", name("value"), "value", `"valueString":"x"`)}, "inapplicable structure 0"},
		{"add nothing", ``, []string{op("add", "Patient", "name", name("birthDate"), "value", `"id":"x"`)}, "malformed required 0"},

		{"insert in front", three, []string{op("insert", "Patient.identifier", "index", at(0), "value", `"valueIdentifier":{"value":"0"}`)}, `"identifier":[{"value":"0"},{"value":"1"},{"value":"2"},{"value":"3"}]`},
		{"insert between", three, []string{op("insert", "Patient.identifier", "index", at(2), "value", `"valueIdentifier":{"value":"0"}`)}, `"identifier":[{"value":"1"},{"value":"2"},{"value":"0"},{"value":"3"}]`},
		{"insert at the end", three, []string{op("insert", "identifier", "index", at(3), "value", `"valueIdentifier":{"value":"0"}`)}, `"identifier":[{"value":"1"},{"value":"2"},{"value":"3"},{"value":"0"}]`},
		{"insert beyond the end", three, []string{op("insert", "Patient.identifier", "index", at(4), "value", `"valueIdentifier":{"value":"0"}`)}, "inapplicable not-found 0"},
		{"insert into a list that is not there", ``, []string{op("insert", "Patient.identifier", "index", at(0), "value", `"valueIdentifier":{"value":"0"}`)}, `"identifier":[{"value":"0"}]`},
		{"insert into what is no list", `"birthDate":"1930"`, []string{op("insert", "Patient.birthDate", "index", at(0), "value", `"valueDate":"1930"`)}, "inapplicable business-rule 0"},
		{"insert into the list of one of several", `"name":[{"use":"old","given":["a"]},{"use":"usual","given":["b"]}]`, []string{op("insert", "Patient.name.where(use='usual').given", "index", at(0), "value", `"valueString":"c"`)}, `"name":[{"use":"old","given":["a"]},{"use":"usual","given":["c","b"]}]`},
		{"insert into several lists", `"name":[{"given":["a"]},{"given":["b"]}]`, []string{op("insert", "Patient.name.given", "index", at(0), "value", `"valueString":"c"`)}, "inapplicable multiple-matches 0"},
		{"insert without a list's name", three, []string{op("insert", "Patient.identifier.first()", "index", at(0), "value", `"valueIdentifier":{"value":"0"}`)}, "malformed value 0"},
		{"insert without an index", three, []string{op("insert", "Patient.identifier", "value", `"valueIdentifier":{"value":"0"}`)}, "malformed required 0"},

		{"delete a primitive", `"active":true,"birthDate":"1920"`, []string{op("delete", "Patient.birthDate")}, `"active":true`},
		{"delete a primitive with its extension", `"birthDate":"1920","_birthDate":{"id":"x"}`, []string{op("delete", "Patient.birthDate")}, ``},
		{"delete the last in an object", `"contact":[{"name":{"text":"n"},"gender":"male"}]`, []string{op("delete", "Patient.contact[0].name.text")}, `"contact":[{"gender":"male"}]`},
		{"delete all there is", `"contact":[{"name":{"text":"n"}}]`, []string{op("delete", "Patient.contact.name.text")}, ``},
		{"delete from a list", three, []string{op("delete", "Patient.identifier[1]")}, `"identifier":[{"value":"1"},{"value":"3"}]`},
		{"delete by a condition", three, []string{op("delete", "Patient.identifier.where(value='3')")}, `"identifier":[{"value":"1"},{"value":"2"}]`},
		{"delete the last in a list", `"identifier":[{"value":"1"}],"active":true`, []string{op("delete", "Patient.identifier")}, `"active":true`},
		{"delete a primitive from a list", `"name":[{"given":["a","b"],"_given":[null,{"id":"x"}]}]`, []string{op("delete", "Patient.name[0].given[1]")}, `"name":[{"given":["a"]}]`},
		{"delete of two the one with a value", `"name":[{"given":["a",null],"_given":[null,{"id":"x"}]}]`, []string{op("delete", "Patient.name[0].given[0]")}, `"name":[{"_given":[{"id":"x"}]}]`},
		{"delete nothing", three, []string{op("delete", "Patient.birthDate")}, three},
		{"delete nothing in a list", three, []string{op("delete", "Patient.identifier[7]")}, three},
		{"delete several", three, []string{op("delete", "Patient.identifier")}, "inapplicable multiple-matches 0"},
		{"delete a choice", `"deceasedBoolean":true`, []string{op("delete", "Patient.deceased")}, ``},
		{"delete a choice by its type", `"deceasedBoolean":true`, []string{op("delete", "Patient.deceased.ofType(dateTime)")}, `"deceasedBoolean":true`},
		{"delete an extension", `"extension":[{"url":"u","valueCode":"x"},{"url":"v","valueCode":"y"}]`, []string{op("delete", "Patient.extension('u')")}, `"extension":[{"url":"v","valueCode":"y"}]`},
		{"delete an extension of a primitive", `"birthDate":"1930","_birthDate":{"extension":[{"url":"u","valueCode":"x"}]}`, []string{op("delete", "Patient.birthDate.extension('u')")}, `"birthDate":"1930"`},
		{"delete an extension of one of several primitives", `"name":[{"given":["a","b"],"_given":[{"id":"x"},{"extension":[{"url":"u","valueCode":"x"}]}]}]`, []string{op("delete", "Patient.name.given[1].extension[0]")}, `"name":[{"given":["a","b"],"_given":[{"id":"x"},null]}]`},
		{"delete the resource", ``, []string{op("delete", "Patient")}, "inapplicable business-rule 0"},
		{"delete its id", `"id":"p"`, []string{op("delete", "Patient.id")}, "protected business-rule -1"},

		{"replace a primitive", `"birthDate":"1920","active":true`, []string{op("replace", "Patient.birthDate", "value", `"valueDate":"1930"`)}, `"birthDate":"1930","active":true`},
		{"replace a primitive with an extension by one without", `"birthDate":"1920","_birthDate":{"id":"x"}`, []string{op("replace", "Patient.birthDate", "value", `"valueDate":"1930"`)}, `"birthDate":"1930"`},
		{"replace in depth", `"contact":[{"name":{"text":"n"},"gender":"male"}]`, []string{op("replace", "Patient.contact[0].name.text", "value", `"valueString":"m"`)}, `"contact":[{"name":{"text":"m"},"gender":"male"}]`},
		{"replace a complex value", `"maritalStatus":{"id":"1","text":"m"}`, []string{op("replace", "Patient.maritalStatus", "value", `"valueCodeableConcept":{"id":"2","text":"n"}`)}, `"maritalStatus":{"id":"2","text":"n"}`},
		{"replace in a list", three, []string{op("replace", "Patient.identifier.last()", "value", `"valueIdentifier":{"value":"9"}`)}, `"identifier":[{"value":"1"},{"value":"2"},{"value":"9"}]`},
		{"replace a primitive in a list", `"name":[{"given":["a","b"],"_given":[{"id":"x"},{"id":"y"}]}]`, []string{op("replace", "Patient.name.given.skip(1).first()", "value", `"valueString":"c"`)}, `"name":[{"given":["a","c"],"_given":[{"id":"x"},null]}]`},
		{"replace a choice by another type", `"deceasedBoolean":true`, []string{op("replace", "Patient.deceased", "value", `"valueDateTime":"2020"`)}, `"deceasedDateTime":"2020"`},
		{"replace nothing", ``, []string{op("replace", "Patient.birthDate", "value", `"valueDate":"1930"`)}, "inapplicable not-found 0"},
		{"replace several", three, []string{op("replace", "Patient.identifier.tail()", "value", `"valueIdentifier":{"value":"9"}`)}, "inapplicable multiple-matches 0"},
		{"replace by another type", `"birthDate":"1920"`, []string{op("replace", "Patient.birthDate", "value", `"valueDateTime":"1930"`)}, "inapplicable structure 0"},
		{"replace the id", `"id":"p"`, []string{op("replace", "Patient.id", "value", `"valueId":"q"`)}, "protected business-rule -1"},
		{"replace the resource", ``, []string{op("replace", "%resource", "value", `"resource":{"resourceType":"Patient"}`)}, "inapplicable business-rule 0"},
		{"replace the meta", `"meta":{"versionId":"1"}`, []string{op("replace", "Patient.meta", "value", `"valueMeta":{"tag":[{"code":"t"}]}`)}, `"meta":{"tag":[{"code":"t"}]}`},

		{"move forward", three, []string{op("move", "Patient.identifier", "source", at(0), "destination", at(2))}, `"identifier":[{"value":"2"},{"value":"3"},{"value":"1"}]`},
		{"move backward", three, []string{op("move", "Patient.identifier", "source", at(2), "destination", at(1))}, `"identifier":[{"value":"1"},{"value":"3"},{"value":"2"}]`},
		{"move to where it is", three, []string{op("move", "Patient.identifier", "source", at(1), "destination", at(1))}, three},
		{"move with extensions", `"name":[{"given":["a",null],"_given":[null,{"id":"x"}]}]`, []string{op("move", "Patient.name[0].given", "source", at(1), "destination", at(0))}, `"name":[{"given":[null,"a"],"_given":[{"id":"x"},null]}]`},
		{"move what is not there", three, []string{op("move", "Patient.identifier", "source", at(3), "destination", at(0))}, "inapplicable not-found 0"},
		{"move beyond the end", three, []string{op("move", "Patient.identifier", "source", at(0), "destination", at(3))}, "inapplicable not-found 0"},
		{"move without a destination", three, []string{op("move", "Patient.identifier", "source", at(0))}, "malformed required 0"},

		{"one after the other", ``, []string{op("add", "Patient", "name", name("contact"), "value", `"part":[{"name":"gender","valueCode":"male"}]`), op("add", "Patient.contact[0]", "name", name("name"), "value", `"valueHumanName":{"text":"n"}`)}, `"contact":[{"gender":"male","name":{"text":"n"}}]`},
		{"the first failure undoes all", `"active":true`, []string{op("delete", "Patient.active"), op("replace", "Patient.active", "value", `"valueBoolean":false`)}, "inapplicable not-found 1"},

		{"another resource's path", ``, []string{op("delete", "Observation.value")}, "inapplicable structure 0"},
		{"a path by way of its base", `"active":true`, []string{op("delete", "DomainResource.active")}, ``},
		{"a path in parentheses", `"deceasedBoolean":true`, []string{op("delete", "(Patient.deceased as boolean)")}, ``},
		{"a path with single()", three, []string{op("delete", "Patient.identifier.single()")}, "inapplicable multiple-matches 0"},
		{"a path with take()", three, []string{op("delete", "Patient.identifier.take(1)")}, `"identifier":[{"value":"2"},{"value":"3"}]`},
		{"a path to another resource", `"managingOrganization":{"reference":"Organization/1"}`, []string{op("delete", "Patient.managingOrganization.resolve().name")}, "malformed value 0"},
		{"a path that computes", three, []string{op("delete", "Patient.identifier.value + 'x'")}, "malformed value 0"},
		{"a path with a condition that cannot be", three, []string{op("delete", "Patient.identifier.where(nobody())")}, "inapplicable processing 0"},
		{"a path with a condition that cannot be read", three, []string{op("delete", "Patient.identifier.where(a b)")}, "malformed value 0"},
		{"a path with $index", three, []string{op("delete", "Patient.identifier.where($index=1)")}, "malformed value 0"},
		{"no path", three, []string{`{"name":"operation","part":[{"name":"type","valueCode":"delete"}]}`}, "malformed required 0"},
		{"no type", three, []string{`{"name":"operation","part":[{"name":"path","valueString":"Patient.active"}]}`}, "malformed value 0"},
		{"another type of operation", three, []string{op("upsert", "Patient.active")}, "malformed value 0"},
		{"another parameter", three, []string{`{"name":"action","part":[{"name":"type","valueCode":"delete"}]}`}, "malformed value 0"},
		{"a part twice", three, []string{op("delete", "Patient.active", "path", name("Patient.name"))}, "malformed value 0"},
		{"another part", three, []string{op("delete", "Patient.active", "reason", name("none"))}, "malformed value 0"},
		{"parts that are no elements", ``, []string{op("add", "Patient", "name", name("contact"), "value", `"part":[{"name":"nobody","valueString":"x"}]`)}, "inapplicable structure 0"},
		{"a part of content twice", ``, []string{op("add", "Patient", "name", name("contact"), "value", `"part":[{"name":"gender","valueCode":"male"},{"name":"gender","valueCode":"female"}]`)}, "inapplicable structure 0"},
		{"parts for a primitive", ``, []string{op("add", "Patient", "name", name("birthDate"), "value", `"part":[{"name":"id","valueString":"x"}]`)}, "inapplicable structure 0"},
		{"a value for content of its own", ``, []string{op("add", "Patient", "name", name("contact"), "value", `"valueHumanName":{"text":"n"}`)}, "inapplicable structure 0"},
		{"a resource for another element", ``, []string{op("add", "Patient", "name", name("contact"), "value", `"resource":{"resourceType":"Patient"}`)}, "inapplicable structure 0"},
	} {
		doc := whole2(c.doc)
		got, err := FHIRPath([]byte(doc), params(t, c.ops...))
		want := c.want
		if !strings.Contains(want, " ") || strings.HasPrefix(want, `"`) {
			want = whole2(want)
		}
		if s := answer(got, err); s != want {
			t.Errorf("%s:\n got %s (%v)\nwant %s", c.what, s, err, want)
		}
		if err == nil && strings.TrimSpace(string(got)) != "" {
			valid(t, c.what, got)
		}
	}
}

func whole2(members string) string {
	if members == "" {
		return `{"resourceType":"Patient"}`
	}
	return `{"resourceType":"Patient",` + members + `}`
}

func answer(raw []byte, err error) string {
	var e *Error
	switch {
	case errors.As(err, &e):
		return fmt.Sprintf("%s %s %d", [...]string{"", "malformed", "inapplicable", "untrue", "protected", "unfit", "costly"}[e.Reason], e.Code, e.Operation)
	case err != nil:
		return err.Error()
	}
	return string(raw)
}

// valid checks a patched resource as a written one is.
func valid(t *testing.T, what string, raw []byte) {
	t.Helper()
	d, err := resource.Parse(raw, resource.Limits{})
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	for _, issue := range profile.Check(d) {
		if issue.Severity == profile.Error && issue.Rule != "dom-3" && issue.Rule != "txt-1" {
			t.Errorf("%s: %v", what, issue)
		}
	}
}

func TestFHIRPathKeepsBytes(t *testing.T) {
	out, err := FHIRPath([]byte(observation), params(t,
		op("replace", "Observation.component.where(code.text='b').value", "value", `"valueInteger":3`),
		op("add", "Observation", "name", name("issued"), "value", `"valueInstant":"2024-01-01T00:00:00Z"`)))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(observation, `"valueInteger": 2`, `"valueInteger": 3`, 1)
	want = strings.Replace(want, "\n}\n", ",\n  \"issued\": \"2024-01-01T00:00:00Z\"\n}\n", 1)
	if string(out) != want {
		t.Errorf("got %s", out)
	}
}

func TestFHIRPathRefuses(t *testing.T) {
	other, err := resource.Parse([]byte(`{"resourceType":"Patient"}`), resource.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := FHIRPath([]byte(observation), other); !errors.As(err, &e) || e.Reason != Malformed {
		t.Errorf("a patch that is a Patient: %v", err)
	}
	if _, err := FHIRPath([]byte(`{}`), params(t)); err == nil {
		t.Error("what is no resource was patched")
	}
	_, err = FHIRPath([]byte(observation), params(t, op("delete", "Observation.status"), op("delete", "Observation.nobody")))
	if !errors.As(err, &e) || e.Operation != 1 || e.Expression != "Parameters.parameter[1]" {
		t.Errorf("%+v", err)
	}
}

func TestFHIRPathIsBounded(t *testing.T) {
	given := `"name":[{"given":["` + strings.Repeat(`a","`, 50_000) + `b"]}]`
	repeat := func(n int, op string) []string {
		ops := make([]string, n)
		for i := range ops {
			ops[i] = op
		}
		return ops
	}
	for _, c := range []struct {
		what, doc string
		ops       []string
	}{
		{"too many operations", ``, repeat(1001, op("delete", "Patient.active"))},
		{"many operations on much", given, repeat(500, op("delete", "Patient.name.given[0]"))},
		{"many conditions", given, []string{op("delete", "Patient.name.given.where($this='c')")}},
		{"costly conditions", `"active":true`, []string{op("delete", "Patient.active.where((1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20|21|22|23|24|25|26|27|28|29|30).aggregate($total+$total,'aaaaaaaa').exists())")}},
		{"a long path", ``, []string{op("delete", "Patient"+strings.Repeat(".active", 600))}},
	} {
		_, err := FHIRPath([]byte(whole2(c.doc)), params(t, c.ops...))
		var e *Error
		if !errors.As(err, &e) || e.Reason != Costly {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// FuzzFHIRPath checks that a patch never breaks a resource: what comes out is a resource of the same type and id.
func FuzzFHIRPath(f *testing.F) {
	for _, seed := range [][2]string{
		{"Observation.component.where(code.text='a').value.ofType(integer)", "component"}, {"Observation.component[0].code", "text"}, {"Observation", "issued"},
		{"(Observation.value as Quantity).unit", "extension"}, {"%resource.meta.tag.first()", "code"}, {"component.tail().skip(1).single()", "x"},
	} {
		f.Add([]byte(observation), seed[0], seed[1], 0, 1)
	}
	f.Fuzz(func(t *testing.T, doc []byte, path, element string, from, to int) {
		if strings.ContainsAny(path+element, "\"\\") {
			return
		}
		for _, ops := range [][]string{
			{op("delete", path)}, {op("move", path, "source", at(from), "destination", at(to))},
			{op("add", path, "name", name(element), "value", `"valueString":"x"`)}, {op("add", path, "name", name(element), "value", `"part":[{"name":"text","valueString":"x"}]`)},
			{op("insert", path, "index", at(from), "value", `"_valueString":{"id":"x"}`)}, {op("replace", path, "value", `"valueInteger":5`)},
		} {
			raw := `{"resourceType":"Parameters","parameter":[` + strings.Join(ops, ",") + `]}`
			patch, err := resource.Parse([]byte(raw), resource.Limits{})
			if err != nil {
				return
			}
			out, err := FHIRPath(doc, patch)
			var e *Error
			if err != nil {
				if !errors.As(err, &e) || e.Reason == 0 || e.Code == "" || e.Text == "" {
					t.Fatalf("an error of another kind: %v", err)
				}
				continue
			}
			old, err := resource.Parse(doc, resource.Limits{})
			if err != nil {
				t.Fatal("what is no resource was patched")
			}
			made, err := resource.Parse(out, resource.Limits{})
			if err != nil || made.Type() != old.Type() || made.ID() != old.ID() {
				t.Fatalf("%v: %s", err, out)
			}
		}
	})
}

func BenchmarkFHIRPath(b *testing.B) {
	p := params(b, op("replace", "Observation.status", "value", `"valueCode":"amended"`), op("replace", "Observation.component.where(code.text='b').value", "value", `"valueInteger":3`))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FHIRPath([]byte(observation), p); err != nil {
			b.Fatal(err)
		}
	}
}
