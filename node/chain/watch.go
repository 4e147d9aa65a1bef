package chain

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cometbft/cometbft/consensus"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/types"
)

const (
	watchEvery  = 500 * time.Millisecond
	sweepEvery  = 10 * time.Second
	arriveEvery = 20 * time.Millisecond // after the start, until this node is as high as the others
	ahead       = 3                     // blocks by which members must be ahead of a height that stands still
)

// watch looks after what CometBFT does not say: how much of the voting power is connected, whether the height stands
// still while the others go on or while the machine is at a block, and old files of the write-ahead log.
type watch struct {
	chain *Chain

	votes  map[string]uint64 // power of each member, as of height: a machine that hangs must not hang the watch
	height uint64            // of this node when it was last looked at
	stands time.Duration     // for how long it was seen to stand while others were ahead, or while the machine ran
	looked time.Time
	swept  time.Time
}

func newWatch(c *Chain) *watch {
	now := time.Now()
	return &watch{chain: c, votes: c.replica.votes(), looked: now, swept: now}
}

// votes returns the power of each member.
func (r *replica) votes() map[string]uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	members, _, _, _ := r.machine.Books()
	of := make(map[string]uint64)
	for _, m := range members.All() {
		if m.Active {
			of[m.ID] = m.Power
		}
	}
	return of
}

func (w *watch) run(ctx context.Context) {
	w.arrive(ctx)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		w.look()
		select {
		case now := <-tick.C:
			if now.Sub(w.swept) >= sweepEvery {
				w.swept = now
				sweep(filepath.Join(w.chain.cfg.Dir, walDir))
			}
		case <-ctx.Done():
			return
		}
	}
}

// arrive waits until members with more than two thirds of the power, this one among them, say that they are no higher
// than this node. Before that, a mark may be on the ledger that this replica does not have: CometBFT leaves block sync
// while it may still be blocks behind.
func (w *watch) arrive(ctx context.Context) {
	tick := time.NewTicker(arriveEvery)
	defer tick.Stop()
	for looked := time.Now(); ; {
		t := w.chain.tally(w.votes, int64(w.chain.Height())+1) //nolint:gosec // a peer at our height works on the next
		if 3*(t.heard-t.above) > 2*t.total {
			w.chain.vigil.arrived.Store(true)
			return
		}
		if time.Since(looked) >= watchEvery {
			w.look()
			looked = time.Now()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *watch) look() {
	c := w.chain
	height, now := c.Height(), time.Now()
	// A peer works on the block above its last one.
	t := c.tally(w.votes, int64(height)+ahead) //nolint:gosec // CometBFT's heights are int64
	c.vigil.connected(3*t.connected > 2*t.total, c.cfg.Clock())
	// A process that was itself suspended saw nothing stand still in that time.
	seen := min(now.Sub(w.looked), 2*watchEvery)
	w.looked = now
	hangs := c.vigil.running.Load() != 0
	if height != w.height || 3*t.above <= t.total && !hangs {
		if height != w.height && !hangs {
			w.votes = c.replica.votes()
		}
		w.height, w.stands = height, 0
		return
	}
	w.stands += seen
	switch {
	case w.stands < c.cfg.Standstill:
	case hangs:
		c.fail(fmt.Errorf("the machine has not come back from block %d for %s", height+1, c.cfg.Standstill))
	default:
		c.fail(fmt.Errorf("height %d has stood still for %s while other members are at least %d blocks ahead",
			height, c.cfg.Standstill, ahead))
	}
}

// tally is voting power: of this node with the members connected to it, of those of them who said where they are, of
// those who say that they work above a height, and of all members. What one member says is not enough to draw a
// conclusion from: it takes more than a third of the power, so that at least one of them is honest.
type tally struct{ connected, heard, above, total uint64 }

func (c *Chain) tally(votes map[string]uint64, height int64) (t tally) {
	for _, power := range votes {
		t.total += power
	}
	counted := make(map[string]bool) // a member with two nodes counts once
	if !c.cfg.Follow {               // whoever only follows knows no more of its member's vote than of the others'
		counted[c.cfg.Member] = true
		t.connected = votes[c.cfg.Member]
		t.heard = t.connected
	}
	for _, p := range c.cfg.Peers {
		peer := c.node.Switch().Peers().Get(p2p.ID(p.ID))
		if peer == nil || p.Follow || counted[p.Member] {
			continue
		}
		counted[p.Member] = true
		t.connected += votes[p.Member]
		state, ok := peer.Get(types.PeerStateKey).(*consensus.PeerState)
		if !ok || state.GetHeight() == 0 {
			continue
		}
		t.heard += votes[p.Member]
		if state.GetHeight() > height {
			t.above += votes[p.Member]
		}
	}
	return t
}

// poll is what the signer asks.
func (c *Chain) poll(height int64) (heard, above, total uint64) {
	t := c.tally(c.replica.votes(), height)
	return t.heard, t.above, t.total
}

// sweep removes all but the latest of the write-ahead log's full files. The log is read for the running height alone,
// which began in the open file or the one before.
func sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // nothing to sweep, or it is tried again
	}
	var full []int
	for _, e := range entries {
		number, isFull := strings.CutPrefix(e.Name(), "wal.")
		if n, err := strconv.Atoi(number); isFull && err == nil {
			full = append(full, n)
		}
	}
	slices.Sort(full)
	for _, n := range full[:max(0, len(full)-1)] {
		_ = os.Remove(filepath.Join(dir, fmt.Sprintf("wal.%03d", n)))
	}
}

// dial keeps a connection to one peer. Of two nodes the one with the lower id dials at once and often; the other steps in
// only when nothing comes of it, so that they do not cut each other's connections for ever. CometBFT's own dialling waits
// up to three seconds before it begins, and gives up in the end.
func dial(ctx context.Context, sw p2p.Switcher, cfg Config, p Peer) {
	first := NodeID(cfg.nodePublic()) < p.ID
	pause := time.Duration(0)
	if !first {
		pause = 3 * time.Second
	}
	for fails := 0; ; {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause = 500 * time.Millisecond
		if sw.Peers().Has(p2p.ID(p.ID)) {
			fails = 0
			continue
		}
		if !first && fails == 0 { // give the other one its chance
			fails++
			pause = 2 * time.Second
			continue
		}
		if err := connect(sw, p); err != nil {
			fails++
		}
		pause = min(time.Duration(fails)*500*time.Millisecond, 5*time.Second) + rand.N(500*time.Millisecond) //nolint:gosec // spreads the load
	}
}

func connect(sw p2p.Switcher, p Peer) error {
	addr, err := p2p.NewNetAddressString(p2p.IDAddressString(p2p.ID(p.ID), p.Addr))
	if err != nil {
		return err
	}
	return sw.DialPeerWithAddress(addr)
}
