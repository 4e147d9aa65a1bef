package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"time"

	"cairn/api"
	"cairn/node"
	"cairn/node/fault"
)

type serveCommand struct {
	Config     string `required:"" placeholder:"FILE" help:"The configuration file that cairn init made."`
	CPUProfile string `name:"cpuprofile" hidden:"" env:"CAIRN_CPUPROFILE" placeholder:"FILE" help:"Write a processor profile of the whole run to FILE."`
}

// Help is shown below the flags.
func (serveCommand) Help() string {
	return `Runs until it is told to stop (Ctrl-C, SIGTERM). It ends by itself, with an error, when it can no
longer follow the ledger or when its log is not the one that was sealed: a node never limps on.`
}

// memoryLimit is what the Go runtime tries to stay under, in bytes, so that a
// node fits beside others on one machine.
const memoryLimit = 512 << 20

func (c serveCommand) Run(e *env) (err error) {
	cfg, err := node.ReadConfig(c.Config)
	if err != nil {
		return err
	}
	stop, err := c.profile()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	debug.SetMemoryLimit(memoryLimit)
	debug.SetGCPercent(50)
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: level})).With("member", cfg.Member)
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fault.Wrap(fault.Conflict, "listen", "the address "+cfg.Listen+" cannot be listened on", err).
			WithHint("end what is using it, or change `listen` in " + c.Config)
	}
	defer listener.Close()
	n, err := node.Open(e.ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	log.Info("serving", "url", cfg.URL)
	return n.Run(e.ctx, func(ctx context.Context) error { return serveHTTP(ctx, cfg, listener, api.Handler(n, release), log) })
}

// profile starts a processor profile if one is wanted, and returns what ends
// it. There is no other way to one: a profile tells too much of a hospital to
// have a port.
func (c serveCommand) profile() (stop func() error, err error) {
	if c.CPUProfile == "" {
		return func() error { return nil }, nil
	}
	file, err := os.OpenFile(c.CPUProfile, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "cpuprofile", "the profile cannot be written", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() error { pprof.StopCPUProfile(); return file.Close() }, nil
}

// serveHTTP serves the faces until ctx ends, then lets running requests finish.
func serveHTTP(ctx context.Context, cfg node.Config, l net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() {
		if cfg.TLSCert != "" {
			ended <- server.ServeTLS(l, cfg.TLSCert, cfg.TLSKey)
			return
		}
		ended <- server.Serve(l)
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("serving %s: %w", cfg.Listen, err)
	case <-ctx.Done():
		finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return server.Shutdown(finish)
	}
}
