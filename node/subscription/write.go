package subscription

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"cairn/consent"
	"cairn/fhir/profile"
	"cairn/fhir/resource"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// Create keeps a new subscription under an id of its own. It is requested
// until the endpoint has answered the handshake.
func (d *Desk) Create(ctx context.Context, actor identity.Actor, body []byte) (Resource, error) {
	a, err := d.admit(ctx, actor, "create", body)
	if err != nil {
		return Resource{}, err
	}
	return d.add(ctx, a, uuid.NewString())
}

// Put replaces what a subscription asks for, or makes one under the client's
// id. A status of requested or active starts it: after an error it goes on where
// it stopped, after off it begins with what happens from then on. ifMatch is the
// version that must be current, 0 for no condition.
func (d *Desk) Put(ctx context.Context, actor identity.Actor, id string, body []byte, ifMatch uint64) (Resource, error) {
	a, err := d.admit(ctx, actor, "update", body)
	if err != nil {
		return Resource{}, err
	}
	if a.doc.ID() != id {
		return Resource{}, fault.New(fault.Invalid, "invalid", "the id in the resource must be the id in the URL").At("id")
	}
	old, err := d.own(ctx, actor, id)
	switch {
	case fault.Is(err, fault.NotFound) && ifMatch == 0:
		return d.add(ctx, a, id)
	case fault.Is(err, fault.NotFound) || err == nil && ifMatch != 0 && ifMatch != old.Version:
		return Resource{}, changed()
	case err != nil:
		return Resource{}, err
	}
	return d.replace(ctx, a, old)
}

func changed() error {
	return fault.New(fault.Precondition, "conflict", "the subscription was changed since it was read").
		WithHint("read it again and repeat the change")
}

// admitted is a subscription that its owner may have.
type admitted struct {
	actor  identity.Actor
	action string
	doc    *resource.Doc
	wish   *wish
	body   []byte
}

// admit reads what is asked for, and asks the gate.
func (d *Desk) admit(ctx context.Context, actor identity.Actor, action string, body []byte) (*admitted, error) {
	if actor.Kind() == identity.Patient {
		return nil, fault.New(fault.Unsupported, "not-supported", "a patient's own sign-in cannot leave a subscription behind").
			WithHint("an app of the hospital can subscribe for her")
	}
	doc, err := resource.Parse(body, resource.Limits{})
	if err != nil {
		return nil, malformed(err)
	}
	if doc.Type() != "Subscription" {
		return nil, fault.New(fault.Invalid, "invalid", "the resource is not of the type that the URL names").At("resourceType")
	}
	if err := structure(doc); err != nil {
		return nil, err
	}
	w, err := read(doc)
	if err != nil {
		return nil, err
	}
	if err := d.gate.Subscribe(ctx, actor, ask(action, w)); err != nil {
		if actor.Purpose() == "" && fault.Is(err, fault.Refused) {
			return nil, fault.As(err).WithHint("sign in with hl7-b2b and one purpose_of_use: notifications are decided for it")
		}
		return nil, err
	}
	if err := d.post.Check(w.endpoint); err != nil {
		return nil, fault.As(err).At("Subscription.channel.endpoint")
	}
	if w.end != 0 && w.end <= time.Now().UnixMilli() {
		return nil, invalid("end", "the end has passed already", "send a later one, or none")
	}
	a := &admitted{actor: actor, action: action, doc: doc, wish: w}
	a.body, err = withEnd(doc, w, time.Now())
	return a, err
}

// structure refuses a resource whose structure is not that of its R4
// definition.
func structure(doc *resource.Doc) error {
	var list []error
	for _, i := range profile.Check(doc) {
		f := fault.New(fault.Invalid, i.Code, i.Text).At(i.Expression)
		f.Rule = i.Rule
		if list = append(list, f); len(list) == maxFindings {
			break
		}
	}
	return errors.Join(list...)
}

const maxFindings = 20

// malformed keeps the code and expression of an error of the resource room.
func malformed(err error) error {
	var e *resource.Error
	if !errors.As(err, &e) {
		return fault.Wrap(fault.Invalid, "invalid", "this is not a valid resource", err)
	}
	return fault.New(fault.Invalid, string(e.Code), e.Text).At(e.Expression)
}

// ask is a subscription as the gate and the log see it.
func ask(action string, w *wish) gate.Ask {
	out := gate.Ask{Interaction: action, Action: consent.Access, Subject: w.criteria.Patient(), Query: described(w, w.content)}
	if types := w.criteria.Topic().Types(); len(types) == 1 {
		out.Type = types[0]
	}
	return out
}

// described says in one line what is asked for and where it goes.
func described(w *wish, content string) string {
	out := "Subscription to " + w.criteria.Topic().URL
	for _, f := range w.filters {
		out += ", " + f
	}
	return out + ", " + content + ", sent to " + w.origin()
}

func (d *Desk) add(ctx context.Context, a *admitted, id string) (Resource, error) {
	s := &store.Subscription{ID: id, Owner: ownerOf(a.actor), Version: 1, Epoch: 1}
	draft, err := d.prepare(ctx, a, s)
	if err != nil {
		return Resource{}, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := roomFor(tx, s.Owner); err != nil {
			return err
		}
		if err := draft.Append(tx); err != nil {
			return err
		}
		s.Next = draft.Receipt().Index + 1
		s.Until = s.Next
		return tx.AddSubscription(s)
	})
	if err != nil {
		return Resource{}, err
	}
	return d.done(a, s, draft, true)
}

func roomFor(tx *store.Tx, owner string) error {
	own, all, err := tx.CountSubscriptions(owner)
	if err == nil && (own >= maxOfOwner || all >= maxOfAll) {
		err = fault.New(fault.Conflict, "business-rule", "there are as many subscriptions as there may be").
			WithHint("delete those that are not needed, or ask for more with one")
	}
	return err
}

// prepare seals what is asked for and on whose behalf, and drafts the event.
func (d *Desk) prepare(ctx context.Context, a *admitted, s *store.Subscription) (draft *evidence.Draft, err error) {
	s.Status, s.Updated = a.wish.status, time.Now().UnixMilli()
	if s.Body, err = d.keys.Seal(ctx, sealKey, a.body, bound(s)); err != nil {
		return nil, err
	}
	if s.Standing, err = d.door.Keep(a.actor, thing(s)); err != nil {
		return nil, err
	}
	return d.draft(a.actor, a.action, a.wish)
}

// draft prepares the entry that a subscription was changed. It is about the
// patient whom the filters name, so that she sees it.
func (d *Desk) draft(actor identity.Actor, action string, w *wish) (*evidence.Draft, error) {
	return d.journal.Draft(proof.Event{
		Kind: proof.KindSubscription, Time: time.Now().UnixMilli(), Actor: gate.Describe(actor), Purpose: actor.Purpose(), Action: action,
		Subject: gate.PatientReference(w.criteria.Patient()), Allowed: true, Rule: "policy.subscribe", Query: described(w, w.content),
	})
}

func (d *Desk) done(a *admitted, s *store.Subscription, draft *evidence.Draft, created bool) (Resource, error) {
	d.nudge()
	doc, err := resource.Parse(a.body, resource.Limits{})
	if err != nil {
		return Resource{}, malformed(err)
	}
	return Resource{ID: s.ID, Version: s.Version, Updated: s.Updated, Raw: render(doc, s), Created: created, Receipt: draft.Receipt()}, nil
}

// replace writes a new wish over an old one. What was numbered and perhaps sent
// keeps its numbers, unless something else is asked for.
func (d *Desk) replace(ctx context.Context, a *admitted, old *store.Subscription) (Resource, error) {
	s := *old
	s.Version, s.Epoch = old.Version+1, old.Epoch+1
	other := true
	if _, w, err := d.open(ctx, old); err == nil {
		other = w.criteria.Topic() != a.wish.criteria.Topic() || !slices.Equal(w.filters, a.wish.filters)
	}
	draft, err := d.prepare(ctx, a, &s)
	if err != nil {
		return Resource{}, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := draft.Append(tx); err != nil {
			return err
		}
		present, err := tx.Subscription(old.ID) // it may have been told of more meanwhile
		if err != nil {
			return err
		}
		s.Progress = onwards(present, other, draft.Receipt().Index+1)
		return tx.ReplaceSubscription(&s, old.Version)
	})
	if fault.Is(err, fault.Precondition) {
		return Resource{}, changed()
	}
	if err != nil {
		return Resource{}, err
	}
	return d.done(a, &s, draft, false)
}

// onwards is where a subscription that its owner has changed goes on, when the
// log is as long as here.
func onwards(s *store.Subscription, other bool, here uint64) store.Progress {
	p := s.Progress
	p.Error, p.Failures, p.Due = "", 0, 0
	switch {
	case s.Status == off:
		p.Next, p.Until = here, here
	case here-min(here, p.Next) > maxLag:
		// Too much was missed. The number that is left out tells the subscriber.
		p.Next, p.Until, p.Number = here, here, p.Number+1
	case other:
		p.Until = p.Next
	}
	return p
}

// Delete ends a subscription and forgets what it asked for. Deleting what is
// not there, or is deleted already, succeeds.
func (d *Desk) Delete(ctx context.Context, actor identity.Actor, id string, ifMatch uint64) (Resource, error) {
	old, err := d.own(ctx, actor, id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
		return Resource{ID: id}, nil
	}
	if err == nil && ifMatch != 0 && ifMatch != old.Version {
		err = changed()
	}
	if err != nil {
		return Resource{}, err
	}
	event := proof.Event{Kind: proof.KindSubscription, Time: time.Now().UnixMilli(), Actor: gate.Describe(actor), Purpose: actor.Purpose(), Action: "delete", Allowed: true, Rule: "policy.subscribe"}
	if _, w, err := d.open(ctx, old); err == nil { // a damaged one can be deleted too
		event.Subject, event.Query = gate.PatientReference(w.criteria.Patient()), described(w, w.content)
	}
	draft, err := d.journal.Draft(event)
	if err != nil {
		return Resource{}, err
	}
	s := *old
	s.Version, s.Epoch, s.Status, s.Body, s.Standing, s.Updated = old.Version+1, old.Epoch+1, "", []byte{}, []byte{}, event.Time
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := draft.Append(tx); err != nil {
			return err
		}
		if err := tx.DropNotices(id, 0, math.MaxUint64); err != nil {
			return err
		}
		return tx.ReplaceSubscription(&s, old.Version)
	})
	if err != nil {
		return Resource{}, err
	}
	d.nudge()
	return Resource{ID: id, Version: s.Version, Updated: s.Updated, Receipt: draft.Receipt()}, nil
}
