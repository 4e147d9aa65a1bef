package main

const usCore = "http://hl7.org/fhir/us/core/SearchParameter/"

// extras are parameters beside those of the R4 bundle: three that the R4 pages of their types list or that later
// versions brought for elements that R4 has, and those that US Core 6.1 defines itself.
var extras = []searchParameter{
	{ID: "DetectedIssue-status", URL: base + "DetectedIssue-status", Code: "status", Base: []string{"DetectedIssue"}, Type: "token", Expression: "DetectedIssue.status"},
	{ID: "DeviceDefinition-classification", URL: base + "DeviceDefinition-classification", Code: "classification", Base: []string{"DeviceDefinition"}, Type: "token", Expression: "DeviceDefinition.type"},
	{ID: "ServiceRequest-order-detail", URL: base + "ServiceRequest-order-detail", Code: "order-detail", Base: []string{"ServiceRequest"}, Type: "token", Expression: "ServiceRequest.orderDetail"},
	{ID: "us-core-careteam-role", URL: usCore + "us-core-careteam-role", Code: "role", Base: []string{"CareTeam"}, Type: "token", Expression: "CareTeam.participant.role"},
	{ID: "us-core-condition-asserted-date", URL: usCore + "us-core-condition-asserted-date", Code: "asserted-date", Base: []string{"Condition"}, Type: "date",
		Expression: "Condition.extension.where(url='http://hl7.org/fhir/StructureDefinition/condition-assertedDate').value.ofType(dateTime)"},
	{ID: "us-core-encounter-discharge-disposition", URL: usCore + "us-core-encounter-discharge-disposition", Code: "discharge-disposition", Base: []string{"Encounter"}, Type: "token",
		Expression: "Encounter.hospitalization.dischargeDisposition"},
	{ID: "us-core-ethnicity", URL: usCore + "us-core-ethnicity", Code: "ethnicity", Base: []string{"Patient"}, Type: "token",
		Expression: "Patient.extension.where(url='http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity').extension.value.ofType(Coding)"},
	{ID: "us-core-goal-description", URL: usCore + "us-core-goal-description", Code: "description", Base: []string{"Goal"}, Type: "token", Expression: "Goal.description"},
	{ID: "us-core-patient-gender-identity", URL: usCore + "us-core-patient-gender-identity", Code: "gender-identity", Base: []string{"Patient"}, Type: "token",
		Expression: "Patient.extension.where(url='http://hl7.org/fhir/us/core/StructureDefinition/us-core-genderIdentity').value.ofType(CodeableConcept)"},
	{ID: "us-core-race", URL: usCore + "us-core-race", Code: "race", Base: []string{"Patient"}, Type: "token",
		Expression: "Patient.extension.where(url='http://hl7.org/fhir/us/core/StructureDefinition/us-core-race').extension.value.ofType(Coding)"},
}
