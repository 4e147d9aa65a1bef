package chain

import (
	"context"

	abci "github.com/cometbft/cometbft/abci/types"
)

// Info says up to which block the books on disk go; CometBFT then replays the blocks above it.
func (a *application) Info(context.Context, *abci.RequestInfo) (*abci.ResponseInfo, error) {
	a.replica.mu.RLock()
	defer a.replica.mu.RUnlock()
	root := a.replica.machine.Root()
	return &abci.ResponseInfo{
		Data:             "cairn",
		AppVersion:       1,
		LastBlockHeight:  int64(a.replica.machine.Height()), //nolint:gosec // CometBFT's heights are int64
		LastBlockAppHash: root[:],
	}, nil
}
