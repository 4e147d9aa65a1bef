package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// env is what a command has of the world.
type env struct {
	ctx      context.Context
	out, err io.Writer
}

const about = `A health-records network that patients control: every hospital runs one node; what they share is a
ledger that holds nothing about any person, yet proves what was recorded, who looked, and what the
patient allowed.

To see it work: cairn demo. To start a hospital of your own: cairn init --help.`

// run runs one command and returns the exit code: 0, 1 for an error, 2 for
// wrong usage.
func run(args []string, out, errOut io.Writer) (code int) {
	ctx, stop := untilTold()
	defer stop()
	var c commands
	exit := -1
	parser, err := kong.New(&c, kong.Name("cairn"), kong.Description(about),
		kong.Writers(out, errOut), kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}))
	if err != nil {
		fmt.Fprintln(errOut, "cairn: error:", err)
		return 2
	}
	parsed, err := parser.Parse(asked(args))
	if exit >= 0 { // --help
		return exit
	}
	if err != nil {
		return usage(errOut, err)
	}
	return report(errOut, parsed.Run(&env{ctx: ctx, out: out, err: errOut}))
}

// untilTold returns a context that ends when the program is told to stop. Told
// a second time, the program ends at once.
func untilTold() (context.Context, context.CancelFunc) {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup does
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// asked turns the other ways in which people ask for help and for the version
// into the one that the commands have.
func asked(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(args[1:len(args):len(args)], "--help")
	case args[0] == "--version":
		return []string{"version"}
	}
	return args
}
