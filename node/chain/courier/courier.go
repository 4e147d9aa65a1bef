// Package courier makes consensus quick and keeps it quiet: it carries a validator's own proposals and votes to its
// peers at the moment they exist, so that CometBFT's gossip can pause for long.
package courier

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cometbft/cometbft/consensus"
	constypes "github.com/cometbft/cometbft/consensus/types"
	"github.com/cometbft/cometbft/libs/bits"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	cmtcons "github.com/cometbft/cometbft/proto/tendermint/consensus"
	"github.com/cometbft/cometbft/types"
)

const (
	name  = "courier"
	queue = 1000
	pause = time.Millisecond       // between two looks while a peer is not ready for what we have
	hurry = 200 * time.Millisecond // after which a peer that is still not ready is left to CometBFT
)

// Courier carries this node's own proposals and votes to every peer as soon as they exist. CometBFT's gossip looks for
// something to send at a fixed pause, for each peer twice: 2 ms cost four members at rest eight per cent of a core,
// 100 ms cost the pause at each of a block's three steps. The courier is woken by CometBFT's events instead, and
// leaves the rest, votes of others that a peer lacks and peers that are far behind, to that gossip at a long pause.
//
// It only sends what CometBFT would send, marks it as sent in CometBFT's own list, and may be late or absent without harm.
type Courier struct {
	state   *consensus.State
	sw      p2p.Switcher
	bus     *types.EventBus
	address func(height int64) types.Address
	log     log.Logger
}

// New returns the courier of a node; address is that of its validator at a height.
func New(n *node.Node, address func(height int64) types.Address) (*Courier, error) {
	env, err := n.ConfigureRPC() // opens nothing: it is the only way to the consensus state
	if err != nil {
		return nil, fmt.Errorf("reaching the consensus state: %w", err)
	}
	state, ok := env.ConsensusState.(*consensus.State)
	if !ok {
		return nil, errors.New("courier: the consensus state is of another kind")
	}
	return &Courier{
		state: state, sw: n.Switch(), bus: n.EventBus(), address: address, log: log.NewNopLogger(),
	}, nil
}

// Run carries until ctx ends or the event bus stops.
func (d *Courier) Run(ctx context.Context) {
	for ctx.Err() == nil {
		votes, err := d.bus.Subscribe(ctx, name, types.EventQueryVote, queue)
		if err != nil {
			return
		}
		steps, err := d.bus.Subscribe(ctx, name, types.EventQueryCompleteProposal, queue)
		if err != nil {
			return
		}
		d.serve(ctx, votes, steps)
		_ = d.bus.UnsubscribeAll(context.Background(), name) // fails when the bus has stopped: nothing to undo then
	}
}

// serve carries until a subscription ends.
func (d *Courier) serve(ctx context.Context, votes, proposals types.Subscription) {
	look := time.NewTimer(0)
	defer look.Stop()
	var until time.Time
	for {
		select {
		case m := <-votes.Out():
			e, ok := m.Data().(types.EventDataVote)
			if !ok || !bytes.Equal(e.Vote.ValidatorAddress, d.address(e.Vote.Height)) {
				continue
			}
			d.vote(e.Vote)
			until = time.Now().Add(hurry)
		case <-proposals.Out():
			until = time.Now().Add(hurry)
		case <-look.C:
		case <-votes.Canceled():
			return
		case <-proposals.Canceled():
			return
		case <-ctx.Done():
			return
		}
		if d.all() && time.Now().Before(until) {
			look.Reset(pause)
		}
	}
}

// vote sends a vote of our own to the peers at its height, without a look at the consensus state: that is locked while a
// block is run, and the others may need this vote to decide it.
func (d *Courier) vote(v *types.Vote) {
	d.each(func(peer p2p.Peer, state *consensus.PeerState) {
		if state.GetHeight() == v.Height {
			send(peer, state, v)
		}
	})
}

// all sends to each peer what it lacks of ours, and reports whether some peer is not ready for it.
func (d *Courier) all() (waiting bool) {
	round := d.state.GetRoundState()
	d.each(func(peer p2p.Peer, state *consensus.PeerState) {
		waiting = d.one(peer, state, round) || waiting
	})
	return waiting
}

func (d *Courier) each(do func(p2p.Peer, *consensus.PeerState)) {
	for _, peer := range d.sw.Peers().Copy() {
		if state, ok := peer.Get(types.PeerStateKey).(*consensus.PeerState); ok {
			do(peer, state)
		}
	}
}

func (d *Courier) one(peer p2p.Peer, state *consensus.PeerState, round *constypes.RoundState) (waiting bool) {
	at := state.GetRoundState()
	switch {
	case at.Height+1 == round.Height && round.LastCommit != nil:
		d.own(peer, state, round.LastCommit.GetByAddress(d.address(round.Height-1)), at.Precommits)
		return true
	case at.Height != round.Height:
		return 0 < at.Height && at.Height < round.Height
	case at.Round != round.Round:
		return at.Round < round.Round
	}
	if round.Proposal != nil && bytes.Equal(round.Validators.GetProposer().Address, d.address(round.Height)) {
		if !at.Proposal {
			state.SendProposalSetHasProposal(d.log, round, at)
			at = state.GetRoundState()
		}
		waiting = parts(state, round, at)
	}
	state.EnsureVoteBitArrays(round.Height, round.Validators.Size())
	at = state.GetRoundState()
	if set := round.Votes.Prevotes(round.Round); set != nil {
		d.own(peer, state, set.GetByAddress(d.address(round.Height)), at.Prevotes)
	}
	if set := round.Votes.Precommits(round.Round); set != nil {
		d.own(peer, state, set.GetByAddress(d.address(round.Height)), at.Precommits)
	}
	return waiting
}

// parts sends the parts of our proposal that a peer lacks, and reports whether some could not be sent.
func parts(state *consensus.PeerState, round *constypes.RoundState, at *constypes.PeerRoundState) (waiting bool) {
	if !round.ProposalBlockParts.HasHeader(at.ProposalBlockPartSetHeader) {
		return false
	}
	for i := range int(round.ProposalBlockParts.Total()) {
		part := round.ProposalBlockParts.GetPart(i)
		if part == nil || at.ProposalBlockParts.GetIndex(i) {
			continue
		}
		if !state.SendPartSetHasPart(part, at) {
			return true
		}
	}
	return false
}

// own sends a vote of ours to a peer that has not got it.
func (d *Courier) own(peer p2p.Peer, state *consensus.PeerState, vote *types.Vote, has *bits.BitArray) {
	if vote != nil && has != nil && !has.GetIndex(int(vote.ValidatorIndex)) {
		send(peer, state, vote)
	}
}

func send(peer p2p.Peer, state *consensus.PeerState, vote *types.Vote) {
	if peer.TrySend(p2p.Envelope{ChannelID: consensus.VoteChannel, Message: &cmtcons.Vote{Vote: vote.ToProto()}}) {
		state.SetHasVote(vote)
	}
}
