// Package consent decides whether somebody may do something with a patient's
// records, by what the patient has said. Its one question is Decide; it is a
// pure function, the same on every machine and for ever: it reads no clock, no
// disk and no network, and draws no random number.
//
// What a patient says is a FHIR R4 Consent (http://hl7.org/fhir/R4/consent.html;
// IHE Privacy Consent on FHIR 1.1 narrows it). Compile reads one into Terms:
// a tree of rules, FHIR's provisions. Build writes one.
//
// # Outcomes
//
// DENY > PERMIT > NOT_PERMITTED > NO_CONSENT. Of several consents the strongest
// outcome counts: deny overrides. A consent gives NO_CONSENT when it does not
// speak about the asker, NOT_PERMITTED when one of its permits is for this
// asker, action, purpose and time but not for this item. NO_CONSENT falls to
// the custodian's stated Policy; nothing else does.
//
// # Rules
//
//   - Status, scope and the root's period gate the whole consent. Nothing else
//     of the root does: an exception is tested on its own, also where the rule
//     above it does not match.
//   - Among siblings deny wins. A deeper match beats the rule that it is an
//     exception to. A rule without a type is the opposite of the one above it.
//   - Within a rule, conditions of different kinds must all hold; of several
//     values of one kind one must.
//   - A condition that cannot be evaluated, because the item, the asker or the
//     Consent does not say enough, makes a permit not match and a deny match.
//   - A purpose reaches the purposes below it in the R4 hierarchy of
//     v3-PurposeOfUse (treatment reaches emergency treatment).
//   - Confidentiality is a mark on a scale, U < L < M < N < R < V: a permit of R
//     reaches R and below, a deny of R reaches R and above. An item without a
//     confidentiality counts as R, and whether it is sensitive is unknown.
//     Sensitivity labels match by code. A rule with both kinds of labels: a
//     permit needs both, a deny needs one.
//   - A permit of a data period reaches what lies wholly inside it, a deny
//     reaches what overlaps it.
//
// # Where each condition stands in the FHIR Consent
//
//   - resource types: provision.class with system http://hl7.org/fhir/resource-types;
//     document classes: provision.class with any other system;
//   - codes and categories (laboratory, vital-signs): provision.code, one
//     CodeableConcept each, categories with their own code system such as
//     http://terminology.hl7.org/CodeSystem/observation-category. R4 says of this
//     element "if this code is found in an instance, then the rule applies", and
//     a category is a code found in the instance. No extension is needed, so no
//     reader of the Consent can overlook the restriction;
//   - single records: provision.data, meaning instance; what points at a record,
//     and the record itself: meaning related or dependents; source: meaning
//     authoredby;
//   - organisations: actor.reference "Organization/<member id>"; people and teams of
//     the custodian: actor.reference "Practitioner/17", "Group/7"; of another member:
//     actor.reference.identifier with system PersonSystem and value
//     "east/Practitioner/17"; actor.role: a recipient (IRCP) is the asker, a code
//     of a system of roles or professions is a condition on the asker's role.
//
// Dates without a time zone are UTC. Times are Unix milliseconds.
package consent
