package proof

// Status is the outcome of a verification.
type Status string

// The outcomes.
const (
	OK           Status = "OK"           // everything verifies and enough trusted members have signed
	Inconclusive Status = "INCONCLUSIVE" // nothing is wrong, but something needed is missing
	Fail         Status = "FAIL"         // something is wrong
)

// Code says why, for programs. It never changes its meaning.
type Code string

// The codes.
const (
	CodeOK Code = "ok"

	CodeNoTrust       Code = "no-trust"
	CodeTrustUnusable Code = "trust-unusable"
	CodeOtherTrust    Code = "other-trust"
	CodeNoQuorum      Code = "no-quorum"
	CodeUnknownFormat Code = "unknown-format"
	CodeNoClientKeys  Code = "no-client-keys"
	CodeOneSided      Code = "one-sided"

	CodeTooLarge        Code = "too-large"
	CodeNotABundle      Code = "not-a-bundle"
	CodeAlteredText     Code = "altered-text"
	CodeAlteredSentence Code = "altered-sentence"
	CodeAlteredEvent    Code = "altered-event"
	CodeAlteredRecord   Code = "altered-record"
	CodeNotInLog        Code = "not-in-log"
	CodeOtherMember     Code = "other-member"
	CodeNotSealed       Code = "not-sealed"
	CodeMarkUnproven    Code = "mark-unproven"
	CodeNotInCalendar   Code = "not-in-calendar"
	CodeOtherCalendar   Code = "other-calendar"
	CodeOtherNetwork    Code = "other-network"
	CodeUnknownSigner   Code = "unknown-signer"
	CodeBadSignature    Code = "bad-signature"
	CodeRetiredKey      Code = "retired-key"
	CodeOtherHalf       Code = "other-half"
)

// reasons are the codes in plain words.
var reasons = map[Code]string{
	CodeNoTrust:         "The file agrees with itself, but without the network's trust file nobody vouches for it.",
	CodeTrustUnusable:   "The trust file cannot be read, so nobody vouches for this file.",
	CodeOtherTrust:      "The file was made for another edition of the network's trust file, so yours vouches for nothing in it. Ask the hospital for a new proof.",
	CodeNoQuorum:        "Too few members have signed for this yet. Ask for a new proof later.",
	CodeUnknownFormat:   "The file is of a format that this program does not know. A newer program may.",
	CodeTooLarge:        "The file is too large to be a proof.",
	CodeNotABundle:      "The file is not a proof.",
	CodeAlteredText:     "The file is damaged or was changed: it is not in the one form that a proof has. Even an added line break does that.",
	CodeAlteredSentence: "The sentences in the file are not what its contents prove.",
	CodeAlteredEvent:    "The event shown is not the one that was logged.",
	CodeAlteredRecord:   "The record shown is not the one that was logged.",
	CodeNotInLog:        "The entry does not stand in the hospital's log.",
	CodeOtherMember:     "The event says that it is in the log of another hospital.",
	CodeNotSealed:       "The hospital's log is not sealed on the ledger as the file says.",
	CodeMarkUnproven:    "The register does not say of a mark what the file says.",
	CodeNotInCalendar:   "The ledger's books do not stand in its calendar.",
	CodeOtherCalendar:   "The checkpoint is not that of this network's calendar.",
	CodeOtherNetwork:    "The file speaks of another network than the trust file.",
	CodeUnknownSigner:   "A signature was made with a key that the trust file does not know.",
	CodeBadSignature:    "A signature is false.",
	CodeNoClientKeys:    "The trust file does not name the keys with which hospitals sign to each other. Get the network's present one.",
	CodeOneSided:        "Nothing is wrong, but a part that the other hospital signs is missing.",
	CodeOtherHalf:       "The parts of the file are not of one request between the same two hospitals.",
	CodeRetiredKey:      "A signature was made with a key that did not count any more.",
}

// Step names, in the order in which they are checked.
const (
	StepFile        = "file"        // the text is in its one form, and its sentences follow from its parts
	StepFingerprint = "fingerprint" // what is shown has the hashes that were logged
	StepLog         = "log"         // the entry stands in the hospital's log
	StepLedger      = "ledger"      // the log or the marks stand in the ledger's books, and those in its calendar
	StepWitnesses   = "witnesses"   // enough trusted members have cosigned the calendar

	// Of the file of an exchange, after StepFile.
	StepHalves     = "halves"     // the parts are of one request
	StepSignatures = "signatures" // each hospital signed its parts
)

// Step is one check, for display.
type Step struct {
	Name    string
	OK      bool
	Checked bool // false when an earlier step ended the verification
	Text    string
}

// Verdict is what a verification says. Sentence is fit for people; what it
// quotes of an event is the hospital's word.
type Verdict struct {
	Status   Status
	Code     Code
	Sentence string
	Steps    []Step // always all of its kind, in order: five of a bundle, three of an exchange
}
