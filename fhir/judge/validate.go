package judge

import (
	"slices"
	"strings"

	"cairn/fhir/guide"
	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// RuleProfile and the others are the rules of Validate, beside those of Check and the keys of invariants.
const (
	RuleProfile   = "profile"           // a profile that is not known here, or not one for this type
	RuleFixed     = "fixed"             // a value other than the fixed one
	RulePattern   = "pattern"           // a value without the pattern
	RuleLength    = "max-length"        // a text that is too long
	RuleLeast     = "min-value"         // a value below the least one
	RuleMost      = "max-value"         // a value above the greatest one
	RuleSlice     = "slice"             // a value in no slice where slicing is closed, or out of order
	RuleSliceMin  = "slice-min"         // a slice with too few values
	RuleSliceMax  = "slice-max"         // a slice with too many
	RuleBinding   = "extensible"        // a code outside of a value set that should be used
	RulePreferred = "preferred"         // a code outside of a value set that may be used
	RuleInvariant = "invariant-failure" // an invariant that could not be evaluated
)

// Bounds of one validation. What goes beyond ends it with RuleTooMany.
const (
	maxEvaluations = 100_000 // invariants, those over much counted as several
	maxSteps       = 500_000 // values compared with rules
	maxInside      = 16      // profiles of profiles of one value
)

// Validate is what is wrong with a resource: all that Check finds, R4's other invariants and bindings, and the rules of
// the profiles asked for, each by canonical URL. A profile that the set does not have is an issue of its own. It stops
// after MaxIssues and after a bounded amount of work; then the last issue says so.
func (s *Set) Validate(doc *resource.Doc, profiles []string) []profile.Issue {
	v := newValidator(s, doc)
	for _, i := range profile.Check(doc) {
		v.add(i)
	}
	if !v.full {
		v.core(v.root)
	}
	for _, url := range profiles {
		v.asked(url)
	}
	if v.spent() && len(v.issues) < profile.MaxIssues {
		v.add(profile.Issue{Severity: profile.Error, Code: "too-costly", Rule: profile.RuleTooMany, Expression: doc.Type(), Text: "The resource is too large to validate it in full. What was found so far is listed.", Profile: ""})
	}
	return v.issues
}

// Claimed is the profiles that a resource says it meets: meta.profile, without versions removed.
func Claimed(doc *resource.Doc) []string { return texts(doc.Root().Get("meta").Get("profile")) }

// maxExtensions is how many definitions of extensions are asked for.
const maxExtensions = 64

// Extensions is the URLs of the definitions of the extensions in a resource, each once, at most 64: a set that has them
// compares the extensions with them.
func Extensions(doc *resource.Doc) []string { return extensions(doc.Root(), nil) }

func extensions(n resource.Node, found []string) []string {
	for c := range n.Children() {
		if name := string(n.Name()); name == "extension" || name == "modifierExtension" {
			url := textOf(c, "url")
			if strings.Contains(url, ":") && len(found) < maxExtensions && !slices.Contains(found, url) {
				found = append(found, url)
			}
		}
		found = extensions(c, found)
	}
	return found
}

// validator is one validation.
type validator struct {
	set    *Set
	doc    *resource.Doc
	root   resource.Node
	issues []profile.Issue
	full   bool
	eval   Evaluator // nil: invariants are not evaluated
	done   map[evaluated]bool
	inside []entered
	evals  int
	steps  int
	silent int // above 0: a question is tried, its issues do not count
	failed bool
	unsure bool   // a question could not be answered, since codes are not known
	from   string // URL of the profile at hand
}

// evaluated is an invariant and where it was evaluated.
type evaluated struct {
	expression string
	start, end int
}

// entered is a profile and the value that is validated against it.
type entered struct {
	profile *Profile
	start   int
}

func newValidator(s *Set, doc *resource.Doc) *validator {
	v := &validator{set: s, doc: doc, root: doc.Root(), done: map[evaluated]bool{}}
	if s.Invariants != nil {
		v.eval = s.Invariants.On(doc)
	}
	return v
}

// add keeps an issue while there is room.
func (v *validator) add(i profile.Issue) {
	if len(v.issues) < profile.MaxIssues {
		v.issues = append(v.issues, i)
	}
	v.full = len(v.issues) >= profile.MaxIssues
}

// kindOf is the kind of a type; what has no shape is a resource.
func kindOf(s *profile.Shape) profile.Kind {
	if s == nil {
		return profile.Resource
	}
	return s.Kind
}

func (v *validator) spent() bool { return v.evals >= maxEvaluations || v.steps >= maxSteps }

// step counts one comparison; false when there were enough.
func (v *validator) step() bool {
	v.steps++
	return !v.full && !v.spent()
}

// report adds an issue, or, while a question is tried, remembers that there was an error.
func (v *validator) report(severity profile.Severity, code, rule, text, expression string) {
	if v.silent > 0 {
		v.failed = v.failed || severity == profile.Error
		return
	}
	for _, i := range v.issues {
		if i.Rule == rule && i.Expression == expression && i.Text == text {
			return // R4, or the profile that this one is based on, has said so
		}
	}
	v.add(profile.Issue{Severity: severity, Code: code, Rule: rule, Expression: expression, Text: text, Profile: v.from})
}

// tries reports whether doing something finds no error; its issues do not count.
func (v *validator) tries(do func()) bool {
	was := v.failed
	v.failed = false
	v.silent++
	do()
	v.silent--
	ok := !v.failed
	v.failed = was
	return ok
}

// value is one value of an element.
type value struct {
	node  resource.Node // what stands for it; missing or null if there are only an id or extensions
	note  resource.Node // id and extensions of a primitive
	code  string        // its type
	shape *profile.Shape
	home  resource.Node // the resource whose contained resources fragments in it name
	in    resource.Node // the resource that it is part of, or that it is

	contained bool // a resource inside another one
}

// at is where the value stands, as a FHIRPath: what JSON keeps under _birthDate is part of birthDate.
func (o value) at() string {
	n := o.node
	if !n.Exists() {
		n = o.note
	}
	return strings.ReplaceAll(n.Expression(), "._", ".")
}

func (o value) primitive() bool { return kindOf(o.shape) == profile.Primitive }

// asked validates the root against a profile that was asked for by its URL.
func (v *validator) asked(url string) {
	if IsCore(url) {
		if name := coreType(url); name != "" && !profile.Of(v.doc.Type()).Is(name) {
			v.add(profile.Issue{Severity: profile.Error, Code: "value", Rule: RuleProfile, Expression: v.doc.Type(), Text: "The profile is for another type of resource.", Profile: url})
		}
		return
	}
	p := v.set.Find(url)
	if p == nil {
		v.add(profile.Issue{Severity: profile.Error, Code: "not-found", Rule: RuleProfile, Expression: v.doc.Type(), Text: "This profile is not known here. Store its StructureDefinition first." + otherVersion(url), Profile: url})
		return
	}
	v.profile(v.rootValue(), p)
}

// otherVersion names the version in which a profile is built in, where another one was asked for.
func otherVersion(canonical string) string {
	url, _, _ := strings.Cut(canonical, "|")
	if version := guide.Version("StructureDefinition", url); version != "" {
		return " Version " + version + " of it is built in."
	}
	return ""
}

func (v *validator) rootValue() value {
	return resourceValue(v.root, v.root)
}

// profile validates a value against a profile and what that is based on.
func (v *validator) profile(o value, p *Profile) {
	start, _ := o.node.Span()
	for _, e := range v.inside {
		if e.profile == p && e.start == start {
			return
		}
	}
	if len(v.inside) >= maxInside || !v.step() {
		return
	}
	was := v.from
	v.from = p.URL
	v.inside = append(v.inside, entered{p, start})
	defer func() { v.from, v.inside = was, v.inside[:len(v.inside)-1] }()
	if !o.shape.Is(p.Type) {
		v.report(profile.Error, "value", RuleProfile, "The profile "+p.URL+" is for another type than this.", o.at())
		return
	}
	if base := p.Base(); base != "" {
		v.byURL(o, base)
	}
	v.content(o, p.root)
}

// byURL validates a value against the profile of a URL, if the set has it.
func (v *validator) byURL(o value, url string) {
	if IsCore(url) {
		return
	}
	if p := v.set.Find(url); p != nil {
		v.profile(o, p)
		return
	}
	v.report(profile.Information, "not-found", RuleProfile, "The profile "+url+" is not known here; this element was not validated against it.", o.at())
}

// content compares a value with a rule: the value itself, then its elements.
func (v *validator) content(o value, r *rule) {
	if !v.step() {
		return
	}
	v.fixed(o, r)
	v.limits(o, r)
	v.typed(o, r)
	if r.binding.Strength != profile.Unbound {
		v.bound(o, r.binding)
	}
	if r.beyond.Strength != profile.Unbound {
		v.within(o, r.beyond)
	}
	for _, inv := range r.rules {
		v.invariant(o, inv)
	}
	for _, c := range r.offspring() {
		v.element(o, c)
	}
}

// element compares the values of an element with what a rule says of it.
func (v *validator) element(o value, r *rule) {
	if !v.step() {
		return
	}
	values := o.values(r.name)
	if text := outside(len(values), r, "this element"); text != "" {
		rule, code := profile.RuleMin, "required"
		if r.max != unset && len(values) > r.max {
			rule, code = profile.RuleMax, "structure"
		}
		v.report(profile.Error, code, rule, text, o.at()+"."+strings.TrimSuffix(r.name, "[x]"))
	}
	for _, item := range values {
		v.content(item, r)
	}
	if len(r.slices) > 0 {
		v.sliced(o, values, r)
	}
}

// values is the values of an element, by its name as defined.
func (o value) values(name string) (out []value) {
	holder := o.node
	if o.primitive() {
		holder = o.note // id and extension
	}
	shape := o.shape
	if o.primitive() {
		shape = profile.Of("Element")
	}
	if shape == nil {
		return nil
	}
	e := shape.Element(name)
	if e == nil {
		return nil
	}
	if kindOf(o.shape) == profile.Resource && !o.contained {
		o.home = o.node
	}
	for k := range e.Types {
		t := &e.Types[k]
		out = o.appendValues(out, holder.Get(t.Member), companionOf(holder, t), t)
	}
	return out
}

func companionOf(holder resource.Node, t *profile.Type) resource.Node {
	if kindOf(t.Shape) != profile.Primitive {
		return resource.Node{}
	}
	return holder.Get("_" + t.Member)
}

// appendValues adds the values of an element of o of the type t.
func (o value) appendValues(out []value, node, note resource.Node, t *profile.Type) []value {
	if node.Kind() != resource.Array && note.Kind() != resource.Array {
		if node.Exists() || note.Exists() {
			out = append(out, o.part(node, note, t))
		}
		return out
	}
	for i := range max(node.Len(), note.Len()) {
		out = append(out, o.part(node.At(i), note.At(i), t))
	}
	return out
}

func (o value) part(node, note resource.Node, t *profile.Type) value {
	if t.Shape == nil {
		inside := resourceValue(node, o.home)
		inside.contained = t.Member == "contained"
		return inside
	}
	return value{node: node, note: note, code: t.Code, shape: t.Shape, home: o.home, in: o.in}
}
