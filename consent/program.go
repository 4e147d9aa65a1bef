package consent

import (
	"slices"
	"strconv"
	"strings"

	"cairn/fhir/resource"
)

// Terms are what a Consent says, compiled. The zero Terms say nothing. Terms
// are immutable and safe for concurrent use.
type Terms struct{ program *program }

// program is a consent's rules, in document order, each before its exceptions.
type program struct {
	status    string
	privacy   bool // scope is patient-privacy
	patient   string
	custodian Party
	root      Rule
	rules     []provision
	only      []Party // if not nil: no rule is for anybody else
}

// provision is one rule as the evaluator uses it. The first part is about the
// asker, the rest about the item.
type provision struct {
	says       Outcome // NoConsent: the rule itself decides nothing
	depth      uint8
	actions    uint8 // bits of the actions, bit 0 if there is such a condition
	hasPurpose bool
	unclear    aspect // conditions with a part that cannot be evaluated
	needs      aspect // conditions on the item
	period     Span
	purposes   uint64
	parties    []Party
	*scope
}

// scope are the conditions of a rule that turn on the item.
type scope struct {
	otherPurposes []Coding
	types         []string
	classes       []Coding
	codes         []Coding
	level         level
	labels        []Coding
	dates         Span
	data          []Datum
	what          string           // the records that it is about, in plain words
	codesOf       [Deny + 1]string // what Decision.Rule says, by outcome
}

// aspect is a set of kinds of conditions.
type aspect uint16

const (
	inAction aspect = 1 << iota
	inPurpose
	inActor
	inPeriod
	inClass
	inCode
	inLabel
	inDates
	inData
	inElse
)

// InForce tells whether the consent's status, scope and period let it count at
// a time.
func (t Terms) InForce(now int64) bool {
	p := t.program
	return p != nil && p.privacy && p.status == "active" && p.root.Period.Holds(now)
}

// Patient returns the reference to the patient, such as "Patient/1".
func (t Terms) Patient() string {
	if t.program == nil {
		return ""
	}
	return t.program.patient
}

// Custodian returns the organisation that the Consent names as custodian.
func (t Terms) Custodian() Party {
	if t.program == nil {
		return Party{}
	}
	return t.program.custodian
}

// Root returns what the Consent says, as a tree of rules. The caller must not
// change it.
func (t Terms) Root() Rule {
	if t.program == nil {
		return Rule{}
	}
	return t.program.root
}

// rule returns what Decision.Rule says if this provision decides.
func (p *provision) rule(o Outcome) string { return p.codesOf[o] }

// assemble flattens the tree under the root.
func (p *program) assemble() {
	p.flatten(&p.root, "provision", 0)
	p.only = p.parties()
}

func (p *program) flatten(r *Rule, path string, depth uint8) {
	p.rules = append(p.rules, lower(r, path, depth))
	for i := range r.Rules {
		p.flatten(&r.Rules[i], path+".provision["+strconv.Itoa(i)+"]", depth+1)
	}
}

// lower turns one rule into what the evaluator uses.
func lower(r *Rule, path string, depth uint8) provision {
	s := &scope{
		types: r.Types, classes: r.Classes, codes: r.Codes, dates: r.DataPeriod.open(), data: r.Data, what: r.what(),
		codesOf: [...]string{NotPermitted: "consent.not-permitted:" + path, Permit: "consent.permit:" + path, Deny: "consent.deny:" + path},
	}
	p := provision{says: r.Says, depth: depth, unclear: r.unclear, period: r.Period.open(), parties: r.Actors, scope: s}
	p.setPurposes(r)
	p.setActions(r)
	p.setLabels(r)
	p.needs = r.unclear & (inPeriod | inClass | inCode | inLabel | inDates | inData | inElse)
	for _, c := range []struct {
		kind aspect
		has  bool
	}{
		{inClass, len(r.Types)+len(r.Classes) > 0}, {inCode, len(r.Codes) > 0}, {inLabel, len(r.Labels) > 0},
		{inDates, r.DataPeriod != Span{}}, {inData, len(r.Data) > 0},
	} {
		if c.has {
			p.needs |= c.kind
		}
	}
	return p
}

func (p *provision) setPurposes(r *Rule) {
	p.hasPurpose = len(r.Purposes) > 0 || r.unclear&inPurpose != 0
	for _, c := range r.Purposes {
		if c.System == PurposeSystem && purposes[c.Code].bit != 0 {
			p.purposes |= purposes[c.Code].below
		} else {
			p.otherPurposes = append(p.otherPurposes, c)
		}
	}
}

func (p *provision) setActions(r *Rule) {
	if len(r.Actions) > 0 || r.unclear&inAction != 0 {
		p.actions = 1
	}
	for _, a := range r.Actions {
		p.actions |= 1 << a
	}
}

// setLabels folds the confidentialities into one level: the highest of a
// permit, the lowest of a deny.
func (p *provision) setLabels(r *Rule) {
	for _, c := range r.Labels {
		l := level(0)
		if c.System == ConfidentialitySystem {
			l = confidentiality(c.Code)
		}
		switch {
		case l == 0:
			p.labels = append(p.labels, c)
		case p.level == 0, r.Says == Deny && l < p.level, r.Says != Deny && l > p.level:
			p.level = l
		}
	}
}

// parties returns the parties of all rules, or nil if a rule is not about
// particular ones or there are too many for a quick look to pay.
func (p *program) parties() []Party {
	var all []Party
	for i := range p.rules {
		r := &p.rules[i]
		if r.says == NoConsent {
			continue
		}
		if len(r.parties) == 0 || r.unclear&inActor != 0 {
			return nil
		}
		for _, party := range r.parties {
			if !slices.Contains(all, party) {
				all = append(all, party)
			}
		}
	}
	if len(all) > 4 {
		return nil
	}
	return all
}

// strangers tells, when it can do so quickly, that no rule is for the asker.
func (p *program) strangers(q *question) bool {
	for i := range p.only {
		if q.is(&p.only[i]) != no {
			return false
		}
	}
	return p.only != nil
}

// Span is a stretch of time [Lo, Hi) in Unix milliseconds. The zero Span is
// always; a span without a beginning or an end has resource.Past or
// resource.Future there.
type Span struct{ Lo, Hi int64 }

// Holds tells whether the span holds a time.
func (s Span) Holds(t int64) bool { return s == Span{} || t >= s.Lo && t < s.Hi }

// open returns the span with the zero Span made explicit.
func (s Span) open() Span {
	if s == (Span{}) {
		return Span{resource.Past, resource.Future}
	}
	return s
}

// Party is an actor of a rule.
type Party struct {
	Type string // "Organization", "Practitioner", "Group"...
	Ref  string // member id of an Organization, else "Practitioner/17" of the custodian or "east/Practitioner/17"
	Role string // code of the role in which the asker must act; "" for any
	Name string // as the Consent displays it
}

// Datum points at a record, or at what is connected with it.
type Datum struct {
	Meaning   string // instance, related, dependents, authoredby
	Reference string // "Observation/5"
}

// Rule is one provision of a Consent (FHIR R4 Consent.provision). The zero
// value of a condition is no condition.
type Rule struct {
	Says       Outcome // Permit or Deny; a root may say NoConsent: only its exceptions count
	Period     Span
	Actors     []Party
	Actions    []Action
	Purposes   []Coding
	Types      []string // resource types
	Classes    []Coding // other classes
	Codes      []Coding // codes and categories
	Labels     []Coding // confidentiality and sensitivity
	DataPeriod Span
	Data       []Datum
	Rules      []Rule   // exceptions
	Unclear    []string // elements of the Consent that cannot be evaluated
	unclear    aspect
}

// Organisation returns the member id of the organisation that the party is or
// belongs to, given the custodian's.
func (p *Party) Organisation(custodian string) string {
	if p.Type == "Organization" {
		return p.Ref
	}
	if local(p.Ref) {
		return custodian
	}
	member, _, _ := strings.Cut(p.Ref, "/")
	return member
}
