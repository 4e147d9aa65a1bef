// Package slip is one custodian's part of a consent, and what ties it to the
// patient's signature.
//
// A patient decides once, for all her custodians. For each a Slip is made, and she
// signs with the passkey that she has at that custodian, which no other hospital
// knows: the challenge of the WebAuthn assertion is the Root of a Merkle tree over
// the leaves of what she signs for it at once. It gets its slips, the Path from
// each leaf to the root, and the assertion; it keeps them together (Signature), so
// that it can show them later. A root over slips of several custodians would be the
// same for all of them, and so would a key: either would tell them that they have
// the same patient.
//
// A slip has two blinded hashes, both keyed by its salt. Its Commitment is what
// its custodian seals on the ledger. Its Leaf stands in the tree, and tells nothing
// about the commitment.
//
// Trust: who steals a slip reads one custodian's terms; it opens nothing. A slip
// cannot be forged without the patient's passkey at its custodian. Of several
// signatures over the same root each verifies (ECDSA signatures have a twin with
// the other S), so what was signed is the root, and nothing may be told apart by
// the bytes of a signature.
//
// The package is pure: no clock, no input or output, no randomness.
package slip
