package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"cairn/demo"
	"cairn/node/fault"
)

type demoCommand struct {
	Check    bool   `help:"Perform the whole main job as a self-test, print what each step proved, and end with 0 or 1."`
	Records  string `placeholder:"DIR" help:"Load the FHIR transaction bundles (*.json) of DIR instead of the built-in synthetic patients."`
	Patients int    `default:"8" help:"How many synthetic patients to load."`
	Seed     uint64 `default:"1" help:"Seed of the synthetic patients; the same seed gives the same patients."`
	Port     int    `default:"8101" help:"Port of the first hospital's FHIR endpoint; the others follow. The nodes' own ports are 100 higher."`
	Store    string `placeholder:"URL" help:"Keep the first hospital's records in this empty PostgreSQL database, postgres://..., instead of in a file."`
	Dir      string `placeholder:"DIR" help:"Keep the hospitals' directories here (default: a temporary directory, removed at the end)."`
}

// Help is shown below the flags.
func (demoCommand) Help() string {
	return `Starts four hospitals, each a process with its own data directory, keys, validator, log, store and
FHIR endpoint on a port of this machine, loads patients, says what to try, and stays up until Ctrl-C.
With --check it takes free ports, performs the main job (store, consent for part, read across
hospitals, stop, refusal, log, offline proof, tampering caught) and ends.

  cairn demo                         four hospitals, until Ctrl-C
  cairn demo --check                 the whole main job, in less than a minute
  cairn demo --port 9101             beside another demo`
}

// How far the nodes' own ports are from those of the FHIR endpoints.
const p2pDistance = 100

func (c demoCommand) Run(e *env) (err error) {
	from, err := c.sources()
	if err != nil {
		return err
	}
	if !c.Check {
		if err := c.portsFree(); err != nil {
			return err
		}
	}
	dir, remove, err := c.dir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	options := demo.Options{Binary: binary, Dir: dir, HTTPPort: c.Port, P2PPort: c.Port + p2pDistance, Store: c.Store}
	if c.Check {
		options.HTTPPort, options.P2PPort = 0, 0
	}
	consortium, err := demo.Found(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, consortium.Close()) }()
	if c.Check {
		return demo.Check(e.ctx, consortium, from, e.out)
	}
	s := &story{demoCommand: c, e: e, c: consortium, binary: binary}
	return s.tell(from)
}

// sources returns what is to be loaded.
func (c demoCommand) sources() (demo.Sources, error) {
	if c.Patients < 1 || c.Patients > 100_000 {
		return demo.Sources{}, fault.New(fault.Invalid, "patients", "--patients must be between 1 and 100000")
	}
	if c.Records == "" {
		return demo.Synthetic(c.Seed, c.Patients), nil
	}
	from, err := demo.Files(c.Records)
	if err != nil {
		return demo.Sources{}, fault.Wrap(fault.Invalid, "records", "--records", err)
	}
	return from, nil
}

// portsFree refuses ports that something else has. The nodes would find out
// themselves, but only after somebody else's had answered in their place.
func (c demoCommand) portsFree() error {
	if c.Port < 1 || c.Port+p2pDistance+3 > 65535 {
		return fault.New(fault.Invalid, "port", fmt.Sprintf("--port must be between 1 and %d", 65535-p2pDistance-3))
	}
	for i := range 4 {
		for _, port := range []int{c.Port + i, c.Port + p2pDistance + i} {
			listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				return fault.Wrap(fault.Conflict, "port", fmt.Sprintf("the demo cannot have port %d of this machine", port), err).
					WithHint(fmt.Sprintf("if another demo is running, end it with Ctrl-C, or run this one beside it: cairn demo --port %d", (c.Port+1000)%60_000))
			}
			if err := listener.Close(); err != nil {
				return fmt.Errorf("giving port %d back: %w", port, err)
			}
		}
	}
	return nil
}

// dir returns where the hospitals' directories go, and what to do with it at
// the end.
func (c demoCommand) dir() (dir string, remove func() error, err error) {
	if c.Dir != "" {
		return c.Dir, func() error { return nil }, nil
	}
	dir, err = os.MkdirTemp("", "cairn-demo-")
	if err != nil {
		return "", nil, fmt.Errorf("making a temporary directory: %w", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}
