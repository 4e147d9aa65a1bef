package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"cairn/demo"
	"cairn/node/fault"
)

type demoCommand struct {
	Check    bool   `help:"Perform the whole main job as a self-test, print what each step proved, and end with 0 or 1."`
	Records  string `placeholder:"DIR" help:"Load the FHIR transaction bundles of DIR instead of the built-in synthetic patients."`
	Patients int    `default:"8" help:"How many synthetic patients to load."`
	Seed     uint64 `default:"1" help:"Seed of the synthetic patients; the same seed gives the same patients."`
	Port     int    `default:"8101" help:"Port of the first hospital's FHIR endpoint; the others follow. The nodes' own ports are 100 higher."`
	Dir      string `placeholder:"DIR" help:"Keep the hospitals' directories here (default: a temporary directory, removed at the end)."`
}

// Help is shown below the flags.
func (demoCommand) Help() string {
	return `Starts four hospitals, each a process with its own data directory, keys, validator, log, store and
FHIR endpoint on a port of this machine, loads patients, and stays up until Ctrl-C. With --check it
takes free ports, performs the main job (store, consent for part, read across hospitals, stop,
refusal, log, offline proof, tampering caught) and ends.`
}

func (c demoCommand) Run(e *env) (err error) {
	from := demo.Synthetic(c.Seed, c.Patients)
	if c.Records != "" {
		if from, err = demo.Files(c.Records); err != nil {
			return fault.Wrap(fault.Invalid, "records", "--records", err)
		}
	}
	if c.Patients < 1 || c.Patients > 100_000 {
		return fault.New(fault.Invalid, "patients", "--patients must be between 1 and 100000")
	}
	dir := c.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "cairn-demo-"); err != nil {
			return fmt.Errorf("making a temporary directory: %w", err)
		}
		defer os.RemoveAll(dir)
	}
	binary, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	options := demo.Options{Binary: binary, Dir: dir, HTTPPort: c.Port, P2PPort: c.Port + 100}
	if c.Check {
		options.HTTPPort, options.P2PPort = 0, 0
	}
	consortium, err := demo.Found(options)
	if err != nil {
		return err
	}
	defer consortium.Close()
	if c.Check {
		return demo.Check(e.ctx, consortium, from, e.out)
	}
	return c.story(e, consortium, from, binary)
}

// story starts the hospitals, loads the patients, says what to try, and waits.
func (c demoCommand) story(e *env, consortium *demo.Consortium, from demo.Sources, binary string) error {
	start := time.Now()
	fmt.Fprintln(e.out, "Starting four hospitals...")
	if err := consortium.Start(e.ctx); err != nil {
		return fmt.Errorf("%w (is another demo running? --port chooses other ports)", err)
	}
	fmt.Fprintf(e.out, "They agree on one ledger after %.1f s.\n", time.Since(start).Seconds())
	start = time.Now()
	loaded, err := consortium.Load(e.ctx, from, func(done, total int) {
		fmt.Fprintf(e.out, "\rLoading patients: %d of %d", done, total)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "\rLoaded %d records of %d patients in %.1f s, each patient's in two hospitals.\n\n", loaded.Records, len(loaded.People), time.Since(start).Seconds())
	tellStory(e, consortium, loaded, binary)
	<-e.ctx.Done()
	fmt.Fprintln(e.out, "\nStopping...")
	return nil
}

func tellStory(e *env, c *demo.Consortium, loaded *demo.Loaded, binary string) {
	for _, h := range c.Hospitals {
		n := 0
		for _, count := range loaded.Counts[h.ID] {
			n += count
		}
		fmt.Fprintf(e.out, "  %-15s %s/fhir   %5d records   %s\n", h.Name, h.URL, n, h.Config)
	}
	first := c.Hospitals[0]
	example := ""
	for _, s := range loaded.Stored[first.ID] {
		if strings.HasPrefix(s, "Observation/") {
			example = s
			break
		}
	}
	fmt.Fprintf(e.out, `
Four hospitals keep their own records, encrypted. What they share is a ledger that
holds nothing about any person, yet proves what was recorded, who looked, what the
patient allowed, and when. Try, in another terminal:

  what this node can do      curl %[1]s/fhir/metadata
  nobody reads unnamed       curl -i %[1]s/fhir/Patient
  is the ledger alive        curl %[1]s/healthz
  the cosigned calendar      curl %[1]s/calendar/checkpoint
  prove a record             %[2]s evidence %[4]s --config %[3]s -o proof.json
  check it with no network   %[2]s verify proof.json --trust %[5]s
  look for tampering         %[2]s scrub --config %[3]s
  see what is shared         %[2]s export --config %[3]s -o ledger.bin
  the whole main job         %[2]s demo --check

Ctrl-C ends it.
`, first.URL, binary, first.Config, example, first.Trust())
}
