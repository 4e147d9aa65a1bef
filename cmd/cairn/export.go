package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"cairn/client"
	"cairn/node"
	"cairn/node/fault"
)

type exportCommand struct {
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
	Out    string `required:"" short:"o" placeholder:"FILE" help:"Where to write the ledger."`
}

func (c exportCommand) Run(e *env) error {
	cfg, err := node.ReadConfig(c.Config)
	if err != nil {
		return err
	}
	operator, err := client.New(cfg.URL, cfg.Member, "operator", filepath.Join(cfg.Keys, "operator.pem"), &http.Client{Timeout: time.Hour})
	if err != nil {
		return err
	}
	answer, err := operator.Expect(e.ctx, http.StatusOK, http.MethodGet, "/admin/export", nil)
	if err != nil {
		return fault.Wrap(fault.Busy, "node", "the node at "+cfg.URL+" did not export the ledger", err).
			WithHint("start it: cairn serve --config " + c.Config)
	}
	if err := os.WriteFile(c.Out, answer.Body, 0o600); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	fmt.Fprintf(e.out, "Wrote %d bytes to %s: everything that the members share.\n", len(answer.Body), c.Out)
	return nil
}
