package node

import (
	"context"
	"encoding/hex"
	"fmt"
	"reflect"

	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/store"
	"cairn/node/vault"
	"cairn/proof"
)

// ScrubLine is one line of a scrub's progress; the last one says how it ended.
type ScrubLine struct {
	Stage string `json:"stage"` // records, log, ledger, end
	Done  uint64 `json:"done"`
	Total uint64 `json:"total"`
	Ended bool   `json:"ended,omitempty"`
	OK    bool   `json:"ok,omitempty"`   // with Ended: nothing is wrong
	Code  string `json:"code,omitempty"` // of what is wrong
	Text  string `json:"text,omitempty"` // names the first bad row, entry, tile or block
}

// Scrub re-reads and re-hashes everything: each record version with its key and
// commitment, its facets and search row, the log with every tile and the seal,
// the ledger's blocks and state. It stops at the first thing that is wrong.
func (n *Node) Scrub(ctx context.Context, say func(ScrubLine)) error {
	for _, stage := range []struct {
		name string
		run  func(context.Context, func(done, total uint64)) error
	}{{"records", n.scrubRecords}, {"log", n.scrubLog}, {"ledger", n.Chain.Scrub}} {
		err := stage.run(ctx, func(done, total uint64) { say(ScrubLine{Stage: stage.name, Done: done, Total: total}) })
		if err != nil {
			f := fault.As(err)
			text := f.Text
			if f.Cause != nil {
				text += ": " + f.Cause.Error()
			}
			say(ScrubLine{Stage: stage.name, Ended: true, Code: f.Code, Text: text})
			return err
		}
	}
	say(ScrubLine{Stage: "end", Ended: true, OK: true})
	return nil
}

// scrubRecords opens every version and compares it with what stands beside it.
func (n *Node) scrubRecords(ctx context.Context, progress func(done, total uint64)) error {
	var done uint64
	return n.store.View(ctx, func(v *store.View) error {
		return v.EachVersion(func(row *store.Version) error {
			if done++; done%1000 == 0 {
				progress(done, 0)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := n.scrubVersion(ctx, v, row); err != nil {
				return fault.Wrap(fault.Broken, "record-altered", fmt.Sprintf("the row of %s/%s version %d in the table `version` was altered", row.Type, row.ID, row.Version), err)
			}
			return nil
		})
	})
}

func (n *Node) scrubVersion(ctx context.Context, v *store.View, row *store.Version) error {
	current, err := v.Current(row.Type, row.ID)
	if err != nil {
		return err
	}
	if current.Subject != row.Subject {
		return fmt.Errorf("the tables `record` and `version` disagree about whom it is about")
	}
	ref := gate.Ref{Type: row.Type, ID: row.ID, Version: row.Version}
	return n.vault.Check(ctx, ref, row, func(raw []byte) error {
		if row.Deleted || row.Version != current.Version {
			return nil
		}
		return sameFacets(raw, current)
	})
}

// sameFacets compares what consent filters on with the record itself: who
// could change the one could make the other seen.
func sameFacets(raw []byte, current store.Hit) error {
	doc, err := resource.Parse(raw, resource.Limits{})
	if err != nil {
		return err
	}
	index, err := search.Extract(doc)
	if err != nil {
		return err
	}
	if index.Subject != current.Subject || !reflect.DeepEqual(normal(index.Facets), normal(current.Facets)) {
		return fmt.Errorf("the facets in the table `record` are not those of the record")
	}
	return nil
}

// normal makes empty and missing lists the same.
func normal(f search.Facets) search.Facets {
	for _, list := range []*[]search.Coding{&f.Categories, &f.Codes, &f.Labels} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return f
}

// scrubLog checks every entry, tile and the seal, and that every version that
// an entry speaks of is there with the commitment that it names.
func (n *Node) scrubLog(ctx context.Context, progress func(done, total uint64)) error {
	sealed, _ := n.Chain.Sealed(n.Config.Member)
	return n.Evidence.Scrub(ctx, evidence.Scrub{Sealed: sealed, Progress: progress, Entry: func(e *store.Entry) error {
		opened, err := n.journal.Open(e)
		if err != nil {
			return err
		}
		return n.scrubEntry(ctx, opened)
	}})
}

func (n *Node) scrubEntry(ctx context.Context, e evidence.Opened) error {
	switch e.Event.Kind {
	case proof.KindRecordStored, proof.KindRecordUpdated, proof.KindRecordDeleted:
	default:
		return nil
	}
	for _, r := range e.Event.Records {
		var row *store.Version
		err := n.store.View(ctx, func(v *store.View) (err error) {
			row, err = v.Version(r.Type, r.ID, r.Version)
			return err
		})
		if err != nil {
			return fault.Wrap(fault.Broken, "record-missing", fmt.Sprintf("entry %d stored %s/%s version %d, and it is not there", e.Index, r.Type, r.ID, r.Version), err)
		}
		have, err := vault.Commitment(row.Body)
		if err != nil || have != r.Commitment {
			return fault.Wrap(fault.Broken, "record-replaced", fmt.Sprintf("%s/%s version %d is not the one that entry %d stored (commitment %s)",
				r.Type, r.ID, r.Version, e.Index, hex.EncodeToString(r.Commitment[:4])), err)
		}
	}
	return nil
}
