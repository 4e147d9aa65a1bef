package gate

import (
	"context"
	"time"

	"cairn/consent"
	"cairn/fhir/search"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// verdicts are the decisions of one request, one for each patient it touches.
type verdicts struct {
	gate      *Gate
	ctx       context.Context
	actor     identity.Actor
	ask       Ask
	bySubject map[string]consent.Decision
	err       error
}

func (g *Gate) verdicts(ctx context.Context, actor identity.Actor, ask Ask) *verdicts {
	return &verdicts{gate: g, ctx: ctx, actor: actor, ask: ask, bySubject: make(map[string]consent.Decision)}
}

// named decides about the patient whom the request names, if any.
func (v *verdicts) named() (*consent.Decision, error) {
	if v.ask.Subject == "" {
		if v.actor.Kind() == identity.Peer {
			return &consent.Decision{
				Outcome: consent.NotPermitted, Rule: "policy.name-the-patient",
				Explanation: "Another hospital must name the patient whose records it asks for.",
			}, nil
		}
		return nil, nil
	}
	d, err := v.decision(nil, v.ask.Subject)
	return &d, err
}

// allow is the Allow of this request.
func (v *verdicts) allow(view *store.View, subject string, f search.Facets) bool {
	d, err := v.decision(view, subject)
	if err != nil {
		v.err = err
		return false
	}
	return d.Allowed && d.Filter.Match(Item(f))
}

// decision decides about one patient, once. view is an open one to look her
// slips up in, nil if there is none.
func (v *verdicts) decision(view *store.View, subject string) (consent.Decision, error) {
	if d, ok := v.bySubject[subject]; ok {
		return d, nil
	}
	d, err := v.gate.decide(v.ctx, view, v.actor, v.ask.Action, subject)
	if err == nil {
		v.bySubject[subject] = d
	}
	return d, err
}

// kind is what an allowed access is called in the log.
func (v *verdicts) kind() string {
	if v.actor.Kind() == identity.Peer {
		return proof.KindDisclosureSent
	}
	return proof.KindAccessAllowed
}

// decide asks consent.Decide about one patient.
func (g *Gate) decide(ctx context.Context, view *store.View, actor identity.Actor, action consent.Action, subject string) (consent.Decision, error) {
	if d, done := standing(g.home, actor, subject); done {
		return d, nil
	}
	grants, err := g.grants(ctx, view, subject)
	if err != nil {
		return consent.Decision{}, err
	}
	ask := consent.Ask{Actor: actor.For(subject), Action: action, Purpose: actor.Purpose(), Now: time.Now().UnixMilli()}
	return consent.Decide(ask, grants, g.policy), nil
}

// standing are the decisions that no consent can change: the operator sees no
// record, and a patient's session sees her own records only.
func standing(home string, actor identity.Actor, subject string) (consent.Decision, bool) {
	switch {
	case actor.Kind() == identity.Operator:
		return consent.Decision{Outcome: consent.NotPermitted, Rule: "policy.operator",
			Explanation: "Who operates the node does not see records."}, true
	case actor.Kind() == identity.Patient && actor.Patient() != subject:
		return consent.Decision{Outcome: consent.NotPermitted, Rule: "policy.own-records",
			Explanation: "A patient's sign-in shows her own records only."}, true
	case actor.Organisation() == home && actor.Kind() != identity.Patient && !actor.May(identity.RightRecords):
		return consent.Decision{Outcome: consent.NotPermitted, Rule: "policy.client-right",
			Explanation: "This software was not registered with the right to read records."}, true
	}
	return consent.Decision{}, false
}

// grants returns the patient's slips with what the replica says of them at
// this moment.
func (g *Gate) grants(ctx context.Context, view *store.View, subject string) ([]consent.Grant, error) {
	slips, err := g.slips(ctx, view, subject)
	if err != nil || len(slips) == 0 {
		return nil, err
	}
	out := make([]consent.Grant, len(slips))
	for i, h := range slips {
		_, committed := g.chain.Mark(h.mark)
		_, stopped := g.chain.Mark(h.stop)
		out[i] = consent.Grant{Ref: h.ref, Terms: h.terms, Facts: consent.Facts{Committed: committed, Stopped: stopped}}
	}
	return out, nil
}

// Item returns a record's facets as a consent sees them.
func Item(f search.Facets) consent.Item {
	return consent.Item{
		Type: f.Type, ID: f.ID, Categories: codings(f.Categories), Codes: codings(f.Codes),
		Labels: codings(f.Labels), Lo: f.Lo, Hi: f.Hi, Source: f.Source,
	}
}

func codings(in []search.Coding) []consent.Coding {
	out := make([]consent.Coding, len(in))
	for i, c := range in {
		out[i] = consent.Coding(c)
	}
	return out
}
