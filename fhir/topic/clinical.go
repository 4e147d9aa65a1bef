package topic

// clinical are the topics that name an event rather than a type. Codes are those
// of the value sets that R4 binds the elements to.
var clinical = []Topic{
	{
		URL: Base + "encounter-start", Title: "Encounter started",
		Description: "An encounter has begun: its status has become in-progress.",
		Triggers:    []Trigger{{Type: "Encounter", Interactions: []Interaction{Create, Update}, Previous: "status:not=in-progress", Current: "status=in-progress"}},
	},
	{
		URL: Base + "encounter-end", Title: "Encounter ended",
		Description: "An encounter has ended: its status has become finished.",
		Triggers:    []Trigger{{Type: "Encounter", Interactions: []Interaction{Create, Update}, Previous: "status:not=finished", Current: "status=finished"}},
	},
	{
		URL: Base + "lab-result-available", Title: "Laboratory result available",
		Description: "A laboratory result has become final: an Observation or DiagnosticReport of the category laboratory whose status was not final, amended or corrected before and is final.",
		Triggers: []Trigger{
			{Type: "Observation", Interactions: []Interaction{Create, Update}, Previous: "status:not=final,amended,corrected", Current: "status=final&category=" + observationLab},
			{Type: "DiagnosticReport", Interactions: []Interaction{Create, Update}, Previous: "status:not=final,amended,corrected,appended", Current: "status=final&category=" + reportLab},
		},
	},
	{
		URL: Base + "lab-result-changed", Title: "Laboratory result changed",
		Description: "A laboratory result was changed after it had been final: its status is amended, corrected, appended or entered-in-error.",
		Triggers: []Trigger{
			{Type: "Observation", Interactions: []Interaction{Update}, Previous: "status=final,amended,corrected", Current: "status=amended,corrected,entered-in-error&category=" + observationLab},
			{Type: "DiagnosticReport", Interactions: []Interaction{Update}, Previous: "status=final,amended,corrected,appended", Current: "status=amended,corrected,appended,entered-in-error&category=" + reportLab},
		},
	},
	{
		URL: Base + "document-available", Title: "New document",
		Description: "A document has become available: a DocumentReference whose status was not current before and is current.",
		Triggers:    []Trigger{{Type: "DocumentReference", Interactions: []Interaction{Create, Update}, Previous: "status:not=current", Current: "status=current"}},
	},
	{
		URL: Base + "patient-merged", Title: "Patient merged",
		Description: "A patient's record was merged into another: it has got a link of the type replaced-by.",
		Triggers: []Trigger{{Type: "Patient", Interactions: []Interaction{Create, Update},
			FHIRPath: "%current.link.where(type = 'replaced-by').exists() and %previous.link.where(type = 'replaced-by').empty()"}},
	},
}

const (
	observationLab = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
	reportLab      = "http://terminology.hl7.org/CodeSystem/v2-0074|LAB"
)
