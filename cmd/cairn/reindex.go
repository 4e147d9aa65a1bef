package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"cairn/node"
	"cairn/node/fault"
	"cairn/node/reindex"
)

type reindexCommand struct {
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node; it may be running or not."`
}

// Help is shown below the flags.
func (reindexCommand) Help() string {
	return `Takes all records apart anew and has the search tables say what they say, no more and no less. A node
does that by itself when a new version brings other search parameters; this is for when scrub finds
a row of these tables missing or wrong. Reads and writes go on. If it is interrupted, it is gone on
with when the node starts or this is called again. Changes no record, and stands in the log.`
}

func (c reindexCommand) Run(e *env) error {
	cfg, err := node.ReadConfig(c.Config)
	if err != nil {
		return err
	}
	show := &reindexProgress{e: e, last: time.Now()}
	n, err := node.Open(e.ctx, cfg, slog.New(slog.DiscardHandler))
	if f := fault.As(err); f != nil && f.Code == "store.in-use" {
		return c.remote(e, cfg, show)
	}
	if err != nil {
		return err
	}
	defer n.Close()
	if err := n.Reindex.All(e.ctx, true, show.line); err != nil {
		return err
	}
	return show.end()
}

// remote asks a running node to do it.
func (c reindexCommand) remote(e *env, cfg node.Config, show *reindexProgress) error {
	operator, err := askAs(cfg, c.Config, "operator", follower{show}, 24*time.Hour)
	if err != nil {
		return err
	}
	if _, err = operator.answer(operator.Do(e.ctx, http.MethodPost, "/admin/reindex", nil)); err != nil {
		return err
	}
	return show.end()
}

// reindexProgress shows the lines of a reindexing and keeps the last ones.
type reindexProgress struct {
	e           *env
	rest        []byte // of a line that is not complete yet
	stage       string
	last        time.Time
	done, ended reindex.Line
}

// Write takes lines of JSON in pieces of any size.
func (p *reindexProgress) Write(data []byte) (int, error) {
	p.rest = append(p.rest, data...)
	for {
		text, rest, complete := bytes.Cut(p.rest, []byte("\n"))
		if !complete {
			return len(data), nil
		}
		p.rest = rest
		var l reindex.Line
		if err := json.Unmarshal(text, &l); err != nil {
			return 0, fmt.Errorf("reading the node's answer: %w", err)
		}
		p.line(l)
	}
}

func (p *reindexProgress) line(l reindex.Line) {
	if l.Ended {
		p.ended = l
		return
	}
	p.done = l
	switch {
	case l.Stage != p.stage:
		fmt.Fprintf(p.e.err, "Reindexing %s...\n", l.Stage)
		p.stage, p.last = l.Stage, time.Now()
	case time.Since(p.last) >= 2*time.Second && l.Stage == "records":
		fmt.Fprintf(p.e.err, "  %d of %d\n", l.Done, l.Total)
		p.last = time.Now()
	}
}

func (p *reindexProgress) end() error {
	switch {
	case p.e.ctx.Err() != nil:
		return p.e.ctx.Err()
	case !p.ended.Ended:
		return fault.New(fault.Broken, "reindex", "the answer broke off; the node goes on with the work if it runs").WithHint("call it again to see how far it is")
	case p.ended.Text != "":
		return fault.New(fault.Broken, "reindex", p.ended.Text).WithHint("call it again to go on")
	}
	d := &p.done
	fmt.Fprintf(p.e.out, "OK: %d records, %d of them were found by something else than they say; %d rows that belonged nowhere were removed.\n", d.Done, d.Changed, d.Removed)
	if d.Failed > 0 {
		fmt.Fprintf(p.e.out, "%d records cannot be read and were left as they are: cairn scrub names the first.\n", d.Failed)
	}
	return nil
}
