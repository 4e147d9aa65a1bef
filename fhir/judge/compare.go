package judge

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// outside says that a number of values is not within what a rule allows; "" if it is, or if the rule says nothing.
func outside(n int, r *rule, what string) string {
	switch {
	case r.min > n:
		return fmt.Sprintf("There must be at least %d of %s; there are %d.", r.min, what, n)
	case r.max != unset && n > r.max:
		return fmt.Sprintf("There may be at most %d of %s; there are %d.", r.max, what, n)
	}
	return ""
}

// fixed compares a value with fixed[x], pattern[x] and maxLength (FHIR R4 ElementDefinition).
func (v *validator) fixed(o value, r *rule) {
	if r.fixed.Exists() && !equal(o.node, r.fixed) {
		v.report(profile.Error, "value", RuleFixed, "The profile fixes this element to another value.", o.at())
	}
	if r.pattern.Exists() && !covers(o.node, r.pattern) {
		v.report(profile.Error, "value", RulePattern, "This element has not what the profile's pattern asks for.", o.at())
	}
	if text, _ := o.node.Content(); r.maxLength > 0 && utf8.RuneCount(text) > r.maxLength {
		v.report(profile.Error, "too-long", RuleLength, fmt.Sprintf("The profile allows %d characters here.", r.maxLength), o.at())
	}
}

// equal reports whether two values of JSON are the same, numbers by value, members in any order.
func equal(a, b resource.Node) bool {
	if a.Kind() != b.Kind() || a.Len() != b.Len() {
		return false
	}
	switch a.Kind() {
	case resource.Object:
		for m := range b.Children() {
			if !equal(a.Get(string(m.Name())), m) {
				return false
			}
		}
		return true
	case resource.Array:
		for i := range b.Len() {
			if !equal(a.At(i), b.At(i)) {
				return false
			}
		}
		return true
	}
	return sameScalar(a, b)
}

// covers reports whether a value has all that a pattern has: of an object each member, of a list each item somewhere.
func covers(a, pattern resource.Node) bool {
	if a.Kind() != pattern.Kind() {
		return false
	}
	switch a.Kind() {
	case resource.Object:
		for m := range pattern.Children() {
			if !covers(a.Get(string(m.Name())), m) {
				return false
			}
		}
		return true
	case resource.Array:
		for p := range pattern.Items() {
			if !slices.ContainsFunc(items(a), func(n resource.Node) bool { return covers(n, p) }) {
				return false
			}
		}
		return true
	}
	return sameScalar(a, pattern)
}

func items(n resource.Node) (out []resource.Node) {
	for item := range n.Items() {
		out = append(out, item)
	}
	return out
}

func sameScalar(a, b resource.Node) bool {
	switch a.Kind() {
	case resource.String:
		x, _ := a.Content()
		y, _ := b.Content()
		return bytes.Equal(x, y)
	case resource.Number:
		x, ok := new(big.Rat).SetString(string(a.Raw()))
		y, also := new(big.Rat).SetString(string(b.Raw()))
		return ok && also && x.Cmp(y) == 0
	}
	return bytes.Equal(a.Raw(), b.Raw())
}

// typed compares the type of a value, the profiles of the type, and the target of a Reference.
func (v *validator) typed(o value, r *rule) {
	if len(r.types) == 0 || r.name == "" {
		return
	}
	var fit []typeRule
	for _, t := range r.types {
		if o.isA(t.code) || r.slice == "" && !strings.HasSuffix(r.name, "[x]") {
			fit = append(fit, t)
		}
	}
	if len(fit) == 0 {
		v.report(profile.Error, "value", profile.RuleChoice, "The profile does not allow this type here.", o.at())
		return
	}
	for _, t := range fit {
		v.any(o, t.profiles)
		if t.code == "Reference" && len(t.targets) > 0 {
			v.target(o, t.targets)
		}
	}
}

// isA reports whether a value is of a type, or of one based on an abstract type.
func (o value) isA(code string) bool {
	if s := profile.Of(code); s != nil && s.Kind == profile.Abstract {
		return o.shape.Is(code)
	}
	return o.code == code
}

// any wants a value to meet one of some profiles. One alone tells what is wrong itself.
func (v *validator) any(o value, urls []string) {
	switch len(urls) {
	case 0:
		return
	case 1:
		v.byURL(o, urls[0])
		return
	}
	for _, url := range urls {
		if v.meets(o, url) {
			return
		}
	}
	v.report(profile.Error, "value", RuleProfile, "This element meets none of the profiles that it may: "+strings.Join(urls, ", ")+".", o.at())
}

// meets reports whether a value meets a profile. What is not known is met.
func (v *validator) meets(o value, url string) bool {
	if IsCore(url) {
		return o.shape.Is(coreType(url))
	}
	return v.tries(func() { v.byURL(o, url) })
}

// target wants the target of a Reference to meet one of some profiles: its type as far as the reference says, all of it
// where the target is in the same resource or Bundle.
func (v *validator) target(o value, urls []string) {
	found := v.resolve(o)
	if !found.node.Exists() {
		typ := textOf(o.node, "type")
		if literal, _ := o.node.Get("reference").Content(); profile.TargetType(literal) != nil {
			typ = string(profile.TargetType(literal))
		}
		if typ != "" && !slices.ContainsFunc(urls, func(url string) bool { return v.mayBe(typ, url) }) {
			v.report(profile.Error, "value", profile.RuleTarget, "The profile does not allow a reference to this type here.", o.at())
		}
		return
	}
	if !slices.ContainsFunc(urls, func(url string) bool { return v.meets(found, url) }) {
		v.report(profile.Error, "value", profile.RuleTarget, "What this refers to meets none of the profiles that it may: "+strings.Join(urls, ", ")+".", o.at())
	}
}

// mayBe reports whether a resource of a type could meet a profile.
func (v *validator) mayBe(typ, url string) bool {
	if name := coreType(url); name != "" {
		return profile.Of(typ).Is(name)
	}
	p := v.set.Find(url)
	return p == nil || p.Type == typ
}

// resolve finds what a Reference points to: a contained resource, or an entry of the Bundle that is validated.
func (v *validator) resolve(o value) value {
	literal, _ := o.node.Get("reference").Content()
	if len(literal) == 0 {
		return value{}
	}
	if literal[0] == '#' {
		n := o.home
		v.steps += n.Get("contained").Len()
		if len(literal) > 1 {
			n = profile.Contained(o.home, literal[1:])
		}
		return resourceValue(n, o.home)
	}
	v.steps += v.root.Get("entry").Len()
	for entry := range v.root.Get("entry").Items() {
		n := entry.Get("resource")
		if full, _ := entry.Get("fullUrl").Content(); bytes.Equal(full, literal) || relative(n, literal, full) {
			return resourceValue(n, n)
		}
	}
	return value{}
}

// relative reports whether a reference Type/id names the resource of an entry.
func relative(n resource.Node, literal, full []byte) bool {
	typ, id := textOf(n, "resourceType"), textOf(n, "id")
	return id != "" && string(literal) == typ+"/"+id && (len(full) == 0 || bytes.HasSuffix(full, literal))
}

func resourceValue(n, home resource.Node) value {
	if !n.Exists() {
		return value{}
	}
	code := textOf(n, "resourceType")
	return value{node: n, code: code, shape: profile.Of(code), home: home, in: n}
}
