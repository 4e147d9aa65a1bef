package chain

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/types"

	"cairn/ledger/machine"
	"cairn/ledger/member"
)

// Config is what a Chain needs to know. Zero durations, a nil Logger and a nil Clock have useful defaults; everything
// else but Peers, Advertise, ValidatorKeys and FindKey is required. What changes the rules of the ledger stands in Genesis and is
// the same for every member.
type Config struct {
	Dir           string               // owned by this Chain alone; made if missing
	Listen        string               // host:port on which the other members' nodes connect; nothing else is opened
	Advertise     string               // host:port that they are told, when it differs from Listen
	Peers         []Peer               // every other node, of this member too; nobody else is let in
	Genesis       machine.Genesis      // the ledger
	Member        string               // this hospital's id on it
	ValidatorKeys []ed25519.PrivateKey // sign votes, each in its time; none for a member without voting power
	Follow        bool                 // without a vote, beside the node that has this member's; no ValidatorKeys
	NodeKey       ed25519.PrivateKey   // names this node to its peers
	Logger        *slog.Logger         // warnings and errors; nil for slog.Default
	Standstill    time.Duration        // how long the height may stand while the others go on; 0 for 30 s
	Clock         func() int64         // Unix milliseconds of this machine; nil for the system's clock

	// Recover is for a directory that was lost while the ledger cannot go on without this member: its validator then votes
	// at once on the height in work, on which it may have voted before. Only the operator can know that no other process
	// uses its key.
	Recover bool

	// FindKey returns a validator key that was made after Open, by its public half, nil if it is not here. It may be nil.
	FindKey func(public []byte) ed25519.PrivateKey

	gossip time.Duration // pause of CometBFT's own gossip; 0 for gossipPause
	plain  bool          // leave gossip to CometBFT alone, to measure what the courier saves
}

// Peer is the node of another member, or another one of this.
type Peer struct {
	Member string // its id on the ledger, for its voting power
	ID     string // NodeID of its node key
	Addr   string // host:port
	Follow bool   // it only follows: it carries blocks, and speaks for no voting power
}

const defaultStandstill = 30 * time.Second

// NodeID returns the name by which the node with this key is known to its peers: the first 20 bytes of the key's
// SHA-256, in hexadecimal.
func NodeID(public ed25519.PublicKey) string {
	return string(p2p.PubKeyToID(cmted25519.PubKey(public)))
}

// Validate returns the first thing that is wrong with the configuration, without a look at the disk or the network.
func (c Config) Validate() error {
	if c.Dir == "" {
		return errors.New("chain: no directory is given")
	}
	if err := c.Genesis.Validate(); err != nil {
		return fmt.Errorf("chain: genesis: %w", err)
	}
	for _, addr := range []string{c.Listen, c.advertise()} {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return fmt.Errorf("chain: address %q: %w", addr, err)
		}
	}
	if len(c.NodeKey) != ed25519.PrivateKeySize {
		return errors.New("chain: the node key is not an Ed25519 private key")
	}
	if err := c.validateMember(); err != nil {
		return err
	}
	return c.validatePeers()
}

func (c Config) validateMember() error {
	self, found := c.genesisMember(c.Member)
	if !found {
		return fmt.Errorf("chain: member %q is not in the genesis", c.Member)
	}
	if c.Follow && len(c.ValidatorKeys) > 0 {
		return errors.New("chain: a node that only follows must not have the validator key")
	}
	if len(c.ValidatorKeys) == 0 && !c.Follow {
		if self.Active && self.Power > 0 {
			return fmt.Errorf("chain: member %q has voting power and needs its validator key", c.Member)
		}
		return nil
	}
	for _, key := range c.ValidatorKeys {
		if len(key) != ed25519.PrivateKeySize {
			return errors.New("chain: a validator key is not an Ed25519 private key")
		}
	}
	return c.validateVoters()
}

// validateVoters refuses a genesis whose voters change with the second block: CometBFT cannot be told in time.
func (c Config) validateVoters() error {
	first, second := validators(c.Genesis.Members, 1), validators(c.Genesis.Members, 2)
	same := func(a, b types.GenesisValidator) bool { return a.Name == b.Name && bytes.Equal(a.Address, b.Address) }
	if !slices.EqualFunc(first, second, same) {
		return errors.New("chain: genesis: a validator key begins or ends at block 2")
	}
	return nil
}

func (c Config) validatePeers() error {
	seen := map[string]bool{NodeID(c.nodePublic()): true}
	for _, p := range c.Peers {
		raw, err := hex.DecodeString(p.ID)
		if err != nil || len(raw) != p2p.IDByteLength {
			return fmt.Errorf("chain: peer of member %q: %q is not a node id", p.Member, p.ID)
		}
		if seen[p.ID] {
			return fmt.Errorf("chain: peer of member %q: node id %s stands twice, or is this node's own", p.Member, p.ID)
		}
		seen[p.ID] = true
		if _, found := c.genesisMember(p.Member); !found {
			return fmt.Errorf("chain: peer %s: member %q is not in the genesis", p.ID, p.Member)
		}
		if _, _, err := net.SplitHostPort(p.Addr); err != nil {
			return fmt.Errorf("chain: peer of member %q: address %q: %w", p.Member, p.Addr, err)
		}
	}
	return nil
}

func (c Config) genesisMember(id string) (member.Member, bool) {
	for _, m := range c.Genesis.Members {
		if m.ID == id {
			return m, true
		}
	}
	return member.Member{}, false
}

func (c Config) nodePublic() ed25519.PublicKey {
	public, _ := c.NodeKey.Public().(ed25519.PublicKey)
	return public
}

func (c Config) advertise() string {
	if c.Advertise != "" {
		return c.Advertise
	}
	return c.Listen
}

// withDefaults returns the configuration with its zero values replaced.
func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Standstill <= 0 {
		c.Standstill = defaultStandstill
	}
	if c.Clock == nil {
		c.Clock = func() int64 { return time.Now().UnixMilli() }
	}
	if c.gossip <= 0 {
		c.gossip = gossipPause
	}
	return c
}
