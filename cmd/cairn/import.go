package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"cairn/client"
	"cairn/node/fault"
)

type importCommand struct {
	Dir     string `arg:"" type:"existingdir" help:"Folder with *.ndjson, *.ndjson.gz, FHIR bundles and single resources (*.json), also in folders below it."`
	Config  string `required:"" placeholder:"FILE" help:"Configuration of the node to fill; it must be running."`
	Client  string `default:"ehr" placeholder:"ID" help:"Registered client to sign in as; its key is ID.pem in the keys directory."`
	Report  string `placeholder:"FILE" help:"Where to write what was refused and why, one JSON line each (default: DIR/import-refused.jsonl)."`
	Journal string `placeholder:"FILE" help:"Where to note how far it is (default: DIR/.cairn-import)."`
	Workers int    `default:"2" help:"Requests at once."`
}

// Help is shown below the flags.
func (importCommand) Help() string {
	return `Each resource is stored under its own id, the next version if there is one. Files named after Patient and after
types that are about nobody (Organization, Practitioner, Location...) go first: a record about a patient
who is not known here is refused.

Of *.json a transaction or batch is carried out. Of a collection, or the answer to a search, all
resources are stored or none, and what they say of each other by fullUrl is put right. Any other
resource, also a document, is stored as it is. Files of such and lines may have 10 MB.

Broken off, by Ctrl-C or a power cut, the same command goes on where it was, and nothing is stored
twice. To begin anew, remove the journal. What the node refuses is left out, counted by reason, and
listed in the report by file and line; the rest is stored. Neither file holds anything of a resource.

  cairn import export-of-old-system --config my-hospital/cairn.toml`
}

func (c importCommand) Run(e *env) error {
	if c.Report == "" {
		c.Report = filepath.Join(c.Dir, "import-refused.jsonl")
	}
	if c.Journal == "" {
		c.Journal = filepath.Join(c.Dir, ".cairn-import")
	}
	a, err := ask(c.Config, c.Client, &http.Transport{MaxIdleConnsPerHost: c.Workers}, 2*time.Minute)
	if err != nil {
		return err
	}
	report, err := os.OpenFile(c.Report, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fault.Wrap(fault.Invalid, "report", "the report cannot be written", err)
	}
	defer report.Close()
	out := json.NewEncoder(report)
	reasons := make(map[string]int)
	progress := &meter{out: e.err, start: time.Now()}
	im := &client.Import{
		Client: a.Client, Journal: c.Journal, Workers: c.Workers, Progress: progress.show,
		Refused: func(r client.Refusal) {
			reasons[r.Code+": "+r.Text]++
			out.Encode(r) //nolint:errcheck // Close says it
		},
	}
	tally, err := im.Run(e.ctx, c.Dir)
	progress.end()
	var f *fault.Error
	if errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &f) && f.Code == "peer-sign-in" {
		return a.silent(err)
	}
	if err != nil {
		return fault.New(fault.Broken, "import", words(err)).WithHint("the same command goes on from here")
	}
	return c.tell(e, tally, reasons, time.Since(progress.start))
}

func (c importCommand) tell(e *env, t client.Tally, reasons map[string]int, took time.Duration) error {
	fmt.Fprintf(e.out, "%d resources of %d files are stored (%.0f a second).", t.Stored, t.Files-t.Skipped, float64(t.Stored)/took.Seconds())
	if t.Skipped > 0 {
		fmt.Fprintf(e.out, " %d files were imported before.", t.Skipped)
	}
	fmt.Fprintln(e.out)
	if t.Refused == 0 {
		return nil
	}
	fmt.Fprintln(e.out, "Refused:")
	var list []string
	for reason := range reasons {
		list = append(list, reason)
	}
	slices.SortFunc(list, func(a, b string) int { return reasons[b] - reasons[a] })
	for _, reason := range list[:min(len(list), 20)] {
		fmt.Fprintf(e.out, "%8d  %s\n", reasons[reason], reason)
	}
	return fault.New(fault.Invalid, "import", fmt.Sprintf("%d were refused, the others are stored", t.Refused)).WithHint("which ones, and why: " + c.Report)
}

// meter writes how far an import is, on one line, at most four times a second.
type meter struct {
	out   interface{ Write([]byte) (int, error) }
	start time.Time
	last  time.Time
	shown bool
}

func (m *meter) show(t client.Tally) {
	if now := time.Now(); now.Sub(m.last) > 250*time.Millisecond {
		m.last, m.shown = now, true
		fmt.Fprintf(m.out, "\r%d resources, %.0f/s, %d of %d files, %d refused   ", t.Stored, float64(t.Stored)/now.Sub(m.start).Seconds(), t.FilesDone, t.Files, t.Refused)
	}
}

func (m *meter) end() {
	if m.shown {
		fmt.Fprintln(m.out)
	}
}
