module cairn/fhir/search/param/generate

go 1.26

require github.com/gofhir/validator v1.0.0
