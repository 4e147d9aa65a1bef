// Package mapping makes FHIR R4 resources of HL7 version 2 messages by the
// rules of the HL7 v2-to-FHIR implementation guide; docs/feed.md says which
// segments and fields, and where and why it differs. It is pure: the same
// message in the same case gives the same entries.
//
// Whom says by which identifiers a message names its patient. Who looks these
// up then calls Map with her local id. Ids of all other resources are made by a
// keyed function from the identifiers that the sender gave: a correction, or the
// same message once more, meets the resource that the first one made, and an id
// tells nobody what it was made of.
//
// Map is all or nothing: it gives entries, or errors. An error says where the
// message is wrong, as a code of table HL70357 and a sentence, never a value.
package mapping
