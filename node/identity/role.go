package identity

import (
	"slices"
	"strings"

	"cairn/node/fault"
)

// Role is what somebody on the staff may act as. An account may have several;
// a session is in one.
type Role struct {
	Code     string
	Name     string
	System   string   // of Standard
	Standard string   // the same in a code system of HL7, "" if none has it
	Rights   []Right  // what a session in it may do
	Purposes []string // v3-PurposeOfUse codes it may act for; the first one where nothing is said
	Types    []string // types of records it sees; nil: all
	Bound    bool     // its rights need a passkey that is bound to its device
}

const (
	roleClass        = "http://terminology.hl7.org/CodeSystem/v3-RoleClass"
	practitionerRole = "http://terminology.hl7.org/CodeSystem/practitioner-role"
)

// deskTypes are what the front desk needs to see.
var deskTypes = []string{
	"Account", "Appointment", "AppointmentResponse", "Coverage", "Encounter", "EpisodeOfCare", "HealthcareService", "Location", "Organization",
	"Patient", "Person", "Practitioner", "PractitionerRole", "RelatedPerson", "Schedule", "Slot",
}

var roles = []Role{
	{Code: "physician", Name: "Physician", System: roleClass, Standard: "PHYS", Rights: []Right{RightRecords}, Purposes: []string{"TREAT", "ETREAT"}},
	{Code: "clinician", Name: "Clinician", System: roleClass, Standard: "PROV", Rights: []Right{RightRecords}, Purposes: []string{"TREAT", "ETREAT"}},
	{Code: "nurse", Name: "Nurse", System: roleClass, Standard: "NURS", Rights: []Right{RightRecords}, Purposes: []string{"TREAT", "ETREAT"}},
	{Code: "pharmacist", Name: "Pharmacist", System: practitionerRole, Standard: "pharmacist", Rights: []Right{RightRecords}, Purposes: []string{"TREAT"}},
	{Code: "registrar", Name: "Registrar", Rights: []Right{RightRecords, RightInvite}, Purposes: []string{"HOPERAT", "HPAYMT"}, Types: deskTypes},
	{Code: "researcher", Name: "Researcher", System: practitionerRole, Standard: "researcher", Rights: []Right{RightRead}, Purposes: []string{"HRESCH"}},
	{Code: "privacy-officer", Name: "Privacy officer", Rights: []Right{RightReview, RightOrder}, Purposes: []string{"HOPERAT"}, Bound: true},
	{Code: "counsel", Name: "Legal counsel", Rights: []Right{RightOrder}, Purposes: []string{"HOPERAT"}, Bound: true},
	{Code: "administrator", Name: "Administrator", Rights: []Right{RightOperate}, Purposes: []string{"HOPERAT"}, Bound: true},
}

// Roles returns the roles that an account may have.
func Roles() []Role { return slices.Clone(roles) }

// RoleOf returns the role with a code.
func RoleOf(code string) (Role, bool) {
	i := slices.IndexFunc(roles, func(r Role) bool { return r.Code == code })
	if i < 0 {
		return Role{}, false
	}
	return roles[i], true
}

func unknownRole(code string) error {
	all := make([]string, len(roles))
	for i, r := range roles {
		all[i] = r.Code
	}
	return fault.New(fault.Invalid, "role", "there is no role "+code).WithHint("roles are " + strings.Join(all, ", "))
}

// rightsAt returns what a session in the role may do that was opened so strongly.
func (r Role) rightsAt(l Level) []Right {
	if r.Bound && l < LevelBound {
		return nil
	}
	return r.Rights
}

// Has tells whether the actor's role has a right, whether or not she signed in
// strongly enough to use it.
func (a Actor) Has(right Right) bool {
	r, known := RoleOf(a.role)
	return a.kind == Staff && a.Personal() && known && slices.Contains(r.Rights, right)
}

// Sees tells whether the actor's role is one for records of a type. Who signed in
// otherwise than with an account here is not limited by it.
func (a Actor) Sees(typ string) bool {
	if a.kind != Staff || !a.Personal() {
		return true
	}
	r, known := RoleOf(a.role)
	return known && (r.Types == nil || slices.Contains(r.Types, typ))
}

// MayActFor tells whether the actor's role is one for a purpose. Who signed in
// otherwise than with an account here is not limited by it.
func (a Actor) MayActFor(purpose string) bool {
	if a.kind != Staff || !a.Personal() {
		return true
	}
	r, known := RoleOf(a.role)
	return known && slices.Contains(r.Purposes, purpose)
}
