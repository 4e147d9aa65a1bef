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

// Rules by which scopes refuse.
const (
	RuleScope   = "scope.missing" // no scope is of such an interaction with such a type
	RuleContext = "scope.patient" // the scopes are of another patient
	RuleRecord  = "scope.record"  // the scopes do not reach this record
)

// RuleUnknown is the rule by which a change of a record is refused that is not
// there, or not for who wants to change it.
const RuleUnknown = "policy.unknown-record"

// needs are the permissions that an interaction takes of a scope, with every
// record that it touches (SMART App Launch 2.2, 3.0.2.1). What shows many
// records of many types at once takes both read and search.
var needs = map[string]scope.Permission{
	"read": scope.Read, "vread": scope.Read, "history-instance": scope.Read, "evidence": scope.Read, "explain": scope.Read, "terminology": scope.Read,
	"feed-show": scope.Read, "search-type": scope.Search, "search-system": scope.Search, "history-type": scope.Search, "history-system": scope.Search,
	"everything": scope.Read | scope.Search, "export": scope.Read | scope.Search, "gather": scope.Read | scope.Search,
	"match": scope.Read | scope.Search, "notify": scope.Read | scope.Search,
	"create": scope.Create, "update": scope.Update, "patch": scope.Update, "delete": scope.Delete,
	"import": 0, "transaction": 0, // each record that they write is decided on its own
}

// need returns what an interaction takes. One that nobody has thought of takes
// everything.
func need(interaction string) scope.Permission {
	if p, ok := needs[interaction]; ok {
		return p
	}
	return scope.All
}

// Reach decides, before anything is looked up, whether somebody's scopes let an
// interaction be done with records of a type at all; with the type "" they must
// let it with some. So the refusal says nothing about what there is. It fails
// with Refused, RuleScope and the scope that is missing, which is in the log
// first: about the patient of the record that the id names, if there is one.
func (g *Gate) Reach(ctx context.Context, actor identity.Actor, ask Ask, id string) error {
	if actor.Scopes() == nil || actor.Scopes().Lacks(need(ask.Interaction), ask.Type) == 0 {
		return nil
	}
	if ask.Subject == "" && id != "" {
		err := g.store.View(ctx, func(v *store.View) error {
			head, err := v.Head(ask.Type, id)
			ask.Subject = head.Subject
			return err
		})
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return g.refuse(ctx, actor, ask, scopeMissing(), nil)
}

func scopeMissing() consent.Decision {
	return consent.Decision{Outcome: consent.NotPermitted, Rule: RuleScope,
		Explanation: "The software signed in without the scope for this."}
}

// lacking is the refusal of what no scope of the actor can allow, else nil.
func (v *verdicts) lacking(need scope.Permission) *consent.Decision {
	s := v.actor.Scopes()
	if s == nil || s.Lacks(need, v.ask.Type) == 0 && (!v.ask.Elsewhere || s.LacksWhole(need, v.ask.Type) == 0) {
		return nil
	}
	d := scopeMissing()
	return &d
}

// missing is the scope that would have allowed what was asked.
func missing(actor identity.Actor, ask Ask) string {
	of, typ := scope.System, ask.Type
	switch {
	case actor.InContext() != "":
		of = scope.Patient
	case actor.Delegated():
		of = scope.User
	}
	if typ == "" {
		typ = scope.Any
	}
	return string(of) + "/" + typ + "." + need(ask.Interaction).String()
}

// outside is the refusal of a patient whom the scopes are not of: an app that
// was started for one patient asks about another.
func outside(actor identity.Actor, subject string) (consent.Decision, bool) {
	s := actor.Scopes()
	if s == nil || subject == "" || subject == actor.InContext() || s.Of(scope.User) || s.Of(scope.System) {
		return consent.Decision{}, false
	}
	return consent.Decision{Outcome: consent.NotPermitted, Rule: RuleContext,
		Explanation: "The app was started for one patient and may see her records only."}, true
}

// inScope tells whether the actor's scopes let a candidate be shown.
func (v *verdicts) inScope(c Candidate) bool {
	if v.actor.Scopes() == nil {
		return true
	}
	need := need(v.ask.Interaction)
	if ok, _ := covered(v.actor, need, Older(c.subject, c.facets)); ok { // without a look there is no error
		return true
	}
	if c.load == nil {
		return false
	}
	ok, err := covered(v.actor, need, c)
	if err != nil {
		v.err = err
	}
	if ok {
		v.scoped[c.facets.Type+"/"+c.facets.ID] = true
	}
	return ok
}

// covered tells whether scopes of an actor allow something with a candidate.
func covered(actor identity.Actor, need scope.Permission, c Candidate) (bool, error) {
	return actor.Scopes().Allows(need, scope.Record{
		Subject: c.subject, Facets: &c.facets, Load: c.load,
		Within: c.subject == actor.InContext() && c.subject != "" || c.subject == "" && !search.Protected(c.facets.Type),
	})
}
