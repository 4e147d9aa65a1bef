package staff

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// Reason is why somebody says that she treats a patient, where no record says so.
type Reason struct{ Code, Text string }

var reasons = []Reason{
	{"consult", "I was asked for advice by somebody who treats the patient"},
	{"covering", "I stand in for somebody, or for a unit, who treats the patient"},
	{"walk-in", "The patient has come, and nothing is registered yet"},
	{"follow-up", "I look after the results of a treatment that is over"},
	{"emergency", "The patient needs treatment at once"},
	{"other", "Another reason, as I write it"},
}

// Reasons returns the reasons that a claim may have.
func Reasons() []Reason { return slices.Clone(reasons) }

// Limits of claims.
const (
	claimHours   = 12 // how long one lasts if nothing is said
	claimAtMost  = 72
	leastText    = 10 // characters
	mostText     = 500
	claimsAtOnce = 50  // that one person may have made in a day
	claimsListed = 200 // newest first
	claimWithin  = time.Hour
)

// Wish is a claim that somebody wants to make.
type Wish struct {
	Patient string // local id
	Reason  string // code of Reasons
	Text    string // in her own words
	Hours   int    // 0 for twelve
}

// Claim makes it so that a person of this hospital may read, for treatment, what
// the patient said nothing about, for some hours. The patient reads it in her log:
// who, why, until when. An app cannot do it in a person's name.
func (d *Desk) Claim(ctx context.Context, actor identity.Actor, w Wish) (gate.Claim, error) {
	if err := d.mayClaim(actor); err != nil {
		return gate.Claim{}, err
	}
	w.Text = strings.TrimSpace(w.Text)
	if !slices.ContainsFunc(reasons, func(r Reason) bool { return r.Code == w.Reason }) {
		return gate.Claim{}, fault.New(fault.Invalid, "claim-reason", "this is not a reason for a claim").WithHint("GET /staff/reasons lists them")
	}
	if n := len([]rune(w.Text)); n < leastText || n > mostText || strings.ContainsFunc(w.Text, func(r rune) bool { return r < ' ' }) {
		return gate.Claim{}, fault.New(fault.Invalid, "claim-text", "say in 10 to 500 characters why you treat the patient").WithHint("the patient reads it")
	}
	if w.Hours == 0 {
		w.Hours = claimHours
	}
	if w.Hours < 1 || w.Hours > claimAtMost {
		return gate.Claim{}, fault.New(fault.Invalid, "claim-hours", "a claim lasts from 1 to 72 hours")
	}
	now := time.Now()
	c := gate.Claim{ID: uuid.NewString(), Subject: w.Patient, Person: actor.Person(), Name: actor.Name(), Role: actor.Role(), Reason: w.Reason, Text: w.Text,
		Made: now.UnixMilli(), Ends: now.Add(time.Duration(w.Hours) * time.Hour).UnixMilli()}
	return c, d.keepClaim(ctx, actor, c)
}

func (d *Desk) mayClaim(a identity.Actor) error {
	switch {
	case a.Kind() != identity.Staff || a.Organisation() != d.home || !a.May(identity.RightRecords) || !slices.Contains([]string{"TREAT", "ETREAT"}, a.Purpose()):
		return fault.New(fault.Refused, "policy.claim", "only staff of this hospital who treat patients say that they treat one")
	case a.Scopes() != nil:
		return fault.New(fault.Refused, "policy.claim", "a person says this herself, no app does").WithHint("sign in at /signin")
	case a.Personal():
		return a.Assured(identity.LevelProvider, claimWithin)
	}
	return nil
}

// keepClaim keeps a claim with its event.
func (d *Desk) keepClaim(ctx context.Context, actor identity.Actor, c gate.Claim) error {
	row, err := d.gate.KeepClaim(ctx, c)
	if err != nil {
		return err
	}
	ev := d.about(proof.KindRelationClaimed, actor, c)
	ev.Detail = fmt.Sprintf("claim %s (%s), until %s: %s", c.ID, c.Reason, time.UnixMilli(c.Ends).UTC().Format("2006-01-02T15:04Z"), c.Text)
	draft, err := d.journal.Draft(ev)
	if err != nil {
		return err
	}
	return d.store.Update(ctx, func(tx *store.Tx) error {
		head, err := tx.Head("Patient", c.Subject)
		if fault.Is(err, fault.NotFound) || err == nil && head.Deleted {
			return fault.New(fault.NotFound, "not-found", "there is no such patient at this hospital")
		}
		if err != nil {
			return err
		}
		if err := few(tx, c); err != nil {
			return err
		}
		if err := tx.AddClaim(row); err != nil {
			return err
		}
		return draft.Append(tx)
	})
}

// few refuses a claim of somebody who made too many in a day.
func few(tx *store.Tx, c gate.Claim) error {
	mine, err := tx.ClaimsOf(c.Person, claimsAtOnce)
	if err == nil && len(mine) == claimsAtOnce && mine[claimsAtOnce-1].Made > c.Made-24*time.Hour.Milliseconds() {
		err = fault.New(fault.TooLarge, "claims-many", "fifty claims in a day are too many").WithHint("encounters, appointments and care teams say whom you treat: have them registered")
	}
	return err
}

func (d *Desk) about(kind string, actor identity.Actor, c gate.Claim) proof.Event {
	ev := d.event(kind, actor, "")
	ev.Subject, ev.Action, ev.Rule, ev.Purpose = gate.PatientReference(c.Subject), "claim", "policy.claim", actor.Purpose()
	return ev
}

// Withdraw ends a claim of one's own before its time.
func (d *Desk) Withdraw(ctx context.Context, actor identity.Actor, id string) error {
	if actor.Kind() != identity.Staff || actor.Scopes() != nil {
		return fault.New(fault.Refused, "policy.claim", "only who made a claim ends it")
	}
	c, err := d.claim(ctx, id)
	if fault.Is(err, fault.NotFound) || err == nil && c.Person != actor.Person() {
		return fault.New(fault.NotFound, "not-found", "there is no such claim of yours")
	}
	if err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	c.Ends, c.Withdrawn = now, true
	row, err := d.gate.KeepClaim(ctx, c)
	if err != nil {
		return err
	}
	ev := d.about(proof.KindRelationEnded, actor, c)
	ev.Detail = "claim " + c.ID
	draft, err := d.journal.Draft(ev)
	if err != nil {
		return err
	}
	return d.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.EndClaim(id, row.Body, now); err != nil {
			return err
		}
		return draft.Append(tx)
	})
}

func (d *Desk) claim(ctx context.Context, id string) (c gate.Claim, err error) {
	err = d.store.View(ctx, func(v *store.View) error {
		row, err := v.Claim(id)
		if err == nil {
			c, err = d.gate.Claim(ctx, row)
		}
		return err
	})
	return c, err
}

// Claims returns claims, newest first: a patient those about her, a person of the
// hospital her own, a privacy officer all that were made before a time.
func (d *Desk) Claims(ctx context.Context, actor identity.Actor, before int64) (out []gate.Claim, err error) {
	list, err := d.listing(actor, before)
	if err != nil {
		return nil, err
	}
	err = d.store.View(ctx, func(v *store.View) error {
		rows, err := list(v)
		if err != nil {
			return err
		}
		for _, row := range rows {
			c, err := d.gate.Claim(ctx, row)
			if err != nil {
				return err
			}
			out = append(out, c)
		}
		return nil
	})
	return out, err
}

// listing returns what somebody may list.
func (d *Desk) listing(actor identity.Actor, before int64) (func(*store.View) ([]*store.Claim, error), error) {
	switch {
	case actor.Scopes() != nil:
	case actor.Kind() == identity.Patient:
		return func(v *store.View) ([]*store.Claim, error) { return v.ClaimsAbout(actor.Patient(), claimsListed) }, nil
	case actor.Has(identity.RightReview):
		return func(v *store.View) ([]*store.Claim, error) { return v.ClaimsBefore(before, claimsListed) }, actor.Assured(identity.LevelBound, signedInWithin)
	case actor.Kind() == identity.Staff && actor.Person() != "":
		return func(v *store.View) ([]*store.Claim, error) { return v.ClaimsOf(actor.Person(), claimsListed) }, nil
	}
	return nil, fault.New(fault.Refused, "policy.claim", "only patients, staff of this hospital and its privacy officer see claims")
}
