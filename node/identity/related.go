package identity

import (
	"strings"

	"cairn/node/fault"
)

// Somebody who acts for a patient is a patient of this hospital too, or a related
// person (FHIR R4 RelatedPerson) who is registered for nothing else.
const (
	relatedPrefix = "related:"
	relatedPath   = "/RelatedPerson/"
	patientPath   = "/Patient/"
)

// RelatedOwner returns how the store names a related person as an owner of
// passkeys and sessions.
func RelatedOwner(id string) string { return relatedPrefix + id }

// IsRelated tells whether an owner is a related person.
func IsRelated(owner string) bool { return strings.HasPrefix(owner, relatedPrefix) }

// RelatedPerson returns how logs name an owner who acts for others:
// "member/RelatedPerson/id" or "member/Patient/id".
func RelatedPerson(member, owner string) string {
	if id, ok := strings.CutPrefix(owner, relatedPrefix); ok {
		return member + relatedPath + id
	}
	return member + patientPath + owner
}

// related is a related person who signed in and acts for nobody yet.
func (d *Door) related(owner string, as Assurance) Actor {
	return Actor{kind: Representative, organisation: d.member, person: RelatedPerson(d.member, owner), name: "a representative", purpose: familyRequest, assurance: as}
}

// familyRequest is the purpose of who acts for a patient (v3-PurposeOfUse).
const familyRequest = "FAMRQT"

// Holder returns, of a person who may hold mandates, how the store names her:
// a patient by her local id, a related person by RelatedOwner. It is "" for
// everybody else.
func (a Actor) Holder() string {
	if a.kind != Patient && a.kind != Representative || a.delegated {
		return ""
	}
	rest := strings.TrimPrefix(a.person, a.organisation)
	if id, ok := strings.CutPrefix(rest, relatedPath); ok {
		return RelatedOwner(id)
	}
	id, _ := strings.CutPrefix(rest, patientPath)
	return id
}

// ActFor returns the actor for a patient in whose name the person wants to act.
// That she may is for the gate and the desks to ask at every use: her mandate can
// end at any moment. It fails with Refused for who is no person that holds
// mandates.
func (d *Door) ActFor(a Actor, subject, name string) (Actor, error) {
	if a.Holder() == "" || a.Holder() == subject || subject == "" || !a.Personal() {
		return Actor{}, fault.New(fault.Refused, "policy.mandate", "only a person who signed in herself acts for somebody else")
	}
	a.kind, a.patient, a.purpose, a.name = Representative, subject, familyRequest, clip(name)
	return a, nil
}
