// Package search reads the questions of a FHIR search (FHIR R4 3.1.1) and answers whether a resource is found by one:
// ParseQuery makes a Query of parameters, Query.Match compares it with an Index (package index, whose names this package
// gives on). Match is the one meaning of a query, whatever a store does to find candidates for it: Query.Needs says
// which postings every match must have.
//
// The package is pure.
package search

import (
	"cairn/fhir/resource"
	"cairn/fhir/search/index"
)

// What can be found of a resource; see package index.
type (
	Index      = index.Index
	Token      = index.Token
	Identifier = index.Identifier
	Date       = index.Date
	Reference  = index.Reference
	Text       = index.Text
	Number     = index.Number
	Quantity   = index.Quantity
	URI        = index.URI
	Place      = index.Place
	Composite  = index.Composite
	Coding     = index.Coding
	Facets     = index.Facets
	Postings   = index.Postings
	Word       = index.Word
	Span       = index.Span
	SortRule   = index.SortRule
	Program    = index.Program
	Kind       = index.Kind
)

// The kinds of search parameters.
const (
	ByToken     = index.ByToken
	ByDate      = index.ByDate
	ByReference = index.ByReference
	ByText      = index.ByText
	ByNumber    = index.ByNumber
	ByQuantity  = index.ByQuantity
	ByURI       = index.ByURI
	ByComposite = index.ByComposite
	BySpecial   = index.BySpecial
)

// Bounds of what a store keeps.
const (
	MaxWord    = index.MaxWord
	MaxSortKey = index.MaxSortKey
)

// Extract is index.Extract: what can be found of a resource.
func Extract(d *resource.Doc) (Index, error) { return index.Extract(d) }

// DecodeIndex is index.Decode: reads what Index.Encode wrote.
func DecodeIndex(raw []byte) (Index, error) { return index.Decode(raw) }

// Programs is index.Programs: how each parameter of a type finds its values.
func Programs(typ string) []Program { return index.Programs(typ) }

// Protected is index.Protected: whether records of a type can be about a patient.
func Protected(typ string) bool { return index.Protected(typ) }

// Fold is index.Fold: the form in which strings are compared.
func Fold(s string) string { return index.Fold(s) }

// Ordered is index.Ordered: a number as an integer that orders alike.
func Ordered(f float64) int64 { return index.Ordered(f) }
