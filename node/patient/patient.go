// Package patient is the desk for the person herself: her invitation, where else
// her records are, and her log of who looked.
package patient

import (
	"context"
	"fmt"
	"time"

	"cairn/consent/mandate"
	"cairn/fhir/resource"
	"cairn/ledger/member"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	home    string
	door    *identity.Door
	journal *evidence.Journal
	store   *store.Store
	gate    *gate.Gate
	acting  Acting
}

// Acting says for whom somebody acts, if she has a power over her.
type Acting interface {
	Holds(ctx context.Context, actor identity.Actor, p mandate.Power) (subject string, err error)
}

// New makes the desk of the member home.
func New(home string, door *identity.Door, j *evidence.Journal, st *store.Store, g *gate.Gate, acting Acting) *Desk {
	return &Desk{home: home, door: door, journal: j, store: st, gate: g, acting: acting}
}

// Invite makes a one-time code for a patient whose identity the hospital has
// proved. Only software or staff with the right to invite may ask. Who has
// passkeys already adds others herself; it fails with Conflict, so that nobody
// gets in beside her unnoticed.
func (d *Desk) Invite(ctx context.Context, actor identity.Actor, subject string) (in identity.Invitation, err error) {
	if err := mayInvite(actor); err != nil {
		return in, err
	}
	draft, err := d.journal.Draft(d.event(proof.KindInvitationIssued, gate.Describe(actor), subject, "invite"))
	if err != nil {
		return in, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := known(tx, subject); err != nil {
			return err
		}
		have, err := tx.Passkeys(subject)
		if err != nil {
			return err
		}
		if len(have) > 0 {
			return fault.New(fault.Conflict, "has-passkeys", "this patient signs in with a passkey already").
				WithHint("she adds others herself; if she has lost them all, end them first")
		}
		if in, err = d.door.Invite(tx, subject, time.Now()); err != nil {
			return err
		}
		return draft.Append(tx)
	})
	return in, err
}

func mayInvite(actor identity.Actor) error {
	if actor.May(identity.RightInvite) {
		return nil
	}
	return fault.New(fault.Refused, "policy.invite", "this needs the right to invite patients")
}

func known(tx *store.Tx, subject string) error {
	head, err := tx.Current("Patient", subject)
	if err != nil || head.Deleted {
		return fault.New(fault.NotFound, "not-found", "there is no such patient at this hospital")
	}
	return nil
}

// Revoke takes an invitation back that was not used.
func (d *Desk) Revoke(ctx context.Context, actor identity.Actor, id string) error {
	if err := mayInvite(actor); err != nil {
		return err
	}
	return d.store.Update(ctx, func(tx *store.Tx) error {
		subject, err := d.door.Revoke(tx, id)
		if err == nil && !resource.ValidID(subject) { // a code of the staff is not for this desk
			err = fault.New(fault.NotFound, "not-found", "there is no such invitation, or it was used")
		}
		if err != nil {
			return err
		}
		return d.log(tx, d.event(proof.KindInvitationRevoked, gate.Describe(actor), subject, "revoke"))
	})
}

// End ends all passkeys, sessions and invitations of a patient who says that she
// has lost them. Her log says who did it.
func (d *Desk) End(ctx context.Context, actor identity.Actor, subject string) (passkeys int, err error) {
	if err := mayInvite(actor); err != nil {
		return 0, err
	}
	draft, err := d.journal.Draft(d.event(proof.KindPasskeyRemoved, gate.Describe(actor), subject, "end-all"))
	if err != nil {
		return 0, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := known(tx, subject); err != nil {
			return err
		}
		if passkeys, err = d.door.Shut(tx, subject); err != nil {
			return err
		}
		return draft.Append(tx)
	})
	return passkeys, err
}

func (d *Desk) log(tx *store.Tx, ev proof.Event) error {
	draft, err := d.journal.Draft(ev)
	if err != nil {
		return err
	}
	return draft.Append(tx)
}

// Locator says where else a patient has records, and under which slip the
// hospital that she tells may ask for them.
type Locator struct {
	Custodian  string   // member id
	Patient    string   // her id there
	Commitment [32]byte // of the slip
}

// Locate keeps locators that the signed-in patient hands to this hospital.
func (d *Desk) Locate(ctx context.Context, actor identity.Actor, locators []Locator) error {
	if actor.Kind() != identity.Patient {
		return fault.New(fault.Refused, "policy.own-records", "only the patient says where her records are")
	}
	for _, l := range locators {
		if !member.ValidID(l.Custodian) || !resource.ValidID(l.Patient) {
			return fault.New(fault.Invalid, "locator", "a locator needs a member's id and the patient's id there")
		}
	}
	now := time.Now().UnixMilli()
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		for _, l := range locators {
			if l.Custodian == d.home {
				continue
			}
			if err := tx.PutLocator(&store.Locator{Subject: actor.Patient(), Member: l.Custodian, Patient: l.Patient, Commitment: l.Commitment, Added: now}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keeping locators: %w", err)
	}
	return nil
}

func (d *Desk) event(kind string, actor proof.Actor, subject, action string) proof.Event {
	return proof.Event{
		Kind: kind, Time: time.Now().UnixMilli(), Actor: actor, Subject: gate.PatientReference(subject),
		Action: action, Allowed: true, Rule: "policy.subject",
	}
}
