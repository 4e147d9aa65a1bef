module cairn/fhir/term/generate

go 1.26

require (
	github.com/gofhir/validator v1.0.0
	github.com/klauspost/compress v1.20.1
)
