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

// residual returns what of the grants still turns on the item: those that count
// and have a rule for this asker, action, purpose and time. Those whose uses are
// counted come last, so that nothing is used up that is permitted anyway.
func (q *question) residual(grants []Grant, implicit bool) Filter {
	f := Filter{implicit: implicit, grants: grants}
	if len(grants) > 0 {
		f.answers = make([]answer, 0, 4*min(len(grants), 16))
	}
	later := false
	for i := range grants {
		g := &grants[i]
		if !g.counts(q.ask.Now) {
			continue
		}
		if g.counted() {
			later = true
			continue
		}
		q.add(&f, i)
	}
	for i := 0; later && i < len(grants); i++ {
		if g := &grants[i]; g.counts(q.ask.Now) && g.counted() {
			q.add(&f, i)
		}
	}
	return f
}

// add adds to the filter what a grant says to the asker, if it says anything.
func (q *question) add(f *Filter, i int) {
	p := f.grants[i].Terms.program
	s := part{program: p, from: int32(len(f.answers)), grant: int32(i)} //nolint:gosec // indexes
	most, least, timeless := no, yes, no
	for j := range p.contexts {
		c := &p.contexts[j]
		if !c.again {
			timeless = q.timeless(c)
		}
		a := timeless
		if q.ask.Now < c.period.Lo || q.ask.Now >= c.period.Hi {
			a = no
		}
		most, least = max(most, a), min(least, a)
		f.answers = append(f.answers, a)
	}
	s.whole = least == yes
	if most != no && !p.plain {
		s.counted = f.grants[i].counted()
		if p.under != "" {
			s.above = q.above(&f.grants[i], f.grants)
		}
	}
	if most == no || p.under != "" && s.above == nil {
		f.answers = f.answers[:s.from]
		return
	}
	f.parts = append(room(f.parts, len(f.grants)-i), s)
}

// room returns the list with room for one more: for a few at first, then for
// all that may come.
func room(list []part, left int) []part {
	if len(list) < cap(list) {
		return list
	}
	if cap(list) == 0 {
		left = min(left, 4)
	}
	return append(make([]part, 0, len(list)+left), list...)
}

// timeless tells whether the context, but for its period, is that of the question.
func (q *question) timeless(c *context) answer {
	a := yes
	if c.actions&q.action == 0 && c.actions != 0 {
		if q.action != 0 && c.unclear&inAction == 0 {
			return no
		}
		a = unknown
	}
	if c.hasPurpose && c.purposes&q.purpose.bit == 0 && !q.named(c.otherPurposes) {
		if !q.purpose.unknown && c.unclear&inPurpose == 0 {
			return no
		}
		a = unknown
	}
	return min(a, q.actor(c))
}

// actor tells whether the asker is one of the parties.
func (q *question) actor(c *context) answer {
	switch {
	case c.only != "":
		return same(q.ask.Actor.Organisation, c.only)
	case len(c.parties) == 0 && c.unclear&inActor == 0:
		return yes
	}
	best := no
	if c.unclear&inActor != 0 {
		best = unknown
	}
	for i := range c.parties {
		best = max(best, q.is(&c.parties[i]))
	}
	return best
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

// is tells whether the asker is the party.
func (q *question) is(p *party) answer {
	a := &q.ask.Actor
	var who answer
	switch p.kind {
	case organisation:
		who = same(a.Organisation, p.ref)
	case team:
		who = q.inTeam(p.ref)
	default:
		who = q.person(p.ref)
	}
	if who == no || p.role == "" {
		return who
	}
	return min(who, same(a.Role, p.role))
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
