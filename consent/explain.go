package consent

import (
	"slices"
	"strconv"
	"strings"

	"cairn/fhir/resource"
)

// Asker is somebody about whom Explain says what she may see.
type Asker struct {
	Who   string // in words, with the id that counts
	Actor Actor
}

// Limits of what is explained at once. Beyond them there are consents for so many
// that nobody would read the answer.
const (
	maxAskers   = 200
	maxPurposes = 24
)

// Askers returns whom the grants name, as what Explain is asked about: each
// organisation as such, people, teams and roles; the custodian's own staff, and, as
// one, everybody else.
func Askers(grants []Grant, home string) []Asker {
	out := []Asker{{"the staff of this hospital (" + home + ")", asOrganisation(home)}, {"any other hospital", asOrganisation("~")}}
	for i := range grants {
		root := grants[i].Terms.Root()
		out = root.askers(out, home)
	}
	return out
}

func (r *Rule) askers(out []Asker, home string) []Asker {
	for i := range r.Actors {
		p := &r.Actors[i]
		a := Asker{p.words(), p.actor(home)}
		same := func(o Asker) bool {
			return o.Actor.Organisation == a.Actor.Organisation && o.Actor.Person == a.Actor.Person && o.Actor.Role == a.Actor.Role && slices.Equal(o.Actor.Teams, a.Actor.Teams)
		}
		if len(out) < maxAskers && !slices.ContainsFunc(out, same) {
			out = append(out, a)
		}
	}
	for i := range r.Rules {
		out = r.Rules[i].askers(out, home)
	}
	return out
}

// actor is somebody who is the party and nothing else.
func (p *Party) actor(home string) Actor {
	a := asOrganisation(p.Organisation(home))
	switch partyKinds[p.Type] {
	case team:
		a.Teams = []string{p.Ref}
	case person:
		a.Person = p.Ref
		if local(p.Ref) {
			a.Person = home + "/" + p.Ref
		}
	}
	if p.Role != "" {
		a.Role = p.Role
	}
	return a
}

// Seen is what an asker may read for some purposes, and why.
type Seen struct {
	Who      string
	Purposes []string // as Ask.Purpose
	For      string   // the same in words
	Allowed  bool
	What     string // which records, in words; of one record "this record"
	Rule     string // as in Decision
	Grant    string
	Why      string
	Until    int64 // when it ends as things stand, 0 if it does not end by itself
}

// Explain says what each asker, for each purpose, whom the consents in about name
// may read at a time by the grants, with the same decision as an access: the item,
// or, if it is nil, any record. Purposes that fare the same stand together.
func Explain(item *Item, about, grants []Grant, policy Policy, now int64) (out []Seen) {
	purposes, askers := purposesIn(about, policy), Askers(about, policy.Home)
	for i := range askers {
		begin := len(out)
		for _, p := range purposes {
			s := see(Ask{Actor: askers[i].Actor, Action: Access, Purpose: p, Now: now, Item: item}, grants, policy)
			s.Who = askers[i].Who
			at := slices.IndexFunc(out[begin:], func(o Seen) bool {
				return o.Allowed == s.Allowed && o.What == s.What && o.Rule == s.Rule && o.Grant == s.Grant
			})
			if at >= 0 {
				out[begin+at].Purposes = append(out[begin+at].Purposes, p)
				continue
			}
			s.Purposes = []string{p}
			out = append(out, s)
		}
	}
	for i := range out {
		out[i].For = phrase(out[i].Purposes, func(p *string) string { c := askedPurpose(*p).coding; return c.words(purposeWords) })
	}
	return out
}

func see(ask Ask, grants []Grant, policy Policy) Seen {
	d := Decide(ask, grants, policy)
	s := Seen{Allowed: d.Allowed, Rule: d.Rule, Grant: d.Grant, Why: d.Explanation, What: "this record"}
	if ask.Item == nil {
		s.What = d.Filter.String()
	}
	if at := slices.IndexFunc(grants, func(g Grant) bool { return g.Ref == d.Grant }); d.Grant != "" && at >= 0 {
		s.Until = grants[at].until(d.Rule)
	}
	return s
}

// until returns when the rule that a decision names ends by itself, 0 if it does
// not: with its own period, that of the consent, or those of what is passed on.
func (g *Grant) until(rule string) int64 {
	r := g.Terms.Root()
	end := r.Period.open().Hi
	for _, step := range strings.Split(rule, ".provision[")[1:] {
		i, err := strconv.Atoi(strings.TrimSuffix(step, "]"))
		if err != nil || i >= len(r.Rules) {
			break
		}
		r = r.Rules[i]
		end = min(end, r.Period.open().Hi)
	}
	if g.Under != nil {
		if above := g.Under.until(""); above != 0 {
			end = min(end, above)
		}
	}
	if end == resource.Future {
		return 0
	}
	return end
}

// purposesIn returns the purposes that the grants and the policy speak of.
func purposesIn(grants []Grant, policy Policy) []string {
	out := []string{"TREAT"}
	add := func(code string) {
		if len(out) < maxPurposes && !slices.Contains(out, code) {
			out = append(out, code)
		}
	}
	for _, code := range policy.Purposes {
		add(code)
	}
	var of func(r *Rule)
	of = func(r *Rule) {
		for _, p := range r.Purposes {
			if p.System == PurposeSystem {
				add(p.Code)
			} else {
				add(p.System + "|" + p.Code)
			}
		}
		for i := range r.Rules {
			of(&r.Rules[i])
		}
	}
	for i := range grants {
		root := grants[i].Terms.Root()
		of(&root)
	}
	return out
}

// Change is what is different for an asker and a purpose.
type Change struct {
	Who, Purpose  string
	For           string
	Before, After Seen
}

// Changes compares what Explain says about the same consents before and after.
func Changes(before, after []Seen) (out []Change) {
	for i := range before {
		b := &before[i]
		for _, p := range b.Purposes {
			at := slices.IndexFunc(after, func(s Seen) bool { return s.Who == b.Who && slices.Contains(s.Purposes, p) })
			if at < 0 || after[at].Allowed == b.Allowed && after[at].What == b.What {
				continue
			}
			c := askedPurpose(p).coding
			out = append(out, Change{b.Who, p, c.words(purposeWords), *b, after[at]})
		}
	}
	return out
}

// Yes says in words what a search by this decision lets be shown, and nothing of
// what it hides: it is for who asks, not for the patient. It is the same whether or
// not something is hidden.
func (d *Decision) Yes() string {
	f := &d.Filter
	switch {
	case !d.Allowed:
		return "nothing"
	case d.Outcome == NoConsent:
		return "what the staff of this hospital may see"
	case f.all:
		return everyRecord
	}
	var list []string
	for i := range f.parts {
		s := &f.parts[i]
		for j := range s.program.rules {
			if r := &s.program.rules[j]; r.says == Permit && r.live(f.answers[s.from:]) && !slices.Contains(list, r.what) {
				list = append(list, r.what)
			}
		}
	}
	if slices.Contains(list, everyRecord) {
		return everyRecord
	}
	return strings.Join(list, "; ")
}
