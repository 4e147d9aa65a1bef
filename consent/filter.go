package consent

// Filter says which items an answer may show. It is the part of a decision
// that turns on the item; the zero Filter opens nothing. Filters are immutable
// and safe for concurrent use.
type Filter struct {
	all      bool // everything
	implicit bool // the policy opens what no consent speaks of
	live     []live
}

// live is a rule that holds for the asker: only the item is open.
type live struct {
	provision *provision
	grant     int32
	depth     uint8
}

// verdict is an outcome and the rule that it came from; by is nil for the
// policy.
type verdict struct {
	outcome Outcome
	by      *live
}

// Everything returns the filter that opens every item.
func Everything() Filter { return Filter{all: true} }

// Nothing returns the filter that opens no item.
func Nothing() Filter { return Filter{} }

// Match tells whether the item may be shown: whether Decide would allow it.
func (f Filter) Match(item Item) bool {
	if f.all || len(f.live) == 0 {
		return f.all || f.implicit
	}
	return f.allows(f.judge(&item).outcome)
}

// Everything tells that every item may be shown.
func (f Filter) Everything() bool { return f.folded().all }

// Nothing tells that no item may be shown.
func (f Filter) Nothing() bool {
	g := f.folded()
	return !g.all && !g.implicit && len(g.live) == 0
}

// allows tells whether an item with this outcome may be shown.
func (f *Filter) allows(o Outcome) bool {
	return o == Permit || o == NoConsent && f.implicit
}

// judge gives the outcome for one item. It runs from the last rule to the
// first, so that a rule's exceptions are known before the rule; found holds, by
// depth, the strongest of the siblings seen so far.
func (f *Filter) judge(item *Item) verdict {
	if f.all {
		return verdict{outcome: Permit}
	}
	var found [maxDepth + 2]verdict
	var near verdict
	for i := len(f.live) - 1; i >= 0; i-- {
		l := &f.live[i]
		v := found[l.depth+1]
		found[l.depth+1] = verdict{}
		if v.outcome == NoConsent && l.provision.matches(item) {
			v = verdict{l.provision.says, l}
		}
		if l.provision.says == Permit {
			near = verdict{NotPermitted, l}
		}
		if v.outcome != NoConsent && v.outcome >= found[l.depth].outcome {
			found[l.depth] = v
		}
	}
	if found[0].outcome == NoConsent {
		return near
	}
	return found[0]
}

// possible are the outcomes that a filter can give, over all items.
type possible struct {
	deny, permit verdict // outcome is NoConsent if it cannot be
	none         bool    // that no rule matches can be
}

// outcomes works out what judge can give, without an item.
func (f *Filter) outcomes() possible {
	var found [maxDepth + 2]possible
	for i := range found {
		found[i].none = true
	}
	for i := len(f.live) - 1; i >= 0; i-- {
		l := &f.live[i]
		p := found[l.depth+1]
		found[l.depth+1] = possible{none: true}
		found[l.depth] = found[l.depth].beside(p.under(l))
	}
	return found[0]
}

// under adds the rule that the outcomes are the exceptions of.
func (p possible) under(l *live) possible {
	if !p.none {
		return p
	}
	p.none = l.provision.needs != 0
	if l.provision.says == Deny {
		p.deny = verdict{Deny, l}
	} else {
		p.permit = verdict{Permit, l}
	}
	return p
}

// beside joins the outcomes of siblings, the first in order coming last.
func (p possible) beside(o possible) possible {
	if p.certainDeny() {
		if o.certainDeny() {
			return o
		}
		return p
	}
	if o.certainDeny() {
		return o
	}
	out := possible{deny: o.deny, permit: o.permit, none: p.none && o.none}
	if out.deny.by == nil {
		out.deny = p.deny
	}
	if out.permit.by == nil {
		out.permit = p.permit
	}
	return out
}

func (p possible) certainDeny() bool { return !p.none && p.permit.by == nil && p.deny.by != nil }

// survey gives the outcome for the items that fare best.
func (f *Filter) survey() verdict {
	if f.all {
		return verdict{outcome: Permit}
	}
	p, near := f.outcomes(), f.near()
	switch {
	case p.permit.by != nil:
		return p.permit
	case p.none && near.by == nil:
		return verdict{}
	case p.none:
		return near
	}
	return p.deny
}

// near is the outcome where no rule matches.
func (f *Filter) near() verdict {
	for i := range f.live {
		if f.live[i].provision.says == Permit {
			return verdict{NotPermitted, &f.live[i]}
		}
	}
	return verdict{}
}

// folded returns the filter with what is the same for every item made so.
func (f Filter) folded() Filter {
	if f.all {
		return f
	}
	p := f.outcomes()
	none := p.none && f.implicit && f.near().by == nil
	switch {
	case p.deny.by == nil && (!p.none || none):
		return Everything()
	case p.permit.by == nil && !none:
		return Nothing()
	}
	return f
}
