package fhirpath

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cairn/fhir/markup"
	"cairn/fhir/resource"
	fhirxml "cairn/fhir/xml"
)

// suite is the name of the variable that says where the official test suite of FHIRPath is: a folder with tests-fhir-r4.xml
// and the resources that it names, from r4/ and r4/fhirpath/ of the project FHIR/fhir-test-cases. No package brings them.
const suite = "CAIRN_FHIRPATH_SUITE"

type officialGroup struct {
	Tests []officialTest `xml:"test"`
}

type officialTest struct {
	Name       string `xml:"name,attr"`
	Input      string `xml:"inputfile,attr"`
	Predicate  string `xml:"predicate,attr"`
	Expression struct {
		Text    string `xml:",chardata"`
		Invalid string `xml:"invalid,attr"`
	} `xml:"expression"`
	Outputs []struct {
		Type string `xml:"type,attr"`
		Text string `xml:",chardata"`
	} `xml:"output"`
}

// TestOfficialSuite runs the official test cases and compares those that fail with testdata/suite.txt.
func TestOfficialSuite(t *testing.T) {
	dir := os.Getenv(suite)
	if dir == "" {
		t.Skip("no package brings the official test suite; set " + suite + " to the folder that has it")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "tests-fhir-r4.xml"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Groups []officialGroup `xml:"group"`
	}
	if err := xml.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	inputs := map[string]*resource.Doc{}
	count := 0
	var failed []string
	for _, g := range all.Groups {
		for _, c := range g.Tests {
			count++
			if why := c.run(input(t, inputs, dir, c.Input)); why != "" {
				t.Logf("%s: %s: %s", c.Name, strings.TrimSpace(c.Expression.Text), why)
				failed = append(failed, c.Name)
			}
		}
	}
	t.Logf("%d of %d pass", count-len(failed), count)
	want, err := os.ReadFile("testdata/suite.txt")
	if err != nil {
		t.Fatal(err)
	}
	if have := strings.Join(failed, "\n") + "\n"; have != string(want) {
		t.Errorf("testdata/suite.txt differs. Have:\n%s", have)
	}
}

// input reads a resource that tests are about; for those about none it is a resource without content.
func input(t *testing.T, inputs map[string]*resource.Doc, dir, file string) *resource.Doc {
	t.Helper()
	if d := inputs[file]; d != nil {
		return d
	}
	raw := []byte(`{"resourceType":"Basic"}`)
	if file != "" {
		raw = read(t, dir, file)
	}
	d, err := resource.Parse(raw, resource.Limits{})
	if err != nil {
		t.Logf("%s: %v", file, err)
		d = new(resource.Doc) // every test about it fails
	}
	inputs[file] = d
	return d
}

// read reads a resource in XML or JSON; in JSON, where there are both, because one of those in XML has an element out of place.
func read(t *testing.T, dir, file string) []byte {
	t.Helper()
	if inJSON := strings.TrimSuffix(file, ".xml") + ".json"; inJSON != file {
		if raw, err := os.ReadFile(filepath.Join(dir, inJSON)); err == nil {
			return raw
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, file))
	if err == nil && strings.HasSuffix(file, ".xml") {
		raw, err = fhirxml.Decode(raw, markup.Limits{})
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return raw
}

// run is why a test fails, "" if it passes.
func (c officialTest) run(d *resource.Doc) string {
	p, err := Compile(strings.TrimSpace(c.Expression.Text))
	if err != nil {
		return map[bool]string{true: "", false: "it does not compile"}[c.Expression.Invalid != ""]
	}
	if c.Predicate == "true" {
		return c.predicate(p, d)
	}
	values, err := p.Eval(d)
	switch {
	case c.Expression.Invalid != "":
		return map[bool]string{true: "", false: "it should be refused"}[err != nil]
	case err != nil:
		return err.Error()
	}
	var want, have []string
	for _, o := range c.Outputs {
		want = append(want, canon(o.Type, o.Text))
	}
	for i, v := range values {
		typ := ""
		if i < len(c.Outputs) {
			typ = c.Outputs[i].Type
		}
		have = append(have, canon(typ, v.Text()))
	}
	if !slices.Equal(want, have) {
		return strings.Join(have, ", ") + " and not " + strings.Join(want, ", ")
	}
	return ""
}

func (c officialTest) predicate(p Program, d *resource.Doc) string {
	values, err := p.Eval(d)
	if err != nil {
		return err.Error()
	}
	holds := len(values) > 0
	if len(values) == 1 {
		if b, is := values[0].Bool(); is {
			holds = b
		}
	}
	if want := c.Outputs[0].Text == "true"; holds != want {
		return "it holds, or does not"
	}
	return ""
}

// canon is an output without what only its notation has.
func canon(typ, text string) string {
	literal, ok := strings.CutPrefix(text, "@")
	if ok || strings.EqualFold(typ, "time") {
		return strings.TrimPrefix(literal, "T")
	}
	return text
}
