// Package search says what of a resource can be found and by which question: Extract takes the search values and the
// facets that consent filters on out of a parsed resource, ParseQuery reads the parameters of a FHIR search (FHIR R4
// 3.1.1), and Query.Match answers whether the two meet. A store keeps the values of an Index as rows and turns a Query
// into a statement; Match is the meaning that the statement must have.
//
// One table holds every search parameter: resource type, name, kind, the R4 definition and a path program. Params lists
// it for a CapabilityStatement.
//
// The package is pure. Times are Unix milliseconds; a range is [Lo, Hi) with resource.Past and resource.Future as
// open ends.
package search
