package chain

import (
	"bytes"
	"context"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"

	"cairn/ledger/machine"
)

// FinalizeBlock runs a decided block. A transaction that the machine refuses gets its code; only a disk that does not
// take the block's leaf is an error, and ends consensus on this node.
func (a *application) FinalizeBlock(_ context.Context, req *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	block := machine.Block{
		Height: uint64(req.Height), //nolint:gosec // heights are positive
		Time:   req.Time.UnixMilli(),
		Txs:    req.Txs,
	}
	a.vigil.running.Store(a.clock())
	out, err := a.replica.apply(block)
	a.vigil.running.Store(0)
	if err != nil {
		return nil, err
	}
	live := a.voting.Load() == req.Height
	a.vigil.block(block.Height, block.Time, a.clock(), live)
	if err := a.signer.Witness(req.Height-1, a.signedBySelf(req.Height-1, req.DecidedLastCommit), live); err != nil {
		a.fail(err)
	}
	a.submits.decided(block, out.Codes)
	results := make([]*abci.ExecTxResult, len(out.Codes))
	for i, code := range out.Codes {
		results[i] = &abci.ExecTxResult{Code: uint32(code)}
	}
	return &abci.ResponseFinalizeBlock{TxResults: results, AppHash: out.Root[:], ValidatorUpdates: a.replica.turnover(block.Height)}, nil
}

func (a *application) signedBySelf(height int64, commit abci.CommitInfo) bool {
	own := a.signer.Address(height)
	for _, vote := range commit.Votes {
		if bytes.Equal(vote.Validator.Address, own) {
			return vote.BlockIdFlag == cmtproto.BlockIDFlagCommit
		}
	}
	return false
}
