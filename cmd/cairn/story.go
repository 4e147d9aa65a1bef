package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"cairn/demo"
	"cairn/node/fault"
)

// story is the demo as it is told on a terminal.
type story struct {
	demoCommand
	e      *env
	c      *demo.Consortium
	binary string
	ended  map[string]bool // hospitals whose node ended by itself
}

// tell starts the hospitals, loads the patients, says what to try, and waits.
func (s *story) tell(from demo.Sources) error {
	start := time.Now()
	s.say("Starting four hospitals...\n")
	if err := s.c.Start(s.e.ctx); err != nil {
		return err
	}
	s.say("They agree on one ledger after %.1f s.\n", time.Since(start).Seconds())
	start = time.Now()
	again := isTerminal(s.e.out)
	loaded, err := s.c.Load(s.e.ctx, from, func(done, total int) {
		if again {
			s.say("\rLoading patients: %d of %d", done, total)
		}
	})
	if err != nil {
		if again {
			s.say("\n")
		}
		return err
	}
	if again {
		s.say("\r\x1b[K")
	}
	s.say("Loaded %d records of %d patients in %.1f s, each patient's in two hospitals.\n\n", loaded.Records, len(loaded.People), time.Since(start).Seconds())
	s.whatToTry(loaded)
	if err := s.wait(); err != nil {
		return err
	}
	if s.Dir != "" {
		s.say("\nStopping. The hospitals' directories stay in %s.\n", s.Dir)
		return nil
	}
	s.say("\nStopping. The hospitals' directories are removed.\n")
	return nil
}

func (s *story) say(format string, args ...any) { fmt.Fprintf(s.e.out, format, args...) }

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) //nolint:gosec // a file descriptor is small
}

// whatToTry says where the hospitals are and what to ask them.
func (s *story) whatToTry(loaded *demo.Loaded) {
	for _, h := range s.c.Hospitals {
		n := 0
		for _, count := range loaded.Counts[h.ID] {
			n += count
		}
		s.say("  %-15s %s/fhir   %5d records   process %d\n", h.Name, h.URL, n, h.PID())
	}
	first := s.c.Hospitals[0]
	s.say(`
Four hospitals keep their own records, encrypted. What they share is a ledger that
holds nothing about any person, yet proves what was recorded, who looked, what the
patient allowed, and when.

Try, in another terminal:

  cd %[3]s

  # what this node can do
  curl %[1]s/fhir/metadata
  # nobody reads unnamed
  curl -i %[1]s/fhir/Patient
  # the ledger lives, and the hospitals have cosigned its calendar
  curl %[1]s/healthz
  curl %[1]s/calendar/checkpoint
`, first.URL, s.binary, s.c.Dir)
	if example := anExample(loaded.Stored[first.ID]); example != "" {
		s.say(`  # prove a record, and check the proof with no network
  %[2]s evidence %[1]s --config %[3]s/cairn.toml -o proof.json
  %[2]s verify proof.json --trust %[3]s/network.json
`, example, s.binary, first.ID)
	}
	s.say(`  # look for tampering, while the node runs
  %[1]s scrub --config %[2]s/cairn.toml
  # see what the hospitals share
  %[1]s export --config %[2]s/cairn.toml -o ledger.bin
  # the whole main job as a self-test, with four hospitals of its own
  %[1]s demo --check

Ctrl-C ends the demo: all four processes%[3]s.
`, s.binary, first.ID, s.removal())
}

func (s *story) removal() string {
	if s.Dir != "" {
		return ""
	}
	return ", and the directories are removed"
}

// anExample returns the first Observation, or else the first record.
func anExample(stored []string) string {
	for _, location := range stored {
		if strings.HasPrefix(location, "Observation/") {
			return location
		}
	}
	if len(stored) == 0 {
		return ""
	}
	return stored[0]
}

// wait returns when it is told to stop, and with an error when no node is left.
// It says so when one ends by itself.
func (s *story) wait() error {
	s.ended = make(map[string]bool)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for len(s.ended) < len(s.c.Hospitals) {
		select {
		case <-s.e.ctx.Done():
			return nil
		case <-tick.C:
			s.look()
		}
	}
	return fault.New(fault.Broken, "ended", "all four nodes have ended by themselves").
		WithHint("run the demo with --dir DIR to keep their logs: DIR/north/node.log and so on")
}

// look says which nodes have ended since it looked last.
func (s *story) look() {
	for _, h := range s.c.Hospitals {
		if s.ended[h.ID] || syscall.Kill(h.PID(), 0) == nil {
			continue
		}
		s.ended[h.ID] = true
		s.say("\n%s's node has ended by itself%s.\n", h.Name, lastWords(h.LogFile()))
		if left := len(s.c.Hospitals) - len(s.ended); 3*left > 2*len(s.c.Hospitals) {
			s.say("The other %d go on. Start it again: %s serve --config %s\n", left, s.binary, h.Config)
		} else if left > 0 {
			s.say("The %d that are left are too few to go on with the ledger. Ctrl-C ends the demo.\n", left)
		}
	}
}

// lastWords returns the error that a node printed when it ended.
func lastWords(logFile string) string {
	text, err := os.ReadFile(logFile) //nolint:gosec // of our own process
	if err != nil {
		return ""
	}
	at := strings.LastIndex(string(text), "cairn: error: ")
	if at < 0 {
		return " and said nothing"
	}
	return ": " + strings.TrimSpace(string(text[at+len("cairn: error: "):]))
}
