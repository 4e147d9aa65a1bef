// Package signer is the hand with which a validator votes. It never signs two things that contradict each other, not
// even when its file was lost or a copy of the node runs elsewhere.
package signer

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	cmtcrypto "github.com/cometbft/cometbft/crypto"
	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/store"
	"github.com/cometbft/cometbft/types"

	"cairn/node/fault"
)

// File is the name of the file of what was signed last. It must never be put back from a copy.
const File = "sign.json"

// Caution is how many blocks must pass without a signature of this key that this signer did not make before it signs.
const Caution = 10

const (
	askEvery  = 20 * time.Millisecond
	precommit = 3 // the last step of a round, in CometBFT's file
)

// Signer signs votes and proposals, never two that contradict each other. What it signed last is on disk before the
// signature leaves it.
//
// It begins with an empty file in two cases that it cannot tell apart by itself: the ledger is new, or the directory was
// lost and its key may have voted up to the height that the others work on. So it first waits for members with more than
// two thirds of the power to say where they are. If they are ahead, it does not sign. If they are not, and there are
// blocks, it takes it that it has signed this height, and signs from the next one on.
//
// It also watches the blocks for signatures of its own key that it did not make: they mean that a copy of this node runs
// elsewhere. Then it stays silent until Caution blocks have passed without another.
//
// CometBFT's double_sign_check_height cannot tell the node's own past from a stranger's: with it, a validator that stands
// alone, or a ledger at rest, would never start again. It is off.
type Signer struct {
	mu       sync.Mutex
	file     *privval.FilePV
	blank    bool  // nothing is known of what was signed
	stranger int64 // latest height at which somebody else signed with this key
	again    int   // how often that was seen in blocks that this node took part in

	rules Rules
}

// Rules is what a Signer needs of the node.
type Rules struct {
	// Poll returns the voting power of the members whose height is known, this one included, of those of them who work
	// above a height, and of all.
	Poll func(height int64) (heard, ahead, total uint64)
	// Recover is the operator's word that nothing was signed at the height in work.
	Recover bool
	// Done ends every wait when it is closed.
	Done <-chan struct{}
}

var errDone = errors.New("signer: the node stops")

// Open reads what the key signed last. It refuses a file that is missing although there are blocks, and one that
// is older than a signature in the last blocks.
func Open(dir string, key ed25519.PrivateKey, blocks *store.BlockStore, rules Rules) (*Signer, error) {
	if key == nil { // a member without a vote; CometBFT wants a key all the same
		_, key, _ = ed25519.GenerateKey(nil)
	}
	path := filepath.Join(dir, File)
	s := &Signer{file: privval.NewFilePV(cmted25519.PrivKey(key), "", path), rules: rules}
	raw, err := os.ReadFile(path) //nolint:gosec // a fixed name in our own directory
	switch {
	case errors.Is(err, fs.ErrNotExist) && blocks.Height() > 0:
		return nil, fault.New(fault.Broken, "chain.file-missing",
			"The ledger's directory holds blocks, but its file of what the validator signed last is missing.").
			WithHint("Do not put back an older copy. Begin with an empty directory: the blocks come from the other members.")
	case errors.Is(err, fs.ErrNotExist):
		s.blank = true
		s.file.LastSignState.Save()
		return s, nil
	case err != nil:
		return nil, fmt.Errorf("reading what the validator signed last: %w", err)
	}
	var last privval.FilePVLastSignState
	if err := cmtjson.Unmarshal(raw, &last); err != nil {
		return nil, fault.Wrap(fault.Broken, "chain.sign-damaged", "The file of what the validator signed last is damaged.", err).
			WithHint("Begin with an empty directory: the blocks come from the other members.")
	}
	into := &s.file.LastSignState
	into.Height, into.Round, into.Step = last.Height, last.Round, last.Step
	into.Signature, into.SignBytes = last.Signature, last.SignBytes
	if s.blank = last.Height == 0; s.blank {
		return s, nil
	}
	return s, s.notOlder(blocks)
}

func (s *Signer) notOlder(blocks *store.BlockStore) error {
	address := s.Address()
	for height := blocks.Height(); height > max(blocks.Base()-1, blocks.Height()-Caution); height-- {
		commit := blocks.LoadSeenCommit(height)
		if commit == nil || s.file.LastSignState.Height >= height {
			continue
		}
		for _, signature := range commit.Signatures {
			if signature.BlockIDFlag == types.BlockIDFlagCommit && bytes.Equal(signature.ValidatorAddress, address) {
				return fault.New(fault.Broken, "chain.sign-old", fmt.Sprintf(
					"The validator's key signed block %d, and its file says that it never got beyond %d: the file is an old copy, or the key is used elsewhere.",
					height, s.file.LastSignState.Height)).
					WithHint("Make sure that no other process uses this key, then begin with an empty directory.")
			}
		}
	}
	return nil
}

// Address returns the validator's address.
func (s *Signer) Address() types.Address { return s.file.GetAddress() }

// Last returns the height at which it signed last.
func (s *Signer) Last() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file.LastSignState.Height
}

// Witness is told whether this key signed a height, and whether this node took part in the block that says so. It returns an error when it is certain that another process uses the key.
func (s *Signer) Witness(height int64, signed, live bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !signed || s.blank || s.file.LastSignState.Height >= height {
		return nil
	}
	s.stranger = height
	if live {
		s.again++
	}
	if s.again < 3 {
		return nil
	}
	return fmt.Errorf("another process signs with this validator's key, last at height %d", height)
}

// settle finds out, once, where a signer with an empty file may begin. It holds up consensus until enough members are
// heard, without whom nothing would be decided; but not when this node only has to catch up.
func (s *Signer) settle(height int64) error {
	for s.blank {
		heard, ahead, total := s.rules.Poll(height)
		switch {
		case 3*ahead > total:
			return fmt.Errorf("not signing block %d: the others have it", height)
		case 3*heard > 2*total:
			return s.begin(height)
		}
		select {
		case <-time.After(askEvery):
		case <-s.rules.Done:
			return errDone
		}
	}
	return nil
}

func (s *Signer) begin(height int64) error {
	s.blank = false
	if height == 1 || s.rules.Recover {
		return nil
	}
	last := &s.file.LastSignState
	last.Height, last.Round, last.Step = height, math.MaxInt32, precommit
	last.Save()
	return nil
}

func (s *Signer) ready(height int64) error {
	if err := s.settle(height); err != nil {
		return err
	}
	if s.stranger > 0 && height-s.stranger <= Caution {
		return fmt.Errorf("block %d was signed with this key elsewhere: not signing before block %d",
			s.stranger, s.stranger+Caution+1)
	}
	return nil
}

// GetPubKey returns the validator's public key.
func (s *Signer) GetPubKey() (cmtcrypto.PubKey, error) { return s.file.GetPubKey() }

// SignVote signs a vote.
func (s *Signer) SignVote(chain string, vote *cmtproto.Vote) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(vote.Height); err != nil {
		return err
	}
	return s.file.SignVote(chain, vote)
}

// SignProposal signs a proposal.
func (s *Signer) SignProposal(chain string, proposal *cmtproto.Proposal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(proposal.Height); err != nil {
		return err
	}
	return s.file.SignProposal(chain, proposal)
}
