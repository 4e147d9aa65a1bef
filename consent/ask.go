package consent

// Coding is a code with the system that defines it, as in FHIR R4 2.24.0.5.
type Coding struct{ System, Code string }

// Item is what a decision must know of one record, taken from the record
// itself. A list that is nil says "not known", an empty one "none".
type Item struct {
	Type, ID   string   // resource type and id at the custodian
	Categories []Coding // category, class
	Codes      []Coding // code, type, vaccineCode, medicationCodeableConcept...
	Labels     []Coding // meta.security
	Lo, Hi     int64    // clinical date [Lo, Hi) in Unix milliseconds; 0, 0 if it has none
	Source     string   // the organisation that made it, "Organization/7"; "" if not known
	Authors    []string // who made it, "Practitioner/17"
	References []string // what it points at, "Encounter/5"
}

// Actor is who asks. What is empty is not known, and a deny that turns on it
// matches: who does not say that he is somebody else may be the one excluded.
type Actor struct {
	Person       string   // "north/Practitioner/17": member id first
	Organisation string   // member id
	Role         string   // code of the role in which the person acts
	Teams        []string // "Group/7" of the custodian or "east/CareTeam/3"; nil if not known
	Subject      bool     // is the patient herself
	Acting       bool     // acts in the patient's name
}

// Action is what is done with a record, after
// http://terminology.hl7.org/CodeSystem/consentaction. The zero Action is not
// known.
type Action uint8

// The actions that FHIR R4 defines.
const (
	Collect  Action = iota + 1 // gather
	Access                     // read
	Use                        // work with
	Disclose                   // hand to somebody else
	Correct                    // write
)

var actionCodes = [...]string{Collect: "collect", Access: "access", Use: "use", Disclose: "disclose", Correct: "correct"}

// String returns the code of the action, or "" if it is not known.
func (a Action) String() string {
	if int(a) >= len(actionCodes) {
		return ""
	}
	return actionCodes[a]
}

// Ask is what somebody wants to do.
type Ask struct {
	Actor   Actor
	Action  Action
	Purpose string // code of v3-PurposeOfUse, or "system|code" of another system; "" is not known
	Now     int64  // block time
	Item    *Item  // nil for a search: the answer's Filter decides on each item
}

// Facts are what the custodian's replica of the ledger says of a consent.
type Facts struct {
	Committed bool  // its commitment was sealed
	Stopped   bool  // the image of its revocation secret was sealed
	Used      int64 // how many accesses were allowed by it, if they are counted
}

// Grant is a consent that a custodian holds. It counts only if it is committed,
// not stopped and not used up, and if what it passes on counts.
type Grant struct {
	Ref   string // how the custodian names it
	Terms Terms
	Facts Facts
	Under *Grant // the one that it passes on, nil for a consent of the patient's
}

// Policy is the custodian's stated implicit policy: what NO_CONSENT falls to.
// Its own staff may act for the listed purposes; nobody else may do anything.
// The zero Policy allows nothing.
type Policy struct {
	Home     string     // the custodian's member id
	Purposes []string   // codes of v3-PurposeOfUse
	Withheld []Withheld // from the patient herself, and from who acts in her name
}

// Withheld is a kind of record that a custodian keeps from the patient herself.
// It is the custodian's stated policy, never a consent, and holds for records that
// carry the label: one that nobody has labelled is hers to see.
type Withheld struct {
	Code   string // in the rule: "policy.withheld:" and this
	Label  Coding
	Reason string // why, as she is told
}

// Notes taken in psychotherapy, which 45 CFR 164.524(a)(1)(i) takes out of a
// patient's right of access, and what could endanger somebody (45 CFR
// 164.524(a)(3)), as a professional has marked it.
var (
	PsychotherapyNotes = Coding{SensitivitySystem, "PSYTHPN"}
	Endangering        = Coding{SensitivitySystem, "NOPAT"}
)
