package chain

import (
	"context"

	abci "github.com/cometbft/cometbft/abci/types"
)

// InitChain gives the root before the first block. The genesis itself is known: it came with the configuration, and the
// chain's id, which every block and signature carries, is made from its hash.
func (a *application) InitChain(context.Context, *abci.RequestInitChain) (*abci.ResponseInitChain, error) {
	a.replica.mu.RLock()
	defer a.replica.mu.RUnlock()
	root := a.replica.machine.Root()
	return &abci.ResponseInitChain{AppHash: root[:]}, nil
}
