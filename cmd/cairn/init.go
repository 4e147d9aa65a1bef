package main

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"cairn/ledger/member"
	"cairn/node"
	"cairn/node/fault"
	"cairn/proof"
)

type initCommand struct {
	Dir       string `required:"" placeholder:"DIR" help:"Where to put the hospital's directory (or the hospitals', with --hospitals)."`
	ID        string `default:"north" help:"Member id: lower case letters, digits, hyphens."`
	Name      string `default:"North Hospital" help:"Name of the hospital, as patients read it."`
	Network   string `default:"my-network" help:"Name of the network."`
	Listen    string `default:"127.0.0.1:8101" help:"Address of the FHIR endpoint."`
	P2P       string `name:"p2p" default:"127.0.0.1:8201" help:"Address for the other nodes."`
	Hospitals int    `default:"1" help:"Found a consortium of so many hospitals, all on this machine, with addresses counted up."`
}

// Help is shown below the flags.
func (initCommand) Help() string {
	return `Makes a new hospital that is a consortium of one, ready for ` + "`cairn serve`" + `:

  cairn init --dir my-hospital
  cairn serve --config my-hospital/cairn.toml

In its directory: cairn.toml (configuration), keys/ (private keys: back them up,
show them to nobody), genesis.json (the consortium as it was founded) and
network.json (what a stranger needs to check proofs; publish its fingerprint).
keys/ehr.pem is the key with which the hospital's EHR signs in.`
}

func (c initCommand) Run(e *env) error {
	if c.Hospitals < 1 || c.Hospitals > 100 {
		return fault.New(fault.Invalid, "hospitals", "--hospitals must be between 1 and 100")
	}
	if !member.ValidID(c.ID) || !member.ValidID(c.Network) {
		return fault.New(fault.Invalid, "id", "--id and --network must be lower case letters, digits and hyphens, at most 32, beginning with a letter")
	}
	founders, err := c.founders()
	if err != nil {
		return err
	}
	if err := node.Found(c.Network, founders); err != nil {
		return err
	}
	g, err := node.ReadGenesis(filepath.Join(founders[0].Dir, "genesis.json"))
	if err != nil {
		return err
	}
	trust, err := node.Trust(g)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Founded %q with %d hospital(s). Fingerprint of its trust file:\n  %s\n\nStart:\n", c.Network, len(founders), proof.Grouped(trust.Fingerprint()))
	for _, f := range founders {
		fmt.Fprintf(e.out, "  cairn serve --config %s\n", filepath.Join(f.Dir, "cairn.toml"))
	}
	return nil
}

func (c initCommand) founders() ([]node.Founder, error) {
	if c.Hospitals == 1 {
		return []node.Founder{{ID: c.ID, Name: c.Name, Dir: c.Dir, Listen: c.Listen, P2P: c.P2P}}, nil
	}
	var out []node.Founder
	for i := range c.Hospitals {
		listen, err1 := countUp(c.Listen, i)
		p2p, err2 := countUp(c.P2P, i)
		if err1 != nil || err2 != nil {
			return nil, fault.New(fault.Invalid, "address", "--listen and --p2p must be host:port with a port number")
		}
		id := fmt.Sprintf("%s-%d", c.ID, i+1)
		out = append(out, node.Founder{ID: id, Name: fmt.Sprintf("%s %d", c.Name, i+1), Dir: filepath.Join(c.Dir, id), Listen: listen, P2P: p2p})
	}
	return out, nil
}

func countUp(address string, by int) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(host, strconv.Itoa(n+by)), nil
}
