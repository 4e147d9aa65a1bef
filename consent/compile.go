package consent

import (
	"fmt"
	"unicode"

	"cairn/fhir/resource"
)

// Limits of a Consent.
const (
	maxBytes      = 1 << 20
	maxNesting    = 64
	maxNodes      = 50_000
	maxDepth      = 16 // of provisions, the root being 1
	maxProvisions = 1000
	maxText       = 1024 // bytes of one value
)

// Code systems that Compile knows.
const (
	scopeSystem  = "http://terminology.hl7.org/CodeSystem/consentscope"
	actionSystem = "http://terminology.hl7.org/CodeSystem/consentaction"
	typeSystem   = "http://hl7.org/fhir/resource-types"
	policySystem = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
)

// Identifier systems by which a Consent names whom a reference cannot reach.
const (
	MemberSystem = "urn:cairn:member" // value: member id
	PersonSystem = "urn:cairn:person" // value: "east/Practitioner/17", also for teams
)

// Compile reads a FHIR R4 Consent into Terms. It takes at most 1 MB, 50,000
// values and 1,000 provisions 16 deep. What is not a Consent, or says something
// that has no meaning, is an error that names the element and no value. What
// has a meaning that cannot be evaluated here is a condition of unknown outcome.
// The Terms keep nothing of raw.
func Compile(raw []byte) (Terms, error) {
	doc, err := resource.Parse(raw, resource.Limits{Bytes: maxBytes, Depth: maxNesting, Nodes: maxNodes})
	if err != nil {
		return Terms{}, fmt.Errorf("reading a Consent: %w", err)
	}
	r := reader{}
	p := r.consent(doc.Root())
	if r.err != nil {
		return Terms{}, fmt.Errorf("reading a Consent: %w", r.err)
	}
	p.assemble()
	return Terms{program: p}, nil
}

// reader takes a Consent apart. Its first error stays.
type reader struct {
	err        error
	provisions int
}

func (r *reader) fail(at resource.Node, text string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %s", at.Expression(), text)
	}
}

var statuses = map[string]bool{"draft": true, "proposed": true, "active": true, "rejected": true, "inactive": true, "entered-in-error": true}

func (r *reader) consent(root resource.Node) *program {
	if !root.Get("resourceType").Is("Consent") {
		r.fail(root, "is not a Consent")
		return nil
	}
	for _, key := range []string{"implicitRules", "_implicitRules"} {
		if n := root.Get(key); n.Exists() {
			r.fail(n, "changes the meaning of the Consent in a way that is not known here")
		}
	}
	status, privacy := r.text(root.Get("status")), false
	if !statuses[status] {
		r.fail(root, "status: is missing or not a state of a Consent")
	}
	if !root.Get("scope").Exists() {
		r.fail(root, "scope: is missing")
	}
	for _, c := range r.concept(root.Get("scope")) {
		privacy = privacy || c == Coding{scopeSystem, "patient-privacy"}
	}
	p := &program{counts: status == "active" && privacy}
	p.patient = r.text(root.Get("patient").Get("reference"))
	p.custodian, _ = r.reference(r.list(root.Get("organization")).At(0))
	r.under(p, root)
	p.root = r.root(root)
	return p
}

// root reads the root rule. Its type may be missing: R4 leaves the base to the
// policy rule, opt in or opt out.
func (r *reader) root(consent resource.Node) Rule {
	base := NoConsent
	for _, c := range r.concept(consent.Get("policyRule")) {
		switch c {
		case Coding{policySystem, "OPTIN"}, Coding{policySystem, "OPTINR"}:
			base = max(base, Permit)
		case Coding{policySystem, "OPTOUT"}, Coding{policySystem, "OPTOUTE"}:
			base = Deny
		}
	}
	n := consent.Get("provision")
	if !n.Exists() && base == NoConsent {
		r.fail(consent, "provision: is missing")
		return Rule{}
	}
	rule := Rule{Says: base}
	if n.Exists() {
		rule = r.rule(n, base, 1)
	}
	if rule.Says == NoConsent && len(rule.Rules) == 0 {
		r.fail(n, "type: neither permit nor deny is said")
	}
	if rule.Says != Permit && (rule.Uses > 0 || rule.Onward > 0) {
		r.fail(n, "only a permit can be counted or passed on")
	}
	return rule
}

// rule reads a provision. says is what it says if it has no type.
func (r *reader) rule(n resource.Node, says Outcome, depth int) Rule {
	rule := Rule{Says: says}
	r.provisions++
	if depth > maxDepth || r.provisions > maxProvisions {
		r.fail(n, "there are too many provisions, or they are nested too deep")
		return rule
	}
	if n.Kind() != resource.Object {
		r.fail(n, "must be an object")
		return rule
	}
	if t := n.Get("type"); t.Exists() {
		rule.Says = r.effect(t)
	}
	for key, v := range n.Fields() {
		r.element(&rule, key, v, depth)
	}
	for e := range r.list(n.Get("provision")).Items() {
		rule.Rules = append(rule.Rules, r.rule(e, rule.Says.opposite(), depth+1))
		if r.err != nil {
			return rule
		}
		if rule.Rules[len(rule.Rules)-1].Says == NoConsent {
			r.fail(e, "type: is missing, and the rule above has none")
		}
	}
	return rule
}

func (r *reader) effect(n resource.Node) Outcome {
	switch {
	case n.Is("permit"):
		return Permit
	case n.Is("deny"):
		return Deny
	}
	r.fail(n, "must be permit or deny")
	return NoConsent
}

// opposite is what an exception without a type says.
func (o Outcome) opposite() Outcome {
	switch o {
	case Permit:
		return Deny
	case Deny:
		return Permit
	}
	return NoConsent
}

// element reads one element of a provision into the rule.
func (r *reader) element(rule *Rule, key string, v resource.Node, depth int) {
	switch key {
	case "id", "type", "provision":
	case "extension":
		if depth == 1 {
			r.onward(rule, v)
		}
	case "modifierExtension":
		r.modifiers(rule, v, depth)
	case "period":
		rule.Period = r.period(rule, v, inPeriod)
	case "dataPeriod":
		rule.DataPeriod = r.period(rule, v, inDates)
	case "actor":
		r.actors(rule, v)
	case "action":
		r.actions(rule, v)
	case "purpose":
		rule.Purposes = r.codings(rule, v, inPurpose)
	case "securityLabel":
		r.labels(rule, v)
	case "class":
		r.classes(rule, v)
	case "code":
		r.codes(rule, v)
	case "data":
		r.data(rule, v)
	default:
		rule.doubt(v, inElse)
	}
}

// doubt notes a condition of unknown outcome.
func (rule *Rule) doubt(n resource.Node, kind aspect) {
	rule.unclear |= kind
	rule.Unclear = append(rule.Unclear, n.Expression())
}

// list returns n if it is an array or missing.
func (r *reader) list(n resource.Node) resource.Node {
	if n.Exists() && n.Kind() != resource.Array {
		r.fail(n, "must be an array")
		return resource.Node{}
	}
	return n
}

// text returns a string, "" if it is missing. What it reads may be shown to
// people, so it takes nothing that is not seen where it stands: no line breaks
// and no marks that turn the direction of writing.
func (r *reader) text(n resource.Node) string {
	s, ok := n.Text()
	if n.Exists() && !ok {
		r.fail(n, "must be a string")
	}
	for _, c := range s {
		if !unicode.IsPrint(c) && c != zeroWidthJoiner && c != zeroWidthNonJoiner {
			r.fail(n, "has a character that does not print")
		}
	}
	if len(s) > maxText {
		r.fail(n, "is too long")
	}
	return s
}

// Two characters that do not print and that some scripts need in names.
const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
)

func (r *reader) coding(n resource.Node) Coding {
	if n.Exists() && n.Kind() != resource.Object {
		r.fail(n, "must be an object")
	}
	return Coding{r.text(n.Get("system")), r.text(n.Get("code"))}
}

// concept returns the codings of a CodeableConcept that have a code.
func (r *reader) concept(n resource.Node) []Coding {
	var out []Coding
	for c := range r.list(n.Get("coding")).Items() {
		if c := r.coding(c); c.Code != "" {
			out = append(out, c)
		}
	}
	return out
}
