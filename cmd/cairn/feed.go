package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"cairn/client"
	"cairn/node/fault"
	"cairn/node/feed"
)

type feedCommand struct {
	List    feedListCommand    `cmd:"" help:"List the HL7 v2 messages that were refused and wait, with the reason and the place of each."`
	Show    feedShowCommand    `cmd:"" help:"Print a refused message. This is a read, and in the log."`
	Replay  feedReplayCommand  `cmd:"" help:"Take refused messages once more, as if they had just been sent."`
	Discard feedDiscardCommand `cmd:"" help:"Destroy refused messages."`
	Send    feedSendCommand    `cmd:"" help:"Send HL7 v2 messages over MLLP, as a small test sender."`
}

// waitFeed is how long one request about the queue may take.
const waitFeed = 2 * time.Minute

type feedListCommand struct {
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
	JSON   bool   `name:"json" help:"Print what the node answers, as JSON."`
}

// Help is shown below the flags.
func (feedListCommand) Help() string {
	return `Shows sender, type, time, and why and where each message was refused: segment, field, component.
Nothing of what the message says is shown; for that there is cairn feed show. The node's operator
key is used.

  cairn feed list --config my-hospital/cairn.toml`
}

func (c feedListCommand) Run(e *env) error {
	a, err := ask(c.Config, "operator", nil, waitFeed)
	if err != nil {
		return err
	}
	q, err := queue(e, a)
	if err != nil {
		return err
	}
	if c.JSON {
		out := json.NewEncoder(e.out)
		out.SetIndent("", "  ")
		return out.Encode(q)
	}
	for _, w := range q.Waiting {
		fmt.Fprintf(e.out, "%s  %s  %-10s  %-7s", w.ID, time.UnixMilli(w.First).UTC().Format("2006-01-02T15:04:05Z"), w.Sender, w.Kind)
		if w.Times > 1 {
			fmt.Fprintf(e.out, "  %d times", w.Times)
		}
		fmt.Fprintln(e.out)
		for _, r := range w.Reasons {
			fmt.Fprintf(e.out, "    %s: %s (%d)\n", r.Place, r.Text, r.Code)
		}
	}
	fmt.Fprintf(e.out, "%d messages wait (%d KB). Since the node started: %d accepted, %d repeated, %d refused, %d rejected.\n",
		q.Messages, (q.Bytes+1023)/1024, q.Accepted, q.Repeated, q.Refused, q.Rejected)
	return nil
}

// queue reads the whole queue, page by page.
func queue(e *env, a *asker) (all feed.Queue, err error) {
	after := ""
	for {
		body, err := a.answer(a.Do(e.ctx, http.MethodGet, "/admin/feed?after="+after, nil))
		if err != nil {
			return all, err
		}
		var page feed.Queue
		if err := json.Unmarshal(body, &page); err != nil {
			return all, fault.Wrap(fault.Broken, "answer", "the node answers something else than its queue", err)
		}
		waiting := append(all.Waiting, page.Waiting...)
		if all = page; len(page.Waiting) == 0 {
			all.Waiting = waiting
			return all, nil
		}
		all.Waiting, after = waiting, page.Waiting[len(page.Waiting)-1].ID
	}
}

type feedShowCommand struct {
	ID     string `arg:"" help:"The message, as cairn feed list names it."`
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
}

// Help is shown below the flags.
func (feedShowCommand) Help() string {
	return `The message holds what it says about a patient, so this is a read like any other: the EHR's key is
used, with the purpose HOPERAT, and the read is in the patient's log, if it is known who she is.
The node's operator cannot do it.

  cairn feed show 019a2e4c7f9b0001 --config my-hospital/cairn.toml`
}

func (c feedShowCommand) Run(e *env) error {
	a, err := ask(c.Config, "ehr", nil, waitFeed)
	if err != nil {
		return err
	}
	who := a.As("feed", "cairn feed", "operator", "", "HOPERAT")
	body, err := a.answer(who.Do(e.ctx, http.MethodGet, "/admin/feed/"+url.PathEscape(c.ID), nil))
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(strings.ReplaceAll(string(body), "\r\n", "\n"), "\r", "\n")
	_, err = fmt.Fprintln(e.out, strings.TrimRight(text, "\n"))
	return err
}

type feedReplayCommand struct {
	ID     []string `arg:"" optional:"" help:"The messages, as cairn feed list names them."`
	All    bool     `help:"All that wait, oldest first."`
	Config string   `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
}

// Help is shown below the flags.
func (feedReplayCommand) Help() string {
	return `After what was wrong has been put right, in the configuration or by a message that brings the missing
patient. A message that goes through leaves the queue; another stays, with the reason of now. It
overwrites what later messages of its sender said about the same thing: look at the times.

  cairn feed replay --all --config my-hospital/cairn.toml`
}

func (c feedReplayCommand) Run(e *env) error {
	a, err := ask(c.Config, "operator", nil, waitFeed)
	if err != nil {
		return err
	}
	ids, err := chosen(e, a, c.ID, c.All)
	if err != nil {
		return err
	}
	stay := 0
	for _, id := range ids {
		body, err := a.answer(a.Do(e.ctx, http.MethodPost, "/admin/feed/"+url.PathEscape(id)+"/replay", nil))
		if err != nil {
			return err
		}
		var answer struct {
			Code    string        `json:"code"`
			Reasons []feed.Reason `json:"reasons"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return fault.Wrap(fault.Broken, "answer", "the node answers something else than what became of a message", err)
		}
		fmt.Fprintf(e.out, "%s  %s\n", id, answer.Code)
		for _, r := range answer.Reasons {
			fmt.Fprintf(e.out, "    %s: %s (%d)\n", r.Place, r.Text, r.Code)
		}
		if answer.Code != "AA" {
			stay++
		}
	}
	if stay > 0 {
		return fault.New(fault.Invalid, "feed", fmt.Sprintf("%d of %d messages were refused again and stay", stay, len(ids)))
	}
	fmt.Fprintf(e.out, "%d messages were taken.\n", len(ids))
	return nil
}

// chosen returns the messages that are named, or all.
func chosen(e *env, a *asker, ids []string, all bool) ([]string, error) {
	if all == (len(ids) > 0) {
		return nil, fault.New(fault.Invalid, "feed", "say which messages, or --all").WithHint("cairn feed list shows them")
	}
	if !all {
		return ids, nil
	}
	q, err := queue(e, a)
	for _, w := range q.Waiting {
		ids = append(ids, w.ID)
	}
	return ids, err
}

type feedDiscardCommand struct {
	ID     []string `arg:"" help:"The messages, as cairn feed list names them."`
	Config string   `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
}

// Help is shown below the flags.
func (feedDiscardCommand) Help() string {
	return `They cannot be had back from here; the sender was told that they were not understood (AE). That they
were discarded, and by whom, is in the log.`
}

func (c feedDiscardCommand) Run(e *env) error {
	a, err := ask(c.Config, "operator", nil, waitFeed)
	if err != nil {
		return err
	}
	for _, id := range c.ID {
		have, err := a.Do(e.ctx, http.MethodPost, "/admin/feed/"+url.PathEscape(id)+"/discard", nil)
		if err != nil || have.Status != http.StatusNoContent {
			_, err = a.answer(have, err)
			return err
		}
		fmt.Fprintf(e.out, "%s  discarded\n", id)
	}
	return nil
}

type feedSendCommand struct {
	Files []string `arg:"" name:"file" help:"Files with one or more messages each; - for standard input."`
	To    string   `required:"" placeholder:"HOST:PORT" help:"Where to send them: listen of [mllp]."`
	CA    string   `name:"ca" placeholder:"FILE" help:"Send over TLS; PEM file with the authority of the listener's certificate."`
	Cert  string   `name:"cert" placeholder:"FILE" help:"PEM file with the sender's own certificate and private key."`
}

// Help is shown below the flags.
func (feedSendCommand) Help() string {
	return `Each message begins with MSH and is sent once what came before is acknowledged. Prints control id and
acknowledgement of each, with the reasons. Ends with 0 if all were accepted (AA, CA).

  cairn feed send admission.hl7 --to 127.0.0.1:2575`
}

// maxFile bounds a file of messages, in bytes.
const maxFile = 256 << 20

func (c feedSendCommand) Run(e *env) error {
	secure, err := c.tls()
	if err != nil {
		return err
	}
	conn, err := client.DialMLLP(e.ctx, c.To, secure)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fault.New(fault.Busy, "feed", "nobody listens at "+c.To).WithHint("is the node running, and is this listen of its [mllp]?")
	}
	if err != nil {
		return fault.Wrap(fault.Invalid, "feed", "there is no connection to "+c.To, err)
	}
	defer conn.Close()
	sent, refused := 0, 0
	for _, file := range c.Files {
		data, err := readFile(file, "the file of messages", maxFile)
		if err != nil {
			return err
		}
		for _, message := range messages(string(data)) {
			ack, err := conn.Send(e.ctx, []byte(message))
			if err != nil {
				return fault.Wrap(fault.Busy, "feed", fmt.Sprintf("message %d got no acknowledgement", sent+1), err).
					WithHint("it may have been stored: send it again with the same control id, which never stores it twice")
			}
			sent++
			if ack.Code != "AA" && ack.Code != "CA" {
				refused++
			}
			fmt.Fprintf(e.out, "%s  %s\n", controlID(message), ack.Code)
			for _, f := range ack.Faults {
				fmt.Fprintf(e.out, "    %s\n", f)
			}
		}
	}
	switch {
	case sent == 0:
		return fault.New(fault.Invalid, "feed", "there is no message in it").WithHint("a message begins with MSH at the beginning of a line")
	case refused > 0:
		return fault.New(fault.Refused, "feed", fmt.Sprintf("%d of %d messages were not accepted", refused, sent))
	}
	return nil
}

// tls returns how the connection is secured, nil for not at all.
func (c feedSendCommand) tls() (*tls.Config, error) {
	if c.CA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(c.CA)
	out := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	if err != nil || !out.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fault.New(fault.Invalid, "feed", c.CA+" is no PEM file with certificates")
	}
	if c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Cert)
		if err != nil {
			return nil, fault.New(fault.Invalid, "feed", c.Cert+" is no PEM file with a certificate and its private key")
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

// messages takes a file apart: each line that begins with MSH begins one.
func messages(text string) (out []string) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\r"), "\n", "\r")
	for _, line := range strings.Split(text, "\r") {
		switch {
		case strings.HasPrefix(line, "MSH"):
			out = append(out, line)
		case line != "" && len(out) > 0:
			out[len(out)-1] += "\r" + line
		}
	}
	return out
}

// controlID returns MSH-10 of a message, for the screen.
func controlID(message string) string {
	header, _, _ := strings.Cut(message, "\r")
	fields := strings.Split(header, header[3:min(4, len(header))])
	if len(fields) > 9 && fields[9] != "" {
		return fields[9]
	}
	return "-"
}
