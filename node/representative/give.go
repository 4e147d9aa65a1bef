package representative

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"cairn/consent/mandate"
	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// mandatesAtMost bounds the mandates about one patient that nobody has ended.
const mandatesAtMost = 20

// Wish is a mandate that somebody wants to be given.
type Wish struct {
	Given
	HolderPatient string // who acts, if a patient of this hospital; "" for a related person, who is registered by the code
}

// Done is a mandate that was given.
type Done struct {
	ID   string
	Code string // one-time, for a related person to register a passkey; "" if a patient acts
	Ends time.Time
}

// Give keeps a mandate. The patient gives proxies herself, with a sign-in by
// passkey just before; parents and guardians are entered by software or staff with
// the right to invite, when the hospital has seen the papers. A related person
// registers with the code.
func (d *Desk) Give(ctx context.Context, actor identity.Actor, w Wish) (Done, error) {
	if err := d.mayGive(actor, &w); err != nil {
		return Done{}, err
	}
	owner, related := w.HolderPatient, w.HolderPatient == ""
	if related {
		owner = identity.RelatedOwner(strings.ToLower(rand.Text()))
	}
	w.Holder, w.From = owner, max(w.From, d.now())
	if err := d.check(w.Given); err != nil {
		return Done{}, err
	}
	row := &store.Mandate{ID: strings.ToLower(rand.Text()), Subject: w.Subject, Holder: owner}
	if err := d.seal(row, w.Given); err != nil {
		return Done{}, err
	}
	draft, err := d.event(proof.KindMandateGiven, w.Subject, fmt.Sprintf("%s, %s", w.Kind, w.Name), gate.Describe(actor))
	if err != nil {
		return Done{}, err
	}
	out := Done{ID: row.ID}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := d.room(tx, w); err != nil {
			return err
		}
		if err := tx.AddMandate(row); err != nil {
			return err
		}
		if related {
			in, err := d.door.Invite(tx, owner, time.Now())
			if err != nil {
				return err
			}
			out.Code, out.Ends = in.Code, in.Ends
		}
		return draft.Append(tx)
	})
	return out, err
}

// stepUp is how long ago the patient may have signed in who names a proxy.
const stepUp = 5 * time.Minute

func (d *Desk) mayGive(actor identity.Actor, w *Wish) error {
	switch {
	case actor.Delegated():
		return fault.New(fault.Refused, "policy.mandate", "an app gives no mandates")
	case actor.Kind() == identity.Patient && w.Kind == mandate.Proxy:
		w.Subject = actor.Patient()
		return actor.Assured(identity.LevelSynced, stepUp)
	case actor.May(identity.RightInvite) && (w.Kind == mandate.Parent || w.Kind == mandate.Guardian):
		return nil
	}
	return fault.New(fault.Refused, "policy.mandate", "the patient names her proxies; parents and guardians are entered by the hospital").
		WithHint("sign in as the patient for a proxy, or with the right to invite for a parent or guardian")
}

// check refuses a mandate that does not have its form.
func (d *Desk) check(g Given) error {
	if err := g.Validate(); err != nil {
		return fault.Wrap(fault.Invalid, "mandate-form", "the mandate is not complete: "+strings.TrimPrefix(err.Error(), "mandate: "), err)
	}
	if g.Name == "" || len(g.Name) > 100 || strings.ContainsFunc(g.Name, func(r rune) bool { return r < ' ' }) {
		return fault.New(fault.Invalid, "mandate-name", "the mandate needs the name of who acts, at most 100 bytes")
	}
	if g.Kind != mandate.Proxy && len(g.Types)+len(g.Categories) > 0 {
		return fault.New(fault.Invalid, "mandate-scope", "only a proxy's mandate is limited to types and categories")
	}
	for _, t := range g.Types {
		if !resource.IsType(t) {
			return fault.New(fault.Invalid, "mandate-scope", "FHIR R4 has no such resource type")
		}
	}
	if len(g.Types) > 50 || len(g.Categories) > 50 {
		return fault.New(fault.Invalid, "mandate-scope", "at most 50 types and 50 categories can be named")
	}
	_, err := d.seen(g, true)
	return err
}

// room checks the two people and how many mandates there are.
func (d *Desk) room(tx *store.Tx, w Wish) error {
	people := []string{w.Subject}
	if w.HolderPatient != "" {
		people = append(people, w.HolderPatient)
	}
	for _, id := range people {
		if head, err := tx.Current("Patient", id); err != nil || head.Deleted {
			return fault.New(fault.NotFound, "not-found", "there is no such patient at this hospital")
		}
	}
	rows, err := tx.Mandates(w.Subject)
	live := 0
	for _, row := range rows {
		if row.Ended == 0 {
			live++
		}
	}
	if err == nil && live >= mandatesAtMost {
		err = fault.New(fault.TooLarge, "mandates-many", fmt.Sprintf("there are %d mandates for this patient already", mandatesAtMost)).WithHint("end those that are not needed")
	}
	return err
}

// End ends a mandate at once. The patient may, who holds it may, and who may
// enter one. It fails with Conflict when nobody would be left who can decide for
// the patient.
func (d *Desk) End(ctx context.Context, actor identity.Actor, id string) error {
	now := max(d.now(), 1)
	var row *store.Mandate
	if err := d.store.View(ctx, func(v *store.View) (err error) { row, err = v.Mandate(id); return err }); err != nil {
		return err
	}
	if !mayEnd(actor, row) {
		return fault.New(fault.NotFound, "not-found", "there is no such mandate")
	}
	g, err := d.open(row)
	if err != nil {
		return err
	}
	g.Ended = now
	if err := d.seal(row, g); err != nil {
		return err
	}
	draft, err := d.event(proof.KindMandateEnded, row.Subject, fmt.Sprintf("%s, %s", g.Kind, g.Name), gate.Describe(actor))
	if err != nil {
		return err
	}
	return d.store.Update(ctx, func(tx *store.Tx) error {
		if err := d.remains(tx, row, now); err != nil {
			return err
		}
		ended, err := tx.EndMandate(row)
		if err != nil {
			return err
		}
		if !ended {
			return fault.New(fault.Gone, "mandate-ended", "this mandate was ended already")
		}
		return draft.Append(tx)
	})
}

func mayEnd(actor identity.Actor, row *store.Mandate) bool {
	if actor.Delegated() {
		return false
	}
	return actor.Kind() == identity.Patient && actor.Patient() == row.Subject ||
		actor.Holder() != "" && actor.Holder() == row.Holder || actor.May(identity.RightInvite)
}

// remains fails with Conflict unless somebody is left who can act for the patient.
func (d *Desk) remains(tx *store.Tx, row *store.Mandate, now int64) error {
	keys, err := tx.Passkeys(row.Subject)
	if err != nil {
		return err
	}
	ids, all, err := d.about(&tx.View, row.Subject, "")
	if err != nil {
		return err
	}
	var others []mandate.Mandate
	decides := false
	for i, g := range all {
		if ids[i] == row.ID {
			decides = g.At(now, d.ages).Has(mandate.Decide)
			continue
		}
		others = append(others, g.Mandate)
	}
	if decides && mandate.Last(len(keys) > 0, others, now, d.ages) {
		return fault.New(fault.Conflict, "mandate-last", "nobody would be left who can act for this patient").
			WithHint("invite the patient, or enter another representative, first")
	}
	return nil
}

// Shown is a mandate as the people in it see it.
type Shown struct {
	ID string
	Given
	Now  mandate.Standing // what it gives at this moment
	Mine bool             // the one who asks holds it
}

// List returns the mandates about the patient who asks, or those of the person who
// acts for others; a patient who acts for others sees both.
func (d *Desk) List(ctx context.Context, actor identity.Actor) (out []Shown, err error) {
	if actor.Holder() == "" {
		return nil, fault.New(fault.Refused, "policy.own-mandates", "only the people in a mandate see it here")
	}
	err = d.store.View(ctx, func(v *store.View) error {
		add := func(subject, holder string) error {
			ids, all, err := d.about(v, subject, holder)
			for i, g := range all {
				out = append(out, Shown{ids[i], g, g.At(d.now(), d.ages), holder != ""})
			}
			return err
		}
		if actor.Kind() == identity.Patient {
			if err := add(actor.Patient(), ""); err != nil {
				return err
			}
		}
		return add("", actor.Holder())
	})
	return out, err
}

// Act returns a token with which a holder acts for a patient. It fails with
// Refused when no mandate gives anything at this moment.
func (d *Desk) Act(ctx context.Context, actor identity.Actor, subject, device string) (identity.Token, error) {
	var name string
	for _, p := range mandate.Powers {
		_, by, _, err := d.strongest(ctx, nil, actor.Holder(), subject, p)
		if err != nil {
			return identity.Token{}, err
		}
		if len(by) > 0 {
			name = by[0].Name
		}
	}
	if name == "" {
		return identity.Token{}, fault.New(fault.Refused, "mandate.none", "Nobody has given this person a mandate to act for this patient.")
	}
	as, err := d.door.ActFor(actor, subject, name)
	if err != nil {
		return identity.Token{}, err
	}
	draft, err := d.journal.Draft(proof.Event{Kind: proof.KindSignIn, Time: time.Now().UnixMilli(), Actor: gate.Describe(as), Subject: gate.PatientReference(subject),
		Purpose: as.Purpose(), Action: "act", Allowed: true, Rule: "policy.mandate"})
	if err != nil {
		return identity.Token{}, err
	}
	return d.door.OpenToken(ctx, as, device, draft.Append)
}
