// Package search says what of a resource can be found and by which question: Extract takes the search values and the
// facets that consent filters on out of a parsed resource, ParseQuery reads the parameters of a FHIR search (FHIR R4
// 3.1.1), and Query.Match answers whether the two meet. Match is the one meaning of a query, whatever a store does to
// find candidates for it: it keeps an Index encoded beside each record, and its Postings where they can be looked up;
// Query.Needs says which postings a match must have.
//
// Package param holds every search parameter as a row of a table; Params lists those that are implemented for a
// CapabilityStatement, Programs gives their path programs.
//
// The package is pure. Times are Unix milliseconds; a range of time is [Lo, Hi) with resource.Past and resource.Future
// as open ends.
package search
