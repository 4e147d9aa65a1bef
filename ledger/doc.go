// Package ledger is the house of what every hospital must agree on. It holds no code of its own; its rooms are
//
//	wire      the one encoding of every value that is hashed, signed or ordered
//	roll      the Merkle tree over a short list, under a root that binds its length
//	member    the book of organisations and their public keys
//	register  the book of marks: a write-once set with proofs of presence and of absence
//	seal      the book of log roots, one line per member, that only ever grows
//	calendar  the Merkle log with one leaf per block that changed a book
//	machine   the pure state machine that turns ordered blocks into these books
//
// Everything below this folder is a function of its input: no clock, no randomness, no disk, no network, no
// goroutine, no floating point, no order that a map chose. The wall test beside this file enforces it. Nothing below
// this folder knows of a person.
package ledger
