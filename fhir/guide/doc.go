// Package guide has the conformance resources that are built in: the profiles and extensions that FHIR R4 (4.0.1) itself
// brings, and those of US Core 6.1.0 with the value sets and code systems that it defines. Each is what a validator needs
// of it and nothing else: no texts, no examples.
//
// The tables r4.txt and uscore.txt are made by fhir/guide/generate. They stay text until somebody asks for one of the
// definitions, which alone is then read. The package is pure; all of it may be used from any number of goroutines.
package guide
