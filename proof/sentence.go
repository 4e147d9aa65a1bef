package proof

import (
	"strconv"
	"strings"
	"time"
)

// The sentences of a bundle are part of its format: a verifier makes them again
// from the parts and compares. A word changed here makes every bundle of
// yesterday fail, so a better wording belongs to a new format.

// listed is how many records an event's sentence names before it counts the
// rest.
const listed = 10

// phrases say what an event of each kind is.
var phrases = map[string]string{
	KindRecordStored:       "a record was stored",
	KindRecordUpdated:      "a new version of a record was stored",
	KindRecordDeleted:      "a record was deleted",
	KindRecordErased:       "a record was erased",
	KindAccessAllowed:      "access was allowed",
	KindAccessRefused:      "access was refused",
	KindAccessEmergency:    "access was allowed in an emergency",
	KindDisclosureSent:     "records were sent to another organisation",
	KindDisclosureReceived: "records were received from another organisation",
	KindConfirmed:          "another organisation signed that it has an answer of this one",
	KindConsentReceived:    "a consent was received",
	KindConsentStopped:     "a consent was stopped",
	KindConsentShown:       "a consent was shown as it was signed",
	KindPasskeyRegistered:  "a passkey was registered",
	KindPasskeyChanged:     "a passkey was given another name",
	KindPasskeyRemoved:     "passkeys were removed",
	KindSessionEnded:       "a session was ended",
	KindInvitationIssued:   "an invitation was issued",
	KindInvitationRevoked:  "an invitation was taken back",
	KindStaffChanged:       "an account of the staff was made or changed",
	KindRelationClaimed:    "a person of the hospital said that she treats the patient",
	KindRelationEnded:      "a claim to treat the patient was ended",
	KindAppRegistered:      "an app was registered",
	KindAppRemoved:         "an app was taken out of the register",
	KindAppAllowed:         "a person let an app act for her",
	KindAppStopped:         "an app was stopped from acting for a person",
	KindSignIn:             "a person signed in",
	KindSignInRefused:      "a person was not let in",
	KindExport:             "records were exported",
	KindScrub:              "the stored data were checked",
	KindReindexed:          "what records are found by was taken from them anew",
	KindSubscription:       "a subscription to notifications was made, changed or ended",
	KindKeyAnnounced:       "a next key of the hospital was announced to the ledger",
	KindKeyAwaited:         "a next key of the hospital waited for its block",
	KindKeyChanged:         "a key of the hospital came into force",
	KindAdmin:              "an operator changed something",
	KindRecoveryPrepared:   "a patient prepared the recovery of her sign-in",
	KindRecoveryBegun:      "the recovery of a patient's sign-in was begun",
	KindRecoveryWaits:      "the recovery of a patient's sign-in waits and can be cancelled",
	KindRecoveryCancelled:  "the recovery of a patient's sign-in was cancelled",
	KindRecoveryEffective:  "a fresh passkey took the place of a patient's old ones",
	KindMandateGiven:       "somebody was given a mandate to act for a patient",
	KindMandateEnded:       "a mandate to act for a patient was ended",
	KindAccessOrder:        "records were shown because of a legal order",
	KindEmergencyBegun:     "the glass was broken in an emergency",
	KindEmergencyWidened:   "more than the summary was opened in an emergency",
	KindEmergencyEnded:     "an emergency access was ended",
	KindEmergencyReviewed:  "an emergency access was reviewed by somebody else",
	KindEmergencyTold:      "the patient is told of an emergency access before the time that was set",
	KindOrderEntered:       "a legal order was entered",
	KindOrderApproved:      "a legal order was approved",
	KindOrderExtended:      "it was approved that the patient is told of a legal order later",
	KindOrderEnded:         "a legal order was ended",
	KindShareReleased:      "a share of a patient's recovery was released to her",
	KindErasureAsked:       "a patient asked to be erased",
	KindErasureRefused:     "a patient asked to be erased, and a ground to refuse was shown to her",
	KindErasureDone:        "everything about a patient was erased here",
}

// sentences returns what b proves, by whom, as of when, and what it does not
// prove, from its parts alone.
func (b *Bundle) sentences() []string {
	var out []string
	switch {
	case b.Event != nil:
		out = b.Event.Content.sentences()
	case b.Log != nil:
		out = append(out, b.Seal.Entry.Member+" recorded an event that this file does not show; only its blinded hash is here.")
	}
	for i := range b.Records {
		out = append(out, b.recordSentence(&b.Records[i]))
	}
	for i := range b.Marks {
		out = append(out, b.Marks[i].sentence(b.Calendar.Height))
	}
	if b.Log != nil {
		e := &b.Seal.Entry
		out = append(out, "It is entry "+decimal(b.Log.Index)+", counted from 0, of the log of "+e.Member+
			", whose size was "+decimal(e.Size)+" when "+e.Member+" sealed it in block "+decimal(e.Height)+".")
	}
	out = append(out, "The ledger of the network "+b.Network.Name+" held this in block "+decimal(b.Calendar.Height)+
		", on "+moment(b.Calendar.Time)+".", b.cosigned())
	return append(out, b.limits()...)
}

func (e *Event) sentences() []string {
	what, known := phrases[e.Kind]
	if !known {
		what = "an event of the kind " + e.Kind + " happened"
	}
	out := []string{e.Member + " recorded: on " + moment(e.Time) + ", " + what + "."}
	a := &e.Actor
	out = label(out, "Who", joined(a.Name, a.Person, a.Role, a.Unit, a.Organisation, a.Kind))
	out = label(out, "About", e.Subject)
	out = label(out, "Purpose", e.Purpose)
	out = label(out, "Action", e.Action)
	out = label(out, "Asked", e.Query)
	if e.Rule != "" {
		decision := "refused"
		if e.Allowed {
			decision = "allowed"
		}
		out = label(out, "Decision", joined(decision, e.Rule))
	}
	out = label(out, "Reason", e.Explanation)
	out = label(out, "Consent", e.Grant)
	out = label(out, "Other organisation", e.Counterpart)
	out = label(out, "Detail", e.Detail)
	return label(out, "Records", e.recordList())
}

func (e *Event) recordList() string {
	var names []string
	for i := range e.Records {
		if i == listed {
			names = append(names, "and "+decimal(uint64(len(e.Records)-listed))+" more")
			break
		}
		names = append(names, e.Records[i].name())
	}
	return strings.Join(names, ", ")
}

func (r *Record) name() string { return r.Type + "/" + r.ID + " version " + decimal(r.Version) }

func (b *Bundle) recordSentence(r *OpenedRecord) string {
	e := &b.Event.Content
	return "This file holds " + e.Records[r.At].name() + ", byte for byte as " + e.Member +
		" committed to it; its size is " + decimal(uint64(len(r.Content))) + "."
}

func (m *MarkPath) sentence(height uint64) string {
	image := "The mark with the image " + hexOf(m.Image)
	if m.Present {
		return image + " is in the register since block " + decimal(m.Height) + "."
	}
	return image + " was not in the register in block " + decimal(height) + "."
}

// cosigned names the cosigners as the note does; whether that is true is the
// trust file's matter.
func (b *Bundle) cosigned() string {
	c := b.Checkpoint
	if len(c.Cosignatures) == 0 {
		return "Nobody has cosigned the calendar of size " + decimal(c.Size) + "."
	}
	signers := make([]string, len(c.Cosignatures))
	for i := range c.Cosignatures {
		s := &c.Cosignatures[i]
		name, ours := keyMember(b.Network.Name, s.Name)
		if !ours {
			name = s.Name
		}
		signers[i] = name + " on " + moment(int64(s.Time)*1000) //nolint:gosec // at most maxSeconds
	}
	return "The calendar of size " + decimal(c.Size) + " is cosigned by " + strings.Join(signers, ", ") + "."
}

// limits says what b does not prove.
func (b *Bundle) limits() []string {
	var out []string
	if b.Log != nil {
		out = append(out, "This does not prove that what "+b.Seal.Entry.Member+
			" recorded is true, that it was recorded at once, or that nothing else happened.")
	}
	if len(b.Marks) > 0 {
		out = append(out, "This does not prove what a mark means, whose it is, or what came after that block.")
	}
	return out
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

func hexOf(h [32]byte) string { return strings.ReplaceAll(Grouped(h), " ", "") }

// moment writes Unix milliseconds as UTC, the milliseconds cut off.
func moment(millis int64) string {
	return time.UnixMilli(millis).UTC().Format("2006-01-02 15:04:05 UTC")
}

// label appends "Label: text." when there is a text.
func label(out []string, name, text string) []string {
	if text == "" {
		return out
	}
	return append(out, name+": "+visible(text)+".")
}

// joined joins the texts that are not empty.
func joined(texts ...string) string {
	var some []string
	for _, t := range texts {
		if t != "" {
			some = append(some, t)
		}
	}
	return strings.Join(some, ", ")
}

// visible replaces characters that would change how the text around them
// looks: controls, line and paragraph separators, and bidirectional overrides.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < 0x20, r >= 0x7f && r <= 0x9f, r >= 0x200e && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return '\uFFFD'
		}
		return r
	}, text)
}
