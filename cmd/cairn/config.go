package main

import (
	"fmt"

	"cairn/node"
)

type configCommand struct {
	Check configCheckCommand `cmd:"" help:"Check a configuration file and print what is in force."`
}

type configCheckCommand struct {
	Config string `arg:"" optional:"" default:"cairn.toml" help:"The configuration file."`
}

// Help is shown below the flags.
func (configCheckCommand) Help() string {
	return `Keys: member, genesis, data, keys, listen, url, p2p, kms, tls_cert, tls_key, reserve_mb,
log_level; tables: [[peer]] with member, id, address; [[client]] with id, name, public_key,
rights (records, invite, operate). Unknown keys are errors. What is printed has defaults filled
in and paths made absolute.`
}

func (c configCheckCommand) Run(e *env) error {
	cfg, err := node.ReadConfig(c.Config)
	if err != nil {
		return err
	}
	if _, err := node.ReadGenesis(cfg.Genesis); err != nil {
		return err
	}
	text, err := cfg.Encode()
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "# %s is valid. In force:\n%s", c.Config, text)
	return nil
}
