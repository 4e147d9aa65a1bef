package index

import (
	"cairn/fhir/resource"
)

// subjectPaths is, for every type that can be about a patient, the references that say about whom: the element behind
// the R4 search parameter "patient", else "subject", else the one that the Patient compartment uses
// (http://hl7.org/fhir/R4/compartmentdefinition-patient.html). References to anything but patients are passed over.
var subjectPaths = map[string]string{
	"Account":                     "subject",
	"AdverseEvent":                "subject",
	"AllergyIntolerance":          "patient",
	"Appointment":                 "participant.actor",
	"AppointmentResponse":         "actor",
	"AuditEvent":                  "agent.who | entity.what",
	"Basic":                       "subject",
	"Binary":                      "securityContext",
	"BodyStructure":               "patient",
	"CarePlan":                    "subject",
	"CareTeam":                    "subject",
	"ChargeItem":                  "subject",
	"Claim":                       "patient",
	"ClaimResponse":               "patient",
	"ClinicalImpression":          "subject",
	"Communication":               "subject",
	"CommunicationRequest":        "subject",
	"Composition":                 "subject",
	"Condition":                   "subject",
	"Consent":                     "patient",
	"Contract":                    "subject",
	"Coverage":                    "beneficiary",
	"CoverageEligibilityRequest":  "patient",
	"CoverageEligibilityResponse": "patient",
	"DetectedIssue":               "patient",
	"Device":                      "patient",
	"DeviceRequest":               "subject",
	"DeviceUseStatement":          "subject",
	"DiagnosticReport":            "subject",
	"DocumentManifest":            "subject",
	"DocumentReference":           "subject",
	"Encounter":                   "subject",
	"EnrollmentRequest":           "candidate",
	"EpisodeOfCare":               "patient",
	"ExplanationOfBenefit":        "patient",
	"FamilyMemberHistory":         "patient",
	"Flag":                        "subject",
	"Goal":                        "subject",
	"GuidanceResponse":            "subject",
	"ImagingStudy":                "subject",
	"Immunization":                "patient",
	"ImmunizationEvaluation":      "patient",
	"ImmunizationRecommendation":  "patient",
	"Invoice":                     "subject",
	"List":                        "subject",
	"MeasureReport":               "subject",
	"Media":                       "subject",
	"MedicationAdministration":    "subject",
	"MedicationDispense":          "subject",
	"MedicationRequest":           "subject",
	"MedicationStatement":         "subject",
	"MolecularSequence":           "patient",
	"NutritionOrder":              "patient",
	"Observation":                 "subject",
	"Person":                      "link.target",
	"Procedure":                   "subject",
	"Provenance":                  "target",
	"QuestionnaireResponse":       "subject",
	"RelatedPerson":               "patient",
	"RequestGroup":                "subject",
	"ResearchSubject":             "individual",
	"RiskAssessment":              "subject",
	"Schedule":                    "actor",
	"ServiceRequest":              "subject",
	"Specimen":                    "subject",
	"SupplyDelivery":              "patient",
	"SupplyRequest":               "deliverTo",
	"Task":                        "for",
	"VisionPrescription":          "patient",
}

// Protected reports whether records of a type can be about a patient.
func Protected(typ string) bool { return typ == "Patient" || subjectPaths[typ] != "" }

// subject is the one local patient that the resource is about, or "" (see Index.Subject).
func (c *collector) subject(d *resource.Doc) string {
	if c.plan.own {
		return d.ID()
	}
	subject, clear := "", true
	c.run.Each(c.plan.about, func(n resource.Node) bool {
		id, other := patient(n)
		if other || id != "" && subject != "" && id != subject {
			clear = false
		}
		if id != "" {
			subject = id
		}
		return clear
	})
	if !clear {
		return ""
	}
	return subject
}

// patient reads one reference: the id of a local patient, or that it may mean a patient who is not known here.
func patient(n resource.Node) (id string, other bool) {
	text, _ := n.Get("reference").Text()
	typ, id, local, ok := resource.Target(text)
	switch {
	case !ok:
		said, _ := n.Get("type").Text()
		return "", !resource.IsType(said) || said == "Patient"
	case typ != "Patient":
		return "", false
	case !local:
		return "", true
	}
	return id, false
}
