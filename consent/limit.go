package consent

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"cairn/fhir/resource"
)

// This file is about consents that are good for a number of uses, and those that
// are passed on.

// Extensions of a Consent. Those that narrow or change what it says are modifier
// extensions, so that who does not know them lets nothing be done.
const (
	// UsesExtension is a modifierExtension of the root provision: valuePositiveInt,
	// for how many accesses the consent is good.
	UsesExtension = "urn:cairn:consent:uses"
	// OnwardExtension is an extension of the root provision: valuePositiveInt, how
	// many times in a row the consent may be passed on.
	OnwardExtension = "urn:cairn:consent:onward"
	// UnderExtension is a modifierExtension of the Consent: valueString, the Ref of
	// the consent that this one passes on. Its performer is who passes it on.
	UnderExtension = "urn:cairn:consent:under"
)

// Limits of uses and of passing on.
const (
	MaxUses   = 1_000_000
	MaxOnward = 4
)

// modifiers reads the modifier extensions of a provision. Only the root of a
// consent can have a number of uses.
func (r *reader) modifiers(rule *Rule, n resource.Node, depth int) {
	for e := range r.list(n).Items() {
		if depth == 1 && e.Get("url").Is(UsesExtension) && rule.Uses == 0 {
			rule.Uses = r.number(e, MaxUses)
			continue
		}
		rule.doubt(e, inElse)
	}
}

// onward reads the extensions of the root provision.
func (r *reader) onward(rule *Rule, n resource.Node) {
	for e := range r.list(n).Items() {
		if e.Get("url").Is(OnwardExtension) {
			rule.Onward = r.number(e, MaxOnward)
		}
	}
}

func (r *reader) number(e resource.Node, most int64) int64 {
	v := e.Get("valuePositiveInt")
	var n int64
	if v.Exists() && v.Kind() == resource.Number {
		n, _ = strconv.ParseInt(string(v.Raw()), 10, 64)
	}
	if n < 1 || n > most {
		r.fail(e, "valuePositiveInt: must be from 1 to "+strconv.FormatInt(most, 10))
	}
	return n
}

// under reads what the Consent passes on, and who passes it on.
func (r *reader) under(p *program, root resource.Node) {
	for e := range r.list(root.Get("modifierExtension")).Items() {
		if !e.Get("url").Is(UnderExtension) || p.under != "" {
			r.fail(e, "changes the meaning of the Consent in a way that is not known here")
			continue
		}
		p.under = r.text(e.Get("valueString"))
		by, ok := r.reference(r.list(root.Get("performer")).At(0))
		if p.by = by.Ref; p.under == "" || !ok || by.Type != "Organization" {
			r.fail(e, "valueString and performer: must say what is passed on and which member does it")
		}
	}
}

// Uses returns for how many accesses the consent is good, 0 if they are not
// counted.
func (t Terms) Uses() int64 {
	if t.program == nil {
		return 0
	}
	return t.program.root.Uses
}

// Onward returns how many times in a row the consent may be passed on.
func (t Terms) Onward() int64 {
	if t.program == nil {
		return 0
	}
	return t.program.root.Onward
}

// Under returns the Ref of the consent that this one passes on and the member that
// passes it on, "" for a consent of the patient's.
func (t Terms) Under() (ref, by string) {
	if t.program == nil {
		return "", ""
	}
	return t.program.under, t.program.by
}

// counts tells whether the grant counts at a time: it is committed, not stopped,
// in force and not used up, and so is each one that it is passed on from.
func (g *Grant) counts(now int64) bool {
	p := g.Terms.program
	switch {
	case !g.Facts.Committed || g.Facts.Stopped || !g.Terms.InForce(now):
		return false
	case p.plain:
		return true
	case p.root.Uses > 0 && g.Facts.Used >= p.root.Uses:
		return false
	case p.under == "":
		return true
	}
	return g.Under != nil && g.Under.Ref == p.under && p.root.Onward < g.Under.Terms.Onward() && g.Under.counts(now)
}

// above is what a consent that is passed on stands under: what the consents say
// of the member that passes it on, as an organisation.
type above struct {
	filter Filter
	parent int // which part of the filter is the consent that it passes on
}

// above returns what the grant stands under, nil if the member may do nothing by
// it.
func (q *question) above(g *Grant, grants []Grant) *above {
	_, by := g.Terms.Under()
	ask := Ask{Action: q.ask.Action, Purpose: q.ask.Purpose, Now: q.ask.Now, Actor: asOrganisation(by)}
	parents := slices.DeleteFunc(slices.Clone(grants), func(o Grant) bool { return o.Under != nil || o.Ref == g.Under.Ref })
	parents = append(parents, *g.Under)
	member := newQuestion(&ask, q.home)
	a := &above{filter: member.residual(parents, false)}
	a.parent = slices.IndexFunc(a.filter.parts, func(s part) bool { return int(s.grant) == len(parents)-1 })
	if a.parent < 0 || a.filter.near(&a.filter.parts[a.parent]).by == nil {
		return nil
	}
	return a
}

// asOrganisation is a member that does something itself, rather than one of its
// people: what is for one of them, or denied to one of them, is not for it.
func asOrganisation(member string) Actor {
	return Actor{Organisation: member, Person: member + "/", Role: "~", Teams: []string{}}
}

// permits tells whether the member that passes a consent on may do with the item
// what is asked, by that consent.
func (a *above) permits(item *Item, bit uint64) bool {
	return a.filter.part(&a.filter.parts[a.parent], item, bit).outcome == Permit && a.filter.judge(item).outcome != Deny
}

// Counted returns the Refs of the consents of which an access takes one use: those
// by which the items may be shown, and what these are passed on from. Where what
// is missing tells something too, as in a search, items is nil: then it is all
// by which anything might be shown.
func (f *Filter) Counted(items []Item) (refs []string) {
	if _, folded := f.survey(); folded.all {
		return nil
	}
	for i := range f.parts {
		s := &f.parts[i]
		if !s.counted {
			continue
		}
		if items == nil && f.outcomes(s).permit != nil || slices.ContainsFunc(items, func(it Item) bool { return f.permits(s, &it) }) {
			refs = f.grants[s.grant].counting(refs)
		}
	}
	return refs
}

// permits tells whether it is by this part that the item may be shown.
func (f *Filter) permits(s *part, item *Item) bool {
	v := f.judge(item)
	return v.outcome == Permit && v.grant == s.grant
}

// counting adds the Refs of the grant, and of those that it is passed on from, if
// their uses are counted.
func (g *Grant) counting(refs []string) []string {
	for ; g != nil; g = g.Under {
		if g.Terms.Uses() > 0 && !slices.Contains(refs, g.Ref) {
			refs = append(refs, g.Ref)
		}
	}
	return refs
}

// counted tells whether uses of the grant, or of one that it is passed on from,
// are counted.
func (g *Grant) counted() bool {
	return !g.Terms.program.plain && len(g.counting(nil)) > 0
}

// ErrWider is what is wrong with a consent that says more than what it passes on.
var ErrWider = errors.New("consent: it says more than what it passes on")

// Within tells whether each permit of the terms says no more than the root of
// those that they pass on. Decide holds them to it in any case, item by item; who
// makes a consent that is wider is told so.
func (t Terms) Within(above Terms) error {
	if t.program == nil || above.program == nil {
		return ErrWider
	}
	root, over := t.Root(), above.Root()
	switch {
	case root.Onward >= over.Onward:
		return fmt.Errorf("%w: it may be passed on as often, or more often", ErrWider)
	case over.Uses > 0 && (root.Uses == 0 || root.Uses > over.Uses):
		return fmt.Errorf("%w: it is good for more uses", ErrWider)
	case !inside(root.Period, over.Period):
		return fmt.Errorf("%w: it lasts longer", ErrWider)
	}
	return root.within(&over)
}

// within tells whether the rule, if it is a permit, and all permits among its
// exceptions say no more than the rule over them.
func (r *Rule) within(over *Rule) error {
	if r.Says == Permit {
		if what := r.wider(over); what != "" {
			return fmt.Errorf("%w: %s", ErrWider, what)
		}
	}
	for i := range r.Rules {
		if err := r.Rules[i].within(over); err != nil {
			return err
		}
	}
	return nil
}

// wider names the condition by which the rule says more than another, "" if it
// does not.
func (r *Rule) wider(over *Rule) string {
	reached := func(p Coding) bool {
		asked := askedPurpose(p.System + "|" + p.Code)
		return slices.ContainsFunc(over.Purposes, func(o Coding) bool { return reaches(o, asked) })
	}
	lv, sensitive := foldLabels(Permit, r.Labels)
	most, among := foldLabels(Permit, over.Labels)
	switch {
	case len(r.Unclear) > 0:
		return "it has a condition that cannot be checked"
	case len(over.Purposes) > 0 && (len(r.Purposes) == 0 || !all(r.Purposes, reached)):
		return "it is for other purposes"
	case !subset(r.Actions, over.Actions):
		return "it is for other actions"
	case len(over.Types)+len(over.Classes) > 0 && (len(r.Types)+len(r.Classes) == 0 || !contained(r.Types, over.Types) || !contained(r.Classes, over.Classes)):
		return "it is for other types of records"
	case !subset(r.Codes, over.Codes):
		return "it is for other codes or categories"
	case !subset(r.Data, over.Data):
		return "it is for other records"
	case !inside(r.DataPeriod, over.DataPeriod):
		return "it is for records of other dates"
	case most > 0 && (lv == 0 || lv > most) || !subset(sensitive, among):
		return "it is for records with other labels"
	}
	return ""
}

// subset tells whether a condition with these values says no more than one with
// those: none is no condition.
func subset[T comparable](list, of []T) bool {
	return len(of) == 0 || len(list) > 0 && contained(list, of)
}

func contained[T comparable](list, in []T) bool {
	return all(list, func(v T) bool { return slices.Contains(in, v) })
}

func all[T any](list []T, holds func(T) bool) bool {
	return !slices.ContainsFunc(list, func(v T) bool { return !holds(v) })
}

func inside(s, in Span) bool {
	a, b := s.open(), in.open()
	return a.Lo >= b.Lo && a.Hi <= b.Hi
}
