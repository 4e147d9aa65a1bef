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
//
// The key may change from one height to another. What was signed last is one file for all of them, so that no height is
// signed twice, whatever the key.
type Signer struct {
	mu       sync.Mutex
	file     *privval.FilePV
	held     map[string]privval.FilePVKey // by public key
	blank    bool                         // nothing is known of what was signed
	stranger int64                        // latest height at which somebody else signed with this key
	again    int                          // how often that was seen in blocks that this node took part in

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
	// Key returns the public key with which this member votes at a height, nil if it does not. A nil Key stands for the
	// one key that Open is given.
	Key func(height int64) []byte
	// Find returns the private half of a public key that Open was not given, nil if it is not here. It may be nil.
	Find func(public []byte) ed25519.PrivateKey
	// Next returns the height that is voted on next. It is called when Key is there.
	Next func() int64
}

var errDone = errors.New("signer: the node stops")

// Open reads what the keys signed last. It refuses a file that is missing although there are blocks, and one that
// is older than a signature in the last blocks.
func Open(dir string, keys []ed25519.PrivateKey, blocks *store.BlockStore, rules Rules) (*Signer, error) {
	if len(keys) == 0 { // a member without a vote; CometBFT wants a key all the same
		_, key, _ := ed25519.GenerateKey(nil)
		keys = []ed25519.PrivateKey{key}
	}
	path := filepath.Join(dir, File)
	s := &Signer{file: privval.NewFilePV(cmted25519.PrivKey(keys[0]), "", path), held: make(map[string]privval.FilePVKey), rules: rules}
	for _, key := range keys {
		s.hold(key)
	}
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
	for height := blocks.Height(); height > max(blocks.Base()-1, blocks.Height()-Caution); height-- {
		commit := blocks.LoadSeenCommit(height)
		if commit == nil || s.file.LastSignState.Height >= height {
			continue
		}
		for _, signature := range commit.Signatures {
			if signature.BlockIDFlag == types.BlockIDFlagCommit && s.owns(signature.ValidatorAddress) {
				return fault.New(fault.Broken, "chain.sign-old", fmt.Sprintf(
					"The validator's key signed block %d, and its file says that it never got beyond %d: the file is an old copy, or the key is used elsewhere.",
					height, s.file.LastSignState.Height)).
					WithHint("Make sure that no other process uses this key, then begin with an empty directory.")
			}
		}
	}
	return nil
}

// hold takes a key.
func (s *Signer) hold(key ed25519.PrivateKey) privval.FilePVKey {
	private := cmted25519.PrivKey(key)
	k := privval.FilePVKey{Address: private.PubKey().Address(), PubKey: private.PubKey(), PrivKey: private}
	s.held[string(k.PubKey.Bytes())] = k
	return k
}

func (s *Signer) owns(address types.Address) bool {
	for _, k := range s.held {
		if bytes.Equal(k.Address, address) {
			return true
		}
	}
	return false
}

// Address returns the address with which this member votes at a height; that of nobody if it does not.
func (s *Signer) Address(height int64) types.Address {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key, found := s.at(height); found {
		return key.Address
	}
	return s.file.GetAddress()
}

// at returns the key with which this member votes at a height; false if it has no vote there, or not the key.
func (s *Signer) at(height int64) (privval.FilePVKey, bool) {
	if s.rules.Key == nil {
		return s.file.Key, true
	}
	public := s.rules.Key(height)
	if public == nil {
		return privval.FilePVKey{}, false
	}
	if k, found := s.held[string(public)]; found {
		return k, true
	}
	if s.rules.Find == nil {
		return privval.FilePVKey{}, false
	}
	key := s.rules.Find(public)
	if key == nil {
		return privval.FilePVKey{}, false
	}
	return s.hold(key), true
}

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

// ready takes the key of a height into the hand.
func (s *Signer) ready(height int64) error {
	if err := s.settle(height); err != nil {
		return err
	}
	key, found := s.at(height)
	if !found {
		return fmt.Errorf("not signing block %d: the validator key of that height is not here", height)
	}
	s.file.Key.Address, s.file.Key.PubKey, s.file.Key.PrivKey = key.Address, key.PubKey, key.PrivKey
	if s.stranger > 0 && height-s.stranger <= Caution {
		return fmt.Errorf("block %d was signed with this key elsewhere: not signing before block %d",
			s.stranger, s.stranger+Caution+1)
	}
	return nil
}

// GetPubKey returns the public key with which this member votes next. CometBFT asks anew after each block that it
// decides; the last one before it takes part is always such a one, since block sync leaves it. A member whose key is not
// here, or without a vote, has one that nobody knows.
func (s *Signer) GetPubKey() (cmtcrypto.PubKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rules.Key != nil {
		if key, found := s.at(s.rules.Next()); found {
			return key.PubKey, nil
		}
	}
	return s.file.GetPubKey()
}

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
