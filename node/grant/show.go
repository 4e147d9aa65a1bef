package grant

import (
	"context"
	"encoding/hex"
	"time"

	"cairn/consent/slip"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// SignatureDetail is how the event of a consent names its signature.
func SignatureDetail(s *slip.Signature) string {
	hash := s.Hash()
	return "signature SHA-256 " + hex.EncodeToString(hash[:])
}

// Shown is a consent as it was signed: the slip, what it was signed with, and the
// text that she was shown.
type Shown struct {
	Slip      *slip.Slip
	Signature *slip.Signature // nil for a consent that was passed on
	Request   string          // with which a member passed it on (proof.Request), "" for one that she signed
	Text      string
}

// officerWithin is how long ago a privacy officer who is shown a consent may have
// signed in.
const officerWithin = 15 * time.Minute

// Show returns a consent of the signed-in patient, or, to a privacy officer of the
// hospital, anybody's: that is in her log. It fails with NotFound.
func (d *Desk) Show(ctx context.Context, actor identity.Actor, commitment [32]byte) (Shown, error) {
	officer := actor.Has(identity.RightReview)
	if officer {
		if err := actor.Assured(identity.LevelBound, officerWithin); err != nil {
			return Shown{}, err
		}
	}
	if actor.Kind() != identity.Patient && !officer {
		return Shown{}, fault.New(fault.Refused, "policy.own-consents", "only the patient and the hospital's privacy officer see this")
	}
	var row *store.Slip
	var body []byte
	err := d.store.View(ctx, func(v *store.View) (err error) {
		if row, err = v.Slip(commitment); err != nil {
			return err
		}
		body, err = v.Signature(commitment)
		return err
	})
	if fault.Is(err, fault.NotFound) || err == nil && !officer && row.Subject != actor.Patient() {
		return Shown{}, fault.New(fault.NotFound, "not-found", "there is no such consent")
	}
	if err != nil {
		return Shown{}, err
	}
	if officer {
		if err := d.noteShown(ctx, actor, row); err != nil {
			return Shown{}, err
		}
	}
	return d.shown(ctx, row, body)
}

// noteShown writes into the patient's log who is shown her consent, before it is.
func (d *Desk) noteShown(ctx context.Context, actor identity.Actor, row *store.Slip) error {
	ev := d.event(proof.KindConsentShown, row.Subject, "show", row.Commitment, row.Grantee)
	ev.Actor, ev.Purpose, ev.Rule = gate.Describe(actor), actor.Purpose(), "policy.review"
	draft, err := d.journal.Draft(ev)
	if err != nil {
		return err
	}
	return d.store.Update(ctx, draft.Append)
}

func (d *Desk) shown(ctx context.Context, row *store.Slip, body []byte) (out Shown, err error) {
	if out.Slip, err = d.gate.Slip(ctx, row); err != nil {
		return Shown{}, err
	}
	terms, err := out.Slip.Check()
	if err != nil {
		return Shown{}, fault.Wrap(fault.Broken, "slip", "a stored consent is damaged", err)
	}
	if ref, _ := terms.Under(); ref != "" {
		r, err := d.gate.Request(ctx, out.Slip, body)
		if err != nil {
			return Shown{}, err
		}
		out.Request = r.Text
	} else if out.Signature, err = d.gate.Signature(ctx, out.Slip, body); err != nil {
		return Shown{}, err
	}
	out.Text = slip.Text(terms)
	return out, nil
}
