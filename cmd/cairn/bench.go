package main

import (
	"fmt"
	"os"
	"strings"

	"cairn/bench"
	"cairn/node/fault"
)

type benchCommand struct {
	Scenario []string `arg:"" optional:"" help:"What to measure (default: everything)."`
	Seconds  int      `default:"10" help:"How long one measurement takes; idle and ledger take at least 20 and 30."`
	Clients  int      `default:"16" help:"How many clients ask at once."`
	JSON     string   `name:"json" placeholder:"FILE" help:"Also write the report here, for machines."`
	Dir      string   `placeholder:"DIR" help:"Put the hospitals' directories here, on the disk to be measured (default: a temporary directory, removed at the end)."`
	Records  string   `placeholder:"DIR" help:"Send the FHIR transaction bundles of DIR in the scenario transaction."`
	Store    string   `placeholder:"URL" help:"Keep the records of the hospital that takes the load in this empty PostgreSQL database, postgres://..., instead of in a file."`
	Profile  string   `hidden:"" placeholder:"DIR" help:"Write processor profiles of the hospital under load to DIR."`
}

// Help is shown below the flags.
func (benchCommand) Help() string {
	names, about := bench.Names()
	var out strings.Builder
	out.WriteString("Founds four hospitals, each a process of its own, and measures, beside what the machine could do\nat best:\n")
	for _, name := range names {
		fmt.Fprintf(&out, "\n  %-12s %s", name, about[name])
	}
	fmt.Fprintf(&out, "\n\n  %-12s all of these that are about the FHIR server, each with what its processor time went to", bench.FHIR)
	out.WriteString("\n\nEnds with 0 also when a target is missed. docs/performance.md explains the figures.")
	return out.String()
}

func (c benchCommand) Run(e *env) (err error) {
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	dir, remove, err := c.dir()
	if err != nil {
		return err
	}
	defer remove()
	options := bench.Options{
		Binary: binary, Version: release, Dir: dir, Scenarios: c.Scenario, Seconds: c.Seconds, Clients: c.Clients,
		Records: c.Records, Profile: c.Profile, Store: c.Store, Progress: e.err,
	}
	if err := options.Validate(); err != nil {
		return fault.New(fault.Invalid, "bench", err.Error()).WithHint("`cairn bench --help` lists what can be measured")
	}
	report, err := bench.Run(e.ctx, options)
	if report != nil && len(report.Figures) > 0 {
		report.Print(e.out)
	}
	if err == nil && c.JSON != "" {
		var file []byte
		if file, err = report.JSON(); err == nil {
			err = os.WriteFile(c.JSON, file, 0o600)
		}
	}
	return err
}

// dir returns the directory to measure in, and what removes it afterwards.
func (c benchCommand) dir() (dir string, remove func(), err error) {
	if c.Dir != "" {
		if entries, err := os.ReadDir(c.Dir); err == nil && len(entries) > 0 {
			return "", nil, fault.New(fault.Conflict, "dir-in-use", "the directory "+c.Dir+" is not empty").WithHint("choose another with --dir")
		}
		return c.Dir, func() {}, os.MkdirAll(c.Dir, 0o700)
	}
	if dir, err = os.MkdirTemp("", "cairn-bench-"); err != nil {
		return "", nil, fmt.Errorf("making a temporary directory: %w", err)
	}
	return dir, func() { os.RemoveAll(dir) }, nil
}
