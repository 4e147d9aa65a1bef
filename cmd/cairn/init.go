package main

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"cairn/ledger/member"
	"cairn/node"
	"cairn/node/fault"
	"cairn/proof"
)

type initCommand struct {
	Dir       string        `required:"" placeholder:"DIR" help:"Where to put the hospital's directory (or the hospitals', with --hospitals)."`
	ID        string        `default:"north" help:"Member id: lower case letters, digits, hyphens."`
	Name      string        `default:"North Hospital" help:"Name of the hospital, as patients read it."`
	Network   string        `default:"my-network" help:"Name of the network."`
	Listen    string        `default:"127.0.0.1:8101" help:"Address of the FHIR endpoint, on this machine."`
	URL       string        `placeholder:"URL" help:"The FHIR endpoint's root as others reach it, such as https://north.example (default: the address above)."`
	P2P       string        `name:"p2p" default:"127.0.0.1:8201" help:"Address for the other members' nodes."`
	Recovery  time.Duration `name:"recovery-delay" default:"72h" help:"How long at least the recovery of a patient's lost sign-in waits and can be cancelled; a rule of the network."`
	Hospitals int           `default:"1" help:"Found a consortium of so many hospitals, all on this machine, with addresses counted up."`
}

// Help is shown below the flags.
func (initCommand) Help() string {
	return `Makes a new hospital that is a consortium of one, ready for ` + "`cairn serve`" + `:

  cairn init --dir my-hospital
  cairn serve --config my-hospital/cairn.toml

In its directory: cairn.toml (configuration), keys/ (private keys: back them up,
show them to nobody), genesis.json (the consortium as it was founded) and
network.json (what a stranger needs to check proofs; publish its fingerprint).
keys/ehr.pem is the key with which the hospital's EHR signs in.

A directory that is in use is left as it is.`
}

func (c initCommand) Run(e *env) error {
	if c.Hospitals < 1 || c.Hospitals > 100 {
		return fault.New(fault.Invalid, "hospitals", "--hospitals must be between 1 and 100")
	}
	for flag, value := range map[string]string{"--id": c.ID, "--network": c.Network} {
		if !member.ValidID(value) {
			return fault.New(fault.Invalid, "id", fmt.Sprintf("%s %q must be lower case letters, digits and hyphens, at most 32, beginning with a letter", flag, value))
		}
	}
	if c.Hospitals > 1 && c.URL != "" {
		return fault.New(fault.Invalid, "url", "--url is for one hospital; several on one machine are reached at their addresses")
	}
	founders, err := c.founders()
	if err != nil {
		return err
	}
	if err := node.Found(c.Network, founders, node.RecoveryWaits(c.Recovery)); err != nil {
		return err
	}
	return c.tell(e, founders)
}

// tell says what was made and what comes next.
func (c initCommand) tell(e *env, founders []node.Founder) error {
	g, err := node.ReadGenesis(filepath.Join(founders[0].Dir, "genesis.json"))
	if err != nil {
		return err
	}
	trust, err := node.Trust(g)
	if err != nil {
		return err
	}
	hospitals := "one hospital"
	if len(founders) > 1 {
		hospitals = fmt.Sprintf("%d hospitals", len(founders))
	}
	fmt.Fprintf(e.out, "Founded the network %s: a consortium of %s.\n\n", c.Network, hospitals)
	for i, f := range founders {
		fmt.Fprintf(e.out, "  %s (%s), reached at %s, in %s\n", f.Name, f.ID, g.Members[i].URL, f.Dir)
	}
	fmt.Fprintf(e.out, "\nThe private keys are in keys/: back them up, show them to nobody.\nThe fingerprint of network.json, for people who check proofs:\n  %s\n\nStart:\n", proof.Grouped(trust.Fingerprint()))
	for _, f := range founders {
		fmt.Fprintf(e.out, "  cairn serve --config %s\n", filepath.Join(f.Dir, "cairn.toml"))
	}
	return nil
}

func (c initCommand) founders() ([]node.Founder, error) {
	if c.Hospitals == 1 {
		return []node.Founder{{ID: c.ID, Name: c.Name, Dir: c.Dir, Listen: c.Listen, P2P: c.P2P, URL: c.URL}}, nil
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
