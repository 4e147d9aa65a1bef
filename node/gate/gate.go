// Package gate decides. It is the second station and the only way to a
// record: it takes an Actor and what is asked, and gives a Pass.
//
// Log before decrypt: no Pass exists before the log entry of this very access
// is durable, and the vault opens nothing without a Pass. So a read that
// leaves no trace is impossible by construction; when the log stops, reads
// stop.
package gate

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"cairn/consent"
	"cairn/fhir/search"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// Chain is what the gate must know of the ledger. Mark looks an image up in
// this hospital's own replica; Fresh says why the replica must not be relied
// on, or nil; Changed is closed at the next block; BlockTime is that of the last
// one, in Unix milliseconds.
type Chain interface {
	Fresh(now int64) error
	BlockTime() int64
	Mark(image [32]byte) (height uint64, present bool)
	Changed() <-chan struct{}
}

// Ask is what somebody wants to do.
type Ask struct {
	Interaction string         // FHIR interaction: read, vread, search-type, history-instance...
	Action      consent.Action // in the terms of a consent
	Type        string         // of the records that are asked for, "" if it may be any
	Subject     string         // local id of the patient that the request names, "" if it names none
	Query       string         // what was asked, for the patient's log: "Observation?category=laboratory"
	Elsewhere   bool           // what is answered comes from other hospitals too, where Allow is not asked
}

// Record is one record version that matches a request. Its facets are those
// that its sealed body is bound to.
type Record struct {
	Ref        Ref
	Subject    string
	Facets     search.Facets
	Commitment [32]byte
}

// Candidate is a version of a record that might be shown, as far as it can be
// judged without opening it. Found and Older make one.
type Candidate struct {
	subject string
	facets  search.Facets
	load    func() (*search.Index, error) // what it can be found by; nil: that is not kept
}

// Found is the current version of a record.
func Found(h *store.Hit) Candidate {
	c := Candidate{subject: h.Subject, facets: h.Facets}
	if !h.Deleted {
		c.load = h.Load
	}
	return c
}

// Older is any version of a record about a subject: of it no more than its
// facets is known.
func Older(subject string, f search.Facets) Candidate { return Candidate{subject: subject, facets: f} }

// Was is a version of a record that was current when a search began: it is judged
// by its own facets, and by what it could be found by.
func Was(subject string, f search.Facets, load func() (*search.Index, error)) Candidate {
	return Candidate{subject: subject, facets: f, load: load}
}

// Allow tells whether a version of a record may be shown. A Find calls it on
// every candidate before it counts or pages, with the view that it has open.
// Whoever shows a version that is not current asks for the current one too.
type Allow func(v *store.View, c Candidate) bool

// Find looks up what matches the request, without opening anything. It is called
// again when the patient's consents changed meanwhile, so what it leaves in
// variables must be that of its last call.
type Find func(ctx context.Context, allow Allow) ([]Record, error)

// Gate is the station. Its methods are safe for concurrent use.
type Gate struct {
	home    string
	store   *store.Store
	keys    Keys
	journal *evidence.Journal
	chain   Chain
	policy  consent.Policy
	acting  Mandates // nil: nobody acts for a patient

	erasures Erasures // nil: nobody was erased

	related Relationships

	mu   sync.RWMutex
	held map[string]holding // by subject: accepted slips, compiled
	ties map[string]tied    // by patient and person: why she treats her
}

// ownPurposes are what a hospital's own staff may act for where the patient
// said nothing: treatment, emergency treatment, payment, operations (45 CFR
// 164.506).
var ownPurposes = []string{"TREAT", "ETREAT", "HPAYMT", "HOPERAT"}

// New makes the gate of the member `home`.
func New(home string, st *store.Store, keys Keys, journal *evidence.Journal, chain Chain, related Relationships) *Gate {
	return &Gate{
		home: home, store: st, keys: keys, journal: journal, chain: chain,
		policy: consent.Policy{Home: home, Purposes: ownPurposes}, held: make(map[string]holding),
		related: related, ties: make(map[string]tied),
	}
}

// Open decides on a read, makes its trace durable and gives the Pass. When the
// request names a patient and nothing of hers may be shown to this actor for
// this purpose, it fails with Refused and the rule; that too is in the log
// first. Records that the filter hides are not found.
func (g *Gate) Open(ctx context.Context, actor identity.Actor, ask Ask, find Find) (Pass, error) {
	if actor.Kind() == "" {
		return Pass{}, fault.New(fault.Unauthenticated, "nobody", "this needs a signed-in actor")
	}
	if err := g.fresh(); err != nil {
		return Pass{}, err
	}
	var pass Pass
	err := settled(func() (err error) {
		pass, err = g.open(ctx, actor, ask, find)
		return err
	})
	return pass, err
}

// settled decides, anew while consents change between the decision and its entry
// in the log.
func settled(decide func() error) error {
	for range tries {
		if err := decide(); !errors.Is(err, errChanged) {
			return err
		}
	}
	return fault.Wrap(fault.Busy, "consents-changing", "consents are being changed at this moment, so nothing is shown", errChanged).
		WithHint("try again")
}

// tries is how often a request is decided.
const tries = 5

var errChanged = errors.New("consents changed since the decision")

// open decides once.
func (g *Gate) open(ctx context.Context, actor identity.Actor, ask Ask, find Find) (Pass, error) {
	v := g.verdicts(ctx, actor, ask)
	named, err := v.named()
	if err != nil {
		return Pass{}, err
	}
	if missing := v.lacking(need(ask.Interaction)); missing != nil {
		named = missing
	}
	if named != nil && !named.Allowed {
		return Pass{}, g.refuse(ctx, actor, ask, *named, v)
	}
	found, err := find(ctx, v.allow)
	if err == nil {
		err = v.err
	}
	if err != nil {
		return Pass{}, err
	}
	return g.admit(ctx, v, found)
}

// admit judges what was found once more, logs the access, one entry a patient,
// and makes the Pass.
func (g *Gate) admit(ctx context.Context, v *verdicts, found []Record) (Pass, error) {
	p := Pass{opens: make([]Ref, 0, len(found))}
	for _, r := range found {
		if !v.again(r) {
			return Pass{}, cmp.Or(v.err, error(fault.New(fault.Broken, "gate-mismatch", "what was found is not what may be shown, so nothing is shown")))
		}
		p.opens = append(p.opens, r.Ref)
	}
	var drafts []*evidence.Draft
	groups, uses := bySubject(v.ask.Subject, found), make(map[string]use)
	for _, group := range groups {
		draft, err := g.draft(v, group, uses)
		if err != nil {
			return Pass{}, err
		}
		drafts = append(drafts, draft)
	}
	if err := g.write(ctx, drafts, v, uses); err != nil {
		return Pass{}, err
	}
	for i, d := range drafts {
		p.receipts = append(p.receipts, d.Receipt())
		v.actor.Leave(identity.Left{Entry: d.Entry(), Subject: groups[i].subject, Shown: true})
	}
	return p, nil
}

// draft prepares the log entry about one patient. That nothing was found for
// somebody who may see nothing is a refusal. It adds the uses that the access
// takes.
func (g *Gate) draft(v *verdicts, group group, uses map[string]use) (*evidence.Draft, error) {
	d, err := v.decision(nil, group.subject)
	if err != nil {
		return nil, err
	}
	ev := g.event(v.actor, v.ask, d)
	ev.Subject, ev.Kind, ev.Allowed, ev.Detail = PatientReference(group.subject), v.kind(), true, v.detail(v.actor)
	if !d.Allowed {
		ev.Kind, ev.Allowed = proof.KindAccessRefused, false
	}
	if t, ok := v.ties[group.subject]; ok && d.Allowed {
		ev.Detail = t.said()
	}
	if said := v.member[group.subject]; said != "" && d.Allowed && d.Grant != "" {
		ev.Detail = strings.TrimPrefix(ev.Detail+"; "+said, "; ")
	}
	if of := v.uses(&d, group, uses); of != "" {
		ev.Grant = of
	}
	for _, r := range group.records {
		ev.Records = append(ev.Records, proof.Record{Type: r.Ref.Type, ID: r.Ref.ID, Version: r.Ref.Version, Commitment: r.Commitment})
	}
	return g.journal.Draft(ev)
}

// refuse logs a refusal and returns it as a fault with its rule. v is how it was
// decided, nil if without a look at consents.
func (g *Gate) refuse(ctx context.Context, actor identity.Actor, ask Ask, d consent.Decision, v *verdicts) error {
	if d.Rule == RuleErased { // of whom the log says nothing more
		ask.Subject, ask.Query = "", ""
	}
	ev := g.event(actor, ask, d)
	ev.Kind, ev.Subject, ev.Detail = proof.KindAccessRefused, PatientReference(ask.Subject), v.detail(actor)
	draft, err := g.journal.Draft(ev)
	if err != nil {
		return err
	}
	if err := g.write(ctx, []*evidence.Draft{draft}, v, nil); err != nil {
		return err
	}
	actor.Leave(identity.Left{Entry: draft.Entry(), Subject: ask.Subject})
	text := d.Explanation
	if text == "" {
		text = "This is not allowed."
	}
	f := fault.New(fault.Refused, d.Rule, text)
	switch d.Rule {
	case RuleScope:
		f = f.WithScope(missing(actor, ask))
	case RuleRelationship:
		f = f.WithHint("if you treat her, say so and why: POST /staff/claims")
	}
	return f
}

// write appends entries of an access. It does not when consents changed since
// the decision, in this or in another process of the hospital: so in the order
// of the log, what follows the acceptance of a consent was decided with it.
func (g *Gate) write(ctx context.Context, drafts []*evidence.Draft, v *verdicts, uses map[string]use) error {
	enter := func() error { return g.take(ctx, drafts, v, uses) }
	if len(uses) == 0 {
		enter = func() error { return g.enter(ctx, drafts, v) }
	}
	err := enter()
	if err == nil {
		return nil
	}
	var f *fault.Error
	if errors.As(err, &f) || errors.Is(err, errChanged) {
		return err
	}
	return fault.Wrap(fault.Broken, "log", "the log of accesses cannot be written, so nothing is shown", err)
}

func (g *Gate) enter(ctx context.Context, drafts []*evidence.Draft, v *verdicts) error {
	return evidence.Enter(ctx, g.store, drafts, func(epoch uint64) error {
		if v.outdated(epoch) {
			return errChanged
		}
		return nil
	})
}

// event starts the log entry of an access.
func (g *Gate) event(actor identity.Actor, ask Ask, d consent.Decision) proof.Event {
	return proof.Event{
		Member: g.home, Time: time.Now().UnixMilli(), Actor: Describe(actor), Purpose: actor.Purpose(),
		Action: ask.Interaction, Rule: d.Rule, Explanation: d.Explanation, Grant: d.Grant, Query: ask.Query,
	}
}

// PatientReference returns "Patient/ID" for a subject, "" for none.
func PatientReference(subject string) string {
	if subject == "" {
		return ""
	}
	return "Patient/" + subject
}

// Describe returns the actor as an entry of the log keeps it: machines and
// people are told apart, and the app that acts for a person is named with her.
func Describe(a identity.Actor) proof.Actor {
	kind := proof.ActorMachine
	switch {
	case a.Kind() == identity.Patient:
		kind = proof.ActorPatient
	case a.Kind() == identity.Representative:
		kind = proof.ActorRepresentative
	case a.Person() != "":
		kind = proof.ActorStaff
	}
	name := a.Name()
	if a.Through() != "" {
		name += ", through " + a.Through()
	}
	return proof.Actor{
		Kind: kind, Organisation: a.Organisation(), Person: a.Person(),
		Name: name, Role: a.Role(), Unit: a.Unit(),
	}
}

type group struct {
	subject string
	records []Record
}

// bySubject groups records by whom they are about, in order of appearance. The
// patient whom the request named has a group even if nothing was found: that
// somebody looked is an event.
func bySubject(named string, found []Record) []group {
	if slices.IndexFunc(found, func(r Record) bool { return r.Subject != named }) < 0 {
		return []group{{named, found}}
	}
	var groups []group
	at := make(map[string]int)
	if named != "" || len(found) == 0 {
		groups, at[named] = append(groups, group{subject: named}), 0
	}
	for _, r := range found {
		i, ok := at[r.Subject]
		if !ok {
			i = len(groups)
			groups, at[r.Subject] = append(groups, group{subject: r.Subject}), i
		}
		groups[i].records = append(groups[i].records, r)
	}
	return groups
}
