// Package fhir is empty. A test of the FHIRPath engine imports a package of this name, and go mod tidy of the module
// above wants to find every package that the tests of what it uses import. Nothing is built with it.
package fhir
