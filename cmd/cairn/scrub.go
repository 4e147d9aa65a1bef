package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"cairn/node"
	"cairn/node/fault"
)

type scrubCommand struct {
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node; it may be running or not."`
}

// Help is shown below the flags.
func (scrubCommand) Help() string {
	return `Re-reads every record version, log entry, tile, block and the ledger's state, compares them with
each other and with what was sealed, and names the first thing that was altered. A node that runs is
asked to do it and goes on with its work; of one that does not run, the directory is opened.
Repairs nothing. Ends with 0 if everything agrees, with 1 if not.`
}

func (c scrubCommand) Run(e *env) error {
	cfg, err := node.ReadConfig(c.Config)
	if err != nil {
		return err
	}
	show := &progress{e: e, last: time.Now()}
	n, err := node.Open(e.ctx, cfg, slog.New(slog.DiscardHandler))
	if f := fault.As(err); f != nil && f.Code == "store.in-use" {
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
	operator, err := askAs(cfg, c.Config, "operator", follower{show}, 24*time.Hour)
	if err != nil {
		return err
	}
	_, err = operator.answer(operator.Do(e.ctx, http.MethodPost, "/admin/scrub", nil))
	if fault.Is(err, fault.Busy) && e.ctx.Err() == nil {
		return fault.New(fault.Busy, "in-use", "another process uses the data directory "+cfg.Data+", and no node answers at "+cfg.URL).
			WithHint("end that process, or wait until the node has started; is url in " + c.Config + " right?")
	}
	if err != nil {
		return err
	}
	return show.end()
}

// follower shows the lines of an answer as they come in.
type follower struct{ show io.Writer }

// RoundTrip sends a request; the lines of its answer go to the progress too.
func (f follower) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && res.Header.Get("Content-Type") == "application/jsonl" {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(res.Body, f.show), res.Body}
	}
	return res, err
}

// progress shows a scrub's lines and keeps how it ended.
type progress struct {
	e     *env
	rest  []byte // of a line that is not complete yet
	stage string
	last  time.Time
	ended node.ScrubLine
}

// Write takes lines of JSON in pieces of any size.
func (p *progress) Write(data []byte) (int, error) {
	p.rest = append(p.rest, data...)
	for {
		text, rest, complete := bytes.Cut(p.rest, []byte("\n"))
		if !complete {
			return len(data), nil
		}
		p.rest = rest
		var l node.ScrubLine
		if err := json.Unmarshal(text, &l); err != nil {
			return 0, fmt.Errorf("reading the node's answer: %w", err)
		}
		p.line(l)
	}
}

// line says when a stage begins and, in a long one, every two seconds how far
// it is.
func (p *progress) line(l node.ScrubLine) {
	switch {
	case l.Ended:
		p.ended = l
	case l.Stage != p.stage:
		fmt.Fprintf(p.e.err, "Scrubbing %s...\n", l.Stage)
		p.stage, p.last = l.Stage, time.Now()
	case time.Since(p.last) >= 2*time.Second && l.Total > 0:
		fmt.Fprintf(p.e.err, "  %d of %d\n", l.Done, l.Total)
		p.last = time.Now()
	case time.Since(p.last) >= 2*time.Second:
		fmt.Fprintf(p.e.err, "  %d\n", l.Done)
		p.last = time.Now()
	}
}

func (p *progress) end() error {
	switch {
	case p.e.ctx.Err() != nil:
		return p.e.ctx.Err()
	case !p.ended.Ended:
		return fault.New(fault.Broken, "scrub", "the scrub broke off before its end").WithHint("is the node still running? try again")
	case p.ended.Code == "reindexing":
		return fault.New(fault.Busy, p.ended.Code, "records cannot be compared with what they are found by while they are taken apart anew").
			WithHint("wait until `cairn reindex --config FILE` says OK")
	case p.ended.OK:
		fmt.Fprintln(p.e.out, "OK: records, log and ledger agree with each other and with what was sealed.")
		return nil
	}
	fmt.Fprintf(p.e.out, "FAIL (%s): %s\n", p.ended.Code, p.ended.Text)
	fmt.Fprintln(p.e.out, "Keep a copy of the data directory as evidence before anything else is done.")
	return errSilent
}
