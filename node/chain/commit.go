package chain

import (
	"context"

	abci "github.com/cometbft/cometbft/abci/types"
)

// Commit writes the books now and then. CometBFT has the block on disk by now, so the books never run ahead of the
// blocks; where they lag behind, the next start makes up for it.
func (a *application) Commit(context.Context, *abci.RequestCommit) (*abci.ResponseCommit, error) {
	if err := a.replica.keep(booksEvery); err != nil {
		return nil, err
	}
	return &abci.ResponseCommit{}, nil
}
