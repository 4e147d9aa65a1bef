package judge

import (
	"errors"
	"fmt"

	"cairn/fhir/resource"
	"cairn/fhir/term"
)

// Library is profiles, value sets and code systems that were loaded, with those of R4 behind them. It is filled first;
// then it is safe for concurrent use.
type Library struct {
	set     *Set
	sets    map[string]*term.Set
	systems map[string]*term.System
	listed  map[string]*term.Set // the same as sets, where one brings its codes as an expansion beside its definition
}

// NewLibrary is a Library with nothing but what is built in.
func NewLibrary() *Library {
	l := &Library{sets: map[string]*term.Set{}, systems: map[string]*term.System{}, listed: map[string]*term.Set{}}
	l.set = &Set{Terms: terms{term.Shelf{l, term.Builtin()}, l.listed}, Invariants: invariants{}}
	return l
}

// Profiles is the profiles of the library, with its codes.
func (l *Library) Profiles() *Set { return l.set }

// For is the profiles of the library with the codes that somebody may know behind those of the library.
func (l *Library) For(codes term.Source) *Set {
	return l.set.Knowing(terms{term.Shelf{l, codes}, l.listed})
}

// Add takes in a StructureDefinition that constrains a type, a ValueSet or a CodeSystem, in place of one with the same
// URL. Resources of other types, and StructureDefinitions that are no profiles, are passed over: taken is false. It
// fails where the resource is one of these and says nothing that can be used.
func (l *Library) Add(doc *resource.Doc) (taken bool, err error) {
	switch doc.Type() {
	case "StructureDefinition":
		if !doc.Root().Get("derivation").Is("constraint") {
			return false, nil
		}
		p, err := Read(doc)
		if err != nil {
			return false, err
		}
		l.set.Add(p)
	case "ValueSet":
		s, err := term.ReadSet(doc)
		if err != nil {
			return false, told(err)
		}
		l.sets[s.URL], l.sets[s.URL+"|"+s.Version] = s, s
		l.list(doc, s.URL)
	case "CodeSystem":
		s, err := term.ReadSystem(doc)
		if err != nil {
			return false, told(err)
		}
		l.systems[s.URL], l.systems[s.URL+"|"+s.Version] = s, s
	default:
		return false, nil
	}
	return true, nil
}

// list keeps the expansion of a value set that has a definition too. It answers where the definition takes codes from
// value sets that are not here, as many of US Core do.
func (l *Library) list(doc *resource.Doc, url string) {
	root := doc.Root()
	expansion := root.Get("expansion")
	if !root.Get("compose").Exists() || !expansion.Get("contains").Exists() {
		return
	}
	raw := fmt.Appendf(nil, `{"resourceType":"ValueSet","status":"active","url":%s,"expansion":%s}`, root.Get("url").Raw(), expansion.Raw())
	small, err := resource.Parse(raw, resource.Limits{})
	if err != nil {
		return
	}
	if s, err := term.ReadSet(small); err == nil {
		l.listed[url] = s
	}
}

func told(err error) error {
	var e *term.Error
	if errors.As(err, &e) {
		return fmt.Errorf("%s (%s)", e.Text, e.Code)
	}
	return err
}

// Set is a value set that was loaded (term.Source).
func (l *Library) Set(url, version string) (*term.Set, error) { return l.sets[key(url, version)], nil }

// System is a code system that was loaded (term.Source).
func (l *Library) System(url, version string) (*term.System, error) {
	return l.systems[key(url, version)], nil
}

func key(url, version string) string {
	if version == "" {
		return url
	}
	return url + "|" + version
}
