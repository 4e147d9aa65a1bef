package judge

import (
	"strings"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
)

// bound compares the codes of a value with a binding (FHIR R4 4.1.5).
func (v *validator) bound(o value, b profile.Binding) {
	if o.node.Kind() == resource.Null || !o.node.Exists() {
		return
	}
	in, sure, any := v.inSet(o, b)
	switch {
	case in:
	case !sure:
		if b.Strength == profile.Required {
			v.report(profile.Information, "code-invalid", profile.RuleCode, "The codes of "+b.ValueSet+" are not known here; this element was not compared with them.", o.at())
		}
	case b.Strength == profile.Required && !profile.Withheld(o.node):
		v.report(profile.Error, "code-invalid", profile.RuleCode, "No code here is one of "+b.ValueSet+", which is required.", o.at())
	case b.Strength == profile.Extensible && any:
		v.report(profile.Warning, "code-invalid", RuleBinding, "No code here is one of "+b.ValueSet+", which is to be used where one of its codes fits.", o.at())
	case b.Strength == profile.Preferred && any:
		v.report(profile.Information, "code-invalid", RulePreferred, "No code here is one of "+b.ValueSet+", which is preferred.", o.at())
	}
}

// within wants the codes of a value not to be outside of the largest value set that they may be of, as far as its codes are
// known.
func (v *validator) within(o value, b profile.Binding) {
	if in, sure, any := v.inSet(o, b); !in && sure && any {
		v.report(profile.Error, "code-invalid", profile.RuleCode, "No code here is one of "+b.ValueSet+", beyond which the profile allows none.", o.at())
	}
}

// inSet reports whether one of the codes of a value is in the value set, whether that is sure, and whether there is any
// code at all.
func (v *validator) inSet(o value, b profile.Binding) (in, sure, any bool) {
	sure = true
	ask := func(system, code string) {
		any = true
		is, known := v.contains(b, system, code)
		in, sure = in || is, sure && known
	}
	switch {
	case o.primitive():
		if text, ok := o.node.Text(); ok {
			ask("", text)
		}
	case o.shape.Is("CodeableConcept"):
		for c := range o.node.Get("coding").Items() {
			ask(textOf(c, "system"), textOf(c, "code"))
		}
	case o.shape.Is("Coding"), o.shape.Is("Quantity"):
		if code := textOf(o.node, "code"); code != "" {
			ask(textOf(o.node, "system"), code)
		}
	default:
		return true, true, false
	}
	return in, sure, any
}

func (v *validator) contains(b profile.Binding, system, code string) (in, known bool) {
	if b.Codes != nil {
		if system == "" {
			return b.Codes.Has([]byte(code)), true
		}
		return b.Codes.HasIn([]byte(system), []byte(code)), true
	}
	if v.set.Terms == nil {
		return false, false
	}
	return v.set.Terms.Contains(b.ValueSet, system, code)
}

// invariant evaluates a rule on a value, once for each value and expression.
func (v *validator) invariant(o value, r profile.Rule) {
	if v.eval == nil || checked[r.Key] || o.node.Kind() == resource.Null || !o.node.Exists() || v.spent() {
		return
	}
	start, end := o.node.Span()
	key := evaluated{r.Expression, start, end}
	if v.silent == 0 {
		if v.done[key] {
			return
		}
		v.done[key] = true
	}
	v.evals += v.price(o, r.Expression)
	holds, err := v.eval.True(r.Expression, o.node, o.typeName(), o.in)
	severity := profile.Error
	if r.Warning {
		severity = profile.Warning
	}
	switch {
	case err != nil:
		v.report(profile.Information, "processing", RuleInvariant, "The invariant "+r.Key+" could not be evaluated here.", o.at())
	case !holds:
		v.report(severity, "invariant", r.Key, r.Human, o.at())
	}
}

// price is what evaluating an expression is charged with: it may go over the element, and over all of the resource where
// it leaves the element.
func (v *validator) price(o value, expression string) int {
	reach := o.node
	if strings.Contains(expression, "%") || strings.Contains(expression, "resolve(") {
		reach = v.root
	}
	return 1 + len(reach.Raw())/256
}

// typeName is the type of the value as FHIRPath calls it: content of its own goes by the name of its shape.
func (o value) typeName() string {
	if o.shape != nil && o.shape.Kind == profile.Backbone {
		return o.shape.Name
	}
	return o.code
}

// core checks what R4 itself says beyond Check, of a resource and all below: invariants, and bindings that are not
// required.
func (v *validator) core(n resource.Node) {
	o := resourceValue(n, n)
	if o.shape != nil {
		v.coreValue(o)
	}
}

func (v *validator) coreValue(o value) {
	if !v.step() {
		return
	}
	for s := o.shape; s != nil; s = s.Base {
		for _, r := range s.Rules {
			if r.Key != "dom-6" || !o.contained { // a contained resource has no narrative of its own
				v.invariant(o, r)
			}
		}
	}
	if o.code == "Extension" {
		v.extension(o)
	}
	if o.primitive() {
		o.shape, o.node = profile.Of("Element"), o.note
	}
	for i := range o.shape.Elements {
		e := &o.shape.Elements[i]
		for _, item := range o.values(e.Name) {
			if item.shape == nil {
				continue // a resource of no type; Check has said so
			}
			v.coreElement(item, e)
		}
	}
}

// extension compares an extension with its own definition, where that is known here (FHIR R4 2.4.1).
func (v *validator) extension(o value) {
	if p := v.set.Find(textOf(o.node, "url")); p != nil && p.Type == "Extension" {
		v.profile(o, p)
	}
}

func (v *validator) coreElement(item value, e *profile.Element) {
	for _, r := range e.Rules {
		v.invariant(item, r)
	}
	if e.Binding.Strength != profile.Unbound && (e.Binding.Codes == nil || e.Binding.Strength != profile.Required) {
		v.bound(item, e.Binding)
	}
	if !item.primitive() || item.note.Exists() {
		v.coreValue(item)
	}
}
