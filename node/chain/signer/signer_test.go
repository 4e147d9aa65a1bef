package signer

import (
	"crypto/ed25519"
	"errors"
	"testing"

	dbm "github.com/cometbft/cometbft-db"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/store"
)

// blank opens the signer of a directory without blocks.
func blank(t *testing.T, dir string) *Signer {
	t.Helper()
	s, err := Open(dir, []ed25519.PrivateKey{ed25519.NewKeyFromSeed(make([]byte, 32))}, store.NewBlockStore(dbm.NewMemDB()), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASignerWithAnEmptyFile(t *testing.T) {
	dir := t.TempDir()
	s := blank(t, dir)
	vote := func(height int64) error {
		return s.SignVote("chain", &cmtproto.Vote{Type: cmtproto.PrevoteType, Height: height})
	}
	asked := 0
	s.rules.Poll = func(int64) (heard, ahead, total uint64) {
		asked++
		return 10 * uint64(min(asked, 3)), 20, 40
	}
	if err := vote(7); err == nil || !s.blank {
		t.Fatalf("it votes although others are ahead: %v", err)
	}
	asked = 0
	s.rules.Poll = func(int64) (heard, ahead, total uint64) {
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
	if again := blank(t, dir); again.blank || again.Last() != 10 {
		t.Errorf("after a restart it knows of height %d", again.Last())
	}
}

func TestASignerThatSeesItsKeyAtWorkElsewhere(t *testing.T) {
	s := blank(t, t.TempDir())
	vote := func(height int64) error {
		return s.SignVote("chain", &cmtproto.Vote{Type: cmtproto.PrevoteType, Height: height})
	}
	s.rules.Poll = func(int64) (heard, ahead, total uint64) { return 10, 0, 10 }
	s.rules.Recover = true
	if err := vote(4); err != nil {
		t.Fatal(err)
	}
	if err := vote(3); err == nil {
		t.Error("it signed an earlier height")
	}
	for _, own := range []int64{3, 4} {
		if err := s.Witness(own, true, true); err != nil || vote(own+1) != nil {
			t.Fatalf("its own signature at %d made it shy: %v", own, err)
		}
	}
	if err := s.Witness(20, true, false); err != nil {
		t.Error("a block of the past is no proof that another process runs")
	}
	if vote(21) == nil || vote(20+Caution) == nil || vote(20+Caution+1) != nil {
		t.Error("it does not keep silent for as many blocks as it should")
	}
	var err error
	for h := int64(40); h < 43; h++ {
		err = s.Witness(h, true, true)
	}
	if err == nil {
		t.Error("another process signs block after block, and nobody is told")
	}
}

func TestASignerThatHearsNobodyEndsWithItsNode(t *testing.T) {
	s := blank(t, t.TempDir())
	done := make(chan struct{})
	close(done)
	s.rules.Done = done
	s.rules.Poll = func(int64) (heard, ahead, total uint64) { return 10, 0, 40 }
	err := s.SignProposal("chain", &cmtproto.Proposal{Height: 1})
	if !errors.Is(err, errDone) {
		t.Errorf("got %v", err)
	}
}

func TestAFileOfNothingIsStillEmpty(t *testing.T) {
	dir := t.TempDir()
	blank(t, dir)
	if !blank(t, dir).blank {
		t.Error("a signer that never signed forgot over a restart that it knows nothing")
	}
}
