package consent

// Filter says which items an answer may show. It is the part of a decision
// that turns on the item; the zero Filter opens nothing. Filters are immutable
// and safe for concurrent use.
type Filter struct {
	all      bool // everything
	implicit bool // the policy opens what no consent speaks of
	parts    []part
	answers  []answer // for all parts: whether a context is the asker's
	withheld []Withheld
	grants   []Grant // those that parts point into
}

// part is a consent of which some rules are for the asker. Only the item is
// open.
type part struct {
	program *program
	from    int32 // where the answers for its contexts begin
	grant   int32
	whole   bool // all rules are for the asker
	counted bool // its uses are
	above   *above
}

// live tells whether a rule is for the asker, given the answers for the contexts
// of its consent.
func (r *provision) live(answers []answer) bool {
	return answers[r.context].holds(r.says) && r.says != NoConsent
}

// near gives the outcome of a part where no rule matches: by the first permit
// that is for the asker, if there is one.
func (f *Filter) near(s *part) verdict {
	for i := range s.program.rules {
		if r := &s.program.rules[i]; r.says == Permit && r.live(f.answers[s.from:]) {
			return verdict{NotPermitted, s.grant, r}
		}
	}
	return verdict{}
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
	if f.withholds(&item) != nil {
		return false
	}
	if f.all || len(f.parts) == 0 {
		return f.all || f.implicit
	}
	o := f.judge(&item).outcome
	return o == Permit || o == NoConsent && f.implicit
}

// withholds returns what of the policy keeps the item from the asker, nil if
// nothing does.
func (f *Filter) withholds(item *Item) *Withheld {
	for i := range f.withheld {
		if among(&f.withheld[i].Label, item.Labels) == yes {
			return &f.withheld[i]
		}
	}
	return nil
}

// Blind tells that Match does not look at the item: it says the same of each.
func (f Filter) Blind() bool { return len(f.withheld) == 0 && (f.all || len(f.parts) == 0) }

// Everything tells that every item may be shown.
func (f Filter) Everything() bool {
	_, folded := f.survey()
	return folded.all && len(f.withheld) == 0
}

// Nothing tells that no item may be shown.
func (f Filter) Nothing() bool {
	_, folded := f.survey()
	return !folded.all && !folded.implicit && len(folded.parts) == 0
}

// judge gives the outcome for one item.
func (f *Filter) judge(item *Item) (best verdict) {
	bit := place(item.Type, item.ID)
	for i := range f.parts {
		s := &f.parts[i]
		if v := f.part(s, item, bit); v.outcome > best.outcome {
			best = v
		}
		if best.outcome == Deny {
			return best
		}
	}
	return best
}

// part gives the outcome of one consent. It runs from the last rule to the
// first, so that a rule's exceptions are known before the rule. found holds, by
// depth, the rule that decides among the siblings seen so far. bit is the place of
// the item.
func (f *Filter) part(s *part, item *Item, bit uint64) verdict {
	var found [maxDepth + 1]*provision
	rules, answers := s.program.general, f.answers[s.from:]
	if s.program.singles&bit != 0 {
		rules = s.program.rules
	}
	for i := len(rules) - 1; i >= 0; i-- {
		r := &rules[i]
		var by *provision
		if !r.leaf {
			by, found[r.depth+1] = found[r.depth+1], nil
		}
		if by == nil {
			if r.single != "" && !isInstance(item, r.single) || !r.live(answers) || !r.matches(item) {
				continue
			}
			by = r
		}
		if f := found[r.depth]; f == nil || by.says >= f.says {
			found[r.depth] = by
		}
	}
	if found[0] == nil {
		return f.near(s)
	}
	v := verdict{found[0].says, s.grant, found[0]}
	switch {
	case s.above == nil, v.outcome == Permit && s.above.permits(item, bit):
		return v
	case v.outcome == Permit:
		return verdict{NotPermitted, s.grant, v.by}
	}
	return f.near(s) // who passes a consent on denies nothing to others
}

// possible are the outcomes that rules can give, over all items.
type possible struct {
	deny, permit *provision // the first rule from which it can come, nil if it cannot
	none         bool       // that no rule matches can be
}

// outcomes works out what judge can give, without an item.
func (f *Filter) outcomes(s *part) possible {
	p := f.alone(s)
	if s.above != nil { // it denies nothing, and what it permits turns on what it stands under
		p.deny, p.none = nil, true
	}
	return p
}

// alone is outcomes without what a consent that is passed on stands under.
func (f *Filter) alone(s *part) possible {
	if s.whole {
		return s.program.whole
	}
	var found [maxDepth + 1]possible
	for i := range found {
		found[i].none = true
	}
	rules, answers := s.program.rules, f.answers[s.from:]
	for i := len(rules) - 1; i >= 0; i-- {
		r := &rules[i]
		p := found[r.depth+1]
		found[r.depth+1] = possible{none: true}
		if r.live(answers) {
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
	p, permit, counted := possible{none: true}, verdict{}, false
	for i := range f.parts {
		s := &f.parts[i]
		o := f.outcomes(s)
		if o.certainDeny() {
			return verdict{Deny, s.grant, o.deny}, Nothing()
		}
		if o.permit != nil && permit.by == nil {
			permit, counted = verdict{Permit, s.grant, o.permit}, s.counted
		}
		p = p.beside(o)
	}
	// Where no permit is possible and no deny certain, no permit is for the
	// asker at all, so what no rule matches falls to the policy.
	switch {
	case permit.by != nil && (p.deny != nil || p.none || counted):
		return permit, f
	case permit.by != nil:
		return permit, Everything()
	case !f.implicit:
		return verdict{}, Nothing()
	case p.deny != nil:
		return verdict{}, f
	}
	return verdict{}, Everything()
}
