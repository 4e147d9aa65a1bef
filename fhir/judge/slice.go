package judge

import (
	"cmp"
	"slices"
	"strings"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// sliced puts the values of an element into its slices (FHIR R4 5.1.0.9) and compares each with its slice.
func (v *validator) sliced(o value, values []value, r *rule) {
	s := r.slicing
	if s == nil {
		s = v.slicingBelow(r)
	}
	counts := make([]int, len(r.slices))
	last, loose, unsure := 0, false, false
	for _, item := range values {
		v.unsure = false
		at := v.slot(item, r, s)
		unsure = unsure || v.unsure
		if at < 0 {
			loose = true
			if s.closed && !unsure {
				v.report(profile.Error, "structure", RuleSlice, "The profile lists what may stand here, and this is none of it.", item.at())
			}
			continue
		}
		if s.ordered && at < last || s.atEnd && loose {
			v.report(profile.Error, "structure", RuleSlice, "This does not stand in the order that the profile gives.", item.at())
		}
		last = max(last, at)
		counts[at]++
		v.content(item, r.slices[at])
		if len(r.slices[at].slices) > 0 {
			v.sliced(o, []value{item}, r.slices[at])
		}
	}
	for i, slice := range r.slices {
		text := outside(counts[i], slice, "the slice "+slice.slice)
		if text == "" || slice.slicedAgain() {
			continue
		}
		if unsure && counts[i] < slice.min {
			v.report(profile.Information, "code-invalid", RuleSliceMin, "Whether there is one of the slice "+slice.slice+" depends on codes that are not known here.", o.at())
			continue
		}
		rule, code := RuleSliceMin, "required"
		if slice.max != unset && counts[i] > slice.max {
			rule, code = RuleSliceMax, "structure"
		}
		v.report(profile.Error, code, rule, text, o.at()+"."+strings.TrimSuffix(r.name, "[x]"))
	}
}

// slicedAgain reports whether the counts of a slice are those of its own slices.
func (r *rule) slicedAgain() bool { return len(r.slices) > 0 && r.min == unset && r.max == unset }

// slot is the slice that a value is in, -1 for none.
func (v *validator) slot(item value, r *rule, s *slicing) int {
	for i, slice := range r.slices {
		if v.step() && v.fits(item, slice, s) {
			return i
		}
	}
	return -1
}

// fits reports whether a value has what tells a slice from the others.
func (v *validator) fits(item value, slice *rule, s *slicing) bool {
	if len(s.by) == 0 {
		return v.tries(func() { v.content(item, slice) })
	}
	for _, d := range s.by {
		says, fits := v.distinguished(item, slice, d)
		for p := v.basis(); !says && p != nil; p = v.set.Find(p.Base()) {
			v.steps += p.size
			if below := p.root.sliceOf(slice.name, slice.slice); below != nil {
				says, fits = v.distinguished(item, below, d)
			}
		}
		if !says || !fits {
			return false
		}
	}
	return true
}

// basis is what the profile at hand is based on, nil if that is R4's own or not known.
func (v *validator) basis() *Profile {
	if n := len(v.inside); n > 0 {
		return v.set.Find(v.inside[n-1].profile.Base())
	}
	return nil
}

// sliceOf is the slice of that name of an element, the first found from the top.
func (r *rule) sliceOf(name, slice string) *rule {
	if r.name == name && r.slice == slice {
		return r
	}
	for _, more := range [2][]*rule{r.children, r.slices} {
		for _, c := range more {
			if s := c.sliceOf(name, slice); s != nil {
				return s
			}
		}
	}
	return nil
}

// slicingBelow is the slicing that a profile without snapshot leaves to what it is based on: extensions are told apart
// by their url, choices by their type, and other elements as the profile that it is based on says.
func (v *validator) slicingBelow(r *rule) *slicing {
	switch {
	case r.name == "extension" || r.name == "modifierExtension":
		return &slicing{by: []discriminator{{"value", "url"}}}
	case strings.HasSuffix(r.name, "[x]"):
		return &slicing{by: []discriminator{{"type", "$this"}}}
	}
	for p := v.basis(); p != nil; p = v.set.Find(p.Base()) {
		v.steps += p.size
		if s := p.root.slicingOf(r.name); s != nil {
			return s
		}
	}
	return &slicing{}
}

// slicingOf is how an element of that name is sliced, the first found from the top.
func (r *rule) slicingOf(name string) *slicing {
	if r.name == name && r.slicing != nil {
		return r.slicing
	}
	for _, more := range [2][]*rule{r.children, r.slices} {
		for _, c := range more {
			if s := c.slicingOf(name); s != nil {
				return s
			}
		}
	}
	return nil
}

// spot is a place that a discriminator leads to: values, and what the slice says there.
type spot struct {
	values  []value
	rule    *rule         // nil: nothing
	pattern resource.Node // what a pattern further up says, missing: nothing
}

// distinguished reports whether a slice says anything where a discriminator looks, and if so, whether a value is as it
// says.
func (v *validator) distinguished(item value, slice *rule, d discriminator) (says, fits bool) {
	if d.path == "url" && item.code == "Extension" {
		if url, ok := slice.extensionURL(); ok {
			return true, item.node.Get("url").Is(url)
		}
	}
	at := spot{values: []value{item}, rule: slice}
	for step := range pathSteps(d.path) {
		at = v.walk(at, step)
	}
	if at.rule == nil {
		return at.pattern.Exists(), at.pattern.Exists() && v.matches(at)
	}
	switch d.kind {
	case "exists":
		return at.rule.min > 0 || at.rule.max == 0, (len(at.values) > 0) == (at.rule.max != 0)
	case "type":
		return len(at.rule.types) > 0, len(at.values) > 0 && typeAmong(at.values[0], at.rule.types)
	case "profile":
		return len(at.rule.types) > 0, len(at.values) > 0 && v.profiled(at)
	}
	return at.pattern.Exists() || at.rule.tells(), v.matches(at)
}

// tells reports whether a rule says anything that values can be told apart by.
func (r *rule) tells() bool {
	return r.fixed.Exists() || r.pattern.Exists() || r.binding.Strength == profile.Required || len(r.offspring())+len(r.slices) > 0
}

// extensionURL is the url of the extension that a slice is for: the profile of its type, or a fixed url.
func (r *rule) extensionURL() (string, bool) {
	for _, t := range r.types {
		if len(t.profiles) == 1 {
			url, _, _ := strings.Cut(t.profiles[0], "|")
			return url, true
		}
	}
	for _, c := range r.children {
		if c.name == "url" && c.fixed.Exists() {
			return c.fixed.Text()
		}
	}
	return "", false
}

func typeAmong(o value, types []typeRule) bool {
	for _, t := range types {
		if o.isA(t.code) {
			return true
		}
	}
	return false
}

func (v *validator) profiled(at spot) bool {
	for _, t := range at.rule.types {
		for _, url := range t.profiles {
			if v.meets(at.values[0], url) {
				return true
			}
		}
	}
	return false
}

// matches reports whether one of the values at a spot is what the slice wants there.
func (v *validator) matches(at spot) bool {
	for _, o := range at.values {
		if at.pattern.Exists() && !covers(o.node, at.pattern) {
			continue
		}
		if at.rule == nil || !at.rule.tells() || v.telling(o, at.rule) {
			return true
		}
	}
	return false
}

// telling reports whether a value is what a rule tells values apart by: fixed, a pattern, a value set; or, where it has
// none of these, by what it says of the elements below.
func (v *validator) telling(o value, r *rule) bool {
	if !r.fixed.Exists() && !r.pattern.Exists() && r.binding.Strength != profile.Required {
		return v.tries(func() { v.content(o, r) })
	}
	if r.fixed.Exists() && !equal(o.node, r.fixed) || r.pattern.Exists() && !covers(o.node, r.pattern) {
		return false
	}
	if r.binding.Strength != profile.Required {
		return true
	}
	in, sure, _ := v.inSet(o, r.binding)
	v.unsure = v.unsure || !in && !sure
	return in
}

// pathSteps goes over the steps of a discriminator's path: names, resolve(), ofType(X), extension('url').
func pathSteps(path string) func(func(string) bool) {
	return func(yield func(string) bool) {
		depth, from := 0, 0
		for i := 0; i <= len(path); i++ {
			if i < len(path) && path[i] == '(' {
				depth++
			}
			if i < len(path) && path[i] == ')' {
				depth--
			}
			if i < len(path) && (path[i] != '.' || depth > 0) {
				continue
			}
			if step := path[from:i]; step != "$this" && step != "" && !yield(step) {
				return
			}
			from = i + 1
		}
	}
}

// walk takes a spot one step on.
func (v *validator) walk(at spot, step string) spot {
	name, argument, call := strings.Cut(strings.TrimSuffix(step, ")"), "(")
	argument = strings.Trim(argument, `'"`)
	switch {
	case call && name == "resolve":
		return v.walkResolve(at)
	case call && name == "ofType":
		return at.ofType(argument)
	case call && name == "extension":
		return at.extension(argument)
	}
	out := spot{pattern: at.pattern.Get(name)}
	for _, from := range at.rule.saying() {
		if from == nil || out.rule != nil || out.pattern.Exists() && from != at.rule {
			break
		}
		for _, n := range [2]resource.Node{from.fixed, from.pattern} {
			if n.Get(name).Exists() {
				out.pattern = n.Get(name)
			}
		}
		out.rule = childNamed(from, name)
	}
	if out.pattern.Kind() == resource.Array {
		out.pattern = out.pattern.At(0)
	}
	for _, o := range at.values {
		more := o.values(name)
		if len(more) == 0 {
			more = o.values(name + "[x]")
		}
		out.values = append(out.values, more...)
	}
	return out
}

// saying is the rules that may say what stands below an element: its own, and those of its slices, first of those that
// have to be there. So R4's blood pressure tells components apart: by the code of a slice of their codes.
func (r *rule) saying() []*rule {
	if r == nil || len(r.slices) == 0 {
		return []*rule{r}
	}
	out := append([]*rule{r}, r.slices...)
	slices.SortStableFunc(out[1:], func(a, b *rule) int { return cmp.Compare(min(b.min, 1), min(a.min, 1)) })
	return out
}

// childNamed is the rule of an element below by its FHIRPath name. Of a choice with one slice it is the slice.
func childNamed(r *rule, name string) *rule {
	for _, c := range r.offspring() {
		switch {
		case c.name == name+"[x]" && len(c.slices) == 1:
			return c.slices[0]
		case c.name == name || c.name == name+"[x]":
			return c
		}
	}
	return nil
}

// walkResolve goes from References to what they point to, as far as that is here, and from the rule to that of the
// profile of the target.
func (v *validator) walkResolve(at spot) (out spot) {
	for _, o := range at.values {
		if found := v.resolve(o); found.node.Exists() {
			out.values = append(out.values, found)
		}
	}
	if at.rule == nil {
		return out
	}
	out.rule = &rule{min: unset, max: unset}
	for _, t := range at.rule.types {
		for _, url := range t.targets {
			out.rule.types = append(out.rule.types, typeRule{code: v.typeOfProfile(url), profiles: []string{url}})
			if p := v.set.Find(url); p != nil && len(t.targets) == 1 {
				out.rule.children = p.root.children
			}
		}
	}
	return out
}

func (v *validator) typeOfProfile(url string) string {
	if p := v.set.Find(url); p != nil {
		return p.Type
	}
	return url[strings.LastIndexByte(url, '/')+1:]
}

func (at spot) ofType(code string) spot {
	out := spot{rule: at.rule, pattern: at.pattern}
	for _, o := range at.values {
		if o.code == code {
			out.values = append(out.values, o)
		}
	}
	return out
}

func (at spot) extension(url string) (out spot) {
	for _, o := range at.values {
		for _, x := range o.values("extension") {
			if x.node.Get("url").Is(url) {
				out.values = append(out.values, x)
			}
		}
	}
	if at.rule == nil {
		return out
	}
	for _, c := range at.rule.offspring() {
		for _, slice := range c.slices {
			if have, ok := slice.extensionURL(); ok && c.name == "extension" && have == url {
				out.rule = slice
			}
		}
	}
	return out
}
