// The engine that fhir/fhirpath wraps asks for a module of this name. It is replaced by this folder in the go.mod above,
// and takes its units from cairn/fhir/unit, so that it builds inside that module only.
module github.com/gofhir/ucum/v4

go 1.26.0
