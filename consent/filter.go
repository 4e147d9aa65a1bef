package consent

// Filter says which items an answer may show. It is the part of a decision
// that turns on the item; the zero Filter opens nothing. Filters are immutable
// and safe for concurrent use.
type Filter struct {
	all      bool // everything
	implicit bool // the policy opens what no consent speaks of
	parts    []part
}

// part is a consent of which some rules are for the asker. Only the item is
// open.
type part struct {
	program *program
	answers []answer   // by context, whether it is the asker's
	near    *provision // the first permit that is for the asker
	grant   int32
	whole   bool // all rules are for the asker
}

func newPart(p *program, grant int32, answers []answer, whole bool) part {
	s := part{program: p, answers: answers[:len(answers):len(answers)], grant: grant, whole: whole}
	for i := range p.rules {
		if r := &p.rules[i]; r.says == Permit && s.live(r) {
			s.near = r
			break
		}
	}
	return s
}

// live tells whether a rule is for the asker.
func (s *part) live(r *provision) bool {
	return s.answers[r.context].holds(r.says) && r.says != NoConsent
}

// verdict is an outcome and the rule and grant that it came from; by is nil for
// the policy.
type verdict struct {
	outcome Outcome
	grant   int32
	by      *provision
}

// Everything returns the filter that opens every item.
func Everything() Filter { return Filter{all: true} }

// Nothing returns the filter that opens no item.
func Nothing() Filter { return Filter{} }

// Match tells whether the item may be shown: whether Decide would allow it.
func (f Filter) Match(item Item) bool {
	if f.all || len(f.parts) == 0 {
		return f.all || f.implicit
	}
	o := f.judge(&item).outcome
	return o == Permit || o == NoConsent && f.implicit
}

// Everything tells that every item may be shown.
func (f Filter) Everything() bool {
	_, folded := f.survey()
	return folded.all
}

// Nothing tells that no item may be shown.
func (f Filter) Nothing() bool {
	_, folded := f.survey()
	return !folded.all && !folded.implicit && len(folded.parts) == 0
}

// judge gives the outcome for one item.
func (f *Filter) judge(item *Item) (best verdict) {
	for i := range f.parts {
		s := &f.parts[i]
		if v := s.judge(item); v.outcome > best.outcome {
			best = v
		}
		if best.outcome == Deny {
			return best
		}
	}
	return best
}

// judge runs from the last rule to the first, so that a rule's exceptions are
// known before the rule. found holds, by depth, the rule that decides among the
// siblings seen so far.
func (s *part) judge(item *Item) verdict {
	var found [maxDepth + 1]*provision
	rules := s.program.rules
	for i := len(rules) - 1; i >= 0; i-- {
		r := &rules[i]
		by := found[r.depth+1]
		found[r.depth+1] = nil
		if by == nil {
			if !s.live(r) || !r.matches(item) {
				continue
			}
			by = r
		}
		if f := found[r.depth]; f == nil || by.says >= f.says {
			found[r.depth] = by
		}
	}
	switch {
	case found[0] != nil:
		return verdict{found[0].says, s.grant, found[0]}
	case s.near != nil:
		return verdict{NotPermitted, s.grant, s.near}
	}
	return verdict{}
}

// possible are the outcomes that rules can give, over all items.
type possible struct {
	deny, permit *provision // the first rule from which it can come, nil if it cannot
	none         bool       // that no rule matches can be
}

// outcomes works out what judge can give, without an item.
func (s *part) outcomes() possible {
	if s.whole {
		return s.program.whole
	}
	var found [maxDepth + 1]possible
	for i := range found {
		found[i].none = true
	}
	rules := s.program.rules
	for i := len(rules) - 1; i >= 0; i-- {
		r := &rules[i]
		p := found[r.depth+1]
		found[r.depth+1] = possible{none: true}
		if s.live(r) {
			p = p.under(r)
		}
		found[r.depth] = p.beside(found[r.depth])
	}
	return found[0]
}

// under adds the rule that the outcomes are the exceptions of.
func (p possible) under(r *provision) possible {
	if !p.none {
		return p
	}
	p.none = r.needs != 0
	if r.says == Deny {
		p.deny = r
	} else {
		p.permit = r
	}
	return p
}

// beside joins the outcomes of siblings, or of consents, p being the first.
func (p possible) beside(o possible) possible {
	switch {
	case p.certainDeny():
		return p
	case o.certainDeny():
		return o
	}
	p.none = p.none && o.none
	if p.deny == nil {
		p.deny = o.deny
	}
	if p.permit == nil {
		p.permit = o.permit
	}
	return p
}

func (p possible) certainDeny() bool { return !p.none && p.permit == nil && p.deny != nil }

// survey gives the outcome for the items that fare best, and the filter with
// what is the same for every item made so.
func (f Filter) survey() (verdict, Filter) {
	if f.all {
		return verdict{outcome: Permit}, f
	}
	p, permit, near := possible{none: true}, verdict{}, verdict{}
	for i := range f.parts {
		s := &f.parts[i]
		o := s.outcomes()
		if o.certainDeny() {
			return verdict{Deny, s.grant, o.deny}, Nothing()
		}
		if o.permit != nil && permit.by == nil {
			permit = verdict{Permit, s.grant, o.permit}
		}
		if s.near != nil && near.by == nil {
			near = verdict{NotPermitted, s.grant, s.near}
		}
		p = p.beside(o)
	}
	implicit := p.none && near.by == nil
	switch {
	case permit.by != nil && (p.deny != nil || p.none):
		return permit, f
	case permit.by != nil:
		return permit, Everything()
	case !implicit || !f.implicit:
		return near, Nothing()
	case p.deny != nil:
		return verdict{}, f
	}
	return verdict{}, Everything()
}
