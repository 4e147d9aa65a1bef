package identity

import (
	"context"
	"strings"
	"time"

	"cairn/node/fault"
	"cairn/node/store"
)

// Matter is what an actor of a kind of its own stands on: a broken glass or a
// legal order.
type Matter struct {
	Kind    Kind // Emergency or Legal
	ID      string
	Patient string        // local id
	Life    time.Duration // of the token
}

// matterPurposes are the purposes that belong to these kinds alone
// (v3-PurposeOfUse).
var matterPurposes = map[Kind]string{Emergency: "BTG", Legal: "HLEGAL"}

// StepUp is how long ago a person may have proved who she is who begins what an
// actor of a kind of its own stands on.
const StepUp = 5 * time.Minute

// MayBegin fails with Refused unless the actor is a person of this hospital who
// signed in here herself, just now, with a passkey that is bound to its device.
func (d *Door) MayBegin(a Actor) error {
	if a.kind != Staff || a.organisation != d.member || !a.Personal() || a.delegated || a.scopes != nil {
		return fault.New(fault.Refused, "policy.herself", "a person of this hospital does this herself: no software and no app does it for her").
			WithHint("sign in at /signin with a passkey that is bound to its device")
	}
	return a.Assured(LevelBound, StepUp)
}

// OpenMatter begins a sign-in that stands on a matter, and returns its token. It
// can read, write nothing, and ends with the matter, with its life, and when the
// person's account is changed.
func (d *Door) OpenMatter(ctx context.Context, a Actor, m Matter, also ...func(*store.Tx) error) (Token, error) {
	if err := d.MayBegin(a); err != nil {
		return Token{}, err
	}
	owner := StaffOwner(strings.TrimPrefix(a.person, d.member+"/"))
	a.kind, a.matter, a.patient, a.purpose, a.session = m.Kind, m.ID, m.Patient, matterPurposes[m.Kind], ""
	a, ok := d.standingMatter(a)
	if !ok || m.Life <= 0 {
		return Token{}, fault.New(fault.Broken, "matter", "nobody can sign in for this")
	}
	device := map[Kind]string{Emergency: "broken glass", Legal: "legal order"}[m.Kind]
	secret, err := d.openFor(ctx, owner, a, bearerMark, device, m.Life, also)
	return Token{Access: secret, Expires: m.Life, Actor: a}, err
}

// standingMatter gives who stands on a matter the right to read. What she may see,
// and for how long, the gate asks at every use.
func (d *Door) standingMatter(a Actor) (Actor, bool) {
	a.rights = []Right{RightRead}
	return a, a.organisation == d.member && a.Personal() && a.matter != "" && a.patient != "" && a.purpose == matterPurposes[a.kind] && a.purpose != ""
}

// Matter returns the id of the broken glass or the legal order that the actor
// stands on, "" for none.
func (a Actor) Matter() string { return a.matter }
