package chain

import (
	"context"

	abci "github.com/cometbft/cometbft/abci/types"
)

// ProcessProposal refuses a block with a transaction that no honest proposer could have put there. The answer depends on
// the books before the block alone, so that all members give the same.
func (a *application) ProcessProposal(_ context.Context, req *abci.RequestProcessProposal) (*abci.ResponseProcessProposal, error) {
	a.voting.Store(req.Height)
	for _, tx := range req.Txs {
		if hopeless(a.replica.check(tx)) {
			return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_REJECT}, nil
		}
	}
	return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_ACCEPT}, nil
}
