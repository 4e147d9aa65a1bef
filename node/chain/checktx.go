package chain

import (
	"context"

	abci "github.com/cometbft/cometbft/abci/types"
)

// CheckTx lets into the pool what the machine would take as the next transaction. It is asked again after each block, so
// that what became stale meanwhile leaves the pool.
func (a *application) CheckTx(_ context.Context, req *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	code := a.replica.check(req.Tx)
	return &abci.ResponseCheckTx{Code: uint32(code)}, nil
}
