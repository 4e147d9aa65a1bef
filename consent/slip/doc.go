// Package slip is one custodian's part of a consent, and what ties it to the
// patient's signature.
//
// A patient decides once, for all her custodians. For each a Slip is made. She
// signs with a passkey: the challenge of the WebAuthn assertion is the Root of a
// Merkle tree over the slips' leaves, and each custodian gets its slip, the Path
// from its leaf to the root, and the assertion.
//
// A slip has two blinded hashes, both keyed by its salt. Its Commitment is what
// its custodian seals on the ledger. Its Leaf stands in the tree. A custodian
// learns other slips' leaves from its path; they tell it nothing about their
// commitments, so it cannot find them on the ledger. The size of the tree does
// show how many slips there are: who wants to hide it adds random leaves.
//
// Trust: who steals a slip reads one custodian's terms; it opens nothing. A slip
// cannot be forged without the patient's passkey. Of several signatures over
// the same root each verifies (ECDSA signatures have a twin with the other S),
// so what was signed is the root, and nothing may be told apart by the bytes of
// a signature.
//
// The package is pure: no clock, no input or output, no randomness.
package slip
