package proof

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"cairn/ledger/member"
)

// Kinds of events. A reader takes any kind that [Event.Check] allows, so that a
// later kind does not make a log unreadable.
const (
	KindRecordStored       = "record.stored"        // a resource's first version was stored
	KindRecordUpdated      = "record.updated"       // a later version was stored
	KindRecordDeleted      = "record.deleted"       // a version that says deleted was stored
	KindRecordErased       = "record.erased"        // keys and salts were destroyed
	KindAccessAllowed      = "access.allowed"       // a read that the gate let through
	KindAccessRefused      = "access.refused"       // an ask that the gate refused
	KindAccessEmergency    = "access.emergency"     // a read that broke the glass
	KindDisclosureSent     = "disclosure.sent"      // answered another member's ask
	KindDisclosureReceived = "disclosure.received"  // took another member's answer
	KindConfirmed          = "disclosure.confirmed" // the other member signed that it has an answer
	KindConsentReceived    = "consent.received"     // a slip was accepted
	KindConsentStopped     = "consent.stopped"      // a stop mark reached this custodian
	KindConsentShown       = "consent.shown"        // somebody of the hospital was shown a consent as it was signed
	KindPasskeyRegistered  = "passkey.registered"   // a person's passkey was bound
	KindPasskeyChanged     = "passkey.changed"      // a person's passkey got another name
	KindPasskeyRemoved     = "passkey.removed"      // passkeys of a person were removed
	KindSessionEnded       = "session.ended"        // a session of a person was ended
	KindInvitationIssued   = "invitation.issued"    // a person was invited to register
	KindInvitationRevoked  = "invitation.revoked"   // an invitation was taken back
	KindStaffChanged       = "staff.changed"        // an account of the staff was made or changed
	KindRelationClaimed    = "relationship.claimed" // somebody of the hospital said that she treats a patient
	KindRelationEnded      = "relationship.ended"   // such a claim was ended before its time
	KindAppRegistered      = "app.registered"       // an app was registered
	KindAppRemoved         = "app.removed"          // an app was taken out of the register
	KindAppAllowed         = "app.allowed"          // a person let an app act for her
	KindAppStopped         = "app.stopped"          // an app may not act for a person any more
	KindSignIn             = "signin"               // a person signed in
	KindSignInRefused      = "signin.refused"       // a person did not get in
	KindExport             = "export"               // records left in bulk
	KindScrub              = "scrub"                // the hospital re-read and re-hashed its data
	KindReindexed          = "records.reindexed"    // a program took records apart anew, so that they are found
	KindSubscription       = "subscription.changed" // somebody asked to be told of changes, changed that, or ended it
	KindKeyAnnounced       = "key.announced"        // a next key of the hospital goes to the ledger
	KindKeyAwaited         = "key.awaited"          // a next key waits for its height
	KindKeyChanged         = "key.changed"          // a key of the hospital came into force
	KindAdmin              = "admin"                // an operator changed something
	KindRecoveryPrepared   = "recovery.prepared"    // a patient left what opens and cancels the recovery of her sign-in
	KindRecoveryBegun      = "recovery.begun"       // somebody began to recover a patient's sign-in
	KindRecoveryWaits      = "recovery.waits"       // a recovery waits, said once a day
	KindRecoveryCancelled  = "recovery.cancelled"   // a recovery was cancelled
	KindRecoveryEffective  = "recovery.effective"   // a fresh passkey took the place of the old ones
	KindMandateGiven       = "mandate.given"        // somebody may act for a patient
	KindMandateEnded       = "mandate.ended"        // and may not any more
	KindAccessOrder        = "access.order"         // a read that a legal order allowed
	KindEmergencyBegun     = "emergency.begun"      // somebody broke the glass
	KindEmergencyWidened   = "emergency.widened"    // she needed more than the summary
	KindEmergencyEnded     = "emergency.ended"      // she ended it before its time
	KindEmergencyReviewed  = "emergency.reviewed"   // somebody else decided whether it was justified
	KindEmergencyTold      = "emergency.told"       // the patient is told before the time that was set
	KindOrderEntered       = "order.entered"        // a legal order was entered
	KindOrderApproved      = "order.approved"       // somebody approved a legal order
	KindOrderExtended      = "order.extended"       // somebody approved that the patient is told later
	KindOrderEnded         = "order.ended"          // a legal order was ended before its time
	KindShareReleased      = "recovery.share"       // this hospital gave its share as a guardian
	KindErasureAsked       = "erasure.asked"        // a patient signed that she wants to be erased
	KindErasureRefused     = "erasure.refused"      // there was a ground to keep what she wanted to be erased
	KindErasureDone        = "erasure.done"         // everything about a patient was erased
)

// Kinds of actors. Machines and people are told apart.
const (
	ActorPatient = "patient" // the subject herself
	ActorStaff   = "staff"   // a person who works for Organisation
	ActorMachine = "machine" // a program that acts for Organisation

	ActorRepresentative = "representative" // a person who acts for the subject by a mandate
)

// Limits of an event's encoding.
const (
	MaxEventBytes   = 8 << 20 // whole encoding
	MaxEventText    = 64 << 10
	MaxEventRecords = 50_000
)

const eventFormat = "cairn/event/v1"

// Actor is who did it, frozen as it was then.
type Actor struct {
	Kind         string // ActorPatient, ActorStaff, ActorMachine
	Organisation string // member id of the organisation that vouches, "" for the patient herself
	Person       string // e.g. "north/Practitioner/17": member id first
	Name         string // for display
	Role         string
	Unit         string
}

// Record is one record version that an event is about.
type Record struct {
	Type       string // FHIR resource type
	ID         string // FHIR id at the event's member
	Version    uint64 // FHIR versionId, from 1
	Commitment [32]byte
}

// Event is one thing that happened at a member: the content of a log entry.
//
// Its encoding is canonical JSON with every field present in the order of the
// struct, led by "format":"cairn/event/v1". Empty means "does not apply".
type Event struct {
	ID          string // unique at the member, [A-Za-z0-9.-]{1,64}; a UUID
	Member      string // member id of the hospital whose log this is in
	Kind        string // KindRecordStored ...
	Time        int64  // Unix milliseconds by the hospital's clock, from 1970 to 9999
	Actor       Actor
	Subject     string // local reference of the person it is about, e.g. "Patient/17"
	Purpose     string // v3-PurposeOfUse code
	Action      string // read, search, create ...
	Allowed     bool
	Rule        string // code of the rule that decided
	Explanation string // the same in plain words
	Grant       string // reference of the consent that decided
	Query       string // the search as it was asked
	Records     []Record
	Counterpart string // member id of the other organisation
	Detail      string // what no other field holds
}

var errEvent = errors.New("invalid event")

// Check reports the first rule of the encoding that e breaks.
func (e *Event) Check() error {
	switch {
	case !validID(e.ID):
		return fmt.Errorf("%w: id", errEvent)
	case !member.ValidID(e.Member):
		return fmt.Errorf("%w: member", errEvent)
	case !validKind(e.Kind):
		return fmt.Errorf("%w: kind", errEvent)
	case e.Time < 0 || e.Time > maxMillis:
		return fmt.Errorf("%w: time", errEvent)
	case len(e.Records) > MaxEventRecords:
		return fmt.Errorf("%w: too many records", errEvent)
	}
	for _, p := range e.texts() {
		if len(*p) > MaxEventText || !utf8.ValidString(*p) {
			return fmt.Errorf("%w: a text is too long or not UTF-8", errEvent)
		}
	}
	for i := range e.Records {
		if err := e.Records[i].check(); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	return nil
}

func (r *Record) check() error {
	if !validType(r.Type) || !validID(r.ID) || r.Version > maxInteger {
		return fmt.Errorf("%w: record", errEvent)
	}
	return nil
}

// texts returns the free texts of e.
func (e *Event) texts() []*string {
	a := &e.Actor
	return []*string{
		&a.Kind, &a.Organisation, &a.Person, &a.Name, &a.Role, &a.Unit,
		&e.Subject, &e.Purpose, &e.Action, &e.Rule, &e.Explanation, &e.Grant, &e.Query, &e.Counterpart, &e.Detail,
	}
}

// Encode returns the one encoding of e. It refuses an event that breaks a rule
// of [Event.Check] or exceeds [MaxEventBytes].
func (e *Event) Encode() ([]byte, error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	out := e.append(make([]byte, 0, 640+200*len(e.Records)))
	if len(out) > MaxEventBytes {
		return nil, fmt.Errorf("%w: too large", errEvent)
	}
	return out, nil
}

func (e *Event) append(b []byte) []byte {
	b = append(b, `{"format":"`+eventFormat+`","id":`...)
	b = quote(b, e.ID)
	b = quote(append(b, `,"member":`...), e.Member)
	b = quote(append(b, `,"kind":`...), e.Kind)
	b = appendUint(append(b, `,"time":`...), uint64(e.Time))
	b = e.Actor.append(append(b, `,"actor":`...))
	b = quote(append(b, `,"subject":`...), e.Subject)
	b = quote(append(b, `,"purpose":`...), e.Purpose)
	b = quote(append(b, `,"action":`...), e.Action)
	b = appendBool(append(b, `,"allowed":`...), e.Allowed)
	b = quote(append(b, `,"rule":`...), e.Rule)
	b = quote(append(b, `,"explanation":`...), e.Explanation)
	b = quote(append(b, `,"grant":`...), e.Grant)
	b = quote(append(b, `,"query":`...), e.Query)
	b = appendItems(append(b, `,"records":`...), len(e.Records), func(b []byte, i int) []byte {
		return e.Records[i].append(b)
	})
	b = quote(append(b, `,"counterpart":`...), e.Counterpart)
	b = quote(append(b, `,"detail":`...), e.Detail)
	return append(b, '}')
}

func (a *Actor) append(b []byte) []byte {
	b = quote(append(b, `{"kind":`...), a.Kind)
	b = quote(append(b, `,"organisation":`...), a.Organisation)
	b = quote(append(b, `,"person":`...), a.Person)
	b = quote(append(b, `,"name":`...), a.Name)
	b = quote(append(b, `,"role":`...), a.Role)
	b = quote(append(b, `,"unit":`...), a.Unit)
	return append(b, '}')
}

func (r *Record) append(b []byte) []byte {
	b = quote(append(b, `{"type":`...), r.Type)
	b = quote(append(b, `,"id":`...), r.ID)
	b = appendUint(append(b, `,"version":`...), r.Version)
	b = appendHash(append(b, `,"commitment":`...), r.Commitment)
	return append(b, '}')
}

// DecodeEvent reads the one encoding of an event; for every x that it takes,
// Encode gives x again.
func DecodeEvent(raw []byte) (*Event, error) {
	if len(raw) > MaxEventBytes {
		return nil, fmt.Errorf("%w: too large", errEvent)
	}
	s := scanner{in: raw}
	e := s.event()
	if err := s.done(); err != nil {
		return nil, err
	}
	if err := e.Check(); err != nil {
		return nil, err
	}
	return e, nil
}

func (s *scanner) event() *Event {
	var e Event
	s.lit(`{"format":"` + eventFormat + `","id":`)
	e.ID = s.str(64)
	e.Member = s.text(`,"member":`)
	e.Kind = s.text(`,"kind":`)
	s.lit(`,"time":`)
	e.Time = int64(s.integer())
	s.lit(`,"actor":`)
	e.Actor = s.actor()
	e.Subject = s.text(`,"subject":`)
	e.Purpose = s.text(`,"purpose":`)
	e.Action = s.text(`,"action":`)
	s.lit(`,"allowed":`)
	e.Allowed = s.boolean()
	e.Rule = s.text(`,"rule":`)
	e.Explanation = s.text(`,"explanation":`)
	e.Grant = s.text(`,"grant":`)
	e.Query = s.text(`,"query":`)
	s.lit(`,"records":`)
	s.list(MaxEventRecords, func() { e.Records = append(e.Records, s.record()) })
	e.Counterpart = s.text(`,"counterpart":`)
	e.Detail = s.text(`,"detail":`)
	s.lit("}")
	return &e
}

// text reads a field name and a free text.
func (s *scanner) text(field string) string {
	s.lit(field)
	return s.str(MaxEventText)
}

func (s *scanner) actor() (a Actor) {
	a.Kind = s.text(`{"kind":`)
	a.Organisation = s.text(`,"organisation":`)
	a.Person = s.text(`,"person":`)
	a.Name = s.text(`,"name":`)
	a.Role = s.text(`,"role":`)
	a.Unit = s.text(`,"unit":`)
	s.lit("}")
	return a
}

func (s *scanner) record() (r Record) {
	r.Type = s.text(`{"type":`)
	r.ID = s.text(`,"id":`)
	s.lit(`,"version":`)
	r.Version = s.integer()
	s.lit(`,"commitment":`)
	r.Commitment = s.hash()
	s.lit("}")
	return r
}

// within reports whether s has from 1 to max bytes, all of which ok takes.
func within(s string, max int, ok func(c byte) bool) bool {
	if s == "" || len(s) > max {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

// validID reports whether s is a FHIR id (FHIR R4 2.24.0.1).
func validID(s string) bool {
	return within(s, 64, func(c byte) bool { return isLower(c) || isUpper(c) || isDigit(c) || c == '-' || c == '.' })
}

// validKind reports whether s is words of lower-case letters and hyphens, joined by dots.
func validKind(s string) bool {
	return within(s, 64, func(c byte) bool { return isLower(c) || c == '-' || c == '.' }) && isLower(s[0])
}

func validType(s string) bool {
	return within(s, 64, func(c byte) bool { return isLower(c) || isUpper(c) }) && isUpper(s[0])
}
