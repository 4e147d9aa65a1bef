// Package proof is what a stranger may check with public keys alone.
//
// A hospital keeps an append-only log of what happened ([Event]); each entry
// of the log is a blinded hash ([Leaf]) that says nothing without its salt.
// The log's root is sealed on the ledger, the ledger's books are hashed into
// a calendar, and the members cosign the calendar's checkpoints. A [Bundle]
// is one file that carries a fact along that whole way, and [Verify] checks it
// without a network, a clock or a disk: OK, INCONCLUSIVE or FAIL.
//
// Whom to believe is the [Trust] file's business and nobody else's: it names
// the network, its members, their cosigning keys and how many of them must
// agree. A verdict of OK means: as many members as the trust file asks for have
// signed the checkpoint under which this fact lies.
//
// Every text that this package reads has exactly one encoding. What decodes
// encodes to the same bytes; anything else is refused.
//
// The package is pure. It builds for js/wasm, where proof/wasm exposes it to a
// browser.
package proof
