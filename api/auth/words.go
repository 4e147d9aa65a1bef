package auth

import (
	"strings"

	"cairn/fhir/scope"
)

// What scopes let an app do, in words for people who know nothing of FHIR.

// named are types of records in plain words.
var named = map[string]string{
	"*":                        "everything in the health record",
	"AllergyIntolerance":       "allergies",
	"Appointment":              "appointments",
	"CarePlan":                 "care plans",
	"CareTeam":                 "who is in the care team",
	"Claim":                    "bills",
	"Communication":            "messages about care",
	"Condition":                "diagnoses and health problems",
	"Consent":                  "consents",
	"Coverage":                 "insurance",
	"Device":                   "implants and devices",
	"DiagnosticReport":         "reports of tests and scans",
	"DocumentReference":        "documents and letters",
	"Encounter":                "visits and hospital stays",
	"ExplanationOfBenefit":     "what insurance paid",
	"FamilyMemberHistory":      "illnesses in the family",
	"Goal":                     "goals of treatment",
	"ImagingStudy":             "scans and X-rays",
	"Immunization":             "vaccinations",
	"Location":                 "places of care",
	"MedicationAdministration": "medicines that were given",
	"MedicationDispense":       "medicines that were handed out",
	"MedicationRequest":        "medicines that were prescribed",
	"MedicationStatement":      "medicines that are taken",
	"Observation":              "measurements and test results",
	"Organization":             "hospitals and practices",
	"Patient":                  "name, birth date, address and telephone number",
	"Practitioner":             "names of doctors, nurses and others",
	"PractitionerRole":         "where doctors, nurses and others work",
	"Procedure":                "operations and procedures",
	"Provenance":               "who wrote what in the record, and when",
	"QuestionnaireResponse":    "answers to questionnaires",
	"RelatedPerson":            "relatives and contacts",
	"ServiceRequest":           "orders and referrals",
	"Specimen":                 "samples that were taken",
	"Task":                     "tasks of the care team",
}

// categories are filters by category in plain words, by type and code.
var categories = map[string]map[string]string{
	"Observation": {
		"laboratory": "lab results", "vital-signs": "vital signs, such as blood pressure and weight", "social-history": "ways of living, such as smoking",
		"survey": "scores of questionnaires", "imaging": "findings of scans", "procedure": "findings of procedures", "exam": "findings of examinations",
		"therapy": "observations of therapies", "activity": "activity and exercise",
	},
	"Condition": {
		"problem-list-item": "health problems", "encounter-diagnosis": "diagnoses made at visits", "health-concern": "health concerns",
	},
	"DocumentReference": {"clinical-note": "clinical notes"},
	"DiagnosticReport":  {"LAB": "lab reports", "RAD": "reports of scans", "CUS": "reports of heart ultrasound"},
}

// words says what a scope lets an app do: "See lab results".
func words(s scope.Scope) string {
	out := deeds(s.Permission) + " " + kind(s)
	if s.Context == scope.User {
		out += " of everybody whom you may see"
	}
	return out
}

// deeds says what may be done: "See and add".
func deeds(p scope.Permission) string {
	var all []string
	for _, d := range []struct {
		of   scope.Permission
		verb string
	}{{scope.Read | scope.Search, "see"}, {scope.Create, "add"}, {scope.Update, "change"}, {scope.Delete, "delete"}} {
		if p&d.of != 0 {
			all = append(all, d.verb)
		}
	}
	text := strings.Join(all, ", ")
	if n := len(all); n > 1 {
		text = strings.Join(all[:n-1], ", ") + " and " + all[n-1]
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// kind says which records: a filter that has no words of its own is shown as it is.
func kind(s scope.Scope) string {
	all, known := named[s.Type]
	if !known {
		all = "records of the kind " + s.Type
	}
	if s.Filter == nil {
		return all
	}
	values := s.Filter.Values()
	if list := values["category"]; len(values) == 1 && len(list) == 1 {
		code := list[0][strings.LastIndexByte(list[0], '|')+1:]
		if text, known := categories[s.Type][code]; known {
			return text
		}
	}
	return all + ", of those only the ones with " + s.Filter.String()
}

// wordsOf are the words of scopes that are not of records; "" for those that a
// person has nothing to decide about.
var wordsOf = map[string]string{
	"openid": "Know you again when you come back", "fhirUser": "Know which record of this hospital is yours", "profile": "Know your name",
	"offline_access": "Go on when you are not there",
}

// choice is a line that a person can take a tick from.
type choice struct{ Scope, Text string }

// choices are the lines of an offer; hidden are the scopes that go with them
// without a line.
func choices(s scope.Set) (lines []choice, hidden []string) {
	for _, one := range s.Scopes() {
		lines = append(lines, choice{one.String(), words(one)})
	}
	for _, w := range scope.Words {
		if !s.Has(w) {
			continue
		}
		if text := wordsOf[w]; text != "" {
			lines = append(lines, choice{w, text})
		} else {
			hidden = append(hidden, w)
		}
	}
	return lines, hidden
}

// lasting says for how long.
func lasting(s scope.Set) string {
	switch {
	case s.Has("offline_access"):
		return "Until you take it back, or it has not been used for 30 days; for a year at most."
	case s.Has("online_access"):
		return "As long as you are signed in here, 12 hours at most."
	}
	return "15 minutes, and not longer than you are signed in here."
}
