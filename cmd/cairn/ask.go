package main

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"syscall"
	"time"

	"cairn/client"
	"cairn/node"
	"cairn/node/fault"
)

// asker is one of this hospital's own clients, at its running node.
type asker struct {
	*client.Client
	cfg    node.Config
	config string // the configuration file, for hints
}

// ask reads the configuration file and the key of the client id ("ehr",
// "operator"). An answer that takes longer than wait is given up.
func ask(config, id string, transport http.RoundTripper, wait time.Duration) (*asker, error) {
	cfg, err := node.ReadConfig(config)
	if err != nil {
		return nil, err
	}
	return askAs(cfg, config, id, transport, wait)
}

func askAs(cfg node.Config, config, id string, transport http.RoundTripper, wait time.Duration) (*asker, error) {
	c, err := client.New(cfg.URL, cfg.Member, id, filepath.Join(cfg.Keys, id+".pem"), &http.Client{Transport: transport, Timeout: wait})
	if err != nil {
		return nil, err
	}
	return &asker{c, cfg, config}, nil
}

// answer makes an error of no answer, and of any but 2xx.
func (a *asker) answer(have client.Answer, err error) ([]byte, error) {
	if err == nil && have.Status >= 200 && have.Status < 300 {
		return have.Body, nil
	}
	if err != nil {
		return nil, a.silent(err)
	}
	code, text := have.Refusal()
	if code == "" {
		return nil, fault.New(fault.Broken, "answer", fmt.Sprintf("what answers at %s (status %d) is not a node of this kind", a.cfg.URL, have.Status)).
			WithHint("is url in " + a.config + " right?")
	}
	return nil, fault.New(fault.Refused, code, text).WithHint(have.Hint())
}

// silent says why the node gives no answer.
func (a *asker) silent(err error) error {
	var f *fault.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault.New(fault.Busy, "node", "no node runs at "+a.cfg.URL).WithHint("start it: cairn serve --config " + a.config)
	case errors.As(err, &f) && f.Code == "peer-sign-in":
		return fault.New(fault.Refused, "node", "what runs at "+a.cfg.URL+" does not know this hospital's keys").
			WithHint("is it another hospital's node? compare url in " + a.config + " with what listens there, and [[client]] with the keys directory")
	}
	return fault.Wrap(fault.Busy, "node", "the node at "+a.cfg.URL+" does not answer", err).
		WithHint("is it running, and is url in " + a.config + " right?")
}
