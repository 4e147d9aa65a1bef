package bench

import (
	"encoding/json"
	"fmt"
	"io"
)

// Figure is one thing that was measured.
type Figure struct {
	Scenario string  `json:"scenario"`
	Name     string  `json:"name"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`

	Better string  `json:"better"`           // "more" or "less"
	Target float64 `json:"target,omitempty"` // 0: none is set
	Met    *bool   `json:"met,omitempty"`    // the target, if there is one

	Limit   float64 `json:"limit,omitempty"` // what the machine allows at best, in the same unit; 0: none is known
	LimitOf string  `json:"limit_of,omitempty"`

	Median  float64    `json:"median_per_second,omitempty"` // of the whole seconds of the run
	Latency *Latency   `json:"latency,omitempty"`
	Times   *Quantiles `json:"times,omitempty"` // where the value is one of these
	Share   *Share     `json:"processor,omitempty"`
	Cost    float64    `json:"processor_us_each,omitempty"` // of the hospital, for each thing done: it varies less than the rate when others use the machine
	Strange float64    `json:"others_us_each,omitempty"`    // of all programs but the hospitals and the generator, with a database server: for each thing done
	Memory  *Memory    `json:"memory,omitempty"`            // of the hospital that takes the load
	Note    string     `json:"note,omitempty"`

	Purposes []Purpose `json:"purposes,omitempty"` // of the hospital's processor time, where a profile was made
}

// Latency is how long operations took that were started at a fixed rate,
// counted from the moment at which each was due.
type Latency struct {
	Rate float64 `json:"per_second"`
	Quantiles
}

// Memory is what of a process was resident, in bytes.
type Memory struct {
	Peak int64 `json:"peak"` // the most while the scenario ran
	End  int64 `json:"end"`  // when it had run
}

// more and less make a figure and judge it by its target.
func more(scenario, name string, value float64, unit string, target float64) Figure {
	return judged(Figure{Scenario: scenario, Name: name, Value: value, Unit: unit, Better: "more", Target: target}, value >= target)
}

func less(scenario, name string, value float64, unit string, target float64) Figure {
	return judged(Figure{Scenario: scenario, Name: name, Value: value, Unit: unit, Better: "less", Target: target}, value <= target)
}

func judged(f Figure, met bool) Figure {
	if f.Target != 0 {
		f.Met = &met
	}
	return f
}

// of sets the physical limit of a figure.
func (f Figure) of(limit float64, name string) Figure {
	f.Limit, f.LimitOf = limit, name
	return f
}

// Ratio returns the value as a share of the limit: at most 1 for what should
// be more, at least 1 for what should be less; 0 where no limit is known.
func (f Figure) Ratio() float64 {
	if f.Limit == 0 {
		return 0
	}
	return f.Value / f.Limit
}

// MarshalJSON adds the ratio.
func (f Figure) MarshalJSON() ([]byte, error) {
	type plain Figure
	return json.Marshal(struct {
		plain
		Ratio float64 `json:"ratio,omitempty"`
	}{plain(f), f.Ratio()})
}

// Report is a whole run.
type Report struct {
	Format  string   `json:"format"`
	Version string   `json:"version"` // of the program that was measured
	Started string   `json:"started"` // RFC 3339, UTC
	Took    float64  `json:"took_seconds"`
	Clients int      `json:"clients"`
	Seconds int      `json:"seconds"`
	Machine Machine  `json:"machine"`
	Limits  Limits   `json:"limits"`
	Figures []Figure `json:"figures"`
}

const reportFormat = "cairn/bench/v1"

// Missed returns how many figures miss their target.
func (r *Report) Missed() (n int) {
	for _, f := range r.Figures {
		if f.Met != nil && !*f.Met {
			n++
		}
	}
	return n
}

// JSON returns the report for machines.
func (r *Report) JSON() ([]byte, error) {
	out, err := json.MarshalIndent(r, "", "  ")
	return append(out, '\n'), err
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) {
	m, l := r.Machine, r.Limits
	fmt.Fprintf(w, "%s, %d cores, %d MB; %s; %s; data on %s\n", m.CPU, m.Cores, m.MemoryMB, m.System, m.Go, m.FileSystem)
	fmt.Fprintf(w, "%s; %d clients; load average %.2f before, %.2f after\n", m.Storage, r.Clients, m.LoadBefore, m.LoadAfter)
	fmt.Fprintf(w, "This machine alone: %.0f flushes/s of 4 KB appends, %.0f empty HTTP round trips/s with %d clients,\n", l.Fsync, l.RoundTrip, r.Clients)
	fmt.Fprintf(w, "AES-256-GCM %.0f MB/s, SHA-256 %.0f MB/s, Ed25519 verify %.0f us, P-256 verify %.0f us, program start %.0f ms\n\n", l.AESGCM, l.SHA256, l.Ed25519, l.P256, l.Program)
	table(w, r.Figures)
	for _, f := range r.Figures {
		f.detail(w)
	}
	fmt.Fprintf(w, "\n%d figures in %.0f s; %d of them miss their target.\n", len(r.Figures), r.Took, r.Missed())
}
