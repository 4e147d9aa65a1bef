package resource

import (
	"fmt"
	"testing"
)

const sampleText = `{"resourceType":"Patient","\u0069d":"p1","active":true,"multipleBirthInteger":2,
 "name":[{"family":"O\u0027Neil","given":["Ann","Bo"]},{"family":"Ø"}],"_birthDate":{"id":"x"}}`

func sample(t testing.TB) *Doc {
	t.Helper()
	d, err := Parse([]byte(sampleText), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestNode(t *testing.T) {
	d := sample(t)
	root := d.Root()
	if d.Type() != "Patient" || d.ID() != "p1" || root.Kind() != Object || root.Len() != 6 {
		t.Errorf("%s/%s, %d members", d.Type(), d.ID(), root.Len())
	}
	family := root.Get("name").At(0).Get("family")
	if text, ok := family.Text(); !ok || text != "O'Neil" || !family.Is("O'Neil") || family.Is("O") {
		t.Errorf("family %q", text)
	}
	if string(family.Raw()) != `"O\u0027Neil"` {
		t.Errorf("raw %s", family.Raw())
	}
	if start, end := family.Span(); sampleText[start:end] != `"O\u0027Neil"` {
		t.Errorf("span [%d, %d)", start, end)
	}
	if text, ok := root.Get("active").Text(); ok || root.Get("active").Kind() != Bool || string(root.Get("active").Raw()) != "true" {
		t.Errorf("a boolean has the text %q", text)
	}
	var given []string
	for n := range root.Get("name").At(0).Get("given").Items() {
		text, _ := n.Text()
		given = append(given, text+"@"+n.Expression())
	}
	if fmt.Sprint(given) != "[Ann@Patient.name[0].given[0] Bo@Patient.name[0].given[1]]" {
		t.Errorf("given %v", given)
	}
	var members []string
	for n := range root.Children() {
		members = append(members, string(n.Name()))
	}
	if fmt.Sprint(members) != "[resourceType id active multipleBirthInteger name _birthDate]" || root.Name() != nil || root.Get("name").At(0).Name() != nil {
		t.Errorf("members %v", members)
	}
	var names []string
	for name, n := range root.Fields() {
		names = append(names, fmt.Sprint(name, n.Kind()))
	}
	if fmt.Sprint(names) != fmt.Sprint([]string{
		fmt.Sprint("resourceType", String), fmt.Sprint("id", String), fmt.Sprint("active", Bool),
		fmt.Sprint("multipleBirthInteger", Number), fmt.Sprint("name", Array), fmt.Sprint("_birthDate", Object),
	}) {
		t.Errorf("fields %v", names)
	}
}

func TestNodeThatIsNotThere(t *testing.T) {
	root := sample(t).Root()
	for what, n := range map[string]Node{
		"the zero node":         {},
		"the root of no doc":    new(Doc).Root(),
		"an unknown member":     root.Get("gender"),
		"a member of a string":  root.Get("id").Get("x"),
		"an item of an object":  root.At(0),
		"an item past the end":  root.Get("name").At(2),
		"an item before all":    root.Get("name").At(-1),
		"a member of no member": root.Get("x").Get("y").At(0),
	} {
		start, end := n.Span()
		_, ok := n.Text()
		if n.Exists() || n.Kind() != Missing || n.Len() != 0 || n.Raw() != nil || ok || n.Is("") || start+end != 0 || n.Expression() != "" {
			t.Errorf("%s is there", what)
		}
		for range n.Items() {
			t.Errorf("%s has items", what)
		}
		for range n.Fields() {
			t.Errorf("%s has fields", what)
		}
	}
}

func TestIteratorsStop(t *testing.T) {
	root := sample(t).Root()
	count := 0
	for range root.Fields() {
		count++
		break
	}
	for range root.Get("name").Items() {
		count++
		break
	}
	for range root.Get("id").Items() {
		count++
	}
	if count != 3 {
		t.Errorf("%d steps, want one each", count)
	}
}

func TestTypesAndIDs(t *testing.T) {
	if len(Types()) != 146 || !IsType("Observation") || IsType("observation") || IsType("DomainResource") || IsType("") {
		t.Errorf("%d types", len(Types()))
	}
	for id, want := range map[string]bool{"a": true, "A-1.b": true, "": false, "a_b": false, "é": false, "a\n": false} {
		if ValidID(id) != want {
			t.Errorf("ValidID(%q) is %v", id, !want)
		}
	}
}
