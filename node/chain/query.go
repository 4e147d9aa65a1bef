package chain

import (
	"context"
	"strings"

	abci "github.com/cometbft/cometbft/abci/types"
)

const (
	filterAddress = "/p2p/filter/addr/"
	filterID      = "/p2p/filter/id/"
)

// Query answers CometBFT's question whether a connection may stay: only nodes with the key of a configured peer may. An
// address says nothing and passes.
func (a *application) Query(_ context.Context, req *abci.RequestQuery) (*abci.ResponseQuery, error) {
	id, isID := strings.CutPrefix(req.Path, filterID)
	if isID && a.peers[id] || strings.HasPrefix(req.Path, filterAddress) {
		return &abci.ResponseQuery{Code: abci.CodeTypeOK}, nil
	}
	return &abci.ResponseQuery{Code: 1, Log: "not a peer of this node"}, nil
}
