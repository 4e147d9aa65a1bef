package chain

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
	"github.com/cometbft/cometbft/p2p"
	cmtcons "github.com/cometbft/cometbft/proto/tendermint/consensus"
	"github.com/cometbft/cometbft/types"
)

const (
	courierName  = "courier"
	courierQueue = 1000
	courierPause = time.Millisecond       // between two looks while a peer is not ready for what we have
	courierHurry = 200 * time.Millisecond // after which a peer that is still not ready is left to CometBFT
)

// courier carries this node's own proposals and votes to every peer as soon as they exist. CometBFT's gossip looks for
// something to send at a fixed pause, for each peer twice: a short pause costs a fifth of a core in a network at rest,
// a long one costs the pause at each of a block's three steps. The courier is woken by CometBFT's events instead, and
// leaves the rest, votes of others that a peer lacks and peers that are far behind, to that gossip at a long pause.
//
// It only sends what CometBFT would send, marks it as sent in CometBFT's own list, and may be late or absent without harm.
type courier struct {
	state   *consensus.State
	sw      p2p.Switcher
	bus     *types.EventBus
	address types.Address
	log     log.Logger
}

func newCourier(c *Chain) (*courier, error) {
	env, err := c.node.ConfigureRPC() // opens nothing: it is the only way to the consensus state
	if err != nil {
		return nil, fmt.Errorf("reaching the consensus state: %w", err)
	}
	state, ok := env.ConsensusState.(*consensus.State)
	if !ok {
		return nil, errors.New("chain: the consensus state is of another kind")
	}
	return &courier{
		state: state, sw: c.node.Switch(), bus: c.node.EventBus(), address: c.app.signer.address(), log: log.NewNopLogger(),
	}, nil
}

// run carries until ctx ends or the event bus stops.
func (d *courier) run(ctx context.Context) {
	for ctx.Err() == nil {
		votes, err := d.bus.Subscribe(ctx, courierName, types.EventQueryVote, courierQueue)
		if err != nil {
			return
		}
		steps, err := d.bus.Subscribe(ctx, courierName, types.EventQueryCompleteProposal, courierQueue)
		if err != nil {
			return
		}
		d.serve(ctx, votes, steps)
		_ = d.bus.UnsubscribeAll(context.Background(), courierName) // fails when the bus has stopped: nothing to undo then
	}
}

// serve carries until a subscription ends.
func (d *courier) serve(ctx context.Context, votes, proposals types.Subscription) {
	hurry := time.NewTimer(0)
	defer hurry.Stop()
	var until time.Time
	for {
		select {
		case m := <-votes.Out():
			if e, ok := m.Data().(types.EventDataVote); !ok || !bytes.Equal(e.Vote.ValidatorAddress, d.address) {
				continue
			} else { //nolint:revive // e is needed
				d.vote(e.Vote)
			}
			until = time.Now().Add(courierHurry)
		case <-proposals.Out():
			until = time.Now().Add(courierHurry)
		case <-hurry.C:
		case <-votes.Canceled():
			return
		case <-proposals.Canceled():
			return
		case <-ctx.Done():
			return
		}
		if d.all() && time.Now().Before(until) {
			hurry.Reset(courierPause)
		}
	}
}

// vote sends a vote of our own to the peers at its height, without a look at the consensus state: that is locked while a
// block is run, and the others may need this vote to decide it.
func (d *courier) vote(v *types.Vote) {
	d.each(func(peer p2p.Peer, state *consensus.PeerState) {
		if state.GetHeight() == v.Height {
			send(peer, state, v)
		}
	})
}

// all sends to each peer what it lacks of ours, and reports whether some peer is not ready for it.
func (d *courier) all() (waiting bool) {
	round := d.state.GetRoundState()
	d.each(func(peer p2p.Peer, state *consensus.PeerState) {
		waiting = d.one(peer, state, round) || waiting
	})
	return waiting
}

func (d *courier) each(do func(p2p.Peer, *consensus.PeerState)) {
	for _, peer := range d.sw.Peers().Copy() {
		if state, ok := peer.Get(types.PeerStateKey).(*consensus.PeerState); ok {
			do(peer, state)
		}
	}
}

func (d *courier) one(peer p2p.Peer, state *consensus.PeerState, round *constypes.RoundState) (waiting bool) {
	at := state.GetRoundState()
	switch {
	case at.Height+1 == round.Height && round.LastCommit != nil:
		d.own(peer, state, round.LastCommit.GetByAddress(d.address), at.Precommits)
		return true
	case at.Height != round.Height:
		return 0 < at.Height && at.Height < round.Height
	case at.Round != round.Round:
		return at.Round < round.Round
	}
	if round.Proposal != nil && bytes.Equal(round.Validators.GetProposer().Address, d.address) {
		if !at.Proposal {
			state.SendProposalSetHasProposal(d.log, round, at)
			at = state.GetRoundState()
		}
		waiting = parts(state, round, at)
	}
	state.EnsureVoteBitArrays(round.Height, round.Validators.Size())
	at = state.GetRoundState()
	if set := round.Votes.Prevotes(round.Round); set != nil {
		d.own(peer, state, set.GetByAddress(d.address), at.Prevotes)
	}
	if set := round.Votes.Precommits(round.Round); set != nil {
		d.own(peer, state, set.GetByAddress(d.address), at.Precommits)
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
func (d *courier) own(peer p2p.Peer, state *consensus.PeerState, vote *types.Vote, has *bits.BitArray) {
	if vote != nil && has != nil && !has.GetIndex(int(vote.ValidatorIndex)) {
		send(peer, state, vote)
	}
}

func send(peer p2p.Peer, state *consensus.PeerState, vote *types.Vote) {
	if peer.TrySend(p2p.Envelope{ChannelID: consensus.VoteChannel, Message: &cmtcons.Vote{Vote: vote.ToProto()}}) {
		state.SetHasVote(vote)
	}
}
