package index

import (
	"cairn/fhir/resource"
)

// facetRow is where the facets of a resource type come from, as path expressions. Of when and source the first
// alternative that has anything counts; of the others all do.
type facetRow struct {
	category, code, when, source string
	system                       string // system that bare codes of category belong to
}

const (
	medicine = "medication.ofType(CodeableConcept) | contained.where(resourceType='Medication').code"
	period   = "period"
)

// otherFacets serves the types that facetRows does not name: those that are not about patients.
var otherFacets = facetRow{category: "category", code: "code | type"}

var facetRows = map[string]facetRow{
	"Account":                     {"", "type", "servicePeriod", "owner", ""},
	"AdverseEvent":                {"category", "event", "date | detected | recordedDate", "", ""},
	"AllergyIntolerance":          {"category", "code", "onset.ofType(dateTime) | onset.ofType(Period) | recordedDate", "", "http://hl7.org/fhir/allergy-intolerance-category"},
	"Appointment":                 {"serviceCategory", "serviceType", "start | requestedPeriod", "", ""},
	"AppointmentResponse":         {"", "", "start", "", ""},
	"AuditEvent":                  {"", "type | subtype", "recorded", "source.observer | agent.who", ""},
	"Basic":                       {"", "code", "created", "author", ""},
	"BodyStructure":               {"", "morphology", "", "", ""},
	"CarePlan":                    {"category", "", "period | created", "author | contributor", ""},
	"CareTeam":                    {"category", "", period, "managingOrganization", ""},
	"ChargeItem":                  {"", "code", "occurrence.ofType(dateTime) | occurrence.ofType(Period) | occurrence.ofType(Timing) | enteredDate", "performingOrganization | performer.actor", ""},
	"Claim":                       {"", "type", "billablePeriod | created", "provider", ""},
	"ClaimResponse":               {"", "type", "created", "insurer", ""},
	"ClinicalImpression":          {"", "code", "effective.ofType(dateTime) | effective.ofType(Period) | date", "", ""},
	"Communication":               {"category", "topic", "sent | received", "sender", ""},
	"CommunicationRequest":        {"category", "", "occurrence.ofType(dateTime) | occurrence.ofType(Period) | authoredOn", "requester | sender", ""},
	"Composition":                 {"category", "type", "date", "custodian | author", ""},
	"Condition":                   {"category", "code", "onset.ofType(dateTime) | onset.ofType(Period) | recordedDate", "", ""},
	"Consent":                     {"category | scope", "", "dateTime", "organization | performer", ""},
	"Contract":                    {"scope", "type | topic.ofType(CodeableConcept)", "applies | issued", "author | authority", ""},
	"Coverage":                    {"", "type", period, "payor", ""},
	"CoverageEligibilityRequest":  {"", "", "serviced.ofType(date) | serviced.ofType(Period) | created", "provider", ""},
	"CoverageEligibilityResponse": {"", "", "serviced.ofType(date) | serviced.ofType(Period) | created", "insurer", ""},
	"DetectedIssue":               {"", "code", "identified.ofType(dateTime) | identified.ofType(Period)", "", ""},
	"Device":                      {"", "type", "", "owner", ""},
	"DeviceRequest":               {"", "code.ofType(CodeableConcept)", "occurrence.ofType(dateTime) | occurrence.ofType(Period) | occurrence.ofType(Timing) | authoredOn", "requester | performer", ""},
	"DeviceUseStatement":          {"", "", "timing.ofType(dateTime) | timing.ofType(Period) | timing.ofType(Timing) | recordedOn", "", ""},
	"DiagnosticReport":            {"category", "code", "effective.ofType(dateTime) | effective.ofType(Period) | issued", "performer | resultsInterpreter", ""},
	"DocumentManifest":            {"", "type", "created", "author", ""},
	"DocumentReference":           {"category", "type", "context.period | date", "custodian | author | authenticator", ""},
	"Encounter":                   {"class", "type | serviceType", period, "serviceProvider", ""},
	"EnrollmentRequest":           {"", "", "created", "provider", ""},
	"EpisodeOfCare":               {"", "type", period, "managingOrganization", ""},
	"ExplanationOfBenefit":        {"", "type", "billablePeriod | created", "provider | insurer", ""},
	"FamilyMemberHistory":         {"", "condition.code", "date", "", ""},
	"Flag":                        {"category", "code", period, "author", ""},
	"Goal":                        {"category", "description", "start.ofType(date) | statusDate", "", ""},
	"GuidanceResponse":            {"", "module.ofType(CodeableConcept)", "occurrenceDateTime", "", ""},
	"ImagingStudy":                {"modality", "procedureCode", "started", "", ""},
	"Immunization":                {"", "vaccineCode", "occurrence.ofType(dateTime) | recorded", "performer.actor", ""},
	"ImmunizationEvaluation":      {"", "targetDisease", "date", "authority", ""},
	"ImmunizationRecommendation":  {"", "recommendation.vaccineCode", "date", "authority", ""},
	"Invoice":                     {"", "type", "date", "issuer", ""},
	"List":                        {"", "code", "date", "", ""},
	"MeasureReport":               {"", "", "date | period", "reporter", ""},
	"Media":                       {"", "type", "created.ofType(dateTime) | created.ofType(Period) | issued", "operator", ""},
	"MedicationAdministration":    {"category", medicine, "effective.ofType(dateTime) | effective.ofType(Period)", "", ""},
	"MedicationDispense":          {"category", medicine, "whenHandedOver | whenPrepared", "performer.actor", ""},
	"MedicationRequest":           {"category", medicine, "authoredOn", "requester | performer", ""},
	"MedicationStatement":         {"category", medicine, "effective.ofType(dateTime) | effective.ofType(Period) | dateAsserted", "informationSource", ""},
	"MolecularSequence":           {"", "", "", "performer", ""},
	"NutritionOrder":              {"", "", "dateTime", "", ""},
	"Observation":                 {"category", "code", "effective.ofType(dateTime) | effective.ofType(Period) | effective.ofType(Timing) | effective.ofType(instant) | issued", "performer", ""},
	"Patient":                     {"", "", "", "managingOrganization", ""},
	"Person":                      {"", "", "", "managingOrganization", ""},
	"Procedure":                   {"category", "code", "performed.ofType(dateTime) | performed.ofType(Period)", "performer.actor | performer.onBehalfOf", ""},
	"Provenance":                  {"", "activity", "occurred.ofType(dateTime) | occurred.ofType(Period) | recorded", "agent.who | agent.onBehalfOf", ""},
	"QuestionnaireResponse":       {"", "", "authored", "author", ""},
	"RelatedPerson":               {"", "relationship", period, "", ""},
	"RequestGroup":                {"", "code", "authoredOn", "", ""},
	"ResearchSubject":             {"", "", period, "", ""},
	"RiskAssessment":              {"", "code", "occurrence.ofType(dateTime) | occurrence.ofType(Period)", "", ""},
	"Schedule":                    {"serviceCategory", "serviceType", "planningHorizon", "", ""},
	"ServiceRequest":              {"category", "code", "occurrence.ofType(dateTime) | occurrence.ofType(Period) | occurrence.ofType(Timing) | authoredOn", "requester | performer", ""},
	"Specimen":                    {"", "type", "collection.collected.ofType(dateTime) | collection.collected.ofType(Period) | receivedTime", "", ""},
	"SupplyDelivery":              {"", "type", "occurrence.ofType(dateTime) | occurrence.ofType(Period) | occurrence.ofType(Timing)", "supplier", ""},
	"SupplyRequest":               {"category", "item.ofType(CodeableConcept)", "occurrence.ofType(dateTime) | occurrence.ofType(Period) | occurrence.ofType(Timing) | authoredOn", "requester | supplier", ""},
	"Task":                        {"", "code", "executionPeriod | authoredOn", "requester | owner", ""},
	"VisionPrescription":          {"", "", "dateWritten | created", "", ""},
}

// facetNumbers is where the programs of a facetRow stand in the plan's set.
type facetNumbers struct {
	category, code, when, source, label int
	system                              string
}

func numberFacets(typ string, n *numbering) facetNumbers {
	r, ok := facetRows[typ]
	if !ok {
		r = otherFacets
	}
	return facetNumbers{
		category: n.add(r.category),
		code:     n.add(r.code),
		when:     n.add(r.when),
		source:   n.add(r.source),
		label:    n.add("meta.security"),
		system:   r.system,
	}
}

func (c *collector) facets(d *resource.Doc) Facets {
	numbers := &c.plan.facet
	f := Facets{Type: d.Type(), ID: d.ID()}
	f.Categories = c.codings(numbers.category, numbers.system)
	f.Codes = c.codings(numbers.code, "")
	f.Labels = c.codings(numbers.label, "")
	c.run.Each(numbers.when, func(n resource.Node) bool {
		lo, hi, ok := c.span(n)
		if ok {
			f.Lo, f.Hi = lo, hi
		}
		return !ok
	})
	c.run.Each(numbers.source, func(n resource.Node) bool {
		if reference := NormalTarget(c.text(n.Get("reference"))); reference != "" {
			if typ, _, _, _ := resource.Target(reference); typ == "Organization" {
				f.Source = reference
			}
		}
		return f.Source == ""
	})
	return f
}

func (c *collector) codings(program int, implied string) (list []Coding) {
	c.seen = nil
	c.run.Each(program, func(n resource.Node) bool {
		c.codes(n, implied, func(system, code string) {
			list = unique(&c.seen, list, 0, Coding{system, code})
		})
		return true
	})
	return list
}
