package chain

import (
	"context"
	"fmt"
	"maps"
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
	watchEvery = 500 * time.Millisecond
	sweepEvery = 10 * time.Second
	ahead      = 3 // blocks by which members must be ahead of a height that stands still
)

// watch looks after what CometBFT does not say: how much of the voting power is connected, whether the height stands
// still while the others go on, and old files of the write-ahead log.
type watch struct {
	chain *Chain

	votes  map[string]uint64 // power of each member, as of height: a machine that hangs must not hang the watch
	height uint64            // of this node when it was last looked at
	stands time.Duration     // for how long it was seen to stand while others were ahead
	looked time.Time
	swept  time.Time
}

func newWatch(c *Chain) *watch {
	now := time.Now()
	w := &watch{chain: c, looked: now, swept: now}
	w.poll()
	return w
}

// poll notes the power of each member, unless the machine is busy.
func (w *watch) poll() {
	r := w.chain.replica
	if !r.mu.TryRLock() {
		return
	}
	defer r.mu.RUnlock()
	w.votes = make(map[string]uint64)
	members, _, _, _ := r.machine.Books()
	for _, m := range members.All() {
		if m.Active {
			w.votes[m.ID] = m.Power
		}
	}
}

func (w *watch) run(ctx context.Context) {
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

func (w *watch) look() {
	c := w.chain
	connected, advanced, total := w.power()
	c.vigil.connected(3*connected > 2*total, c.cfg.Clock())
	height, now := c.Height(), time.Now()
	// A process that was itself suspended saw nothing stand still in that time.
	seen := min(now.Sub(w.looked), 2*watchEvery)
	w.looked = now
	if height != w.height || 3*advanced <= total {
		if height != w.height {
			w.poll()
		}
		w.height, w.stands = height, 0
		return
	}
	if w.stands += seen; w.stands >= c.cfg.Standstill {
		c.fail(fmt.Errorf("height %d has stood still for %s while other members are at least %d blocks ahead",
			height, c.cfg.Standstill, ahead))
	}
}

// power returns the voting power of this node and the members connected to it, of those of them whose nodes say that they
// are ahead, and of all members. What one member says is not enough to call this node stuck: it takes more than a third,
// so that at least one of them is honest.
func (w *watch) power() (connected, advanced, total uint64) {
	of := maps.Clone(w.votes)
	for _, power := range of {
		total += power
	}
	connected = of[w.chain.cfg.Member]
	here := int64(w.chain.Height()) //nolint:gosec // CometBFT's heights are int64
	for _, p := range w.chain.cfg.Peers {
		peer := w.chain.node.Switch().Peers().Get(p2p.ID(p.ID))
		if peer == nil || p.Member == w.chain.cfg.Member {
			continue
		}
		connected += of[p.Member]
		// A peer works on the block above its last one.
		if state, ok := peer.Get(types.PeerStateKey).(*consensus.PeerState); ok && state.GetHeight()-1 >= here+ahead {
			advanced += of[p.Member]
		}
		of[p.Member] = 0 // a member with two nodes counts once
	}
	return connected, advanced, total
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
