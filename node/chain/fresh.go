package chain

import (
	"sync/atomic"

	"cairn/ledger/machine"
	"cairn/node/fault"
)

// vigil holds what Fresh answers from. Everything in it may be read and written by many at once.
type vigil struct {
	params machine.Params

	height    atomic.Uint64 // of the last block
	time      atomic.Int64  // of the last block
	here      atomic.Int64  // this machine's clock when the last block was run, 0 when that was not live
	skew      atomic.Int64  // between this machine's clock and the ledger's, when last seen
	failed    atomic.Bool
	arrived   atomic.Bool  // since its start, this node has been as high as members with more than two thirds of the power
	lonely    atomic.Int64 // since when too few members are connected, 0 for enough
	waiting   atomic.Int64 // since when the oldest transaction of our own waits, 0 for none
	running   atomic.Int64 // since when the books are with a block, 0 when they are not
	following atomic.Pointer[func() bool]
}

// block takes note of a block that was just run. The ledger's clock is compared with ours between two live blocks: the
// later one bears the time at which the members' clocks saw the earlier one decided.
func (v *vigil) block(height uint64, time, now int64, live bool) {
	if here := v.here.Load(); live && here != 0 && v.height.Load()+1 == height {
		v.skew.Store(max(time-here, here-time))
	}
	if !live {
		now = 0
	}
	v.here.Store(now)
	v.time.Store(time)
	v.height.Store(height)
}

// rested reports whether the last block is so long ago that its time must not stamp anything.
func (v *vigil) rested(now int64) bool {
	here := v.here.Load()
	return here == 0 || now-here > restMillis
}

// connected takes note of whether enough members are connected.
func (v *vigil) connected(enough bool, now int64) {
	if enough {
		v.lonely.Store(0)
		return
	}
	v.lonely.CompareAndSwap(0, now)
}

// Why a node does not speak for the ledger. They may be shown to a patient.
var (
	errFailed   = fault.New(fault.Busy, "chain.failed", "This hospital's node has lost its part in the ledger and must be restarted.")
	errBehind   = fault.New(fault.Busy, "chain.catching-up", "This hospital's node is still catching up with the ledger.")
	errSkew     = fault.New(fault.Busy, "chain.clock", "This hospital's clock and the ledger's differ too much.").WithHint("Set the clock of this machine.")
	errLonely   = fault.New(fault.Busy, "chain.alone", "This hospital's node is not connected to enough other members of the ledger.")
	errOverdue  = fault.New(fault.Busy, "chain.standstill", "The ledger has not taken this hospital's last entries in time.")
	errNotBegun = fault.New(fault.Busy, "chain.stopped", "This hospital's node does not follow the ledger at present.")
)

func (v *vigil) fresh(now int64) error {
	grace := int64(v.params.GraceMillis) //nolint:gosec // at most a year
	following := v.following.Load()
	switch {
	case v.failed.Load():
		return errFailed
	case following == nil:
		return errNotBegun
	case !(*following)() || !v.arrived.Load():
		return errBehind
	case v.skew.Load() > int64(v.params.SkewMillis): //nolint:gosec // at most a year
		return errSkew
	case since(v.lonely.Load(), now) > grace:
		return errLonely
	case since(v.waiting.Load(), now) > grace:
		return errOverdue
	}
	return nil
}

func since(start, now int64) int64 {
	if start == 0 {
		return 0
	}
	return now - start
}

// Fresh returns nil when this node may speak for the ledger at this moment (Unix milliseconds), and otherwise why not:
// consensus failed here; the node is catching up, or has not yet heard from members with more than two thirds of the power
// that they are no higher; its clock and the ledger's differed by more than Params.SkewMillis when
// it last took part in a block; the members it is connected to, with itself, have had no more than two thirds of the
// power for longer than Params.GraceMillis; or a transaction of its own has waited for longer than that. It costs a few
// loads, and is meant to be asked before every disclosure.
func (c *Chain) Fresh(now int64) error { return c.vigil.fresh(now) }
