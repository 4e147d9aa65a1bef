package grant

import (
	"context"
	"encoding/hex"
	"errors"

	"cairn/consent"
	"cairn/consent/slip"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// PassOn takes a slip with which another member passes on what a patient allowed
// it, where she said that it may. The member's signature over the request stands in
// the place of hers: its content is the slip. What is passed on gives no more than
// what it is passed on from gives that member, whatever it says (consent.Decide);
// one that says more is refused here, so that nobody mistakes it.
func (d *Desk) PassOn(ctx context.Context, actor identity.Actor, encoded []byte) (Held, error) {
	request := actor.Request()
	if actor.Kind() != identity.Peer || request == nil || request.Statement.Body != proof.BodyHash(encoded) {
		return Held{}, fault.New(fault.Refused, "policy.pass-on", "only another member passes on what a patient allowed it")
	}
	s, err := slip.Decode(encoded)
	if err != nil {
		return Held{}, fault.Wrap(fault.Invalid, "slip", "this is not a slip", err)
	}
	if s.Custodian != d.home || s.Network != d.network || len(s.Terms) > termsLimit {
		return Held{}, fault.New(fault.Invalid, "slip-address", "this consent is for another hospital or network, or larger than 64 KB")
	}
	terms, err := s.Check()
	if err != nil {
		return Held{}, fault.Wrap(fault.Invalid, "slip-terms", "the terms of this consent are not what the slip says", err)
	}
	if _, by := terms.Under(); by != actor.Organisation() || s.Grantee == "" || s.Grantee == by {
		return Held{}, fault.New(fault.Invalid, "slip-under", "a consent is passed on by the member that sends it, to one other organisation")
	}
	if err := d.mayPassOn(ctx, s, terms); err != nil {
		return Held{}, err
	}
	return d.passOn(ctx, actor, s, terms)
}

// mayPassOn checks a slip against what it is passed on from. That this is not
// here, is another patient's, another member's or stopped is the same answer.
func (d *Desk) mayPassOn(ctx context.Context, s *slip.Slip, terms consent.Terms) error {
	ref, by := terms.Under()
	raw, err := hex.DecodeString(ref)
	if err != nil || len(raw) != 32 {
		return fault.New(fault.Invalid, "slip-under", "the consent that is passed on is named by 64 hexadecimal digits")
	}
	var row *store.Slip
	err = d.store.View(ctx, func(v *store.View) (err error) {
		row, err = v.Slip([32]byte(raw))
		return err
	})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	none := fault.New(fault.NotFound, "not-found", "there is no consent in force here that this member may pass on")
	if err != nil || row.Subject != s.Subject || row.Grantee != by || gate.Reference(row.Commitment) != ref {
		return none
	}
	over, err := d.gate.Slip(ctx, row)
	if err != nil {
		return err
	}
	above, err := over.Check()
	if err != nil {
		return fault.Wrap(fault.Broken, "slip", "a stored consent is damaged", err)
	}
	if over.Stopped(d.present) || above.Onward() == 0 {
		return none
	}
	if err := terms.Within(above); err != nil {
		return fault.Wrap(fault.Invalid, "slip-wide", "what is passed on must say no more than what it is passed on from: "+reason(err), err)
	}
	return nil
}

// reason is what ErrWider says more precisely.
func reason(err error) string {
	if errors.Is(err, consent.ErrWider) {
		return err.Error()[len(consent.ErrWider.Error()):]
	}
	return ""
}

// passOn seals the slip's commitment and keeps it.
func (d *Desk) passOn(ctx context.Context, actor identity.Actor, s *slip.Slip, terms consent.Terms) (Held, error) {
	if err := d.room(ctx, s); err != nil {
		return Held{}, err
	}
	if s.Stopped(d.present) {
		return Held{}, fault.New(fault.Conflict, "slip-stopped", "this consent was stopped").WithHint("make a new one")
	}
	commitment := s.Commitment()
	if _, err := d.Mark(ctx, [][32]byte{commitment}); err != nil {
		return Held{}, err
	}
	sealed, err := d.gate.KeepRequest(ctx, commitment, actor.Request())
	if err != nil {
		return Held{}, err
	}
	ref, _ := terms.Under()
	ev := d.event(proof.KindConsentReceived, s.Subject, "pass-on", commitment, s.Grantee)
	ev.Actor, ev.Rule, ev.Purpose, ev.Detail = gate.Describe(actor), "consent.passed-on", actor.Purpose(), PassedOnDetail(ref, actor.Request())
	if err := d.put(ctx, s, sealed, ev); err != nil {
		return Held{}, err
	}
	return d.held(commitment, s, terms), nil
}

// PassedOnDetail is how the event of a consent that was passed on names what it
// was passed on from, and the request.
func PassedOnDetail(ref string, r *proof.Signed[proof.Request]) string {
	return "passed on from " + ref + "; request " + r.Text
}
