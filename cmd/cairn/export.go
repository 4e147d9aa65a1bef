package main

import (
	"fmt"
	"net/http"
	"time"
)

type exportCommand struct {
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
	Out    string `required:"" short:"o" placeholder:"FILE" help:"Where to write the ledger."`
}

// Help is shown below the flags.
func (exportCommand) Help() string {
	return `Writes one file with every block and the ledger's state: everything that the members share. Search
it for names, identifiers or record ids of patients: there are none.

  cairn export --config my-hospital/cairn.toml -o ledger.bin`
}

func (c exportCommand) Run(e *env) error {
	operator, err := ask(c.Config, "operator", nil, time.Hour)
	if err != nil {
		return err
	}
	ledger, err := operator.answer(operator.Do(e.ctx, http.MethodGet, "/admin/export", nil))
	if err != nil {
		return err
	}
	if err := writeFile(c.Out, "the ledger", ledger); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Wrote %d bytes to %s: everything that the members share.\n", len(ledger), c.Out)
	return nil
}
