package chain

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/types"

	"cairn/ledger/machine"
	"cairn/ledger/member"
)

// announce announces west's next validator key and returns the height from which it counts.
func announce(t *testing.T, n *network, c *Chain, current, next ed25519.PrivateKey) uint64 {
	t.Helper()
	e := &member.Epoch{Member: "west", Use: member.UseValidator, Public: public(next), From: c.Height() + machine.MinNotice + 5}
	id := n.genesis.ID()
	e.Possession = ed25519.Sign(next, e.PossessionBytes(id))
	e.Signature = ed25519.Sign(current, e.SigningBytes(id))
	for range 2 { // what the ledger took is no error
		if _, err := c.Submit(t.Context(), machine.EpochTx(e)); err != nil {
			t.Fatal(err)
		}
	}
	return e.From
}

// votes reports whether a key signed a block.
func votes(c *Chain, height uint64, k ed25519.PrivateKey) bool {
	commit := c.node.BlockStore().LoadSeenCommit(int64(height))
	if commit == nil {
		return false
	}
	address := cmted25519.PubKey(public(k)).Address()
	for _, s := range commit.Signatures {
		if s.BlockIDFlag == types.BlockIDFlagCommit && bytes.Equal(s.ValidatorAddress, address) {
			return true
		}
	}
	return false
}

// TestValidatorKeyChanges: a member votes with its next key from the announced height on, without a stop, after a
// restart, after a height that it missed, and where the ledger cannot go on without it.
func TestValidatorKeyChanges(t *testing.T) {
	n := newNetwork(t, 4)
	first, second, third := key("validator", "west"), key("validator 2", "west"), key("validator 3", "west")
	n.configs[3].FindKey = func(p []byte) ed25519.PrivateKey {
		for _, k := range []ed25519.PrivateKey{second, third} {
			if bytes.Equal(p, public(k)) {
				return k
			}
		}
		return nil
	}
	chains := startAll(t, n)
	east := newBook(n, "east")
	reach := func(height uint64) {
		t.Helper()
		for chains[0].Height() <= height {
			east.submit(t, chains[0], 1)
		}
	}
	reach(2)
	from := announce(t, n, chains[3], first, second)
	reach(from)
	last := uint64(0)
	until(t, "west votes with its second key", func() bool { // a commit needs three of four: west may be late
		last = east.submit(t, chains[0], 1)
		return votes(chains[0], last, second)
	})
	old, fresh := 0, 0
	for h := uint64(2); h <= last; h++ {
		if votes(chains[0], h, first) {
			if old++; h >= from {
				t.Errorf("the first key voted on block %d; the second one counts from %d", h, from)
			}
		}
		if votes(chains[0], h, second) {
			if fresh++; h < from {
				t.Errorf("the second key voted on block %d; it counts from %d", h, from)
			}
		}
	}
	if old == 0 || fresh == 0 {
		t.Errorf("%d votes by the first key, %d by the second", old, fresh)
	}
	// West announces a third key, and is away when it comes into force.
	from = announce(t, n, chains[3], second, third)
	if err := chains[3].Close(); err != nil {
		t.Fatal(err)
	}
	reach(from + 2)
	// Then another one is away: without west, and its third key, no block is decided.
	if err := chains[2].Close(); err != nil {
		t.Fatal(err)
	}
	n.configs[3].ValidatorKeys = []ed25519.PrivateKey{third}
	chains[3] = start(t, n.configs[3])
	at := chains[0].Height()
	reach(at + 2)
	until(t, "west votes with its third key", func() bool {
		return votes(chains[0], east.submit(t, chains[0], 1), third)
	})
	until(t, "west is as high", func() bool { return chains[3].Height() >= at+2 })
	for _, c := range chains[:2] {
		if err := c.Scrub(t.Context(), nil); err != nil {
			t.Errorf("scrub: %v", err)
		}
	}
	for h := uint64(1); h <= chains[0].Height(); h++ {
		if block := chains[0].node.BlockStore().LoadBlock(int64(h)); len(block.Evidence.Evidence) > 0 {
			t.Errorf("block %d has evidence that somebody voted twice", h)
		}
	}
}
