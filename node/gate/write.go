package gate

import (
	"context"

	"cairn/consent"
	"cairn/fhir/scope"
	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
)

// Change is what is to be written: the next version of a record.
type Change struct {
	Ref   Ref
	After *search.Index // what the version can be found by; nil: it says that the record is deleted
}

// MayWrite decides, before anything is looked at, whether somebody may write
// here at all. It fails with Refused and the rule, which is in the log first.
func (g *Gate) MayWrite(ctx context.Context, actor identity.Actor, ask Ask) error {
	own := actor.Organisation() == g.home && actor.Kind() != identity.Patient
	if !own || !actor.May(identity.RightRecords) {
		return g.refuse(ctx, actor, ask, consent.Decision{
			Outcome: consent.NotPermitted, Rule: "policy.write",
			Explanation: "Only software that this hospital registered with the right `records` may write records here.",
		}, nil)
	}
	return g.Reach(ctx, actor, ask, "")
}

// Write decides on the write of one version. Its entry is appended by the desk
// in the same transaction as the write itself, which must fail if another
// version has become the current one. Both what the record is and what it will
// be must be within the actor's scopes.
func (g *Gate) Write(ctx context.Context, actor identity.Actor, ask Ask, change Change) (Permit, error) {
	if err := g.MayWrite(ctx, actor, ask); err != nil {
		return Permit{}, err
	}
	if err := g.Writable(ask.Subject); err != nil {
		return Permit{}, err
	}
	if err := g.mayTouch(ctx, actor, ask); err != nil {
		return Permit{}, err
	}
	inside, err := g.within(ctx, actor, ask, change)
	if err != nil {
		return Permit{}, err
	}
	if !inside {
		return Permit{}, g.beyond(ctx, actor, ask)
	}
	return Permit{subject: ask.Subject, ref: change.Ref, valid: true}, nil
}

// Knows tells whether somebody who wants to change a record may know that it is
// there: who may see it as it is. Software that acts for nobody and for no
// purpose sees nothing; the hospital keeps its records with it, and it knows of
// what it writes as far as its scopes reach.
//
// head is the record's current state, nil if there is none. No is in the log
// first, whether it is hidden or not there: neither what is answered nor the way
// to it tells one from the other.
func (g *Gate) Knows(ctx context.Context, actor identity.Actor, ask Ask, head *store.Hit) (known bool, err error) {
	err = settled(func() (err error) {
		known, err = g.knows(ctx, actor, ask, head)
		return err
	})
	return known, err
}

func (g *Gate) knows(ctx context.Context, actor identity.Actor, ask Ask, head *store.Hit) (bool, error) {
	v, d := g.verdicts(ctx, actor, ask), unknown()
	if head != nil {
		see := v.allow
		if keeps(actor) {
			see = func(_ *store.View, c Candidate) bool { return v.inScope(c) }
		}
		if see(nil, Found(head)) || v.err != nil {
			return v.err == nil, v.err
		}
		ask.Subject = head.Subject
		if said, decided := v.bySubject[head.Subject]; decided && !said.Allowed {
			d = said
		}
	}
	err := g.refuse(ctx, actor, ask, d, v)
	if fault.Is(err, fault.Refused) {
		err = nil
	}
	return false, err
}

// keeps tells whether the actor is software with which the hospital keeps its
// records: nobody and no purpose stands behind what it does.
func keeps(a identity.Actor) bool {
	return a.Kind() == identity.System && a.Person() == "" && a.Purpose() == ""
}

func unknown() consent.Decision {
	return consent.Decision{Outcome: consent.NotPermitted, Rule: RuleUnknown,
		Explanation: "There is no such record, or none that may be known to who wants to change it."}
}

// beyond refuses a write of a record that scopes do not reach. Whoever could not
// make the record either is told no more than if it were not there.
func (g *Gate) beyond(ctx context.Context, actor identity.Actor, ask Ask) error {
	if ask.Interaction == "update" && actor.Scopes().Lacks(scope.Create, ask.Type) != 0 {
		ask.Interaction = "create"
		return g.refuse(ctx, actor, ask, scopeMissing(), nil)
	}
	return g.refuse(ctx, actor, ask, consent.Decision{
		Outcome: consent.NotPermitted, Rule: RuleRecord,
		Explanation: "The software's scopes do not reach the record that it wants to write.",
	}, nil)
}

// within tells whether a change lies within the actor's scopes.
func (g *Gate) within(ctx context.Context, actor identity.Actor, ask Ask, change Change) (bool, error) {
	if actor.Scopes() == nil {
		return true, nil
	}
	need := need(ask.Interaction)
	if x := change.After; x != nil {
		after := Candidate{subject: ask.Subject, facets: x.Facets, load: func() (*search.Index, error) { return x, nil }}
		if ok, err := covered(actor, need, after); !ok || err != nil {
			return false, err
		}
	}
	if change.Ref.Version <= 1 {
		return change.After != nil, nil
	}
	var head store.Hit
	err := g.store.View(ctx, func(v *store.View) (err error) {
		head, err = v.Current(change.Ref.Type, change.Ref.ID)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return covered(actor, need, Found(&head))
}

// mayTouch holds people who signed in here to their role, and to patients whom
// they treat: who could write that she treats somebody could read everything.
func (g *Gate) mayTouch(ctx context.Context, actor identity.Actor, ask Ask) error {
	if !actor.Personal() || actor.Kind() != identity.Staff {
		return nil
	}
	if !actor.Sees(ask.Type) || !actor.MayActFor(actor.Purpose()) {
		return g.refuse(ctx, actor, ask, consent.Decision{
			Outcome: consent.NotPermitted, Rule: "policy.role", Explanation: "This is not what the person's role is for.",
		}, nil)
	}
	if ask.Subject == "" && ask.Type == "CareTeam" {
		return g.refuse(ctx, actor, ask, consent.Decision{
			Outcome: consent.NotPermitted, Rule: "policy.team", Explanation: "Who belongs to a team that is about no one patient is for the hospital's software to say.",
		}, nil)
	}
	if ask.Subject == "" || !g.bound(actor) {
		return nil
	}
	t, err := g.relationship(ctx, nil, actor, ask.Subject)
	if err != nil || t != nil {
		return err
	}
	return g.refuse(ctx, actor, ask, unrelated(consent.Decision{Outcome: consent.NotPermitted}), nil)
}
