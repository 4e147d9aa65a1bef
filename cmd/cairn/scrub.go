package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"cairn/client"
	"cairn/node"
	"cairn/node/fault"
)

type scrubCommand struct {
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node."`
}

// Help is shown below the flags.
func (scrubCommand) Help() string {
	return `Re-reads every record version, log entry, tile, block and the ledger's state, compares them with
each other and with what was sealed, and names the first thing that was altered. A node that runs
is asked to do it; of one that does not run, the directory is opened. Changes nothing.`
}

func (c scrubCommand) Run(e *env) error {
	cfg, err := node.ReadConfig(c.Config)
	if err != nil {
		return err
	}
	show := &progress{e: e}
	log := slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: slog.LevelError}))
	n, err := node.Open(e.ctx, cfg, log)
	if fault.As(err) != nil && fault.As(err).Kind == fault.Busy {
		return c.remote(e, cfg, show)
	}
	if err != nil {
		return err
	}
	defer n.Close()
	n.Scrub(e.ctx, show.line) //nolint:errcheck // the last line says it
	return show.end()
}

// remote asks a running node to scrub itself.
func (c scrubCommand) remote(e *env, cfg node.Config, show *progress) error {
	operator, err := client.New(cfg.URL, cfg.Member, "operator", filepath.Join(cfg.Keys, "operator.pem"), &http.Client{Timeout: 24 * time.Hour})
	if err != nil {
		return err
	}
	answer, err := operator.Expect(e.ctx, http.StatusOK, http.MethodPost, "/admin/scrub", nil)
	if err != nil {
		return fault.Wrap(fault.Busy, "node", "the data directory is in use and the node at "+cfg.URL+" does not answer", err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(answer.Body)); lines.Scan(); {
		var line node.ScrubLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("reading the node's answer: %w", err)
		}
		show.line(line)
	}
	return show.end()
}

// progress shows a scrub's lines and keeps the last.
type progress struct {
	e     *env
	stage string
	last  node.ScrubLine
}

func (p *progress) line(l node.ScrubLine) {
	if l.Stage != p.stage && l.Stage != "end" {
		fmt.Fprintf(p.e.err, "scrubbing %s...\n", l.Stage)
		p.stage = l.Stage
	}
	p.last = l
}

func (p *progress) end() error {
	switch {
	case !p.last.Ended:
		return fault.New(fault.Broken, "scrub", "the scrub broke off")
	case p.last.OK:
		fmt.Fprintln(p.e.out, "OK: records, log and ledger agree with each other and with what was sealed.")
		return nil
	}
	fmt.Fprintf(p.e.out, "FAIL (%s): %s\n", p.last.Code, p.last.Text)
	fmt.Fprintln(p.e.out, "Keep a copy of the data directory as evidence before anything else is done.")
	return errSilent
}
