package gate

import (
	"slices"

	"cairn/node/identity"
)

// How a slip that another member believes to act under stands here.
const (
	claimInForce = "in force"
	claimStopped = "stopped"
	claimUnknown = "not given here"
)

// claimed compares the slip that another member named when it signed in
// (consent_reference of hl7-b2b) with those that the patient gave it here. It is
// "" when none was named. A slip of somebody else's, or one that is not for the
// member that asks, says that it mistakes the patient. One that was stopped says
// nothing: the decision is made by what she said since.
func (g *Gate) claimed(actor identity.Actor, slips []held) string {
	if actor.Consent() == "" {
		return ""
	}
	i := slices.IndexFunc(slips, func(h held) bool { return h.ref == actor.Consent() && h.grantee == actor.Organisation() })
	if i < 0 {
		return claimUnknown
	}
	if _, stopped := g.chain.Mark(slips[i].stop); stopped {
		return claimStopped
	}
	return claimInForce
}

// detail is what the log says of a request that another member signed: how the
// slip that it named stands here, and the request itself, so that the member
// cannot deny it. Of who stands on a matter it is that.
func (v *verdicts) detail(actor identity.Actor) string {
	if exceptional(actor) {
		return v.matterSaid(actor)
	}
	r := actor.Request()
	if r == nil {
		return ""
	}
	text := "request " + r.Text
	if v != nil && v.claim != "" {
		text = "consent " + actor.Consent() + " " + v.claim + "; " + text
	}
	return text
}
