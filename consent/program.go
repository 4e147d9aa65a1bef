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
	counts    bool      // status is active and scope patient-privacy
	plain     bool      // its uses are not counted, and it passes nothing on
	period    Span      // of the root
	contexts  []context // of the rules, each once
	rules     []provision
	general   []provision // the rules without those of single records that have no exceptions
	singles   uint64      // a bit for each record that has such a rule; records share bits
	whole     possible    // what the rules can give if all are for the asker
	patient   string
	custodian Party
	under, by string // see Terms.Under
	root      Rule
}

// context are the conditions of a rule that turn on the asker and the time. Many
// rules of a consent share one.
type context struct {
	period        Span
	actions       uint8  // bits of the actions, bit 0 if there is such a condition
	purposes      uint64 // bits of the purposes in the R4 hierarchy
	hasPurpose    bool
	unclear       aspect // conditions with a part that cannot be evaluated
	otherPurposes []Coding
	parties       []party
	only          string // the organisation that is the one party, "" if it is not that simple
	again         bool   // it differs from the context before it by the period alone
}

// party is a Party as the evaluator uses it.
type party struct {
	kind      partyKind
	ref, role string
}

type partyKind uint8

const (
	person partyKind = iota
	organisation
	team
)

var partyKinds = map[string]partyKind{"Organization": organisation, "Group": team, "CareTeam": team}

// provision is one rule as the evaluator uses it.
type provision struct {
	says    Outcome // NoConsent: the rule itself decides nothing
	depth   uint8
	leaf    bool // it has no exceptions
	context uint16
	needs   aspect // conditions on the item
	unclear aspect
	single  string // the one record that it is about, if it is about one
	*scope
}

// scope are the conditions of a rule that turn on the item.
type scope struct {
	types   []string
	classes []Coding
	codes   []Coding
	level   level
	labels  []Coding
	dates   Span
	data    []target
	what    string           // the records that it is about, in plain words
	codesOf [Deny + 1]string // what Decision.Rule says, by outcome
}

// target is a Datum as the evaluator uses it.
type target struct {
	means     meaning
	reference string
}

type meaning uint8

const (
	instance meaning = iota
	connected
	authoredBy
)

var meanings = map[string]meaning{"instance": instance, "related": connected, "dependents": connected, "authoredby": authoredBy}

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
	return p != nil && p.counts && now >= p.period.Lo && now < p.period.Hi
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

// assemble flattens the tree under the root.
func (p *program) assemble() {
	p.period, p.plain = p.root.Period.open(), p.root.Uses == 0 && p.under == ""
	p.flatten(&p.root, "provision", 0)
	for i := range p.rules {
		p.rules[i].leaf = i+1 == len(p.rules) || p.rules[i+1].depth <= p.rules[i].depth
	}
	p.index()
	all := Filter{answers: slices.Repeat([]answer{yes}, len(p.contexts))}
	p.whole = all.outcomes(&part{program: p})
}

// index sets the rules of single records apart, so that an item that has none is
// judged by the others only. A rule of a record with exceptions stays among them:
// the exceptions are tested on their own.
func (p *program) index() {
	for i := range p.rules {
		if r := &p.rules[i]; r.single != "" && r.leaf {
			typ, id, _ := strings.Cut(r.single, "/")
			p.singles |= place(typ, id)
		} else {
			p.general = append(p.general, *r)
		}
	}
}

// place returns the bit of a record: FNV-1a over its type and id, folded to a
// number below 64.
func place(typ, id string) uint64 {
	h := uint32(2166136261)
	for i := range len(typ) {
		h = (h ^ uint32(typ[i])) * 16777619
	}
	for i := range len(id) {
		h = (h ^ uint32(id[i])) * 16777619
	}
	return 1 << ((h ^ h>>16) & 63)
}

func (p *program) flatten(r *Rule, path string, depth uint8) {
	rule := provision{says: r.Says, depth: depth, context: p.place(contextOf(r)), unclear: r.unclear, needs: r.needs(), scope: scopeOf(r, path)}
	if len(rule.data) == 1 && rule.data[0].means == instance && r.unclear&inData == 0 {
		rule.single = rule.data[0].reference
	}
	p.rules = append(p.rules, rule)
	for i := range r.Rules {
		p.flatten(&r.Rules[i], path+".provision["+strconv.Itoa(i)+"]", depth+1)
	}
}

// place returns the index of a context, which it keeps once.
func (p *program) place(c context) uint16 {
	i := slices.IndexFunc(p.contexts, c.equal)
	if i < 0 {
		i = len(p.contexts)
		if i > 0 {
			before := p.contexts[i-1]
			before.period = c.period
			c.again = before.equal(c)
		}
		p.contexts = append(p.contexts, c)
	}
	return uint16(i) //nolint:gosec // there are at most maxProvisions
}

func (c *context) equal(o context) bool {
	return c.period == o.period && c.actions == o.actions && c.purposes == o.purposes && c.hasPurpose == o.hasPurpose &&
		c.unclear == o.unclear && slices.Equal(c.otherPurposes, o.otherPurposes) && slices.Equal(c.parties, o.parties)
}

func contextOf(r *Rule) context {
	c := context{
		period: r.Period.open(), unclear: r.unclear & (inAction | inPurpose | inActor),
		hasPurpose: len(r.Purposes) > 0 || r.unclear&inPurpose != 0,
	}
	for _, a := range r.Actors {
		c.parties = append(c.parties, party{partyKinds[a.Type], a.Ref, a.Role})
	}
	if len(c.parties) == 1 && c.parties[0].kind == organisation && c.parties[0].role == "" && c.unclear&inActor == 0 {
		c.only = c.parties[0].ref
	}
	for _, p := range r.Purposes {
		if p.System == PurposeSystem && purposes[p.Code].bit != 0 {
			c.purposes |= purposes[p.Code].below
		} else {
			c.otherPurposes = append(c.otherPurposes, p)
		}
	}
	if len(r.Actions) > 0 || r.unclear&inAction != 0 {
		c.actions = 1
	}
	for _, a := range r.Actions {
		c.actions |= 1 << a
	}
	return c
}

func scopeOf(r *Rule, path string) *scope {
	s := &scope{
		types: r.Types, classes: r.Classes, codes: r.Codes, dates: r.DataPeriod.open(), what: r.what(),
		codesOf: [...]string{NotPermitted: "consent.not-permitted:" + path, Permit: "consent.permit:" + path, Deny: "consent.deny:" + path},
	}
	s.level, s.labels = foldLabels(r.Says, r.Labels)
	for _, d := range r.Data {
		s.data = append(s.data, target{meanings[d.Meaning], d.Reference})
	}
	return s
}

// needs returns the kinds of conditions on the item that the rule has.
func (r *Rule) needs() aspect {
	n := r.unclear & (inPeriod | inClass | inCode | inLabel | inDates | inData | inElse)
	for _, c := range []struct {
		kind aspect
		has  bool
	}{
		{inClass, len(r.Types)+len(r.Classes) > 0}, {inCode, len(r.Codes) > 0}, {inLabel, len(r.Labels) > 0},
		{inDates, r.DataPeriod != Span{}}, {inData, len(r.Data) > 0},
	} {
		if c.has {
			n |= c.kind
		}
	}
	return n
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
	Uses       int64    // of the root: see UsesExtension; 0 for any number
	Onward     int64    // of the root: see OnwardExtension
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
