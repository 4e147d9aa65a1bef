package gate

import (
	"context"
	"time"

	"cairn/consent"
	"cairn/node/store"
)

// Mandates says what a person who acts for a patient may see at this moment: as
// grants, or, if there are none, the rule why nothing.
type Mandates interface {
	Sees(ctx context.Context, v *store.View, holder, subject string) (grants []consent.Grant, rule, text string, err error)
}

// RepresentedBy has the gate ask about representatives. It is for the time before
// the first request.
func (g *Gate) RepresentedBy(m Mandates) { g.acting = m }

// Withhold has the gate keep kinds of records from patients themselves, and from
// who acts in their name. It is for the time before the first request.
func (g *Gate) Withhold(kinds []consent.Withheld) { g.policy.Withheld = kinds }

// represented decides about a representative: what her mandates let see, less what
// the patient closed. That she belongs to no organisation keeps what the patient
// allowed a hospital from being hers.
func (v *verdicts) represented(view *store.View, subject string) (consent.Decision, error) {
	none := consent.Decision{Outcome: consent.NotPermitted, Rule: "mandate.none", Explanation: "Nobody has given this person a mandate to act for this patient."}
	if v.gate.acting == nil || subject == "" || subject != v.actor.Patient() {
		return none, nil
	}
	mandates, rule, text, err := v.gate.acting.Sees(v.ctx, view, v.actor.Holder(), subject)
	if err != nil {
		return consent.Decision{}, err
	}
	grants, err := v.grants(view, subject)
	if err != nil {
		return consent.Decision{}, err
	}
	if len(mandates) == 0 {
		none.Rule, none.Explanation = rule, text
		return none, nil
	}
	ask := consent.Ask{Actor: consent.Actor{Person: v.actor.Person(), Acting: true}, Action: v.ask.Action, Purpose: v.actor.Purpose(), Now: time.Now().UnixMilli()}
	d := consent.Decide(ask, append(mandates, grants...), consent.Policy{Home: v.gate.home, Withheld: v.gate.policy.Withheld})
	if d.Allowed {
		d.Rule, d.Explanation = rule, text
	}
	return d, nil
}
