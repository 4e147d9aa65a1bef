package main

import (
	"bytes"
	"cmp"
	"fmt"
	"sort"
	"strings"
)

type structure struct {
	Name, Kind, Type, Derivation, BaseDefinition string
	Abstract                                     bool
	Snapshot                                     struct{ Element []element }
}

type element struct {
	ID, Path, Max, ContentReference string
	Min                             int
	Type                            []elementType
	Binding                         struct{ Strength, ValueSet string }
	IsSummary, IsModifier           bool
	Representation                  []string
	Constraint                      []struct{ Key, Severity, Human, Expression string }
}

type extension struct {
	URL                             string
	ValueURL, ValueString, ValueURI string
}

type elementType struct {
	Code          string
	Profile       []string
	TargetProfile []string
	Extension     []extension
}

// writer writes the tables. Their form is described in fhir/profile/load.go, which reads them.
type writer struct {
	terms *terms
	out   bytes.Buffer
	needs map[string]bool // value sets whose codes are listed
}

const head = `# FHIR R4 (4.0.1) structure. Made by fhir/profile/generate; do not edit. Form: fhir/profile/load.go.
`

func (w *writer) write(types []structure) error {
	w.needs = map[string]bool{}
	w.out.WriteString(head)
	var kept []structure
	for _, s := range types {
		if s.Kind != "logical" && (s.Derivation != "constraint" || s.Name == "SimpleQuantity" || s.Name == "MoneyQuantity") {
			kept = append(kept, s)
		}
	}
	byName := map[string]structure{}
	for _, s := range kept {
		byName[s.Name] = s
	}
	sort.SliceStable(kept, func(i, j int) bool { return rank(kept[i], byName) < rank(kept[j], byName) })
	for _, s := range kept {
		if err := w.structure(s, byName); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return w.sets()
}

// rank puts a type after the one that it is based on.
func rank(s structure, all map[string]structure) int {
	if s.BaseDefinition == "" {
		return 0
	}
	return 1 + rank(all[baseName(s)], all)
}

func baseName(s structure) string {
	return s.BaseDefinition[strings.LastIndexByte(s.BaseDefinition, '/')+1:]
}

func (w *writer) sets() error {
	urls := make([]string, 0, len(w.needs))
	for url := range w.needs {
		urls = append(urls, url)
	}
	sort.Strings(urls)
	for _, url := range urls {
		text, err := w.terms.text(url)
		if err != nil {
			return err
		}
		w.out.WriteString(text)
	}
	return nil
}

func (w *writer) structure(s structure, all map[string]structure) error {
	kind := map[string]string{"primitive-type": "primitive", "complex-type": "complex", "resource": "resource"}[s.Kind]
	if s.Abstract {
		kind = "abstract"
	}
	base := "-"
	switch {
	case s.Derivation == "constraint":
		base = "Element" // SimpleQuantity, MoneyQuantity: the elements of Quantity, listed again
	case s.BaseDefinition != "":
		base = baseName(s)
	}
	w.line("type", kind, s.Name, base)
	if kind == "primitive" {
		w.line("regex", primitiveRegex(s))
		return nil
	}
	inherited := map[string]bool{}
	for name := base; name != "-"; {
		b := all[name]
		name = "-"
		if b.BaseDefinition != "" {
			name = baseName(b)
		}
		root := b.Snapshot.Element[0].Path
		for _, e := range b.Snapshot.Element {
			inherited[strings.TrimPrefix(e.Path, root)] = true
		}
	}
	root := s.Snapshot.Element[0].Path
	return w.shape(s, root, func(path string) bool { return inherited[strings.TrimPrefix(path, root)] })
}

// shape writes the elements right below path, then the shapes of those that have elements of their own.
func (w *writer) shape(s structure, path string, inherited func(string) bool) error {
	var nested []element
	for _, e := range s.Snapshot.Element {
		if e.Path == path {
			w.rules(".", e)
		}
		rest, below := strings.CutPrefix(e.Path, path+".")
		if !below || strings.Contains(rest, ".") || inherited(e.Path) {
			continue
		}
		own := hasChildren(s, e.Path)
		types, err := typesOf(e, own)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Path, err)
		}
		w.line("el", rest, fmt.Sprint(e.Min), e.Max, flags(e), types, w.binding(e))
		if own {
			nested = append(nested, e)
			continue
		}
		w.rules(rest, e)
	}
	for _, e := range nested {
		w.line("type", "backbone", e.Path, e.Type[0].Code)
		none := func(p string) bool {
			return strings.HasSuffix(p, ".id") || strings.HasSuffix(p, ".extension") || strings.HasSuffix(p, ".modifierExtension")
		}
		if err := w.shape(s, e.Path, none); err != nil {
			return err
		}
	}
	return nil
}

func hasChildren(s structure, path string) bool {
	for _, e := range s.Snapshot.Element {
		if strings.HasPrefix(e.Path, path+".") {
			return true
		}
	}
	return false
}

func flags(e element) string {
	out := ""
	if e.IsSummary {
		out += "s"
	}
	if e.IsModifier {
		out += "m"
	}
	for _, r := range e.Representation {
		if r == "xmlAttr" {
			out += "a"
		}
	}
	if out == "" {
		return "-"
	}
	return out
}

// typesOf is the types of an element: "string", "Reference(Patient|Group)", "Quantity:SimpleQuantity", "#Bundle.link" for
// the content of another element, "@" for elements that follow as a type of their own.
func typesOf(e element, own bool) (string, error) {
	if e.ContentReference != "" {
		return e.ContentReference, nil
	}
	if own {
		return "@", nil
	}
	var out []string
	for _, t := range e.Type {
		out = append(out, typeOf(e, t))
	}
	if len(out) == 0 {
		return "", fmt.Errorf("no type")
	}
	return strings.Join(out, " "), nil
}

func typeOf(e element, t elementType) string {
	code := t.Code
	if strings.HasPrefix(code, "http://hl7.org/fhirpath/System.") {
		code = strings.ToLower(strings.TrimPrefix(code, "http://hl7.org/fhirpath/System."))
		for _, x := range t.Extension {
			if strings.HasSuffix(x.URL, "/structuredefinition-fhir-type") {
				code = x.ValueURL
			}
		}
	}
	if e.Path == "Resource.id" {
		code = "id"
	}
	if code == "Reference" && len(t.TargetProfile) > 0 {
		var targets []string
		for _, p := range t.TargetProfile {
			targets = append(targets, p[strings.LastIndexByte(p, '/')+1:])
		}
		if targets[0] != "Resource" {
			return code + "(" + strings.Join(targets, "|") + ")"
		}
	}
	if code == "Quantity" && len(t.Profile) == 1 {
		return code + ":" + t.Profile[0][strings.LastIndexByte(t.Profile[0], '/')+1:]
	}
	return code
}

// binding is "=set" for a required one, "+set" for an extensible, "~set" for a preferred; "-" for none.
func (w *writer) binding(e element) string {
	mark := map[string]string{"required": "=", "extensible": "+", "preferred": "~"}[e.Binding.Strength]
	if mark == "" || e.Binding.ValueSet == "" {
		return "-"
	}
	if mark == "=" {
		url, _, _ := strings.Cut(e.Binding.ValueSet, "|")
		w.needs[url] = true
	}
	return mark + shortSet(e.Binding.ValueSet)
}

// corrected is invariants whose expression does not say what their text does. que-7 asks for System.Boolean, which no element of
// FHIR is; the others forget that what they are about may be missing, as R5 remembers.
var corrected = map[string]string{
	"que-7": "operator = 'exists' implies (answer is boolean)",
	"bdl-8": "fullUrl.exists() implies fullUrl.contains('/_history/').not()",
	"ras-2": "probability.exists() implies (probability is decimal implies (probability as decimal) <= 100)",
}

// expression is that of an invariant, corrected. Of names R5 says the same as here.
func expression(key, r4 string) string {
	if strings.HasPrefix(r4, "name.matches(") {
		r4 = "name.exists() implies " + r4
	}
	return cmp.Or(corrected[key], r4)
}

// rules writes the invariants of an element that its type does not bring.
func (w *writer) rules(name string, e element) {
	for _, c := range e.Constraint {
		if c.Expression == "" || general[c.Key] && name != "." || general[c.Key] && !home[e.Path+" "+c.Key] {
			continue
		}
		clean := strings.NewReplacer("\t", " ", "\n", " ", "\r", "").Replace
		w.line("rule", name, c.Key, c.Severity, clean(expression(c.Key, c.Expression)), clean(c.Human))
	}
}

// general are the invariants that every snapshot repeats; home says where each belongs.
var general = map[string]bool{"ele-1": true, "ext-1": true, "dom-1": true, "dom-2": true, "dom-3": true, "dom-4": true, "dom-5": true, "dom-6": true}

var home = map[string]bool{
	"Element ele-1": true, "Extension ext-1": true, "DomainResource dom-2": true, "DomainResource dom-3": true,
	"DomainResource dom-4": true, "DomainResource dom-5": true, "DomainResource dom-6": true,
}

func primitiveRegex(s structure) string {
	for _, e := range s.Snapshot.Element {
		if !strings.HasSuffix(e.Path, ".value") || len(e.Type) == 0 {
			continue
		}
		for _, x := range e.Type[0].Extension {
			if strings.HasSuffix(x.URL, "/regex") {
				return x.ValueString
			}
		}
	}
	return ""
}

func (w *writer) line(parts ...string) {
	w.out.WriteString(strings.Join(parts, "\t"))
	w.out.WriteByte('\n')
}
