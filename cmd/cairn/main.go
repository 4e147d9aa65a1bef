// Command cairn is a hospital's node of a health-records network that patients
// control, and the tools to found, check and measure one.
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

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// commands is the command line.
type commands struct {
	Demo     demoCommand     `cmd:"" help:"Run a consortium of four hospitals on this machine."`
	Init     initCommand     `cmd:"" help:"Found a consortium: directories, keys, configuration, genesis."`
	Serve    serveCommand    `cmd:"" help:"Run a hospital's node."`
	Config   configCommand   `cmd:"" help:"Look at a configuration file."`
	Verify   verifyCommand   `cmd:"" help:"Check a proof bundle, without any network."`
	Evidence evidenceCommand `cmd:"" help:"Get the proof bundle of an event or a record version."`
	Scrub    scrubCommand    `cmd:"" help:"Re-read and re-hash everything a node keeps; name what was altered."`
	Export   exportCommand   `cmd:"" help:"Write out the ledger as a node holds it."`
	Bench    benchCommand    `cmd:"" help:"Measure this machine, on a consortium of its own."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
}

// env is what a command has of the world.
type env struct {
	ctx      context.Context
	out, err io.Writer
}

// run runs one command and returns the exit code: 0, 1 for an error, 2 for
// wrong usage.
func run(args []string, out, errOut io.Writer) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c commands
	exit := -1
	parser, err := kong.New(&c, kong.Name("cairn"), kong.Writers(out, errOut), kong.Exit(func(code int) { exit = code }),
		kong.Description("A health-records network that patients control. Start with `cairn demo`."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}))
	if err != nil {
		fmt.Fprintln(errOut, "cairn: error:", err)
		return 2
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 { // --help
		return exit
	}
	if err != nil {
		return usage(errOut, err)
	}
	return report(errOut, parsed.Run(&env{ctx: ctx, out: out, err: errOut}))
}
