package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"cairn/client"
	"cairn/node"
	"cairn/node/fault"
)

type evidenceCommand struct {
	Event  string `arg:"" help:"What to prove: an event by its receipt (or its UUID, the last part), a record as Type/ID/_history/VERSION, or an exchange with another hospital by its id."`
	Config string `required:"" placeholder:"FILE" help:"Configuration of the node to ask; it must be running."`
	Out    string `short:"o" placeholder:"FILE" help:"Where to write the bundle (default: standard output)."`
}

// Help is shown below the flags.
func (evidenceCommand) Help() string {
	return `A bundle is one JSON file that anyone can check, at any time and with no network: cairn verify.

  cairn evidence north/12/5f0c1a52-8a2e-4c7f-9b53-0d6a3cf0c1e7 --config my-hospital/cairn.toml -o proof.json
  cairn verify proof.json --trust my-hospital/network.json

A receipt comes with every answer of the FHIR endpoint, in the header Cairn-Receipt; the patient
finds it in her log.

An event's proof, and the file of an exchange (what two hospitals signed to each other of one request;
GET /admin/receipts lists their ids), is for the privacy officer: the node's operator key is used. A record's proof shows
the record, so it is a read like any other: the EHR's key is used, with the purpose HOPERAT, and the
read is in the patient's log.`
}

func (c evidenceCommand) Run(e *env) error {
	target, err := c.target()
	if err != nil {
		return err
	}
	cfg, err := node.ReadConfig(c.Config)
	if err != nil {
		return err
	}
	id := "operator"
	if target.record {
		id = "ehr"
	}
	a, err := askAs(cfg, c.Config, id, nil, time.Minute)
	if err != nil {
		return err
	}
	bundle, err := a.answer(target.get(e, a))
	if err != nil {
		return err
	}
	if c.Out == "" {
		_, err = e.out.Write(bundle)
		return err
	}
	if err := writeFile(c.Out, "the bundle", bundle); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Wrote %s. Check it anywhere: cairn verify %s --trust %s\n", c.Out, c.Out, filepath.Join(filepath.Dir(c.Config), "network.json"))
	return nil
}

// proved is what a bundle is asked for.
type proved struct {
	path   string
	record bool
}

func (p proved) get(e *env, a *asker) (client.Answer, error) {
	as := a.Client
	if p.record {
		as = as.As("evidence", "cairn evidence", "operator", "", "HOPERAT")
	}
	return as.Do(e.ctx, http.MethodGet, p.path, nil)
}

var (
	receiptForm = regexp.MustCompile(`^(?:[a-z][a-z0-9-]{0,31}/[0-9]+/)?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$`)
	recordForm  = regexp.MustCompile(`^[A-Z][A-Za-z]{1,63}/[A-Za-z0-9.-]{1,64}/_history/[0-9]{1,18}$`)
	exchangeID  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	shortForm   = regexp.MustCompile(`^[A-Z][A-Za-z]{1,63}/[A-Za-z0-9.-]{1,64}$`)
)

// target reads the name of what is to be proved.
func (c evidenceCommand) target() (proved, error) {
	// A record may be named as in the header Location.
	name := strings.TrimPrefix(c.Event, "/")
	if _, rest, found := strings.Cut(name, "/fhir/"); found {
		name = rest
	}
	switch parts := receiptForm.FindStringSubmatch(c.Event); {
	case parts != nil:
		return proved{path: "/admin/evidence/" + strings.ToLower(parts[1])}, nil
	case exchangeID.MatchString(c.Event):
		return proved{path: "/admin/receipts/" + c.Event}, nil
	case recordForm.MatchString(name):
		return proved{path: "/fhir/" + name + "/$evidence", record: true}, nil
	case shortForm.MatchString(name):
		return proved{}, fault.New(fault.Invalid, "name", "a proof is of one version of a record, and "+name+" names none").
			WithHint("the first version is " + name + "/_history/1; meta.versionId of the record says which it has")
	}
	return proved{}, fault.New(fault.Invalid, "name", fmt.Sprintf("%q names neither an event nor a record", c.Event)).
		WithHint("an event is named by its receipt (member/index/UUID) or the UUID alone, a record as Observation/ID/_history/1")
}
