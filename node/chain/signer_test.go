package chain

import (
	"bytes"
	"testing"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
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
	until(t, "west signs again", func() bool {
		return signs(chains[0], east.submit(t, chains[0], 1), "west")
	})
	if first := chains[3].app.signer.file.LastSignState.Height; uint64(first) <= lost {
		t.Errorf("west signed height %d, and was lost at %d", first, lost)
	}
	for h := uint64(1); h <= chains[0].Height(); h++ {
		if block := chains[0].node.BlockStore().LoadBlock(int64(h)); len(block.Evidence.Evidence) > 0 {
			t.Errorf("block %d has evidence that somebody voted twice", h)
		}
	}
}

func TestASignerWithAnEmptyFile(t *testing.T) {
	n := newNetwork(t, 4)
	c := open(t, n.configs[3])
	s := c.app.signer
	vote := func(height int64) error {
		return s.SignVote("chain", &cmtproto.Vote{Type: cmtproto.PrevoteType, Height: height})
	}
	asked := 0
	s.poll = func(int64) (heard, ahead, total uint64) {
		asked++
		return 10 * uint64(min(asked, 3)), 20, 40
	}
	if err := vote(7); err == nil || !s.blank {
		t.Fatalf("it votes although others are ahead: %v", err)
	}
	asked = 0
	s.poll = func(int64) (heard, ahead, total uint64) {
		asked++
		return 10 * uint64(min(asked, 3)), 10, 40
	}
	if err := vote(9); err == nil {
		t.Error("it votes on a height on which it may have voted")
	}
	if asked < 3 {
		t.Errorf("it asked %d times and heard too few", asked)
	}
	if err := vote(10); err != nil {
		t.Errorf("it does not vote on the next height: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if again := open(t, n.configs[3]).app.signer; again.blank || again.file.LastSignState.Height != 10 {
		t.Errorf("after a restart it knows of height %d", again.file.LastSignState.Height)
	}
}

func TestASignerThatSeesItsKeyAtWorkElsewhere(t *testing.T) {
	n := newNetwork(t, 1)
	c := open(t, n.configs[0])
	s := c.app.signer
	vote := func(height int64) error {
		return s.SignVote("chain", &cmtproto.Vote{Type: cmtproto.PrevoteType, Height: height})
	}
	s.recover = true
	if err := vote(4); err != nil {
		t.Fatal(err)
	}
	if err := vote(3); err == nil {
		t.Error("it signed an earlier height")
	}
	for _, own := range []int64{3, 4} {
		if err := s.witness(own, true, true); err != nil || vote(own+1) != nil {
			t.Fatalf("its own signature at %d made it shy: %v", own, err)
		}
	}
	if err := s.witness(20, true, false); err != nil {
		t.Error("a block of the past is no proof that another process runs")
	}
	if vote(21) == nil || vote(20+caution) == nil || vote(20+caution+1) != nil {
		t.Error("it does not keep silent for as many blocks as it should")
	}
	var err error
	for h := int64(40); h < 43; h++ {
		err = s.witness(h, true, true)
	}
	if err == nil {
		t.Error("another process signs block after block, and nobody is told")
	}
}
