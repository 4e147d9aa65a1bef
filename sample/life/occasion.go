package life

import (
	"cairn/sample/term"
)

// Specialty is what a practitioner does.
type Specialty int

// The specialties that a record itself names, among SpecialtyCount.
const (
	FamilyMedicine Specialty = iota
	Paediatrics
	emergencyMedicine
	internalMedicine
	surgery
	obstetrics
	psychiatry
	SpecialtyCount
)

var specialtyNames = [SpecialtyCount]string{
	"Family medicine", "Pediatrics", "Emergency medicine", "Internal medicine", "Surgery", "Obstetrics and gynecology", "Psychiatry",
}

// Name returns what a specialty is called.
func (s Specialty) Name() string { return specialtyNames[s] }

// Variants is how many practitioners of each specialty there are.
const Variants = 6

// Occasion is a kind of encounter.
type Occasion struct {
	Class    term.Coding
	Name     term.Concept
	By       Specialty
	Hospital bool // else at the practice
	Minutes  int  // how long it takes, when it is over on the same day
}

func ambulatory(by Specialty, hospital bool, minutes int, name term.Concept) *Occasion {
	return &Occasion{term.In(term.SystemActCode, "AMB", "ambulatory"), name, by, hospital, minutes}
}

func emergency(by Specialty, name term.Concept) *Occasion {
	return &Occasion{term.In(term.SystemActCode, "EMER", "emergency"), name, by, true, 190}
}

// stay is an inpatient encounter; its length is given with each visit.
func stay(by Specialty, name term.Concept) *Occasion {
	return &Occasion{term.In(term.SystemActCode, "IMP", "inpatient encounter"), name, by, true, 24 * 60}
}

var (
	generalExam    = term.Told("General examination", term.SNOMED("162673000", "General examination of patient"))
	childExam      = term.Told("Well child visit", term.SNOMED("410620009", "Well child visit"))
	newbornExam    = term.Told("Well child visit, newborn", term.SNOMED("410621008", "Well child visit, newborn"))
	symptomVisit   = term.Told("Visit for a symptom", term.SNOMED("185345009", "Encounter for symptom"))
	followUpVisit  = term.Told("Follow-up visit", term.SNOMED("390906007", "Follow-up encounter"))
	prenatalFirst  = term.Told("First prenatal visit", term.SNOMED("424441002", "Prenatal initial visit"))
	prenatalVisit  = term.Told("Prenatal visit", term.SNOMED("424619006", "Prenatal visit"))
	postnatalVisit = term.Told("Postnatal visit", term.SNOMED("169762003", "Postnatal visit"))
	emergencyVisit = term.Told("Emergency visit", term.SNOMED("50849002", "Emergency room admission"))
	admission      = term.Told("Hospital stay", term.SNOMED("32485007", "Hospital admission"))
	mindVisit      = term.Told("Psychiatric evaluation", term.SNOMED("10197000", "Psychiatric interview and evaluation"))

	checkup      = ambulatory(FamilyMedicine, false, 30, generalExam)
	wellChild    = ambulatory(Paediatrics, false, 25, childExam)
	newborn      = ambulatory(Paediatrics, true, 40, newbornExam)
	sickVisit    = ambulatory(FamilyMedicine, false, 20, symptomVisit)
	sickChild    = ambulatory(Paediatrics, false, 20, symptomVisit)
	followUp     = ambulatory(FamilyMedicine, false, 20, followUpVisit)
	specialist   = ambulatory(internalMedicine, true, 30, followUpVisit)
	boneClinic   = ambulatory(surgery, true, 20, followUpVisit)
	firstBooking = ambulatory(obstetrics, true, 45, prenatalFirst)
	pregnancyDay = ambulatory(obstetrics, true, 25, prenatalVisit)
	afterBirth   = ambulatory(obstetrics, true, 25, postnatalVisit)
	mindClinic   = ambulatory(psychiatry, true, 50, mindVisit)
	accident     = emergency(emergencyMedicine, emergencyVisit)
	medicalStay  = stay(internalMedicine, admission)
	surgicalStay = stay(surgery, admission)
	birthStay    = stay(obstetrics, admission)
)

// Intolerance is an allergy with what it does.
type Intolerance struct {
	term.Concept
	Category string // food, medication, environment; "" where there is no allergy
	High     bool   // criticality
	Does     term.Concept
	Severity string
}

var (
	hives    = term.Told("Hives", term.SNOMED("247472004", "Weal"))
	rash     = term.Told("Skin rash", term.SNOMED("271807003", "Eruption of skin"))
	shock    = term.Told("Anaphylaxis", term.SNOMED("39579001", "Anaphylaxis"))
	sneezing = term.Told("Sneezing", term.SNOMED("76067001", "Sneezing"))

	penicillinAllergy = Intolerance{term.Told("Allergy to penicillin", term.SNOMED("91936005", "Allergy to penicillin")), "medication", true, hives, "moderate"}
	// NoKnownAllergy is what is said of who has none.
	NoKnownAllergy = Intolerance{Concept: term.Told("No known allergies", term.SNOMED("716186003", "No known allergy"))}
	allergies      = []Intolerance{
		{term.Told("Allergy to peanuts", term.SNOMED("91935009", "Allergy to peanut")), "food", true, shock, "severe"},
		{term.Told("Allergy to fish", term.SNOMED("417532002", "Allergy to fish")), "food", false, hives, "mild"},
		{term.Told("Latex allergy", term.SNOMED("300916003", "Allergy to latex")), "environment", true, rash, "moderate"},
		{term.Told("Allergy to house dust mite", term.SNOMED("232350006", "Allergy to dust mite protein")), "environment", false, sneezing, "mild"},
		{term.Told("Allergy to grass pollen", term.SNOMED("418689008", "Allergy to grass pollen")), "environment", false, sneezing, "mild"},
		{term.Told("Allergy to bee venom", term.SNOMED("424213003", "Allergy to bee venom")), "environment", true, shock, "severe"},
	}
)
