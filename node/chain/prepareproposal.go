package chain

import (
	"context"

	abci "github.com/cometbft/cometbft/abci/types"
)

// restMillis is the rest after which a block's time is too old to stamp anything.
const restMillis = 2000

// PrepareProposal chooses the next block's transactions. A block bears the time at which the block before it was decided;
// after a rest that is too long ago, so an empty block goes first and the transactions go into the next one.
func (a *application) PrepareProposal(_ context.Context, req *abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error) {
	a.voting.Store(req.Height)
	if len(req.Txs) > 0 && a.vigil.rested(a.clock()) {
		return &abci.ResponsePrepareProposal{}, nil
	}
	var txs [][]byte
	for _, tx := range req.Txs {
		if !hopeless(a.replica.check(tx)) {
			txs = append(txs, tx)
		}
	}
	return &abci.ResponsePrepareProposal{Txs: txs}, nil
}
