package grant

import (
	"slices"
	"time"

	"cairn/consent"
	"cairn/consent/slip"
	"cairn/fhir/resource"
	"cairn/node/fault"
	"cairn/node/identity"
)

// Wish is what a patient chose on a page: few things, in plain words.
type Wish struct {
	Refuse   bool     // she says no rather than yes
	Grantee  string   // member id of whose people
	What     string   // code of Kinds
	Purposes []string // v3-PurposeOfUse; of a yes at least one, of a no none for any
	Days     int      // for how long; 0 until she stops it
}

// Kind is a kind of records that a wish can be about.
type Kind struct {
	Code, Text        string
	types, categories []string
}

var kinds = []Kind{
	{"everything", "everything", nil, nil},
	{"laboratory", "laboratory results", []string{"Observation"}, []string{"laboratory"}},
	{"vital-signs", "blood pressure, pulse, weight and the like", []string{"Observation"}, []string{"vital-signs"}},
	{"diagnoses", "diagnoses and problems", []string{"Condition"}, nil},
	{"medicines", "medicines", []string{"Medication", "MedicationAdministration", "MedicationDispense", "MedicationRequest", "MedicationStatement"}, nil},
	{"allergies", "allergies", []string{"AllergyIntolerance"}, nil},
	{"vaccinations", "vaccinations", []string{"Immunization"}, nil},
	{"documents", "reports, letters and other documents", []string{"Binary", "Composition", "DiagnosticReport", "DocumentReference"}, nil},
}

// Kinds are what a wish can be about.
func Kinds() []Kind { return slices.Clone(kinds) }

// wishPurposes are the purposes that a page offers.
var wishPurposes = []string{"TREAT", "HPAYMT", "HRESCH"}

// maxDays bounds how long a wish lasts that has an end.
const maxDays = 3660

// Drafted is what a page needs to make a slip of a wish: all of it but the secrets.
type Drafted struct {
	Network            [32]byte
	Custodian, Subject string
	Grantee            string
	Terms              []byte
	Text               string // what she reads before she signs
	Issued             int64  // Unix milliseconds, to the minute
}

// coarse is how finely a consent says when it was signed (ADR 23).
const coarse = 60_000

// Draft writes the terms of a wish of the signed-in patient for this hospital's
// records, and the text that follows from them. It keeps nothing: what counts is
// what she signs.
func (d *Desk) Draft(actor identity.Actor, w Wish) (Drafted, error) {
	if actor.Kind() != identity.Patient {
		return Drafted{}, fault.New(fault.Refused, "policy.own-consents", "only the patient decides about her records here")
	}
	kind := slices.IndexFunc(kinds, func(k Kind) bool { return k.Code == w.What })
	grantee, known := d.chain.Member(w.Grantee)
	home, here := d.chain.Member(d.home)
	odd := slices.ContainsFunc(w.Purposes, func(p string) bool { return !slices.Contains(wishPurposes, p) })
	switch {
	case kind < 0 || odd || w.Days < 0 || w.Days > maxDays || !w.Refuse && len(w.Purposes) == 0:
		return Drafted{}, fault.New(fault.Invalid, "wish", "the decision says too little, or something that is not offered").WithHint("choose which records, for what, and for how long")
	case !known || !here:
		return Drafted{}, fault.New(fault.Invalid, "grantee", "there is no such hospital in this network")
	}
	now := time.Now().UnixMilli()
	now -= now % coarse
	draft := consent.Draft{
		Patient: actor.Patient(), Custodian: d.home, CustodianName: home.Name, Signed: now, Deny: w.Refuse, Grantee: w.Grantee, GranteeName: grantee.Name,
		Purposes: w.Purposes, Types: kinds[kind].types, Categories: kinds[kind].categories, Period: consent.Span{Lo: now, Hi: resource.Future},
	}
	if w.Days > 0 {
		draft.Period.Hi = now + int64(w.Days)*24*3600*1000
	}
	if !w.Refuse {
		draft.Actions = []consent.Action{consent.Access}
	}
	terms, err := consent.Build(draft)
	if err != nil {
		return Drafted{}, fault.Wrap(fault.Broken, "wish", "the decision cannot be written", err)
	}
	compiled, err := consent.Compile(terms)
	if err != nil {
		return Drafted{}, fault.Wrap(fault.Broken, "wish", "the decision cannot be read back", err)
	}
	return Drafted{d.network, d.home, actor.Patient(), w.Grantee, terms, slip.Text(compiled), now}, nil
}
