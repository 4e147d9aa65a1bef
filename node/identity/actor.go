// Package identity says who is asking. It is the first station: it takes a
// request's credentials and gives an Actor, and nothing else can make one.
//
// Software of the hospital and other hospitals sign in by SMART Backend
// Services (a signed client assertion) and vouch for the person behind the
// request in the hl7-b2b extension of UDAP. Patients and staff sign in with a
// passkey, staff also at the hospital's OpenID provider, and then have a session.
//
// Trust: who steals the store can sign in as nobody: secrets are there as hashes,
// and passkeys, accounts, sessions and codes are sealed for the row in which they
// stand. Who can write to it can delete them, and put a row back as it was before.
package identity

import (
	"cairn/consent"
	"cairn/fhir/scope"
)

// Kind tells actors apart by what vouches for them.
type Kind string

const (
	Staff   Kind = "staff"   // a person of this hospital: its own software vouches for her, or she signed in
	System  Kind = "system"  // this hospital's software, no person behind it
	Peer    Kind = "peer"    // a person whom another member vouches for
	Patient Kind = "patient" // the patient herself, by passkey

	Representative Kind = "representative" // a person who acts for a patient by a mandate; Patient is for whom, "" before she says

	Operator Kind = "operator" // who keeps this node running; sees no record

	// A person of this hospital for one patient, whatever others may: she broke the
	// glass, or hands out what a court ordered.
	Emergency Kind = "emergency"
	Legal     Kind = "legal"
)

// Right is what a registered client of this hospital may do.
type Right string

const (
	RightRecords Right = "records" // read and write records, vouch for staff
	RightInvite  Right = "invite"  // invite patients whose identity the hospital has proved
	RightOperate Right = "operate" // evidence, scrub, status, staff accounts

	// These come with roles of staff; software is not registered with them.
	RightRead   Right = "read"   // read records
	RightReview Right = "review" // evidence: who did what, not the records
	RightOrder  Right = "order"  // legal orders: enter, approve, carry out
)

// Actor is who asks, for whom and in what role. Only this package makes one;
// the zero Actor is nobody.
type Actor struct {
	kind                     Kind
	organisation             string
	person, name, role, unit string
	purpose                  string
	patient                  string
	client                   string
	rights                   []Right
	session                  string
	assurance                Assurance
	key                      string
	parties                  []string
	scopes                   *scope.Set
	context                  string
	delegated                bool
	consent                  string
	carried                  *carried
	through                  string
	family                   string
	ends                     int64 // of the session in which she asks, Unix milliseconds
	matter                   string
	groups                   []string
}

// Kind returns what kind of actor this is; "" for nobody.
func (a Actor) Kind() Kind { return a.kind }

// Organisation returns the id of the member that answers for the actor.
func (a Actor) Organisation() string { return a.organisation }

// Person returns the person as "member/id", or "" for software.
func (a Actor) Person() string { return a.person }

// Name returns the person's or software's display name as vouched for.
func (a Actor) Name() string { return a.name }

// Role returns the person's role as vouched for.
func (a Actor) Role() string { return a.role }

// Unit returns the person's unit as vouched for.
func (a Actor) Unit() string { return a.unit }

// Purpose returns the v3-PurposeOfUse code that the sign-in was for, or "".
func (a Actor) Purpose() string { return a.purpose }

// Patient returns the local patient id of a patient actor, of a representative the
// patient in whose name she acts, of who broke the glass or carries out an order
// whom that is about, else "".
func (a Actor) Patient() string { return a.patient }

// Client returns the id of the software that carries the request, or "" for a
// patient's own session.
func (a Actor) Client() string { return a.client }

// Key returns the thumbprint of the key that the actor's token is bound to
// (cnf.jkt, RFC 9449 6.1), or "" for a bearer token.
func (a Actor) Key() string { return a.key }

// Scopes returns the SMART scopes that limit what the actor may do, nil for one
// whom none limit.
func (a Actor) Scopes() *scope.Set { return a.scopes }

// InContext returns the local id of the patient in the launch context, whom
// scopes that begin with patient/ are of, or "".
func (a Actor) InContext() string { return a.context }

// Delegated tells whether software acts for a person who allowed it to: an app,
// which is kept to the FHIR interface and its scopes.
func (a Actor) Delegated() bool { return a.delegated }

// Through returns the name of the app that acts for the person, "" for none.
func (a Actor) Through() string { return a.through }

// Family returns the id of the sign-in of an app that the actor's token stands
// on, "" for none.
func (a Actor) Family() string { return a.family }

// May tells whether the actor's client was registered with the right.
func (a Actor) May(r Right) bool {
	for _, have := range a.rights {
		if have == r {
			return true
		}
	}
	return false
}

// For returns the actor as a consent decision about the subject sees it.
func (a Actor) For(subject string) consent.Actor {
	return consent.Actor{
		Person: a.person, Organisation: a.organisation, Role: a.role,
		Subject: a.kind == Patient && subject != "" && a.patient == subject,
	}
}
