// Package xml turns FHIR R4 resources from XML into JSON and back (FHIR R4 2.6.1), by the shapes of fhir/profile.
//
// Decode and Encode are inverse: what Encode makes of a valid resource, Decode makes into JSON of the same value. What
// XML has beyond it, comments and the layout, is not kept; the XHTML of a narrative is, byte for byte. Decimals keep
// their digits. The limits of fhir/markup hold while the text is read; entities, document types and processing
// instructions are refused.
//
// Both check only what they need to know the way: elements that R4 has, in their order, and primitives whose JSON form
// is no string. What else can be wrong with a resource is for fhir/resource and profile.Check. Both refuse with a
// *resource.Error, which names places, never values. The package is pure.
package xml

const (
	fhirSpace   = "http://hl7.org/fhir"
	xhtmlSpace  = "http://www.w3.org/1999/xhtml"
	xmlSpace    = "http://www.w3.org/XML/1998/namespace"
	schemaSpace = "http://www.w3.org/2001/XMLSchema-instance"
)
