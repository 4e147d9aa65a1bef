package judge

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// Terms says which codes value sets hold, beyond those that R4 requires and lists.
type Terms interface {
	// Contains reports whether a value set, by canonical URL, holds a code; system "" is any. known is false where that
	// cannot be said: the value set or the content of the system is not here.
	Contains(valueSet, system, code string) (in, known bool)
}

// Invariants evaluates FHIRPath.
type Invariants interface {
	On(doc *resource.Doc) Evaluator
}

// Evaluator evaluates FHIRPath on elements of one resource. It is for one goroutine.
type Evaluator interface {
	// True reports whether an expression holds for an element of a type, inside the resource within. It fails where the
	// expression cannot be evaluated.
	True(expression string, at resource.Node, typ string, within resource.Node) (bool, error)
}

// Set is profiles that a resource can be validated against, with those that are built in behind them. The zero Set has
// only these, no terminology but R4's required codes, and evaluates no invariants. A Set that nobody adds to any more is
// safe for concurrent use.
type Set struct {
	Terms      Terms      // nil: codes of R4's required bindings only
	Invariants Invariants // nil: none

	profiles map[string]*Profile
}

// Profile is one StructureDefinition that constrains a type, compiled.
type Profile struct {
	URL     string
	Version string
	Type    string // the type that it constrains: "Patient", "Extension"

	base     string // canonical URL of what it is based on
	snapshot bool   // root says all, base need not be asked but for R4's own
	root     *rule
	size     int // rules below root
}

// Base is the canonical URL of what the profile constrains further, "" where its snapshot says it all.
func (p *Profile) Base() string {
	if p.snapshot || IsCore(p.base) {
		return ""
	}
	return p.base
}

// Needs is the canonical URLs of the profiles that a value has to meet besides, R4's own types not among them.
func (p *Profile) Needs() []string {
	seen := map[string]bool{}
	if b := p.Base(); b != "" {
		seen[b] = true
	}
	p.root.needs(seen, func(t typeRule) []string { return t.profiles })
	return slices.Sorted(maps.Keys(seen))
}

// Targets is the canonical URLs of the profiles that targets of references have to meet.
func (p *Profile) Targets() []string {
	seen := map[string]bool{}
	p.root.needs(seen, func(t typeRule) []string { return t.targets })
	return slices.Sorted(maps.Keys(seen))
}

const coreBase = "http://hl7.org/fhir/StructureDefinition/"

// IsCore reports whether a canonical reference is to one of R4's own types, which Check knows.
func IsCore(canonical string) bool { return canonical == "" || coreType(canonical) != "" }

// coreType is the type that a canonical reference is to, "" if to none of R4's own.
func coreType(canonical string) string {
	name, ok := strings.CutPrefix(canonical, coreBase)
	if name = strings.TrimSuffix(name, "|4.0.1"); !ok || profile.Of(name) == nil {
		return ""
	}
	return name
}

// Add puts a profile into the set, in place of one with the same URL and version, and makes it the one that its URL
// without version means. It fails with an *Invalid.
func (s *Set) Add(p *Profile) {
	if s.profiles == nil {
		s.profiles = map[string]*Profile{}
	}
	s.profiles[p.URL] = p
	if p.Version != "" {
		s.profiles[p.URL+"|"+p.Version] = p
	}
}

// Find is the profile of a canonical reference, "url" or "url|version": that of the set, or else the built-in one; nil if
// there is neither.
func (s *Set) Find(canonical string) *Profile {
	if p := s.profiles[canonical]; p != nil {
		return p
	}
	return Builtin(canonical)
}

// Loaded is the profile of a canonical reference that was put into the set; nil if there is none.
func (s *Set) Loaded(canonical string) *Profile { return s.profiles[canonical] }

// With is a set of the profiles of s and more, which s itself does not get. One of more that has the URL of a built-in
// profile is found by its version only.
func (s *Set) With(more ...*Profile) *Set {
	out := &Set{Terms: s.Terms, Invariants: s.Invariants, profiles: make(map[string]*Profile, len(s.profiles)+len(more))}
	for url, p := range s.profiles {
		out.profiles[url] = p
	}
	for _, p := range more {
		if Builtin(p.URL) == nil || out.Loaded(p.URL) != nil {
			out.Add(p)
		} else if p.Version != "" {
			out.profiles[p.URL+"|"+p.Version] = p
		}
	}
	return out
}

// Knowing is the same profiles with other terminology.
func (s *Set) Knowing(terms Terms) *Set {
	return &Set{Terms: terms, Invariants: s.Invariants, profiles: s.profiles}
}

// Len is how many profiles were put into the set.
func (s *Set) Len() int {
	n := 0
	for url := range s.profiles {
		if !strings.Contains(url, "|") {
			n++
		}
	}
	return n
}

// Invalid says why a StructureDefinition is no profile that can be validated against.
type Invalid struct {
	Expression string // the element of the StructureDefinition
	Text       string
}

func (e *Invalid) Error() string { return e.Expression + ": " + e.Text }

// maxElements bounds the elements of a profile. The largest of the guides in use have less than two thousand.
const maxElements = 10_000

// Read compiles a StructureDefinition that constrains a type of R4 (FHIR R4 5.3). It fails with an *Invalid.
func Read(doc *resource.Doc) (*Profile, error) {
	root := doc.Root()
	p := &Profile{URL: textOf(root, "url"), Version: textOf(root, "version"), Type: textOf(root, "type"), base: textOf(root, "baseDefinition")}
	shape := profile.Of(p.Type)
	switch {
	case doc.Type() != "StructureDefinition":
		return nil, &Invalid{"resourceType", "This is no StructureDefinition."}
	case p.URL == "":
		return nil, &Invalid{"StructureDefinition.url", "A profile without a URL cannot be asked for."}
	case textOf(root, "derivation") != "constraint" || shape == nil:
		return nil, &Invalid{"StructureDefinition.derivation", "Only a constraint on a type of R4 can be validated against."}
	case p.base == "":
		return nil, &Invalid{"StructureDefinition.baseDefinition", "What the profile is based on is missing."}
	}
	elements := root.Get("snapshot").Get("element")
	if p.snapshot = elements.Exists(); !p.snapshot {
		elements = root.Get("differential").Get("element")
	}
	r := reader{root: &rule{min: unset, max: unset, shape: shape}, byID: map[string]*rule{}}
	if elements.Len() > maxElements {
		return nil, &Invalid{"StructureDefinition.snapshot", fmt.Sprintf("The profile has more than %d elements.", maxElements)}
	}
	i := 0
	for e := range elements.Items() {
		if err := r.element(e, p.Type); err != nil {
			return nil, &Invalid{fmt.Sprintf("StructureDefinition.element[%d]", i), err.Error()}
		}
		i++
	}
	p.root, p.size = r.root, len(r.byID)
	return p, r.link()
}

func textOf(n resource.Node, name string) string {
	text, _ := n.Get(name).Text()
	return text
}
