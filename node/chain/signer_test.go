package chain

import (
	"bytes"
	"testing"

	"github.com/cometbft/cometbft/types"
)

// signs reports whether a member's validator signed a block.
func signs(c *Chain, height uint64, name string) bool {
	commit := c.node.BlockStore().LoadSeenCommit(int64(height))
	if commit == nil {
		return false
	}
	address := validators(c.cfg.Genesis.Members, 1)
	for _, v := range address {
		if v.Name != name {
			continue
		}
		for _, s := range commit.Signatures {
			if s.BlockIDFlag == types.BlockIDFlagCommit && bytes.Equal(s.ValidatorAddress, v.Address) {
				return true
			}
		}
	}
	return false
}

// TestALostDirectoryDoesNotVoteTwice gives a node an empty directory after it signed.
func TestALostDirectoryDoesNotVoteTwice(t *testing.T) {
	n := newNetwork(t, 4)
	chains := startAll(t, n)
	east := newBook(n, "east")
	until(t, "west signs", func() bool {
		return signs(chains[0], east.submit(t, chains[0], 1), "west")
	})
	if err := chains[3].Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		east.submit(t, chains[0], 1)
	}
	remove(t, n.configs[3], "")
	chains[3] = start(t, n.configs[3])
	until(t, "west catches up", func() bool { return chains[3].Height() >= chains[0].Height() })
	lost := chains[0].Height()
	if last := chains[3].app.signer.Last(); last > 0 && uint64(last) <= lost {
		t.Errorf("west signed block %d again, of %d", last, lost)
	}
	until(t, "west signs again", func() bool {
		return signs(chains[0], east.submit(t, chains[0], 1), "west")
	})
	if signs(chains[0], lost+1, "west") {
		t.Errorf("west signed block %d, on which it may have voted before it was lost", lost+1)
	}
	for h := uint64(1); h <= chains[0].Height(); h++ {
		if block := chains[0].node.BlockStore().LoadBlock(int64(h)); len(block.Evidence.Evidence) > 0 {
			t.Errorf("block %d has evidence that somebody voted twice", h)
		}
	}
}
