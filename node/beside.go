package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"cairn/node/chain"
	"cairn/node/fault"
	"cairn/node/keys"
)

// openKeys opens the keys that a process with this configuration uses.
func (c Config) openKeys(ctx context.Context) (*keys.Ring, error) {
	if c.Follow {
		return keys.OpenFollower(ctx, c.Keys, c.KMS)
	}
	return keys.Open(ctx, c.Keys, c.KMS)
}

// Beside makes the directory of a further process of a hospital whose records
// are in PostgreSQL: configuration, keys, genesis and trust file. It follows the
// ledger with a node of its own, without a vote. What is returned is how it is
// reached: it goes into the configuration of every node that is to connect to
// it, of this hospital and of others. Nothing is written if dir is in use.
func Beside(ctx context.Context, first Config, dir, listen, p2p string) (PeerConfig, error) {
	f := Founder{ID: first.Member, Dir: dir, Listen: listen, P2P: p2p, Name: first.Member}
	switch {
	case first.Store == "":
		return PeerConfig{}, fault.New(fault.Invalid, "no-store", "the records of this hospital are in a file, which one process alone can have open").
			WithHint("set store to a PostgreSQL database in its configuration; docs/runbooks/postgresql.md says how")
	case first.Follow:
		return PeerConfig{}, fault.New(fault.Invalid, "follows", "this is the configuration of a process that only follows").
			WithHint("give the one of the process that has the hospital's vote")
	}
	if err := checkFounders([]Founder{f}); err != nil {
		return PeerConfig{}, err
	}
	made, err := f.unused()
	if err != nil {
		return PeerConfig{}, err
	}
	self, err := beside(ctx, first, f)
	if err != nil {
		err = errors.Join(err, f.remove(made))
	}
	return self, err
}

func beside(ctx context.Context, first Config, f Founder) (PeerConfig, error) {
	kept := filepath.Join(f.Dir, "keys")
	if err := keys.CreateFollower(first.Keys, kept, first.KMS); err != nil {
		return PeerConfig{}, err
	}
	voting, err := nodeOf(ctx, first)
	if err != nil {
		return PeerConfig{}, err
	}
	cfg := first
	cfg.Genesis, cfg.Data, cfg.Keys, cfg.Listen, cfg.P2P, cfg.Follow = "genesis.json", "data", "keys", f.Listen, f.P2P, true
	cfg.Peers = append(slices.Clone(first.Peers), voting)
	cfg.Clients = slices.Clone(first.Clients)
	copies := map[string]string{first.Genesis: "genesis.json", filepath.Join(filepath.Dir(first.Genesis), "network.json"): "network.json"}
	for i, c := range cfg.Clients {
		cfg.Clients[i].PublicKey = filepath.Join("keys", filepath.Base(c.PublicKey))
		copies[c.PublicKey] = cfg.Clients[i].PublicKey
	}
	for from, to := range copies {
		data, err := os.ReadFile(from) //nolint:gosec // named by the configuration
		if err == nil {
			err = os.WriteFile(filepath.Join(f.Dir, to), data, 0o644) //nolint:gosec // public files
		}
		if err != nil {
			return PeerConfig{}, fmt.Errorf("copying %s: %w", from, err)
		}
	}
	text, err := cfg.Encode()
	if err == nil {
		err = os.WriteFile(filepath.Join(f.Dir, "cairn.toml"), text, 0o600) // it may hold the database's password
	}
	if err != nil {
		return PeerConfig{}, fmt.Errorf("writing the configuration: %w", err)
	}
	own, err := ReadConfig(filepath.Join(f.Dir, "cairn.toml"))
	if err != nil {
		return PeerConfig{}, err
	}
	self, err := nodeOf(ctx, own)
	self.Follow = true
	return self, err
}

// nodeOf returns how the node with a configuration is reached.
func nodeOf(ctx context.Context, c Config) (PeerConfig, error) {
	ring, err := c.openKeys(ctx)
	if err != nil {
		return PeerConfig{}, err
	}
	public, ok := ring.Peer().Public().(ed25519.PublicKey)
	if err := ring.Close(); err != nil || !ok {
		return PeerConfig{}, fmt.Errorf("closing the keys: %w", err)
	}
	return PeerConfig{Member: c.Member, ID: chain.NodeID(public), Address: c.P2P}, nil
}

// AddPeer adds a node to a configuration file.
func AddPeer(path string, p PeerConfig) error {
	cfg, err := ReadConfig(path)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(cfg.Peers, func(have PeerConfig) bool { return have.ID == p.ID }) {
		return nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0) //nolint:gosec // the operator's own file
	if err != nil {
		return fmt.Errorf("opening the configuration: %w", err)
	}
	_, err = file.WriteString(p.String())
	return errors.Join(err, file.Sync(), file.Close())
}

// String returns the peer as it stands in a configuration file.
func (p PeerConfig) String() string {
	out := fmt.Sprintf("\n[[peer]]\nmember = '%s'\nid = '%s'\naddress = '%s'\n", p.Member, p.ID, p.Address)
	if p.Follow {
		out += "follow = true\n"
	}
	return out
}
