package disclosure

import (
	"context"
	"encoding/hex"

	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// File returns an exchange as a file that anybody can check with no network
// (proof.Exchange), made for the holders of a trust file. id is that of
// Exchange.ID, in hexadecimal. The operator and the privacy officer may have any;
// a patient those about her.
func (d *Desk) File(ctx context.Context, actor identity.Actor, id string, trust *proof.Trust) ([]byte, error) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != 32 {
		return nil, fault.New(fault.Invalid, "exchange-id", "an exchange is named by 64 hexadecimal digits").WithHint("take the id from the list of exchanges")
	}
	var h *store.Half
	err = d.store.View(ctx, func(v *store.View) (err error) {
		h, err = v.Half([32]byte(raw))
		return err
	})
	if err != nil {
		return nil, err
	}
	if actor.Kind() == identity.Patient && (h.Subject == "" || h.Subject != actor.Patient()) || actor.Kind() != identity.Patient && !actor.May(identity.RightOperate) && !actor.May(identity.RightReview) {
		return nil, fault.New(fault.Refused, "policy.own-log", "only the patient whom it is about and the hospital's privacy officer may have what hospitals signed to each other")
	}
	k, err := d.open(ctx, h)
	if err != nil {
		return nil, err
	}
	e, err := k.exchange(trust)
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "proof-fail", "FAIL: what was signed does not agree with the keys of the member book, so there is no proof", err).
			WithHint("keep a copy of the data directory as evidence, then run `cairn scrub`")
	}
	return e.Encode()
}

// exchange makes the file of what is kept.
func (k kept) exchange(trust *proof.Trust) (*proof.Exchange, error) {
	request, err := proof.ParseRequest(k.Request)
	if err != nil {
		return nil, err
	}
	var answer *proof.Signed[proof.Answer]
	if k.Answer != "" {
		if answer, err = proof.ParseAnswer(k.Answer); err != nil {
			return nil, err
		}
	}
	var acknowledgement *proof.Signed[proof.Acknowledgement]
	if k.Acknowledgement != "" {
		if acknowledgement, err = proof.ParseAcknowledgement(k.Acknowledgement); err != nil {
			return nil, err
		}
	}
	return proof.AssembleExchange(trust, request, answer, acknowledgement)
}
