package patch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"cairn/fhir/resource"
)

// TestJSONByTheBook is the examples of RFC 6902, appendix A, and what its sections 4 and 5 and RFC 6901 say besides. A
// document that is not a resource is good enough for them. want is the bytes that come out, or an error's code.
func TestJSONByTheBook(t *testing.T) {
	for _, c := range []struct{ what, doc, ops, want string }{
		{"A.1 adding an object member", `{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux"}]`, `{"foo":"bar","baz":"qux"}`},
		{"A.2 adding an array element", `{"foo":["bar","baz"]}`, `[{"op":"add","path":"/foo/1","value":"qux"}]`, `{"foo":["bar","qux","baz"]}`},
		{"A.3 removing an object member", `{"baz":"qux","foo":"bar"}`, `[{"op":"remove","path":"/baz"}]`, `{"foo":"bar"}`},
		{"A.4 removing an array element", `{"foo":["bar","qux","baz"]}`, `[{"op":"remove","path":"/foo/1"}]`, `{"foo":["bar","baz"]}`},
		{"A.5 replacing a value", `{"baz":"qux","foo":"bar"}`, `[{"op":"replace","path":"/baz","value":"boo"}]`, `{"baz":"boo","foo":"bar"}`},
		{"A.6 moving a value", `{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}`, `[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]`, `{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}`},
		{"A.7 moving an array element", `{"foo":["all","grass","cows","eat"]}`, `[{"op":"move","from":"/foo/1","path":"/foo/3"}]`, `{"foo":["all","cows","eat","grass"]}`},
		{"A.8 testing a value: success", `{"baz":"qux","foo":["a",2,"c"]}`, `[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]`, `{"baz":"qux","foo":["a",2,"c"]}`},
		{"A.9 testing a value: error", `{"baz":"qux"}`, `[{"op":"test","path":"/baz","value":"bar"}]`, "untrue 0"},
		{"A.10 adding a nested member object", `{"foo":"bar"}`, `[{"op":"add","path":"/child","value":{"grandchild":{}}}]`, `{"foo":"bar","child":{"grandchild":{}}}`},
		{"A.11 ignoring unrecognized elements", `{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux","xyz":123}]`, `{"foo":"bar","baz":"qux"}`},
		{"A.12 adding to a nonexistent target", `{"foo":"bar"}`, `[{"op":"add","path":"/baz/bat","value":"qux"}]`, "not-found 0"},
		{"A.13 invalid JSON Patch document", `{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux","op":"remove"}]`, "structure -1"},
		{"A.14 ~ escape ordering", `{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":10}]`, `{"/":9,"~1":10}`},
		{"A.15 comparing strings and numbers", `{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":"10"}]`, "untrue 0"},
		{"A.16 adding an array value", `{"foo":["bar"]}`, `[{"op":"add","path":"/foo/-","value":["abc","def"]}]`, `{"foo":["bar",["abc","def"]]}`},

		{"4.1 add replaces a member that exists, in its place", `{"a":1,"b":2}`, `[{"op":"add","path":"/a","value":3}]`, `{"a":3,"b":2}`},
		{"4.1 add at the length of the array", `[1]`, `[{"op":"add","path":"/1","value":2}]`, `[1,2]`},
		{"4.1 add beyond the length", `[1]`, `[{"op":"add","path":"/2","value":2}]`, "not-found 0"},
		{"4.1 add at the root", `{"a":1}`, `[{"op":"add","path":"","value":[true]}]`, `[true]`},
		{"4.1 add into a string", `{"a":"b"}`, `[{"op":"add","path":"/a/b","value":1}]`, "not-found 0"},
		{"4.1 add null", `{}`, `[{"op":"add","path":"/a","value":null}]`, `{"a":null}`},
		{"4.1 an empty array may be filled later", `{}`, `[{"op":"add","path":"/a","value":[]},{"op":"add","path":"/a/-","value":1},{"op":"add","path":"/a/0","value":0}]`, `{"a":[0,1]}`},
		{"4.2 remove of nothing", `{"a":1}`, `[{"op":"remove","path":"/b"}]`, "not-found 0"},
		{"4.2 remove of the end", `[1]`, `[{"op":"remove","path":"/-"}]`, "not-found 0"},
		{"4.2 remove of the root", `{"a":1}`, `[{"op":"remove","path":""}]`, "business-rule 0"},
		{"4.2 remove of all", `{"a":1,"b":2}`, `[{"op":"remove","path":"/a"},{"op":"remove","path":"/b"}]`, `{}`},
		{"4.3 replace of nothing", `{"a":1}`, `[{"op":"replace","path":"/b","value":1}]`, "not-found 0"},
		{"4.3 replace of the root", `{"a":1}`, `[{"op":"replace","path":"","value":{"b":2}}]`, `{"b":2}`},
		{"4.3 replace of an item", `[1,2]`, `[{"op":"replace","path":"/1","value":{"x":"y"}}]`, `[1,{"x":"y"}]`},
		{"4.4 move of nothing", `{"a":1}`, `[{"op":"move","from":"/b","path":"/a"}]`, "not-found 0"},
		{"4.4 move into itself", `{"a":{"b":1}}`, `[{"op":"move","from":"/a","path":"/a/b"}]`, "business-rule 0"},
		{"4.4 move to where it is", `{"a":1,"b":2}`, `[{"op":"move","from":"/a","path":"/a"}]`, `{"a":1,"b":2}`},
		{"4.4 move over another", `{"a":1,"b":2}`, `[{"op":"move","from":"/a","path":"/b"}]`, `{"b":1}`},
		{"4.4 move to the root", `{"a":{"b":1}}`, `[{"op":"move","from":"/a","path":""}]`, `{"b":1}`},
		{"4.4 move of the root into itself", `{"a":1}`, `[{"op":"move","from":"","path":"/b"}]`, "business-rule 0"},
		{"4.5 copy of nothing", `{"a":1}`, `[{"op":"copy","from":"/b","path":"/c"}]`, "not-found 0"},
		{"4.5 copy into itself", `{"a":{"b":1}}`, `[{"op":"copy","from":"/a","path":"/a/c"}]`, `{"a":{"b":1,"c":{"b":1}}}`},
		{"4.5 a copy is another", `{"a":{"x":1}}`, `[{"op":"copy","from":"/a","path":"/b"},{"op":"replace","path":"/b/x","value":2}]`, `{"a":{"x":1},"b":{"x":2}}`},
		{"4.6 test of objects in another order", `{"a":{"x":1,"y":[true,null]}}`, `[{"op":"test","path":"/a","value":{"y":[true,null],"x":1}}]`, `{"a":{"x":1,"y":[true,null]}}`},
		{"4.6 test of an object with one more", `{"a":{"x":1}}`, `[{"op":"test","path":"/a","value":{"x":1,"y":2}}]`, "untrue 0"},
		{"4.6 test of an object with another", `{"a":{"x":1}}`, `[{"op":"test","path":"/a","value":{"y":1}}]`, "untrue 0"},
		{"4.6 test of arrays in another order", `[1,2]`, `[{"op":"test","path":"","value":[2,1]}]`, "untrue 0"},
		{"4.6 test of numbers by value", `[1.50,-0,100,1e3,0.001]`, `[{"op":"test","path":"","value":[1.5,0,1e2,1000.0,1E-3]}]`, `[1.50,-0,100,1e3,0.001]`},
		{"4.6 test of numbers that a float cannot tell apart", `[9007199254740993]`, `[{"op":"test","path":"/0","value":9007199254740992}]`, "untrue 0"},
		{"4.6 test of strings by content", `["a\u00e9"]`, `[{"op":"test","path":"/0","value":"aé"}]`, `["a\u00e9"]`},
		{"4.6 false is not null", `[false]`, `[{"op":"test","path":"/0","value":null}]`, "untrue 0"},
		{"4.6 test of nothing", `{}`, `[{"op":"test","path":"/a","value":null}]`, "not-found 0"},
		{"5 the first failure undoes all", `{"a":1}`, `[{"op":"remove","path":"/a"},{"op":"test","path":"/a","value":1}]`, "not-found 1"},
		{"5 each works on what the one before left", `{}`, `[{"op":"add","path":"/a","value":{}},{"op":"add","path":"/a/b","value":1},{"op":"test","path":"","value":{"a":{"b":1}}}]`, `{"a":{"b":1}}`},
		{"no operations", `{"a":1}`, `[]`, `{"a":1}`},

		{"6901 a member with an empty name", `{"":1}`, `[{"op":"replace","path":"/","value":2}]`, `{"":2}`},
		{"6901 escapes", `{"a/b":1,"m~n":2}`, `[{"op":"replace","path":"/a~1b","value":3},{"op":"replace","path":"/m~0n","value":4}]`, `{"a/b":3,"m~n":4}`},
		{"6901 a name that is written with escapes", `{"\u0061":1}`, `[{"op":"replace","path":"/a","value":2}]`, `{"\u0061":2}`},
		{"6901 an index with a leading zero", `[1,2]`, `[{"op":"remove","path":"/01"}]`, "not-found 0"},
		{"6901 a negative index", `[1,2]`, `[{"op":"remove","path":"/-1"}]`, "not-found 0"},
		{"6901 a digit that names a member", `{"0":1}`, `[{"op":"remove","path":"/0"}]`, `{}`},
		{"6901 no slash", `{"a":1}`, `[{"op":"remove","path":"a"}]`, "value 0"},
		{"6901 a lone tilde", `{"a":1}`, `[{"op":"remove","path":"/a~"}]`, "value 0"},
		{"6901 an escape that is none", `{"a":1}`, `[{"op":"remove","path":"/~2"}]`, "value 0"},
		{"6901 two escapes, the second none", `{"a":1}`, `[{"op":"remove","path":"/~0~"}]`, "value 0"},

		{"no array", `{}`, `{"op":"remove","path":"/a"}`, "structure -1"},
		{"no object", `{}`, `[1]`, "structure 0"},
		{"no JSON", `{}`, `[`, "structure -1"},
		{"no UTF-8", `{}`, "[{\"op\":\"remove\",\"path\":\"/\xff\"}]", "structure -1"},
		{"no op", `{}`, `[{"path":"/a"}]`, "value 0"},
		{"op in capitals", `{}`, `[{"OP":"remove","path":"/a"}]`, "value 0"},
		{"an op that is none", `{}`, `[{"op":"append","path":"/a"}]`, "value 0"},
		{"no path", `{}`, `[{"op":"remove"}]`, "required 0"},
		{"a path that is a number", `{}`, `[{"op":"remove","path":1}]`, "required 0"},
		{"no value", `{}`, `[{"op":"add","path":"/a"}]`, "required 0"},
		{"no from", `{}`, `[{"op":"copy","path":"/a"}]`, "required 0"},
		{"a mistake in the second", `{"a":1}`, `[{"op":"remove","path":"/a"},{"op":"move","path":"/a"}]`, "required 1"},
	} {
		got := outcome(applyJSON([]byte(c.doc), []byte(c.ops), Default))
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.what, got, c.want)
		}
	}
}

func outcome(out []byte, err *Error) string {
	if err == nil {
		return string(out)
	}
	if err.Reason == Untrue {
		return fmt.Sprint("untrue ", err.Operation)
	}
	return fmt.Sprint(err.Code, " ", err.Operation)
}

const observation = `
{
  "resourceType": "Observation",
  "id": "o1",
  "meta": {"versionId": "1"},
  "status": "final",
  "code": { "text" : "Gewicht \u00fc" },
  "valueQuantity": {"value": 1.50, "unit": "kg"},
  "component": [
    {"code": {"text": "a"}, "valueInteger": 1},
    {"code": {"text": "b"}, "valueInteger": 2}
  ]
}
`

// TestJSONKeepsBytes shows that what a patch does not touch stays as it was written, and that what it adds takes the layout of
// what is around it.
func TestJSONKeepsBytes(t *testing.T) {
	for _, c := range []struct{ what, ops, old, new string }{
		{"a code", `[{"op":"replace","path":"/status","value":"amended"}]`, `"final"`, `"amended"`},
		{"a number in digits of its own", `[{"op":"replace","path":"/valueQuantity/unit","value":"g"}]`, `"kg"`, `"g"`},
		{"a number as it is written", `[{"op":"replace","path":"/valueQuantity/value","value":2.500}]`, `1.50`, `2.500`},
		{"a member in the layout of its neighbours", `[{"op":"add","path":"/issued","value":"2024-01-01T00:00:00Z"}]`, "\n}\n", ",\n  \"issued\": \"2024-01-01T00:00:00Z\"\n}\n"},
		{"an item in the layout of its neighbours", `[{"op":"add","path":"/component/0","value":{"code":{}}}]`, "[\n    {\"code\": {\"text\": \"a\"}", "[\n    {\"code\":{}},\n    {\"code\": {\"text\": \"a\"}"},
		{"an item gone", `[{"op":"remove","path":"/component/1"}]`, ",\n    {\"code\": {\"text\": \"b\"}, \"valueInteger\": 2}", ""},
		{"a member gone", `[{"op":"remove","path":"/meta"}]`, "\n  \"meta\": {\"versionId\": \"1\"},", ""},
		{"nothing", `[{"op":"test","path":"/code/text","value":"Gewicht ü"}]`, "", ""},
		{"there and back", `[{"op":"add","path":"/x","value":1},{"op":"remove","path":"/x"}]`, "", ""},
	} {
		out, err := applyJSON([]byte(observation), []byte(c.ops), Default)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if want := strings.Replace(observation, c.old, c.new, 1); string(out) != want {
			t.Errorf("%s: got %s", c.what, out)
		}
	}
}

func TestJSONOfResource(t *testing.T) {
	out, err := JSON([]byte(observation), []byte(`[{"op":"replace","path":"/status","value":"amended"}]`))
	if err != nil || string(out) != strings.Replace(observation, "final", "amended", 1) {
		t.Errorf("%s, %v", out, err)
	}
	for _, c := range []struct {
		what, ops  string
		reason     Reason
		code       string
		expression string
	}{
		{"another type", `[{"op":"replace","path":"/resourceType","value":"Patient"}]`, Protected, "business-rule", ""},
		{"another id", `[{"op":"replace","path":"/id","value":"o2"}]`, Protected, "business-rule", ""},
		{"no id", `[{"op":"remove","path":"/id"}]`, Protected, "business-rule", ""},
		{"another resource", `[{"op":"replace","path":"","value":{"resourceType":"Observation","id":"o2"}}]`, Protected, "business-rule", ""},
		{"no type", `[{"op":"remove","path":"/resourceType"}]`, Unfit, "required", "Resource"},
		{"an array left empty", `[{"op":"remove","path":"/component/0"},{"op":"remove","path":"/component/0"}]`, Unfit, "invalid", "Observation.component"},
		{"an empty string", `[{"op":"add","path":"/issued","value":""}]`, Unfit, "invalid", "Observation.issued"},
		{"no object", `[{"op":"replace","path":"","value":1}]`, Unfit, "structure", ""},
		{"a bad version", `[{"op":"replace","path":"/meta/versionId","value":"!"}]`, Unfit, "value", "Observation.meta.versionId"},
		{"half a surrogate pair", `[{"op":"replace","path":"/status","value":"\ud800"}]`, Unfit, "structure", "Observation.status"},
		{"no patch", `x`, Malformed, "structure", ""},
		{"a test that fails", `[{"op":"test","path":"/status","value":"x"}]`, Untrue, "business-rule", ""},
	} {
		out, err := JSON([]byte(observation), []byte(c.ops))
		var e *Error
		if !errors.As(err, &e) || e.Reason != c.reason || e.Code != c.code || e.Expression != c.expression || out != nil {
			t.Errorf("%s: %s, %+v", c.what, out, err)
		}
	}
	if _, err := JSON([]byte(`{"resourceType":"Nothing"}`), []byte(`[]`)); err == nil {
		t.Error("what is no resource was patched")
	}
}

// TestJSONIsBounded asks for more and more of the same.
func TestJSONIsBounded(t *testing.T) {
	repeat := func(n int, format string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = strings.ReplaceAll(format, "#", fmt.Sprint(i))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	many := `{"a":[` + strings.Repeat("0,", 90_000) + "0]}"
	deep := strings.Repeat("[", 65) + strings.Repeat("]", 65)
	for _, c := range []struct{ what, doc, ops string }{
		{"too many operations", `{"a":1}`, repeat(1001, `{"op":"test","path":"/a","value":1}`)},
		{"doubling", `{"a":1}`, repeat(40, `{"op":"copy","from":"","path":"/b#"}`)},
		{"deepening", `{"a":[]}`, repeat(200, `{"op":"copy","from":"/a","path":"/a/0"}`)},
		{"moving deeper and deeper", `{"a":{}}`, `[{"op":"add","path":"/b","value":{}},` + repeat(200, `{"op":"move","from":"/a","path":"/b/a"},{"op":"move","from":"/b","path":"/a"},{"op":"add","path":"/b","value":{}}`)[1:]},
		{"moving much often", many, repeat(1000, `{"op":"move","from":"/a","path":"/b"},{"op":"move","from":"/b","path":"/a"}`)},
		{"shifting much often", many, repeat(1000, `{"op":"add","path":"/a/0","value":1}`)},
		{"a deep patch", `{"a":1}`, `[{"op":"add","path":"/b","value":` + deep + `}]`},
		{"a patch of many values", `{"a":1}`, `[{"op":"add","path":"/b","value":[` + strings.Repeat("0,", 100_000) + `0]}]`},
		{"a patch of many bytes", `{"a":1}`, `["` + strings.Repeat("x", 10_000_000) + `"]`},
	} {
		_, err := applyJSON([]byte(c.doc), []byte(c.ops), Default)
		if err == nil || err.Reason != Costly {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// FuzzJSON checks that a patch never breaks a resource: what comes out is a resource of the same type and id.
func FuzzJSON(f *testing.F) {
	for _, ops := range []string{
		`[{"op":"add","path":"/component/-","value":{"code":{"text":"c"}}}]`, `[{"op":"copy","from":"/component/0","path":"/component/1"}]`,
		`[{"op":"move","from":"/code","path":"/component/0/code"}]`, `[{"op":"test","path":"/valueQuantity/value","value":15e-1}]`,
		`[{"op":"replace","path":"","value":{"resourceType":"Observation","id":"o1"}}]`, `[{"op":"remove","path":"/m~0eta"}]`,
	} {
		f.Add([]byte(observation), []byte(ops))
	}
	f.Fuzz(func(t *testing.T, doc, ops []byte) {
		before := bytes.Clone(doc)
		out, err := JSON(doc, ops)
		if !bytes.Equal(doc, before) {
			t.Fatal("the resource that was given changed")
		}
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Reason == 0 || e.Code == "" || e.Text == "" {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		old, err := resource.Parse(doc, resource.Limits{})
		if err != nil {
			t.Fatal("what is no resource was patched")
		}
		made, err := resource.Parse(out, resource.Limits{})
		if err != nil || made.Type() != old.Type() || made.ID() != old.ID() {
			t.Fatalf("%v: %s", err, out)
		}
		if string(ops) == "[]" && !bytes.Equal(out, doc) {
			t.Fatalf("no operation changed %s", out)
		}
	})
}

// FuzzReader compares the reader with encoding/json: what both read and write again has the same meaning.
func FuzzReader(f *testing.F) {
	f.Add([]byte(observation))
	f.Add([]byte(` [ 1 , {"a" : [ ] } , "\"" ] `))
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := read(raw, newMeter(Default))
		if err != nil {
			return
		}
		dirty(v)
		out := around(raw, v)
		if !bytes.Equal(out, raw) {
			t.Fatalf("%q came back as %q", raw, out)
		}
		if !json.Valid(out) {
			t.Fatalf("%q is not JSON", out)
		}
	})
}

// dirty marks every container as changed, so that all is written anew.
func dirty(v *value) {
	v.changed = v.kind == object || v.kind == array
	for _, kid := range v.kids {
		dirty(kid)
	}
}

func BenchmarkJSON(b *testing.B) {
	ops := []byte(`[{"op":"test","path":"/id","value":"o1"},{"op":"replace","path":"/status","value":"amended"},{"op":"add","path":"/component/-","value":{"code":{"text":"c"}}}]`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := JSON([]byte(observation), ops); err != nil {
			b.Fatal(err)
		}
	}
}
