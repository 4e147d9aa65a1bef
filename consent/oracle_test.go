package consent

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The semantics once more, written as the sentences of the package
// documentation: slow, recursive, over Rule as a Consent says it, and with none
// of the code that Decide runs.

// truth is what is known of a condition.
type truth int

const (
	isFalse truth = iota
	isUnknown
	isTrue
)

func knownTo(b bool) truth {
	if b {
		return isTrue
	}
	return isFalse
}

// oracle gives the outcome of one consent for one item. own are the patient's own
// consents.
func oracle(g *Grant, own []Grant, ask *Ask, home string) (o Outcome, near bool) {
	if !oracleCounts(g, ask.Now) {
		return NoConsent, false
	}
	root := g.Terms.Root()
	o, near = oracleRule(&root, ask, home)
	if g.Under != nil {
		o, near = oracleUnder(g, own, ask, home, o, near)
	}
	if o == NoConsent && near {
		o = NotPermitted
	}
	return o, near
}

func oracleCounts(g *Grant, now int64) bool {
	root := g.Terms.Root()
	return g.Facts.Committed && !g.Facts.Stopped && g.Terms.program.counts && root.Period.Holds(now) &&
		(root.Uses == 0 || g.Facts.Used < root.Uses) &&
		(g.Under == nil || root.Onward < g.Under.Terms.Root().Onward && oracleCounts(g.Under, now))
}

// oracleUnder holds what a consent that is passed on says to what its member may
// do itself.
func oracleUnder(g *Grant, own []Grant, ask *Ask, home string, o Outcome, near bool) (Outcome, bool) {
	member := *ask
	by := g.Terms.program.by
	member.Actor = Actor{Organisation: by, Person: by + "/nobody", Role: "none of its people's", Teams: []string{}}
	above, may := oracle(g.Under, own, &member, home)
	if !may {
		return NoConsent, false
	}
	for i := range own {
		if refusal, _ := oracle(&own[i], own, &member, home); refusal == Deny {
			above = Deny
		}
	}
	switch {
	case o == Deny:
		o = NoConsent
	case o == Permit && above != Permit:
		o = NotPermitted
	}
	return o, near
}

// oracleRule returns what the rule and its exceptions say, and whether one of
// their permits is for this asker.
func oracleRule(r *Rule, ask *Ask, home string) (o Outcome, near bool) {
	for i := range r.Rules {
		child, n := oracleRule(&r.Rules[i], ask, home)
		o, near = max(o, child), near || n
	}
	if r.Says == NoConsent {
		return o, near
	}
	forAsker := meets(r.Says, knownTo(r.Period.Holds(ask.Now)), oracleAction(r, ask), oraclePurpose(r, ask), oracleActor(r, &ask.Actor, home))
	near = near || forAsker && r.Says == Permit
	if o == NoConsent && forAsker && meets(r.Says, oracleItem(r, ask.Item)...) {
		o = r.Says
	}
	return o, near
}

// meets tells whether a rule matches: a permit if each condition is known to
// hold, a deny if none is known not to.
func meets(says Outcome, conditions ...truth) bool {
	least := slices.Min(conditions)
	return least == isTrue || says == Deny && least == isUnknown
}

// oneOf is a condition of several values: none of them, and nothing unclear, is
// no condition.
func oneOf[T any](r *Rule, kind aspect, list []T, is func(T) truth) truth {
	best := isFalse
	if r.unclear&kind != 0 {
		best = isUnknown
	} else if len(list) == 0 {
		return isTrue
	}
	for _, v := range list {
		best = max(best, is(v))
	}
	return best
}

func oracleAction(r *Rule, ask *Ask) truth {
	return oneOf(r, inAction, r.Actions, func(a Action) truth {
		if ask.Action == 0 {
			return isUnknown
		}
		return knownTo(a == ask.Action)
	})
}

// reaching is the part of the R4 hierarchy of purposes that the generators draw
// from.
var reaching = map[string]string{"BTG": "ETREAT", "ETREAT": "TREAT", "TREAT": "PurposeOfUse", "HRESCH": "PurposeOfUse", "HPAYMT": "PurposeOfUse"}

func oraclePurpose(r *Rule, ask *Ask) truth {
	return oneOf(r, inPurpose, r.Purposes, func(p Coding) truth {
		if p.Code == ask.Purpose {
			return isTrue
		}
		if reaching[ask.Purpose] == "" {
			return isUnknown // what lies above it cannot be told
		}
		for at := ask.Purpose; at != ""; at = reaching[at] {
			if at == p.Code {
				return isTrue
			}
		}
		return isFalse
	})
}

func oracleActor(r *Rule, a *Actor, home string) truth {
	return oneOf(r, inActor, r.Actors, func(p Party) truth {
		who := oracleParty(&p, a, home)
		if p.Role != "" {
			who = min(who, sameText(a.Role, p.Role))
		}
		return who
	})
}

func sameText(have, want string) truth {
	if have == "" {
		return isUnknown
	}
	return knownTo(have == want)
}

func oracleParty(p *Party, a *Actor, home string) truth {
	full := p.Ref
	if strings.Count(full, "/") == 1 {
		full = home + "/" + full
	}
	switch p.Type {
	case "Organization":
		return sameText(a.Organisation, p.Ref)
	case "Group":
		if a.Teams == nil {
			return isUnknown
		}
		return knownTo(slices.ContainsFunc(a.Teams, func(t string) bool { return t == p.Ref || t == full }))
	}
	member, _, _ := strings.Cut(full, "/")
	if at := sameText(a.Organisation, member); at == isFalse || a.Person == "" {
		return min(at, isUnknown)
	}
	return knownTo(a.Person == full)
}

// oracleItem returns the conditions on the item.
func oracleItem(r *Rule, item *Item) []truth {
	elsewhere := isTrue
	if r.unclear&(inPeriod|inElse) != 0 {
		elsewhere = isUnknown
	}
	return []truth{elsewhere, oracleClass(r, item), oracleCode(r, item), oracleLabel(r, item), oracleDates(r, item), oracleData(r, item)}
}

// inEither tells whether a code is among the codes or categories of the item.
func inEither(c Coding, item *Item) truth {
	best := isFalse
	for _, have := range slices.Concat(item.Codes, item.Categories) {
		switch {
		case have == c && c.System != "":
			best = max(best, isTrue)
		case have.Code == c.Code && (have.System == "" || c.System == ""):
			best = max(best, isUnknown)
		}
	}
	return best
}

func oracleClass(r *Rule, item *Item) truth {
	read := item.Codes != nil && item.Categories != nil
	document := item.Type == "DocumentReference"
	return oneOf(r, inClass, slices.Concat(r.Classes, typesAsClasses(r.Types)), func(c Coding) truth {
		if c.System == typeSystem {
			return knownTo(c.Code == item.Type)
		}
		found := inEither(c, item)
		if found == isFalse && (!read || document && len(item.Codes)+len(item.Categories) == 0) {
			return isUnknown
		}
		return found
	})
}

func typesAsClasses(types []string) (out []Coding) {
	for _, t := range types {
		out = append(out, Coding{typeSystem, t})
	}
	return out
}

func oracleCode(r *Rule, item *Item) truth {
	return oneOf(r, inCode, r.Codes, func(c Coding) truth {
		found := inEither(c, item)
		switch {
		case found != isFalse:
			return found
		case item.Codes == nil || item.Categories == nil:
			return isUnknown
		case c.System == ObservationCategory:
			if item.Type == "Observation" && len(item.Categories) == 0 {
				return isUnknown
			}
		case len(item.Codes) == 0 && item.Type != "Patient":
			return isUnknown
		}
		return isFalse
	})
}

func oracleLabel(r *Rule, item *Item) truth {
	const scale = "ULMNRV"
	level := strings.Index(scale, "R")
	labelled := false
	for _, l := range item.Labels {
		if l.System == ConfidentialitySystem && !labelled {
			level, labelled = strings.Index(scale, l.Code), true
		} else if l.System == ConfidentialitySystem {
			level = max(level, strings.Index(scale, l.Code))
		}
	}
	sensitive := knownTo(false)
	if !labelled {
		sensitive = isUnknown
	}
	confidential, wanted, asked := isFalse, false, false
	for _, l := range r.Labels {
		if l.System != ConfidentialitySystem {
			wanted = true
			if slices.Contains(item.Labels, l) {
				sensitive = isTrue
			}
			continue
		}
		asked = true
		mark := strings.Index(scale, l.Code)
		if r.Says == Permit && level <= mark || r.Says == Deny && level >= mark {
			confidential = isTrue
		}
	}
	switch {
	case r.unclear&inLabel != 0:
		return isUnknown
	case !wanted && !asked:
		return isTrue
	case !wanted:
		return confidential
	case !asked:
		return sensitive
	case r.Says == Deny:
		return max(confidential, sensitive)
	}
	return min(confidential, sensitive)
}

func oracleDates(r *Rule, item *Item) truth {
	s := r.DataPeriod
	switch {
	case s == Span{} && r.unclear&inDates == 0:
		return isTrue
	case s == Span{}, item.Lo == 0 && item.Hi == 0:
		return isUnknown
	case item.Hi <= s.Lo || item.Lo >= s.Hi:
		return isFalse
	case item.Lo < s.Lo || item.Hi > s.Hi || r.unclear&inDates != 0:
		return isUnknown // a deny reaches what overlaps
	}
	return isTrue
}

func oracleData(r *Rule, item *Item) truth {
	self := item.Type + "/" + item.ID
	among := func(list []string, ref string) truth {
		if list == nil {
			return isUnknown
		}
		return knownTo(slices.Contains(list, ref))
	}
	return oneOf(r, inData, r.Data, func(d Datum) truth {
		switch {
		case d.Meaning == "authoredby" && item.Source == d.Reference:
			return isTrue
		case d.Meaning == "authoredby" && item.Source != "" && strings.HasPrefix(d.Reference, "Organization/") && item.Authors == nil:
			return isFalse
		case d.Meaning == "authoredby":
			return among(item.Authors, d.Reference)
		case d.Reference == self:
			return isTrue
		case d.Meaning == "instance":
			return isFalse
		}
		return among(item.References, d.Reference)
	})
}

// oracleDecide is Decide by the oracle: whether it may be done, and the outcome.
func oracleDecide(ask *Ask, grants []Grant, policy *Policy) (Outcome, bool) {
	a := &ask.Actor
	o := NoConsent
	own := slices.DeleteFunc(slices.Clone(grants), func(g Grant) bool { return g.Under != nil })
	for i := range grants {
		one, _ := oracle(&grants[i], own, ask, policy.Home)
		o = max(o, one)
	}
	if a.Subject {
		o = Permit
	}
	staff := a.Organisation == policy.Home && oraclePurpose(&Rule{Purposes: asPurposes(policy.Purposes)}, ask) == isTrue && len(policy.Purposes) > 0
	allowed := o == Permit || o == NoConsent && staff
	if allowed && (a.Subject || a.Acting) {
		for _, w := range policy.Withheld {
			if slices.Contains(ask.Item.Labels, w.Label) {
				return NotPermitted, false
			}
		}
	}
	return o, allowed
}

func asPurposes(codes []string) (out []Coding) {
	for _, c := range codes {
		out = append(out, Coding{PurposeSystem, c})
	}
	return out
}

func TestDecideIsTheRecursiveSemantics(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		grants := someGrants.Draw(t, "grants")
		ask, item := anyAsk.Draw(t, "ask"), anyItem.Draw(t, "item")
		ask.Item = &item
		want, allowed := oracleDecide(&ask, grants, &tablePolicy)
		d := Decide(ask, grants, tablePolicy)
		if d.Outcome != want || d.Allowed != allowed {
			t.Fatalf("Decide says %s, %v, by %s, the recursion says %s, %v", d.Outcome, d.Allowed, d.Rule, want, allowed)
		}
		if d.Filter.Match(item) != d.Allowed {
			t.Fatalf("the filter of the decision gives another answer")
		}
	})
}
func TestFilterIsTheDecision(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		grants := someGrants.Draw(t, "grants")
		ask := anyAsk.Draw(t, "ask")
		search := Decide(ask, grants, tablePolicy)
		best := Deny
		for i, item := range rapid.SliceOfN(anyItem, 1, 6).Draw(t, "items") {
			ask.Item = &item
			d := Decide(ask, grants, tablePolicy)
			switch m := search.Filter.Match(item); {
			case m != d.Allowed:
				t.Fatalf("item %d: the filter says %v, the decision %v by %s", i, m, d.Allowed, d.Rule)
			case m && !search.Allowed:
				t.Fatalf("item %d may be shown by a search that is refused", i)
			case m && search.Filter.Nothing(), !m && search.Filter.Everything():
				t.Fatalf("item %d: the filter opens everything or nothing, and not this", i)
			case search.Filter.Blind() && m != search.Filter.Match(Item{}):
				t.Fatalf("item %d: the filter does not look, and says another thing of it", i)
			}
			best = min(best, d.Outcome)
		}
		if search.Filter.Nothing() == search.Allowed {
			t.Fatalf("allowed %v, nothing %v", search.Allowed, search.Filter.Nothing())
		}
		if search.Outcome == Deny && best != Deny {
			t.Fatalf("the search is denied, an item is %s", best)
		}
	})
}

func TestSeveralConsentsAreTheStrongest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyGrant.Draw(t, "a"), anyGrant.Draw(t, "b")
		ask, item := anyAsk.Draw(t, "ask"), anyItem.Draw(t, "item")
		ask.Item = &item
		of := func(g ...Grant) Outcome { return Decide(ask, g, tablePolicy).Outcome }
		if both, each := of(a, b), max(of(a), of(b)); both != each || of(b, a) != both {
			t.Fatalf("together %s, turned %s, the stronger %s", both, of(b, a), each)
		}
	})
}

func TestNotKnowingOpensNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		grants := someGrants.Draw(t, "grants")
		ask, item := anyAsk.Draw(t, "ask"), anyItem.Draw(t, "item")
		ask.Actor.Subject, ask.Item = false, &item
		full := Decide(ask, grants, Policy{})
		less, lessItem := ask, item
		less.Item = &lessItem
		switch rapid.IntRange(0, 8).Draw(t, "forget") {
		case 0:
			less.Actor.Person = ""
		case 1:
			less.Actor.Role = ""
		case 2:
			less.Actor.Teams = nil
		case 3:
			less.Purpose = ""
		case 4:
			less.Action = 0
		case 5:
			lessItem.Lo, lessItem.Hi = 0, 0
		case 6:
			lessItem.References, lessItem.Authors, lessItem.Source = nil, nil, ""
		case 7:
			less.Actor.Organisation = ""
		case 8:
			lessItem.Codes, lessItem.Categories = nil, nil
		}
		if d := Decide(less, grants, Policy{}); d.Allowed && !full.Allowed {
			t.Fatalf("knowing less turned %s by %s into %s by %s", full.Outcome, full.Rule, d.Outcome, d.Rule)
		}
	})
}

// TestCountedIsWhatShows takes away the consents of which an access takes no use,
// and those that are counted and of which it takes none.
func TestCountedIsWhatShows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		grants := someGrants.Draw(t, "grants")
		ask, item := anyAsk.Draw(t, "ask"), anyItem.Draw(t, "item")
		ask.Actor.Subject = false
		f := Decide(ask, grants, tablePolicy).Filter
		if !f.Match(item) {
			return
		}
		taken := f.Counted([]Item{item})
		for _, ref := range taken {
			if !slices.Contains(f.Counted(nil), ref) {
				t.Fatalf("a record takes a use of %s, a search none", ref)
			}
		}
		left := slices.DeleteFunc(slices.Clone(grants), func(g Grant) bool {
			return g.counted() && !slices.Contains(g.counting(nil), slices.Concat(taken, []string{""})[0])
		})
		if !Decide(ask, left, tablePolicy).Filter.Match(item) {
			t.Fatalf("it takes uses of %v, and is not shown without the other counted ones", taken)
		}
	})
}
