package fhir

import (
	"net/http"
	"slices"
)

// operation is a FHIR operation of the face (FHIR R4 3.2.0): one row makes it
// reachable at its levels, by GET and by POST, alone and in a batch, and has
// the CapabilityStatement claim it.
type operation struct {
	name       string   // without the $
	definition string   // canonical URL of the OperationDefinition
	on         level    // where it may be called
	types      []string // the types that have it; none: all
	asks       string   // as what the gate knows it; "" for what shows and writes no record itself
	affects    bool     // it changes something, so there is no GET (FHIR R4 3.2.0.1)
	serve      serve    // rest.Call.Parameters reads what it is called with
}

// operationBase names the operations that are Cairn's own.
const operationBase = "urn:cairn:operation:"

// fhirOperation begins the canonical URLs of the operations of R4.
const fhirOperation = "http://hl7.org/fhir/OperationDefinition/"

// bulkOperation begins the canonical URLs of the operations of Bulk Data 2.0.
const bulkOperation = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"

// operations are all of them, by name.
var operations = []operation{
	{"expand", fhirOperation + "ValueSet-expand", onType | onInstance, []string{"ValueSet"}, "", false, (*Server).expand},
	{"validate-code", fhirOperation + "ValueSet-validate-code", onType | onInstance, []string{"ValueSet"}, "", false, (*Server).validateInSet},
	{"validate-code", fhirOperation + "CodeSystem-validate-code", onType | onInstance, []string{"CodeSystem"}, "", false, (*Server).validateInSystem},
	{"lookup", fhirOperation + "CodeSystem-lookup", onType, []string{"CodeSystem"}, "", false, (*Server).lookup},
	{"subsumes", fhirOperation + "CodeSystem-subsumes", onType | onInstance, []string{"CodeSystem"}, "", false, (*Server).subsumes},
	{"export", bulkOperation + "export", onSystem, nil, "export", false, (*Server).export},
	{"export", bulkOperation + "patient-export", onType, []string{"Patient"}, "export", false, (*Server).export},
	{"export", bulkOperation + "group-export", onInstance, []string{"Group"}, "export", false, (*Server).export},
	{"everything", fhirOperation + "Patient-everything", onInstance, []string{"Patient"}, "everything", false, (*Server).everything},
	{"match", fhirOperation + "Patient-match", onType, []string{"Patient"}, "match", false, (*Server).match},
	{"validate", fhirOperation + "Resource-validate", onType | onInstance, nil, "", false, (*Server).validate},
	{"status", backport + "OperationDefinition/backport-subscription-status", onType | onInstance, []string{"Subscription"}, "read", false, (*Server).subscriptionStatus},
	{"events", backport + "OperationDefinition/backport-subscription-events", onInstance, []string{"Subscription"}, "read", false, (*Server).subscriptionEvents},
	{"topics", operationBase + "topics", onType, []string{"Subscription"}, "", false, (*Server).subscriptionTopics},
	{"import", operationBase + "import", onSystem, nil, "import", true, (*Server).importLines},
	{"evidence", operationBase + "evidence", onVersion, nil, "evidence", false, (*Server).evidence},
	{"explain", operationBase + "explain", onInstance, []string{"Patient"}, "explain", false, (*Server).explain},
	{"pass-on", operationBase + "pass-on", onType, []string{"Consent"}, "", true, (*Server).passOn},
	{"gather", operationBase + "gather", onInstance, []string{"Patient"}, "gather", false, (*Server).gather},
}

// methods are those that an operation may be called with.
func (o operation) methods() []string {
	if o.affects {
		return []string{http.MethodPost}
	}
	return []string{http.MethodGet, http.MethodHead, http.MethodPost}
}

// of tells whether resources of a type have the operation, at one of the levels
// below the system's.
func (o operation) of(typ string) bool {
	return o.on&^onSystem != 0 && (len(o.types) == 0 || slices.Contains(o.types, typ))
}
