// Package bench measures a machine: what the house does on it beside what the
// machine could do at best. It founds a consortium of four hospitals, each a
// process of its own, and comes to them as their users do: as an EHR, as a
// physician, as another hospital, as a patient with a wallet. What needs no
// hospital, a decision or a verification, it times in its own process.
//
// # How figures are made
//
// Throughput is measured with clients that ask as fast as they are answered.
// Latency is measured in a run of its own at half that rate, each operation
// counted from the moment at which it was due, so that a standstill counts for
// all whom it delays. After each run the hospital's log must have grown by an
// entry for every operation; otherwise there is no figure.
//
// The generator shares the machine with the hospitals; what it takes of the
// processor stands beside each figure.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Options say what is measured and where.
type Options struct {
	Binary    string   // the cairn program
	Version   string   // of it
	Dir       string   // where the hospitals' directories go; it must be on the disk that is measured
	Scenarios []string // names; none: all
	Seconds   int      // span of a measurement, 1 to MaxSeconds
	Clients   int      // at once, 1 to MaxClients
	Records   string   // folder of transaction bundles for the scenario transaction; "" for synthetic patients
	Store     string   // postgres://...: database of the hospital that takes the load; "" for a file
	Profile   string   // folder for processor profiles of the loaded hospital; "" for none
	Progress  io.Writer
}

// Bounds of the options. An access token works for five minutes, and a
// scenario signs in once.
const (
	MaxSeconds = 120
	MaxClients = 1024
)

// scenario is one thing that can be measured.
type scenario struct {
	name, about string
	alone       bool // needs no hospitals
	run         func(context.Context, *runner) error
}

// scenarios stand in the order in which they run: what wants a small store and
// a quiet house comes first.
var scenarios = []scenario{
	{"decide", "one consent decision, in process", true, decide},
	{"idle", "processor and memory of the four hospitals at rest", false, idle},
	{"start", "from process start to the first answered read", false, start},
	{"stop", "from the patient's stop to refusal at every hospital", false, stop},
	{"verify", "verification of a real proof bundle, in process", false, verify},
	{"read", "reads, each decided, logged durably and decrypted", false, read},
	{"search", "searches by patient and code", false, search},
	{"page", "pages of up to 50 results by patient and category", false, page},
	{"write", "creates, each durable and logged", false, write},
	{"update", "updates, each durable and logged", false, update},
	{"transaction", "resources stored by transaction bundles", false, transaction},
	{"import", "resources stored by NDJSON imports", false, importing},
	{"ledger", "disk that the ledger takes for each sealed event", false, ledger},
}

// FHIR is the name of the scenarios that are about the FHIR server, together.
// With it each figure says what the hospital's processor time went to.
const FHIR = "fhir"

var fhirScenarios = []string{"read", "search", "page", "write", "update", "transaction", "import"}

// Names returns the scenarios, each with what it measures.
func Names() (names []string, about map[string]string) {
	about = make(map[string]string)
	for _, s := range scenarios {
		names, about[s.name] = append(names, s.name), s.about
	}
	return names, about
}

// Validate reports the first option that cannot be.
func (o Options) Validate() error {
	names, _ := Names()
	for _, s := range o.Scenarios {
		if !slices.Contains(names, s) && s != FHIR {
			return fmt.Errorf("there is no scenario %q; there are %s and %s", s, strings.Join(names, ", "), FHIR)
		}
	}
	if o.Seconds < 1 || o.Seconds > MaxSeconds {
		return fmt.Errorf("a measurement takes between 1 and %d seconds", MaxSeconds)
	}
	if o.Clients < 1 || o.Clients > MaxClients {
		return fmt.Errorf("there can be between 1 and %d clients", MaxClients)
	}
	return nil
}

// runner is the state of a run.
type runner struct {
	Options
	report Report
	site   *site
}

// Run measures and returns the report. What was measured before an error is in
// the report that comes with it.
func Run(ctx context.Context, o Options) (report *Report, err error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if slices.Contains(o.Scenarios, FHIR) {
		o.Scenarios = append(o.Scenarios, fhirScenarios...)
		if o.Profile == "" {
			o.Profile = filepath.Join(o.Dir, "profiles")
		}
	}
	began := time.Now()
	r := &runner{Options: o, report: Report{
		Format: reportFormat, Version: o.Version, Started: began.UTC().Format(time.RFC3339), Clients: o.Clients, Seconds: o.Seconds,
	}}
	if r.report.Machine, err = lookAtMachine(o.Dir); err != nil {
		return nil, err
	}
	defer func() {
		if r.site != nil {
			err = errors.Join(err, r.site.Close())
		}
		r.report.Took, r.report.Machine.LoadAfter = time.Since(began).Seconds(), load()
	}()
	r.say("measuring the machine itself")
	if r.report.Limits, err = measureLimits(ctx, o.Dir, o.Clients); err != nil {
		return &r.report, err
	}
	if r.report.Limits.Program, err = r.programStart(ctx); err != nil {
		return &r.report, err
	}
	for _, s := range scenarios {
		if len(o.Scenarios) > 0 && !slices.Contains(o.Scenarios, s.name) {
			continue
		}
		if err := r.perform(ctx, s); err != nil {
			return &r.report, fmt.Errorf("measuring %s: %w", s.name, err)
		}
	}
	return &r.report, nil
}

func (r *runner) perform(ctx context.Context, s scenario) (err error) {
	if !s.alone && r.site == nil {
		r.say("starting four hospitals")
		if r.site, err = found(ctx, r.Options); err != nil {
			return err
		}
	}
	r.say(s.name + ": " + s.about)
	return s.run(ctx, r)
}

func (r *runner) say(text string) { fmt.Fprintln(r.Progress, "bench:", text) }

func (r *runner) add(f ...Figure) { r.report.Figures = append(r.report.Figures, f...) }

// span returns the time of one measurement, at least so many seconds.
func (r *runner) span(least int) time.Duration {
	return time.Duration(max(r.Seconds, least)) * time.Second
}

// programStart returns how long this program takes to print its version, in
// milliseconds.
func (r *runner) programStart(ctx context.Context) (float64, error) {
	var times []float64
	for range 5 {
		begin := time.Now()
		if err := exec.CommandContext(ctx, r.Binary, "version").Run(); err != nil { //nolint:gosec // our own program
			return 0, fmt.Errorf("running %s: %w", r.Binary, err)
		}
		times = append(times, millis(time.Since(begin)))
	}
	return median(times), nil
}

// ProfileVariable names the environment variable that makes `cairn serve`
// write a processor profile of its whole run to a file.
const ProfileVariable = "CAIRN_CPUPROFILE"

func (r *runner) profileOf(name string) string { return filepath.Join(r.Profile, name+".pprof") }

// profiled runs f while the first hospital writes a profile, if profiles are
// wanted: the hospital is started anew for it, and again afterwards.
func (r *runner) profiled(ctx context.Context, name string, f func() error) error {
	if r.Profile == "" {
		return f()
	}
	if err := os.MkdirAll(r.Profile, 0o750); err != nil {
		return fmt.Errorf("making the folder for profiles: %w", err)
	}
	if err := os.Setenv(ProfileVariable, r.profileOf(name)); err != nil {
		return err
	}
	if err := r.site.restart(ctx, r.site.first()); err != nil {
		return err
	}
	if err := os.Unsetenv(ProfileVariable); err != nil {
		return err
	}
	return errors.Join(f(), r.site.restart(ctx, r.site.first()))
}
