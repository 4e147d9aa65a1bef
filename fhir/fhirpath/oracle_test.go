package fhirpath

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gofhir/fhirpath/types"

	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/test/npm"
)

// TestPathProgramsAgree is the oracle of fhir/path and of the table of search parameters. For each search parameter of each
// official example it evaluates the expression that R4 publishes, with the general engine, and compares what that selects
// with what the path program does: of each sixteenth file, or of all where CAIRN_ALL_EXAMPLES is set.
func TestPathProgramsAgree(t *testing.T) {
	published := expressions(t)
	compared, selected := 0, 0
	used, own := map[string]bool{}, map[string]bool{}
	for _, file := range examples(t) {
		d := example(t, file)
		if d == nil {
			continue
		}
		s := Of(d)
		s.elsewhere = byItsWords
		for _, p := range search.Programs(d.Type()) {
			expression := published[p.Definition]
			if expression == "" {
				expression = p.Expression // it is a parameter of an implementation guide, written in the table's own words
				own[p.String()] = true
			}
			n := compare(t, filepath.Base(file), s, p, expression)
			compared, selected = compared+1, selected+n
			if n > 0 {
				used[p.String()] = true
			}
		}
	}
	t.Logf("%d comparisons, %d values, %d parameters with a value, %d without an expression of R4", compared, selected, len(used), len(own))
	if compared < 1000 || selected < 1000 {
		t.Error("that is too little to say anything")
	}
}

// expressions is the expressions of all search parameters by URL, from the Bundle that R4 publishes.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	d := example(t, filepath.Join(npm.Folder(t, npm.Examples), "Bundle-searchParams.json"))
	for entry := range d.Root().Get("entry").Items() {
		url, _ := entry.Get("resource").Get("url").Text()
		all[url], _ = entry.Get("resource").Get("expression").Text()
	}
	return all
}

// byItsWords is a resource of the type that a reference names, which is all that path programs know of it.
func byItsWords(reference string) types.Collection {
	typ, _, _, ok := resource.Target(reference)
	if !ok {
		return nil
	}
	return types.Collection{types.NewObjectValue([]byte(`{"resourceType":"` + typ + `"}`))}
}

// except is types of values that a parameter does not have, although its expression selects them.
var except = map[string]string{
	"CarePlan activity-date":   "string", // a date parameter; a string in a choice says in words when
	"Immunization date":        "string",
	"Consent source-reference": "Attachment", // a reference parameter
}

// compare is how many values both select; it fails where they differ.
func compare(t *testing.T, file string, s *Subject, p search.Program, expression string) int {
	t.Helper()
	program, err := Compile(expression)
	if err != nil {
		t.Errorf("%s: %v", expression, err)
		return 0
	}
	items, err := s.Root().evaluate(program)
	if err != nil {
		t.Errorf("%s: %s: %v", file, p, err)
		return 0
	}
	var want, have []string
	for _, item := range items {
		if item.Type() != except[p.String()] && !(inside(item) && strings.Contains(expression, "resolve()")) {
			want = append(want, textOf(item)...)
		}
	}
	if holds, is := p.Holds(s.doc.Root()); is {
		have = append(have, map[bool]string{true: "true", false: "false"}[holds])
		if len(want) == 0 {
			want = append(want, "false") // a condition on nothing does not hold
		}
	}
	for _, n := range p.Select(s.doc.Root()) {
		have = append(have, textOfNode(n))
	}
	want, have = set(want), set(have)
	if !slices.Equal(want, have) {
		t.Errorf("%s: %s\n the engine selects %.2000q\n the program %.2000q", file, p, want, have)
	}
	return len(have)
}

// textOf is a value as text. A primitive that has extensions and no value is an item of the engine's and nothing that could be
// searched for.
func textOf(item types.Value) []string {
	o, ok := item.(*types.ObjectValue)
	if !ok {
		return []string{plain(item.String())}
	}
	if onlyExtensions(o) {
		return nil
	}
	return []string{string(o.Data())}
}

// inside reports whether a value is a reference to a contained resource. A path program does not follow it to learn its type: a
// patient who is part of another record is nobody's patient here.
func inside(item types.Value) bool { return strings.HasPrefix(referenceOf(item), "#") }

func onlyExtensions(o *types.ObjectValue) bool {
	keys := o.Keys()
	return len(keys) > 0 && !slices.ContainsFunc(keys, func(key string) bool { return key != "extension" && key != "id" })
}

func textOfNode(n resource.Node) string {
	if text, ok := n.Text(); ok {
		return plain(text)
	}
	if n.Kind() == resource.Object {
		return string(canonical(nil, n))
	}
	return string(n.Raw())
}

// plain writes a time as the milliseconds that it covers, because the engine writes times in its own way.
func plain(text string) string {
	if lo, hi, ok := resource.ParseDate(text); ok {
		return fmt.Sprint(lo, " ", hi)
	}
	return text
}

// set is the values in order, each once: a union of FHIRPath has no duplicates.
func set(values []string) []string {
	slices.SortFunc(values, strings.Compare)
	return slices.Compact(values)
}
