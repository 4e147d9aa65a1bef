package consent

import (
	"testing"

	"pgregory.net/rapid"
)

// The tree semantics once more, written as the sentences of the package
// documentation: recursive, over Rule, with no partial evaluation.

// oracle gives the outcome of one consent for one item.
func oracle(t Terms, ask *Ask, home string) Outcome {
	if !t.InForce(ask.Now) {
		return NoConsent
	}
	root := t.Root()
	o, near := oracleRule(&root, ask, home)
	if o == NoConsent && near {
		return NotPermitted
	}
	return o
}

// oracleRule returns what the rule and its exceptions say, and whether one of
// their permits is for this asker.
func oracleRule(r *Rule, ask *Ask, home string) (o Outcome, near bool) {
	for i := range r.Rules {
		child, n := oracleRule(&r.Rules[i], ask, home)
		o, near = max(o, child), near || n
	}
	q, c := newQuestion(ask, home), contextOf(r)
	p := provision{says: r.Says, needs: r.needs(), unclear: r.unclear, scope: scopeOf(r, "provision")}
	concerns := r.Says != NoConsent && q.answer(&c).holds(r.Says)
	near = near || concerns && r.Says == Permit
	if o == NoConsent && concerns && p.matches(ask.Item) {
		o = r.Says
	}
	return o, near
}

func TestDecideIsTheRecursiveSemantics(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		grants := rapid.SliceOfN(anyGrant, 0, 4).Draw(t, "grants")
		ask, item := anyAsk.Draw(t, "ask"), anyItem.Draw(t, "item")
		ask.Item = &item
		want := NoConsent
		for i := range grants {
			if grants[i].Facts.Committed && !grants[i].Facts.Stopped {
				want = max(want, oracle(grants[i].Terms, &ask, "north"))
			}
		}
		if ask.Actor.Subject {
			want = Permit
		}
		d := Decide(ask, grants, tablePolicy)
		if d.Outcome != want {
			t.Fatalf("Decide says %s by %s, the recursion says %s", d.Outcome, d.Rule, want)
		}
		if allowed := want == Permit || want == NoConsent && d.Rule == ruleOwnStaff; d.Allowed != allowed {
			t.Fatalf("%s by %s, allowed %v", d.Outcome, d.Rule, d.Allowed)
		}
		if d.Filter.Match(item) != d.Allowed {
			t.Fatalf("the filter of the decision gives another answer")
		}
	})
}

func TestFilterIsTheDecision(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		grants := rapid.SliceOfN(anyGrant, 0, 4).Draw(t, "grants")
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
		grants := rapid.SliceOfN(anyGrant, 0, 3).Draw(t, "grants")
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
