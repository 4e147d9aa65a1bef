module cairn/fhir/guide/generate

go 1.26.0

require github.com/gofhir/validator v1.0.0
