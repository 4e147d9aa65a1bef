package chain

import (
	"log/slog"
	"sync/atomic"

	abci "github.com/cometbft/cometbft/abci/types"

	"cairn/ledger/machine"
	"cairn/node/chain/signer"
)

// application is what CometBFT sees of the machine (ABCI 2.0). Each method has a file of its own. CometBFT calls it from
// several goroutines; the replica's lock keeps them apart, so that a check or a read waits for no more than one run of
// the machine.
type application struct {
	abci.BaseApplication

	replica *replica
	submits *submits
	vigil   *vigil
	signer  *signer.Signer
	peers   map[string]bool // node ids that are let in
	clock   func() int64
	log     *slog.Logger
	fail    func(error)

	voting atomic.Int64 // height at which this node last saw a proposal: a block of that height is live
}

// hopeless reports whether a transaction with this code is refused whatever the books say: an honest proposer has none.
func hopeless(code machine.Code) bool {
	switch code { //nolint:exhaustive // the others depend on the books
	case machine.CodeMalformed, machine.CodeTooLarge, machine.CodeUnknownMember,
		machine.CodeNoKey, machine.CodeBadSignature, machine.CodeBadMarks:
		return true
	}
	return false
}
