package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"cairn/node/fault"
)

type keysCommand struct {
	List   keysListCommand   `cmd:"" help:"List the hospital's keys on the ledger: how old, how long they count, when they are due."`
	Rotate keysRotateCommand `cmd:"" help:"Have a next key follow one in force, without a stop."`
	Export keysExportCommand `cmd:"" help:"Write out the public keys."`
}

// waitKeys is how long one request about keys may take.
const waitKeys = time.Minute

// memberKey is a key of the hospital as the node answers with it.
type memberKey struct {
	Use    string `json:"use"`
	ID     string `json:"id"`
	Public []byte `json:"public"`
	State  string `json:"state"`
	From   uint64 `json:"from"`
	Until  uint64 `json:"until,omitempty"`
	Begins int64  `json:"begins,omitempty"` // Unix milliseconds
	Ends   int64  `json:"ends,omitempty"`
	Due    int64  `json:"due,omitempty"`
	Held   bool   `json:"held"`
}

// memberKeys are the keys of a hospital.
type memberKeys struct {
	Member  string      `json:"member"`
	Network string      `json:"network"`
	Height  uint64      `json:"height"`
	Keys    []memberKey `json:"keys"`
}

// fetchKeys asks the running node.
func fetchKeys(e *env, config string) (*asker, memberKeys, error) {
	a, err := ask(config, "operator", nil, waitKeys)
	if err != nil {
		return nil, memberKeys{}, err
	}
	body, err := a.answer(a.Do(e.ctx, http.MethodGet, "/admin/keys", nil))
	if err != nil {
		return nil, memberKeys{}, err
	}
	var out memberKeys
	err = read(body, &out)
	return a, out, err
}

type keysListCommand struct {
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
	JSON   bool   `name:"json" help:"Print what the node answers, as JSON."`
}

// Help is shown below the flags.
func (keysListCommand) Help() string {
	return `A hospital has four keys on the ledger: seal signs the roots of its log, cosign the calendar, client what
it sends to other hospitals, validator its votes. A key counts from one block on and until another; what
it signed in between verifies for ever.`
}

func (c keysListCommand) Run(e *env) error {
	_, in, err := fetchKeys(e, c.Config)
	if err != nil {
		return err
	}
	if c.JSON {
		out := json.NewEncoder(e.out)
		out.SetIndent("", "  ")
		return out.Encode(in)
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "USE\tKEY\tFROM\tUNTIL\tSTATE")
	for _, k := range in.Keys {
		from, until := block(k.From, k.Begins), "-"
		if k.State == "spare" {
			from = "-"
		}
		if k.Until != 0 {
			until = block(k.Until, k.Ends)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.Use, k.ID, from, until, k.words())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "The ledger is at block %d.\n", in.Height)
	return err
}

// block says a height and when it was reached.
func block(height uint64, at int64) string {
	if at == 0 {
		return fmt.Sprintf("block %d", height)
	}
	return fmt.Sprintf("block %d, %s", height, time.UnixMilli(at).UTC().Format("2006-01-02 15:04Z"))
}

// words says how a key stands.
func (k memberKey) words() string {
	missing := ""
	if !k.Held {
		missing = "; its private half is not at this process"
	}
	due := time.UnixMilli(k.Due).UTC()
	switch {
	case k.State == "in-force" && k.Until != 0:
		return "in force until the next one is" + missing
	case k.State == "in-force" && k.Due == 0:
		return "in force since a moment ago" + missing
	case k.State == "in-force" && time.Now().After(due):
		return "in force, overdue since " + due.Format(time.DateOnly) + missing
	case k.State == "in-force":
		return "in force, to be followed before " + due.Format(time.DateOnly) + missing
	case k.State == "next":
		return "announced, comes into force at its block" + missing
	case k.State == "spare":
		return "made, never announced"
	}
	return "followed by another"
}

type keysRotateCommand struct {
	Use    string `required:"" enum:"seal,cosign,client,validator" placeholder:"USE" help:"Which key: seal, cosign, client or validator."`
	DryRun bool   `help:"Say what would happen, and do nothing."`
	Fresh  bool   `help:"Make a key even where one was made and never announced: after a theft of the keys directory."`
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
}

// Help is shown below the flags.
func (keysRotateCommand) Help() string {
	return `The node makes a key in its keys directory, the key in force announces it on the ledger, and some blocks
later it counts. Nothing stops meanwhile. If this is interrupted, call it again: it goes on where it
stopped, and what is announced comes into force whether anybody waits or not. Back up the keys directory
before the next key is in force: without it the hospital could not sign any more.

  cairn keys rotate --use seal --config my-hospital/cairn.toml`
}

func (c keysRotateCommand) Run(e *env) error {
	show := &keysProgress{e: e, dry: c.DryRun}
	a, err := ask(c.Config, "operator", follower{show}, 24*time.Hour)
	if err != nil {
		return err
	}
	show.keys = a.cfg.Keys
	body, err := json.Marshal(map[string]bool{"dry_run": c.DryRun, "fresh": c.Fresh})
	if err != nil {
		return err
	}
	_, err = a.answer(a.With(e.ctx, http.MethodPost, "/admin/keys/"+c.Use, http.Header{"Content-Type": {"application/json"}}, body))
	if err != nil && !show.began {
		return err
	}
	return show.end()
}

// rotation is one line of the node's answer.
type rotation struct {
	Stage   string `json:"stage"`
	Use     string `json:"use"`
	Current string `json:"current"`
	Next    string `json:"next"`
	File    string `json:"file"`
	From    uint64 `json:"from"`
	Height  uint64 `json:"height"`
	Ended   bool   `json:"ended"`
	Text    string `json:"text"`
	Hint    string `json:"hint"`
}

// keysProgress shows the lines of a rotation and keeps the last ones.
type keysProgress struct {
	e           *env
	keys        string // the keys directory
	dry, began  bool
	rest        []byte // of a line that is not complete yet
	last        time.Time
	done, ended rotation
}

// Write takes lines of JSON in pieces of any size.
func (p *keysProgress) Write(data []byte) (int, error) {
	p.rest = append(p.rest, data...)
	for {
		text, rest, complete := strings.Cut(string(p.rest), "\n")
		if !complete {
			return len(data), nil
		}
		p.rest = []byte(rest)
		var l rotation
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			return 0, fmt.Errorf("reading the node's answer: %w", err)
		}
		p.line(l)
	}
}

func (p *keysProgress) line(l rotation) {
	p.began = true
	if l.Ended {
		p.ended = l
		return
	}
	p.done = l
	switch l.Stage {
	case "plan":
		p.plan(l)
	case "made":
		fmt.Fprintf(p.e.err, "The next key is %s, in %s.\n", l.Next, l.File)
	case "announced":
		fmt.Fprintf(p.e.err, "Announced: it is in force from block %d on; the ledger is at block %d.\n", l.From, l.Height)
		p.last = time.Now()
	default:
		if time.Since(p.last) >= 2*time.Second {
			fmt.Fprintf(p.e.err, "  block %d of %d\n", l.Height, l.From)
			p.last = time.Now()
		}
	}
}

// plan says what will happen.
func (p *keysProgress) plan(l rotation) {
	out := p.e.err
	if p.dry {
		out = p.e.out
	}
	switch {
	case l.From != 0:
		fmt.Fprintf(out, "The %s key %s is announced already: it follows %s at block %d; the ledger is at block %d.\n", l.Use, l.Next, l.Current, l.From, l.Height)
	case l.Next != "":
		fmt.Fprintf(out, "The %s key %s (%s) was made and never announced: it is announced to follow %s.\n", l.Use, l.Next, l.File, l.Current)
	default:
		fmt.Fprintf(out, "A %s key is made in %s and announced to follow %s.\n", l.Use, p.keys, l.Current)
	}
}

func (p *keysProgress) end() error {
	switch {
	case p.e.ctx.Err() != nil:
		return p.e.ctx.Err()
	case !p.ended.Ended:
		return fault.New(fault.Broken, "rotate", "the answer broke off").WithHint("nothing is lost: call it again when the node runs, and it goes on where it stopped")
	case p.ended.Text != "":
		return fault.New(fault.Broken, "rotate", p.ended.Text).WithHint(p.ended.Hint)
	case p.dry:
		_, err := fmt.Fprintln(p.e.out, "Nothing was done.")
		return err
	}
	d := &p.done
	_, err := fmt.Fprintf(p.e.out, "OK: the %s key %s is in force since block %d. Back up %s.\n", d.Use, d.Next, d.From, p.keys)
	return err
}
