package consent

import "strings"

// question is an Ask prepared for the rules: what is the same for all of them
// is worked out once.
type question struct {
	ask     *Ask
	home    string
	purpose purpose
	action  uint8 // one bit, 0 if not known
}

func newQuestion(ask *Ask, home string) question {
	q := question{ask: ask, home: home, purpose: askedPurpose(ask.Purpose)}
	if ask.Action >= Collect && ask.Action <= Correct {
		q.action = 1 << ask.Action
	}
	return q
}

// residual returns the rules of all grants that hold for this asker, action,
// purpose and time, in order. What remains open in them depends on the item.
//
// A rule that does not hold cannot decide, so its exceptions move up to its
// place: the rules of all consents are then siblings at depth 0 or exceptions
// of those.
func (q *question) residual(grants []Grant) []live {
	var out []live
	for i := range grants {
		g := &grants[i]
		if !g.Facts.Committed || g.Facts.Stopped || !g.Terms.InForce(q.ask.Now) {
			continue
		}
		out = q.residualOf(g.Terms.program, i, out)
	}
	return out
}

func (q *question) residualOf(p *program, grant int, out []live) []live {
	if p.strangers(q) {
		return out
	}
	var depth [maxDepth + 1]uint8 // by depth in the consent: depth among what is live
	for i := range p.rules {
		rule := &p.rules[i]
		d := depth[rule.depth]
		if q.concerns(rule) {
			out = append(out, live{provision: rule, grant: int32(grant), depth: d})
			d++
		}
		depth[rule.depth+1] = d
	}
	return out
}

// concerns tells whether the rule is for this asker, action, purpose and time.
func (q *question) concerns(r *provision) bool {
	if r.says == NoConsent || q.ask.Now < r.period.Lo || q.ask.Now >= r.period.Hi {
		return false
	}
	if r.actions != 0 && r.actions&q.action == 0 && !(r.says == Deny && (q.action == 0 || r.unclear&inAction != 0)) {
		return false
	}
	return q.forPurpose(r) && q.forActor(r)
}

func (q *question) forPurpose(r *provision) bool {
	if !r.hasPurpose || r.purposes&q.purpose.bit != 0 {
		return true
	}
	if q.purpose.unknown || r.unclear&inPurpose != 0 {
		return r.says == Deny || q.named(r.otherPurposes)
	}
	return q.named(r.otherPurposes)
}

// named tells whether the purpose asked for is literally one of these.
func (q *question) named(list []Coding) bool {
	for i := range list {
		if list[i] == q.purpose.coding {
			return true
		}
	}
	return false
}

func (q *question) forActor(r *provision) bool {
	if len(r.parties) == 0 && r.unclear&inActor == 0 {
		return true
	}
	best := no
	if r.unclear&inActor != 0 {
		best = unknown
	}
	for i := range r.parties {
		best = max(best, q.is(&r.parties[i]))
	}
	return best.holds(r.says)
}

// is tells whether the asker is the party.
func (q *question) is(p *Party) answer {
	a := &q.ask.Actor
	var who answer
	switch p.Type {
	case "Organization":
		who = same(a.Organisation, p.Ref)
	case "Group", "CareTeam":
		who = q.inTeam(p.Ref)
	default:
		who = q.person(p.Ref)
	}
	if who == no || p.Role == "" {
		return who
	}
	return min(who, same(a.Role, p.Role))
}

// person tells whether the asker is this person. Who does not say whom he acts
// for can be anybody of his organisation.
func (q *question) person(ref string) answer {
	member, rest := q.home, ref
	if !local(ref) {
		member, rest, _ = strings.Cut(ref, "/")
	}
	a := &q.ask.Actor
	if at := same(a.Organisation, member); at == no || a.Person == "" {
		return min(at, unknown)
	}
	if len(a.Person) == len(member)+1+len(rest) && strings.HasPrefix(a.Person, member) &&
		a.Person[len(member)] == '/' && a.Person[len(member)+1:] == rest {
		return yes
	}
	return no
}

func (q *question) inTeam(ref string) answer {
	if q.ask.Actor.Teams == nil {
		return unknown
	}
	for _, t := range q.ask.Actor.Teams {
		if t == ref || local(ref) && strings.HasPrefix(t, q.home) && strings.HasSuffix(t, ref) && len(t) == len(q.home)+1+len(ref) {
			return yes
		}
	}
	return no
}

// local tells whether a reference is to a resource of the custodian ("Group/7")
// rather than of a named member ("east/Group/7"): types begin with a capital
// letter, member ids never do.
func local(ref string) bool { return ref != "" && ref[0] >= 'A' && ref[0] <= 'Z' }

// answer is what is known of a condition.
type answer uint8

const (
	no answer = iota
	unknown
	yes
)

// holds tells whether the condition counts as met in a rule that says this.
func (a answer) holds(says Outcome) bool {
	return a == yes || a == unknown && says == Deny
}

func same(have, want string) answer {
	switch have {
	case "":
		return unknown
	case want:
		return yes
	}
	return no
}
