// Package chain is this hospital's seat at the ledger: it runs CometBFT in this process, feeds it what the hospital
// wants ordered, follows every block with the pure state machine of ledger/machine, and answers from that state with
// proofs. It is the only room that imports CometBFT.
//
// # What is promised
//
// Submit returns when the transaction stands in a block that more than two thirds of the voting power signed, and the
// machine took it. Everything read from a Chain (Sealed, Mark, Member, Evidence...) comes from decided blocks, all of one
// height. Fresh says whether this node may still speak for the ledger; a gate asks it before every disclosure.
//
// # Time
//
// The time of a block is the median of the clocks of those who signed the block before it, weighted by their power. So
// a block is stamped with the moment at which its predecessor was decided. To keep that close to the truth on a ledger
// that makes no empty blocks, a proposer that has seen nothing for two seconds first proposes an empty block and puts
// what waits into the next one: a leaf of the calendar is stamped at most about two seconds early, never late.
//
// # On disk
//
// One directory, used by one process at a time:
//
//	genesis            the rules that this ledger began with
//	sign.json          what the validator signed last; the only file that must never be restored from a copy
//	blockstore.db      every block and the signatures under it
//	state.db           what CometBFT needs to go on
//	evidence.db        proofs of misbehaviour by validators
//	wal/               messages of the running height, bounded to about 20 MB
//	books              the machine at some height, with a checksum, replaced as a whole
//	leaves, nodes      the calendar: 48 bytes a leaf, and the hashes above them at 64 bytes a leaf
//
// The blocks are the truth. The other files may lag behind them, and are brought forward from them at the next start;
// they never run ahead. A thief of the directory learns what every member knows, and with sign.json nothing more: the
// keys are not here. Who changes a byte of it is found by Scrub, or refused at the next start.
package chain
