package node

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cairn/ledger/machine"
	"cairn/ledger/member"
	"cairn/node/chain"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/keys"
	"cairn/proof"
)

// Founder is a hospital that takes part in founding a consortium.
type Founder struct {
	ID, Name string
	Dir      string // its directory: configuration, keys, data
	Listen   string // host:port of the FHIR endpoint, on this machine only
	P2P      string // host:port for the other nodes
	Store    string // postgres://...: its database, if its records are not to be kept in Dir
	URL      string // how others reach the FHIR endpoint's host; "" for http at Listen
}

// Defaults of the parameters that a consortium is founded with.
var defaultParams = machine.Params{GraceMillis: 5 * 60 * 1000, SkewMillis: 60_000, BeatMillis: 1000, RecoveryMillis: machine.DefaultRecoveryMillis}

// Rule changes a parameter that a consortium is founded with.
type Rule func(*machine.Params)

// RecoveryWaits sets how long at least the recovery of a lost sign-in waits and
// can be cancelled.
func RecoveryWaits(d time.Duration) Rule {
	return func(p *machine.Params) { p.RecoveryMillis = uint64(max(d.Milliseconds(), 0)) } //nolint:gosec // not negative
}

// Found makes a consortium of hospitals on this machine: for each its
// directory with fresh keys, a configuration file, the genesis and the trust
// file `network.json`. It writes nothing if one of the directories is in use,
// and takes back what it wrote if it cannot finish.
func Found(name string, founders []Founder, rules ...Rule) (err error) {
	if err := checkFounders(founders); err != nil {
		return err
	}
	var undo []string
	for _, f := range founders {
		made, err := f.unused()
		if err != nil {
			return err
		}
		undo = append(undo, made)
	}
	defer func() {
		if err != nil {
			for i, made := range undo {
				err = errors.Join(err, founders[i].remove(made))
			}
		}
	}()
	return found(name, founders, rules)
}

func found(name string, founders []Founder, rules []Rule) error {
	g := machine.Genesis{Name: name, Time: time.Now().UnixMilli(), Params: defaultParams}
	for _, set := range rules {
		set(&g.Params)
	}
	peers := make([]PeerConfig, len(founders))
	for i, f := range founders {
		m, peer, err := f.member()
		if err != nil {
			return err
		}
		g.Members, peers[i] = append(g.Members, m), peer
	}
	if err := g.Validate(); err != nil {
		return fault.Wrap(fault.Invalid, "genesis", "the consortium cannot be founded like this", err)
	}
	for i, f := range founders {
		others := append(append([]PeerConfig{}, peers[:i]...), peers[i+1:]...)
		if err := f.write(g, others); err != nil {
			return err
		}
	}
	return nil
}

// checkFounders refuses what would found hospitals whose nodes cannot run.
func checkFounders(founders []Founder) error {
	taken := make(map[string]bool)
	for _, f := range founders {
		if strings.TrimSpace(f.Name) == "" {
			return fault.New(fault.Invalid, "name", "a hospital needs a name: patients read it")
		}
		if f.URL != "" && !rootURL(f.URL) {
			return fault.New(fault.Invalid, "url", fmt.Sprintf("the URL %q is not http(s)://host[:port]", f.URL))
		}
		for _, address := range []string{f.Listen, f.P2P} {
			switch {
			case !hostPort(address):
				return fault.New(fault.Invalid, "address", fmt.Sprintf("the address %q is not host:port with a port between 1 and 65535", address))
			case taken[address]:
				return fault.New(fault.Invalid, "address", fmt.Sprintf("the address %s is given twice", address)).
					WithHint("the FHIR endpoint and the ledger's address need a port each, at every hospital")
			}
			taken[address] = true
		}
		if !loopback(f.Listen) {
			return fault.New(fault.Invalid, "address", fmt.Sprintf("the address %s is reachable from other machines, and a new hospital has no certificate for https", f.Listen)).
				WithHint("found it at an address of this machine (127.0.0.1:PORT) and say with --url how others reach it; then put an https proxy in front, or set listen, tls_cert and tls_key in cairn.toml")
		}
	}
	return nil
}

// unused refuses a directory in which something is already. It returns the
// topmost directory that founding will make, or "" if all are there.
func (f Founder) unused() (made string, err error) {
	entries, err := os.ReadDir(f.Dir)
	switch {
	case err == nil && len(entries) > 0:
		e := fault.New(fault.Conflict, "dir-in-use", "the directory "+f.Dir+" is not empty")
		if config := filepath.Join(f.Dir, "cairn.toml"); exists(config) {
			return "", e.WithHint("choose another with --dir, or start the hospital that is there: cairn serve --config " + config)
		}
		return "", e.WithHint("choose another with --dir; nothing was written")
	case err == nil:
		return "", nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", fault.Wrap(fault.Invalid, "dir", f.Dir+" cannot be the hospital's directory", err)
	}
	made = f.Dir
	for up := filepath.Dir(made); !exists(up); up = filepath.Dir(up) {
		made = up
	}
	return made, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// remove takes back what founding wrote for a hospital: the directory that it
// made, or what is in one that was there and empty.
func (f Founder) remove(made string) error {
	if made != "" {
		return os.RemoveAll(made)
	}
	var errs []error
	for _, name := range []string{"keys", "genesis.json", "network.json", "cairn.toml"} {
		errs = append(errs, os.RemoveAll(filepath.Join(f.Dir, name)))
	}
	return errors.Join(errs...)
}

// member makes the founder's keys and returns its entry in the member book.
func (f Founder) member() (member.Member, PeerConfig, error) {
	dir := filepath.Join(f.Dir, "keys")
	if err := keys.Create(dir); err != nil {
		return member.Member{}, PeerConfig{}, err
	}
	ring, err := keys.Open(context.Background(), dir, "")
	if err != nil {
		return member.Member{}, PeerConfig{}, err
	}
	defer ring.Close()
	root, host, err := f.url()
	if err != nil {
		return member.Member{}, PeerConfig{}, err
	}
	return member.Member{
		ID: f.ID, Name: f.Name, Roles: []string{"hospital"}, URL: root, Origins: []string{root}, RPID: host,
		Power: 1, Active: true, Keys: ring.Public(),
	}, PeerConfig{Member: f.ID, ID: chain.NodeID(ring.Peer().Public().(ed25519.PublicKey)), Address: f.P2P}, nil
}

// url returns the node's root URL and its host. A loopback address is called
// localhost, since a passkey cannot be bound to an IP address (WebAuthn Level
// 2, 5.1.2).
func (f Founder) url() (root, host string, err error) {
	if f.URL != "" {
		u, err := url.Parse(f.URL)
		if err != nil {
			return "", "", fmt.Errorf("reading the URL of %s: %w", f.ID, err)
		}
		return f.URL, u.Hostname(), nil
	}
	host, port, err := net.SplitHostPort(f.Listen)
	if err != nil {
		return "", "", fmt.Errorf("reading the address of %s: %w", f.ID, err)
	}
	if loopback(f.Listen) {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port), host, nil
}

// write writes everything of a founder but its keys.
func (f Founder) write(g machine.Genesis, others []PeerConfig) error {
	root, _, err := f.url()
	if err != nil {
		return err
	}
	cfg := defaults()
	cfg.Member, cfg.Store, cfg.Listen, cfg.URL, cfg.P2P, cfg.Peers = f.ID, f.Store, f.Listen, root, f.P2P, others
	ehr := filepath.Join(f.Dir, "keys", "ehr.pem")
	if err := keys.CreateClient(ehr); err != nil {
		return err
	}
	for _, c := range []struct {
		id, name, private string
		rights            []identity.Right
	}{
		{"ehr", "Hospital EHR", ehr, []identity.Right{identity.RightRecords, identity.RightInvite}},
		{"operator", "Node operator", keys.OperatorFile(filepath.Join(f.Dir, "keys")), []identity.Right{identity.RightOperate}},
	} {
		public := filepath.Join("keys", c.id+".pub.pem")
		if err := writePublic(c.private, filepath.Join(f.Dir, public)); err != nil {
			return err
		}
		cfg.Clients = append(cfg.Clients, identity.Client{ID: c.id, Name: c.name, PublicKey: public, Rights: c.rights})
	}
	genesis, err1 := EncodeGenesis(g)
	trust, err2 := trustFile(g)
	text, err3 := cfg.Encode()
	if err := errors.Join(err1, err2, err3); err != nil {
		return fmt.Errorf("encoding the files of %s: %w", f.ID, err)
	}
	for file, data := range map[string][]byte{"genesis.json": genesis, "network.json": trust, "cairn.toml": text} {
		if err := os.WriteFile(filepath.Join(f.Dir, file), data, 0o644); err != nil { //nolint:gosec // public files
			return fmt.Errorf("writing %s: %w", file, err)
		}
	}
	return nil
}

// Trust returns the trust file of a consortium as it was founded: what a
// stranger needs to check its proofs.
func Trust(g machine.Genesis) (*proof.Trust, error) {
	book, err := member.New(g.Members)
	if err != nil {
		return nil, err
	}
	return proof.NewLasting(g.ID(), g.Name, book)
}

func trustFile(g machine.Genesis) ([]byte, error) {
	t, err := Trust(g)
	if err != nil {
		return nil, err
	}
	return t.Encode()
}

func writePublic(private, public string) error {
	key, err := keys.ReadClient(private)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey((*ecdsa.PublicKey)(&key.PublicKey))
	if err != nil {
		return fmt.Errorf("encoding a public key: %w", err)
	}
	return os.WriteFile(public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o644) //nolint:gosec // public
}
