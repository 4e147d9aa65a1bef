package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cairn/client"
	"cairn/node"
	"cairn/node/fault"
)

type evidenceCommand struct {
	Event  string `arg:"" help:"What to prove: an event's UUID (the last part of a receipt), or Type/ID/_history/VERSION."`
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
	Out    string `short:"o" placeholder:"FILE" help:"Where to write the bundle (default: standard output)."`
}

// Help is shown below the flags.
func (evidenceCommand) Help() string {
	return `An event's proof is for the privacy officer: the node's operator key is used. A record version's
proof shows the record, so it is a read like any other: the EHR's key is used, with the purpose
HOPERAT, and the read is in the patient's log.`
}

func (c evidenceCommand) Run(e *env) error {
	cfg, err := node.ReadConfig(c.Config)
	if err != nil {
		return err
	}
	as, path, err := c.request(cfg)
	if err != nil {
		return err
	}
	answer, err := as.Do(e.ctx, http.MethodGet, path, nil)
	if err != nil {
		return fault.Wrap(fault.Busy, "node", "the node at "+cfg.URL+" does not answer", err).
			WithHint("start it: cairn serve --config " + c.Config)
	}
	if answer.Status != http.StatusOK {
		code, text := answer.Refusal()
		return fault.New(fault.Refused, code, text+" ("+code+")")
	}
	if c.Out == "" {
		_, err = e.out.Write(answer.Body)
		return err
	}
	if err := os.WriteFile(c.Out, answer.Body, 0o600); err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	fmt.Fprintf(e.out, "Wrote %s. Check it anywhere: cairn verify %s --trust %s\n", c.Out, c.Out, filepath.Join(filepath.Dir(c.Config), "network.json"))
	return nil
}

// request chooses the key and the path for what is to be proved.
func (c evidenceCommand) request(cfg node.Config) (as *client.Client, path string, err error) {
	http := &http.Client{Timeout: time.Minute}
	if !strings.Contains(c.Event, "/") {
		as, err = client.New(cfg.URL, cfg.Member, "operator", filepath.Join(cfg.Keys, "operator.pem"), http)
		return as, "/admin/evidence/" + c.Event, err
	}
	as, err = client.New(cfg.URL, cfg.Member, "ehr", filepath.Join(cfg.Keys, "ehr.pem"), http)
	if err != nil {
		return nil, "", err
	}
	return as.As("evidence", "cairn evidence", "operator", "", "HOPERAT"), "/fhir/" + c.Event + "/$evidence", nil
}
