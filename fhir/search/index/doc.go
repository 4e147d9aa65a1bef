// Package index says what of a resource can be found: Extract takes the search values, the facets that consent filters
// on and whom it is about out of a parsed resource (FHIR R4 3.1.1). An Index has one encoding, which a store keeps
// beside each record; its Postings are what it can be looked up by; its SortKey is what it is sorted by.
//
// What is taken out is said by the tables of package param, made into path programs for a type when it is first needed.
//
// The package is pure. Times are Unix milliseconds; a range of time is [Lo, Hi) with resource.Past and resource.Future
// as open ends.
package index
