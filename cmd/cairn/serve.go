package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"cairn/api"
	"cairn/api/mllp"
	"cairn/node"
	"cairn/node/fault"
)

type serveCommand struct {
	Config     string `required:"" placeholder:"FILE" help:"The configuration file that cairn init made."`
	CPUProfile string `name:"cpuprofile" hidden:"" env:"CAIRN_CPUPROFILE" placeholder:"FILE" help:"Write a processor profile of the whole run to FILE."`
}

// Help is shown below the flags.
func (serveCommand) Help() string {
	return `Says when it is ready and where, and runs until it is told to stop (Ctrl-C, SIGTERM): then it lets
running requests finish for a few seconds and ends with 0. Its log goes to standard error, one line
a request, without anything about a patient.

  cairn serve --config my-hospital/cairn.toml

It ends by itself, with 1 and the reason, when it can no longer follow the ledger or when its log is
not the one that was sealed: a node never limps on. It does not start when its keys, its genesis or
its data are not those of this hospital, or another process uses them. While the disk is full it
refuses to write, and, since no read can be logged, to read.`
}

// How long running requests may take when the node is told to stop.
const finishWithin = 3 * time.Second

func (c serveCommand) Run(e *env) (err error) {
	cfg, err := node.ReadConfig(c.Config)
	if err != nil {
		return err
	}
	mindMemory(e.ctx)
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: level})).With("member", cfg.Member)
	stop, err := c.profile()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	listener, err := c.listen(cfg)
	if err != nil {
		return err
	}
	defer listener.Close()
	messages, err := listenMLLP(cfg)
	if err != nil {
		return err
	}
	if messages != nil {
		defer messages.Close()
	}
	n, err := node.Open(e.ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(c.advise(err), n.Close()); err == nil {
			fmt.Fprintln(e.out, "Stopped.")
		}
	}()
	return n.Run(e.ctx, func(ctx context.Context) error {
		go announce(ctx, e, n)
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return serveHTTP(ctx, listener, api.Handler(n, release), log) })
		if messages != nil {
			server := mllp.Server{Feed: n.Feed, Log: log, Connections: n.Config.MLLP.Senders()}
			group.Go(func() error { return server.Serve(ctx, messages) })
		}
		return group.Wait()
	})
}

// listenMLLP opens the address for HL7 v2 messages; nil if there is none.
func listenMLLP(cfg node.Config) (net.Listener, error) {
	if cfg.MLLP.Listen == "" {
		return nil, nil
	}
	return mllp.Listen(cfg.MLLP)
}

// listen opens the address of the faces.
func (c serveCommand) listen(cfg node.Config) (net.Listener, error) {
	var secure *tls.Config
	if cfg.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(cfg.TLSCert, cfg.TLSKey)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, "tls", "the certificate for https does not load", err).
				WithHint("tls_cert and tls_key in " + c.Config + " name a PEM certificate and its private key")
		}
		secure = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fault.New(fault.Conflict, "listen", "another process listens on "+cfg.Listen+" already").
			WithHint("is this node running already? if not, end the other one, or choose another port: listen and url in " + c.Config)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Conflict, "listen", "the address "+cfg.Listen+" cannot be listened on", err).
			WithHint("choose another: listen and url in " + c.Config)
	}
	if secure != nil {
		return tls.NewListener(listener, secure), nil
	}
	return listener, nil
}

// advise says where the ledger's address stands when it is taken.
func (c serveCommand) advise(err error) error {
	if f := fault.As(err); f != nil && f.Code == "chain.port" {
		return fault.New(f.Kind, f.Code, f.Text).
			WithHint("end the process that listens there, or choose another port: p2p in " + c.Config + ", and this member's address in the [[peer]] of the others")
	}
	return err
}

// announce says when the node speaks for the ledger, and, when that takes long,
// what it waits for.
func announce(ctx context.Context, e *env, n *node.Node) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	slow := time.After(2 * time.Second)
	for {
		waits := waitsFor(n)
		if waits == "" {
			fmt.Fprintf(e.out, "%s is ready: %s (FHIR: %s/fhir). Ctrl-C stops it.\n", nameOf(n), n.Config.URL, n.Config.URL)
			if n.Config.MLLP.Listen != "" {
				fmt.Fprintf(e.out, "It takes HL7 v2 messages at %s.\n", n.Config.MLLP.Listen)
			}
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-slow:
			fmt.Fprintf(e.out, "%s waits at %s: %s. More than two thirds of the %d members must run. Ctrl-C stops it.\n",
				nameOf(n), n.Config.URL, waits, len(n.Genesis.Members))
		case <-tick.C:
		}
	}
}

// waitsFor returns why the node does not speak for the ledger, "" if it does.
func waitsFor(n *node.Node) string {
	status := n.Status()
	switch {
	case status.Doubt != "":
		return sentence(status.Doubt)
	case status.Height == 0:
		return "the ledger has not begun"
	}
	return ""
}

func nameOf(n *node.Node) string {
	for _, m := range n.Genesis.Members {
		if m.ID == n.Config.Member {
			return m.Name
		}
	}
	return n.Config.Member
}

// serveHTTP serves the faces until ctx ends, then lets running requests finish
// for a while.
func serveHTTP(ctx context.Context, l net.Listener, handler http.Handler, log *slog.Logger) error {
	requests, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer cutOff()
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return requests },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWithin)
	defer cancel()
	if err := server.Shutdown(finish); err != nil {
		log.Warn("requests that were running were cut off", "cause", err)
		cutOff()
		return server.Close()
	}
	return nil
}
