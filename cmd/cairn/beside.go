package main

import (
	"fmt"
	"path/filepath"

	"cairn/node"
)

type besideCommand struct {
	Config string `required:"" placeholder:"FILE" help:"Configuration of the hospital's first process, which has its vote."`
	Dir    string `required:"" placeholder:"DIR" help:"Where to put the directory of the further process."`
	Listen string `required:"" placeholder:"ADDRESS" help:"Address of its FHIR endpoint, host:port on this machine."`
	P2P    string `name:"p2p" required:"" placeholder:"ADDRESS" help:"Address for the other nodes, host:port."`
}

// Help is shown below the flags.
func (besideCommand) Help() string {
	return `Makes a further process of a hospital whose records are in PostgreSQL (store in its configuration).
It serves the same endpoint and portal, follows the ledger with a node of its own that has no vote,
and seals when the process that does has died. Put a load balancer for url in front of all.

  cairn beside --config north/cairn.toml --dir north-2 --listen 127.0.0.1:8111 --p2p 127.0.0.1:8211

It holds copies of the hospital's keys, but not the one that votes. The [[peer]] that is printed goes
into the configuration of the hospital's other processes and of the other hospitals, which are then
restarted: a node lets in whom it knows. docs/runbooks/postgresql.md tells the rest.`
}

func (c besideCommand) Run(e *env) error {
	cfg, err := node.ReadConfig(c.Config)
	if err != nil {
		return err
	}
	self, err := node.Beside(e.ctx, cfg, c.Dir, c.Listen, c.P2P)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "A further process of %s is in %s.\n\nAdd to the configuration of every node that is to know it, and restart that:\n%s\nStart:\n  cairn serve --config %s\n",
		cfg.Member, c.Dir, self, filepath.Join(c.Dir, "cairn.toml"))
	return err
}
