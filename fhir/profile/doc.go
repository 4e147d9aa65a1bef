// Package profile says what FHIR R4 resources look like and whether one does.
//
// Of gives the Shape of a type: its elements in order, how often each may occur, of which types, with which codes. The
// shapes come from r4.txt, which fhir/profile/generate makes from the R4 definitions; it is read once, when first
// asked for.
//
// Check compares a resource with its shape: structural validation (FHIR R4 2.1.0 and 2.6.2), as every written resource
// has to pass it. Issues name elements and rules, never values, so that they can be shown and logged. Profiles are the
// business of fhir/judge.
//
// The package is pure: no clock, no input or output. Everything in it may be used from any number of goroutines.
package profile
