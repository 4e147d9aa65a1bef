package gate

import (
	"context"
	"slices"
	"time"

	"cairn/consent"
	"cairn/fhir/search"
	"cairn/node/fault"
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
	consulted bool              // slips were looked at
	epoch     uint64            // as of which all of them were
	torn      bool              // not all were of one epoch
	scoped    map[string]bool   // by type and id: what scopes let through by more than facets
	targets   map[string]bool   // by type and id: what provenances are of, and whether that is shown
	claim     string            // how the slip that another member named for the patient stands here, "" for none
	ties      map[string]tie    // by subject: why the actor treats her
	groups    map[string][]team // by subject: the teams that her consents name
	member    map[string]string // by subject: why the actor belongs to such teams
	limits    map[string]use    // by reference: the slips whose uses are counted
	matter    *Matter           // that the actor stands on, once it was looked at
	reach     consent.Terms     // what that reaches
	err       error
}

func (g *Gate) verdicts(ctx context.Context, actor identity.Actor, ask Ask) *verdicts {
	return &verdicts{gate: g, ctx: ctx, actor: actor, ask: ask, bySubject: make(map[string]consent.Decision), scoped: make(map[string]bool), ties: make(map[string]tie), limits: make(map[string]use), groups: make(map[string][]team), member: make(map[string]string)}
}

// saw notes as of which epoch a patient's slips were looked at.
func (v *verdicts) saw(epoch uint64) {
	v.torn = v.torn || v.consulted && epoch != v.epoch
	v.consulted, v.epoch = true, epoch
}

// outdated reports whether the decisions were made by other consents than those
// of an epoch.
func (v *verdicts) outdated(epoch uint64) bool {
	return v != nil && v.consulted && (v.torn || v.epoch != epoch)
}

// named decides about the patient whom the request names, if any.
func (v *verdicts) named() (*consent.Decision, error) {
	if v.ask.Subject == "" {
		switch v.actor.Kind() {
		case identity.Peer:
			return unnamed("Another hospital must name the patient whose records it asks for."), nil
		case identity.Legal:
			return unnamed("Who carries out an order must name the patient whose records are asked for."), nil
		}
		return nil, nil
	}
	d, err := v.decision(nil, v.ask.Subject)
	return &d, err
}

func unnamed(text string) *consent.Decision {
	return &consent.Decision{Outcome: consent.NotPermitted, Rule: "policy.name-the-patient", Explanation: text}
}

// allow is the Allow of this request.
func (v *verdicts) allow(view *store.View, c Candidate) bool {
	d, err := v.decision(view, c.subject)
	if err != nil {
		v.err = err
		return false
	}
	return d.Allowed && v.role(c.subject, c.facets.Type) && shows(d.Filter, &c.facets) && v.inScope(c) && v.concerns(view, c)
}

// again judges once more what was found: by its facets, and by what allow said
// of the record where scopes ask for more than those.
func (v *verdicts) again(r Record) bool {
	d, err := v.decision(nil, r.Subject)
	if err != nil {
		v.err = err
		return false
	}
	return d.Allowed && v.role(r.Subject, r.Facets.Type) && shows(d.Filter, &r.Facets) && (v.inScope(Older(r.Subject, r.Facets)) || v.scoped[r.Ref.Type+"/"+r.Ref.ID])
}

// shows tells whether a filter shows a record with these facets.
func shows(filter consent.Filter, f *search.Facets) bool {
	if filter.Blind() {
		return filter.Match(consent.Item{})
	}
	return filter.Match(Item(*f))
}

// decision decides about one patient, once. view is an open one to look her
// slips up in, nil if there is none.
func (v *verdicts) decision(view *store.View, subject string) (consent.Decision, error) {
	if d, ok := v.bySubject[subject]; ok {
		return d, nil
	}
	d, err := v.decide(view, subject)
	if err == nil {
		v.bySubject[subject] = d
	}
	return d, err
}

// kind is what an allowed access is called in the log.
func (v *verdicts) kind() string {
	switch v.actor.Kind() {
	case identity.Peer:
		return proof.KindDisclosureSent
	case identity.Emergency:
		return proof.KindAccessEmergency
	case identity.Legal:
		return proof.KindAccessOrder
	}
	return proof.KindAccessAllowed
}

// decide asks consent.Decide about one patient.
func (v *verdicts) decide(view *store.View, subject string) (consent.Decision, error) {
	g := v.gate
	if g.Erased(subject) {
		return erased(), nil
	}
	if v.actor.Kind() == identity.Representative {
		return v.represented(view, subject)
	}
	if exceptional(v.actor) {
		return v.byMatter(view, subject)
	}
	if d, done := standing(g.home, v.actor, subject); done {
		return d, nil
	}
	if d, done := outside(v.actor, subject); done {
		return d, nil
	}
	grants, err := v.grants(view, subject)
	if err != nil {
		return consent.Decision{}, err
	}
	if subject == v.ask.Subject && v.claim == claimUnknown {
		return consent.Decision{Outcome: consent.NotPermitted, Rule: "policy.consent-reference",
			Explanation: "The asking hospital names a consent that this patient has not given it here."}, nil
	}
	policy, err := v.policy(view, subject)
	if err != nil {
		return consent.Decision{}, err
	}
	asker, err := v.asker(view, subject)
	if err != nil {
		return consent.Decision{}, err
	}
	ask := consent.Ask{Actor: asker, Action: v.ask.Action, Purpose: v.actor.Purpose(), Now: time.Now().UnixMilli()}
	d := consent.Decide(ask, grants, policy)
	if len(policy.Purposes) == 0 && d.Rule == rulePurpose {
		d = unrelated(d)
	}
	return d, nil
}

// rulePurpose is consent's rule for a purpose that the policy does not allow.
const rulePurpose = "policy.purpose"

// policy returns what holds where the patient said nothing: nothing, for who needs
// a relationship with her and has none. What is about nobody needs none.
func (v *verdicts) policy(view *store.View, subject string) (consent.Policy, error) {
	g := v.gate
	if subject == "" || !g.bound(v.actor) {
		return g.policy, nil
	}
	t, err := g.relationship(v.ctx, view, v.actor, subject)
	if err != nil {
		return consent.Policy{}, err
	}
	if t == nil {
		return consent.Policy{Home: g.home}, nil
	}
	v.ties[subject] = *t
	return g.policy, nil
}

// role tells whether a record is one for the actor's role. Of what is about no one
// patient, who needs relationships sees only what is about nobody at all.
func (v *verdicts) role(subject, typ string) bool {
	return v.actor.Sees(typ) && (subject != "" || !v.gate.bound(v.actor) && !exceptional(v.actor) || !search.Protected(typ))
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
	case !actor.MayActFor(actor.Purpose()):
		return consent.Decision{Outcome: consent.NotPermitted, Rule: "policy.role",
			Explanation: "This is not what the person's role is for."}, true
	case actor.Organisation() == home && actor.Kind() != identity.Patient && !actor.May(identity.RightRecords) && !actor.May(identity.RightRead):
		return consent.Decision{Outcome: consent.NotPermitted, Rule: "policy.client-right",
			Explanation: "This software was not registered with the right to read records."}, true
	}
	return consent.Decision{}, false
}

// grants returns the patient's slips with what the replica says of them at this
// moment.
func (v *verdicts) grants(view *store.View, subject string) ([]consent.Grant, error) {
	if subject == "" {
		return nil, nil
	}
	have, err := v.gate.slips(v.ctx, view, subject)
	if err != nil {
		return nil, err
	}
	v.saw(have.epoch)
	if subject == v.ask.Subject {
		v.claim = v.gate.claimed(v.actor, have.slips)
	}
	if len(have.slips) == 0 {
		return nil, nil
	}
	out := make([]consent.Grant, len(have.slips))
	for i, h := range have.slips {
		if err := v.gate.reached(v.ctx, h.mark); err != nil {
			return nil, err
		}
		used, err := v.used(view, &h)
		if err != nil {
			return nil, err
		}
		for _, t := range h.teams {
			if !slices.Contains(v.groups[subject], t) {
				v.groups[subject] = append(v.groups[subject], t)
			}
		}
		out[i] = consent.Grant{Ref: h.ref, Terms: h.terms, Facts: consent.Facts{Committed: true, Stopped: v.gate.stopped(h), Used: used}}
	}
	passedOn(out)
	return out, nil
}

// stopped tells whether a mark that stops the slip stands in the replica.
func (g *Gate) stopped(h held) bool {
	if _, stopped := g.chain.Mark(h.stop); stopped || h.kit == [32]byte{} {
		return stopped
	}
	_, stopped := g.chain.Mark(h.kit)
	return stopped
}

// reachWithin is how long a decision waits for this process's replica.
const reachWithin = 2 * time.Second

// reached waits until the replica holds the mark of an accepted slip. A slip is
// accepted when its mark is in the replica of the process that accepts it; that
// of another process may be a block behind, and must not decide before.
func (g *Gate) reached(ctx context.Context, mark [32]byte) error {
	if _, committed := g.chain.Mark(mark); committed {
		return nil
	}
	late := time.NewTimer(reachWithin)
	defer late.Stop()
	for {
		changed := g.chain.Changed()
		if _, committed := g.chain.Mark(mark); committed {
			return nil
		}
		select {
		case <-changed:
		case <-late.C:
			return fault.New(fault.Busy, "ledger-behind", "this hospital's node has not yet seen the block of a consent that it holds").
				WithHint("try again shortly; if it lasts, the operator should run `cairn scrub`")
		case <-ctx.Done():
			return fault.As(ctx.Err())
		}
	}
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
