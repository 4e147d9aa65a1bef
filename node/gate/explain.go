package gate

import (
	"context"
	"errors"

	"cairn/consent"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
)

// Said is what a patient's consents at this hospital say at this moment.
type Said struct {
	Grants []consent.Grant
	Since  map[string]int64 // by Ref: when the hospital took it, in Unix milliseconds
	Policy consent.Policy
	Now    int64
}

// Said returns what a patient has said, for her own eyes.
func (g *Gate) Said(ctx context.Context, subject string) (Said, error) {
	if err := g.fresh(); err != nil {
		return Said{}, err
	}
	v := g.verdicts(ctx, identity.Actor{}, Ask{})
	out := Said{Since: make(map[string]int64), Policy: g.policy, Now: g.Now()}
	err := g.store.View(ctx, func(view *store.View) (err error) {
		if out.Grants, err = v.grants(view, subject); err != nil {
			return err
		}
		rows, err := view.Slips(subject)
		for _, row := range rows {
			out.Since[Reference(row.Commitment)] = row.Accepted
		}
		return err
	})
	return out, err
}

// Mine is what an actor is told about her own access to a patient's records.
type Mine struct {
	Allowed  bool
	What     string // what she may see, in words: nothing of what is hidden
	Rule     string
	Why      string
	Hint     string // what she can do
	Purpose  string
	Receipts []evidence.Receipt
}

// Explain says what the actor may see of a patient's records and by which rule, as
// Open would decide at this moment, and nothing else: it is the same whether or
// not there is something that she may not see. It leaves the entry that an access
// leaves.
func (g *Gate) Explain(ctx context.Context, actor identity.Actor, subject string) (Mine, error) {
	ask := Ask{Interaction: "explain", Action: consent.Access, Type: "Patient", Subject: subject, Query: "Patient/" + subject + "/$explain"}
	var d consent.Decision
	pass, err := g.Open(ctx, actor, ask, func(_ context.Context, _ Allow) ([]Record, error) { return nil, nil })
	var refused *fault.Error
	if errors.As(err, &refused) && refused.Kind == fault.Refused {
		return Mine{What: "nothing", Rule: refused.Code, Why: refused.Text, Hint: hintFor(refused.Code), Purpose: actor.Purpose()}, nil
	}
	if err != nil {
		return Mine{}, err
	}
	if d, err = g.verdicts(ctx, actor, ask).decision(nil, subject); err != nil {
		return Mine{}, err
	}
	return Mine{Allowed: d.Allowed, What: d.Yes(), Rule: d.Rule, Why: d.Explanation, Purpose: actor.Purpose(), Receipts: pass.Receipts()}, nil
}

// hintFor says what somebody who was refused can do.
func hintFor(rule string) string {
	switch rule {
	case RuleRelationship:
		return "If you treat her, say so and why. In an emergency you can break the glass."
	case RuleScope, RuleContext, RuleRecord:
		return "The software signed in without the right for this: sign in again with the scope."
	case "policy.other-organisation", "policy.consent-reference":
		return "Ask the patient to allow it: only she can."
	case "policy.purpose", "policy.role":
		return "Sign in for a purpose that is your role's."
	}
	return "Ask the patient. In an emergency you can break the glass, unless she has excluded that."
}
