package node

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"

	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/grant"
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
// commitment, its facets and search rows, the log with every tile and the seal,
// the ledger's blocks and state. It stops at the first thing that is wrong.
func (n *Node) Scrub(ctx context.Context, say func(ScrubLine)) error {
	for _, stage := range []struct {
		name string
		run  func(context.Context, func(done, total uint64)) error
	}{{"records", n.scrubIndex}, {"records", n.scrubRecords}, {"log", n.scrubLog}, {"ledger", n.Chain.Scrub}} {
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

// scrubIndex refuses to compare what records are found by while they are being
// taken apart anew: it would take for altered what is not.
func (n *Node) scrubIndex(ctx context.Context, _ func(done, total uint64)) error {
	lags, err := n.Reindex.Lags(ctx)
	if err == nil && lags {
		err = fault.New(fault.Busy, "reindexing", "records are to be taken apart anew first, since search parameters changed: `cairn reindex` does that, or says how far the node is")
	}
	return err
}

// scrubRecords opens every version and compares it with what stands beside it.
func (n *Node) scrubRecords(ctx context.Context, progress func(done, total uint64)) error {
	return n.store.View(ctx, func(v *store.View) error {
		s := recordScrub{node: n, view: v}
		err := v.EachVersion(func(row *store.Version) error {
			if s.done++; s.done%1000 == 0 {
				progress(s.done, 0)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := s.version(ctx, row); err != nil {
				return fault.Wrap(fault.Broken, "record-altered", fmt.Sprintf("the row of %s/%s version %d in the table `version` was altered, or what stands beside it",
					row.Type, row.ID, row.Version), err)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := v.CheckRows(s.records, s.rows); err != nil {
			return err
		}
		return errors.Join(n.Subscriptions.Scrub(ctx, v), n.Disclosures.Scrub(ctx, v))
	})
}

// recordScrub is how far the records have been looked at.
type recordScrub struct {
	node    *Node
	view    *store.View
	done    uint64 // versions
	records int
	rows    int // that searches begin with
}

func (s *recordScrub) version(ctx context.Context, row *store.Version) error {
	current, err := s.view.Current(row.Type, row.ID)
	if err != nil {
		return err
	}
	if err := sameHead(s.view, current, row); err != nil {
		return err
	}
	inspect := func(raw []byte) error { return s.sameIndex(raw, current, row) }
	if row.Deleted {
		inspect = func([]byte) error { return s.found(current, row, nil) }
	}
	return s.node.vault.Check(ctx, refOf(row), row, inspect)
}

func refOf(row *store.Version) gate.Ref {
	return gate.Ref{Type: row.Type, ID: row.ID, Version: row.Version}
}

// sameHead compares the row of the record with that of a version of it.
func sameHead(v *store.View, current store.Hit, row *store.Version) error {
	if current.Subject != row.Subject {
		return errors.New("the tables `record` and `version` disagree about whom it is about")
	}
	newest, err := v.Versions(row.Type, row.ID, math.MaxInt64, 1)
	if err != nil {
		return err
	}
	pointed, err := v.Newest(current)
	if err != nil || newest[0].Version != pointed.Version {
		return errors.Join(errors.New("the table `record` does not point at the newest version"), err)
	}
	if row.Version == current.Version && (row.Deleted != current.Deleted || row.Updated != current.Updated) {
		return errors.New("the tables `record` and `version` disagree about when it was stored or whether it is deleted")
	}
	return nil
}

// sameIndex compares what consent filters on, and what searches look at, with
// the record itself: who could change the one could make the other seen or
// hidden.
func (s *recordScrub) sameIndex(raw []byte, current store.Hit, row *store.Version) error {
	doc, err := resource.Parse(raw, resource.Limits{})
	if err != nil {
		return err
	}
	index, err := search.Extract(doc)
	if err != nil {
		return err
	}
	facets := store.EncodeFacets(&index.Facets)
	if index.Subject != row.Subject || !bytes.Equal(facets, row.Encoded) {
		return errors.New("the facets beside it are not those of the record")
	}
	if row.Version == current.Version && !bytes.Equal(facets, store.EncodeFacets(&current.Facets)) {
		return errors.New("the facets in the table `record` are not those of the record")
	}
	return s.found(current, row, &index)
}

// found compares what the newest version of a record is found by.
func (s *recordScrub) found(current store.Hit, row *store.Version, index *search.Index) error {
	if row.Version != current.Version {
		return nil
	}
	rows, err := s.view.CheckFound(current, index)
	s.records, s.rows = s.records+1, s.rows+rows
	return err
}

// scrubLog checks every entry, tile and the seal, and that every version that
// an entry speaks of is there with the commitment that it names.
func (n *Node) scrubLog(ctx context.Context, progress func(done, total uint64)) error {
	sealed, _ := n.Chain.Sealed(n.Config.Member)
	leafless, err := n.Erasures.Leafless(ctx)
	if err != nil {
		return err
	}
	return n.Evidence.Scrub(ctx, evidence.Scrub{Sealed: sealed, Progress: progress, Entry: func(e *store.Entry) error {
		if len(e.Body) == 0 && leafless[e.Index] && e.Subject == "" {
			return nil // a patient was erased
		}
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
		for _, r := range e.Event.Records {
			if err := n.scrubStored(ctx, e, r); err != nil {
				return err
			}
		}
	case proof.KindConsentReceived:
		return n.scrubSlip(ctx, e)
	}
	return nil
}

// scrubStored checks that a version is the one that an entry stored.
func (n *Node) scrubStored(ctx context.Context, e evidence.Opened, r proof.Record) error {
	var row *store.Version
	err := n.store.View(ctx, func(v *store.View) (err error) {
		row, err = v.Version(r.Type, r.ID, r.Version)
		return err
	})
	if err != nil {
		return fault.Wrap(fault.Broken, "record-missing", fmt.Sprintf("entry %d stored %s/%s version %d, and it is not there", e.Index, r.Type, r.ID, r.Version), err)
	}
	have, err := vault.Commitment(row.Body)
	deleted := e.Event.Kind == proof.KindRecordDeleted
	if err != nil || have != r.Commitment || row.Entry != e.Index || row.Updated != e.Event.Time || row.Deleted != deleted {
		return fault.Wrap(fault.Broken, "record-replaced", fmt.Sprintf("%s/%s version %d is not the one that entry %d stored (commitment %s)",
			r.Type, r.ID, r.Version, e.Index, hex.EncodeToString(r.Commitment[:4])), err)
	}
	return nil
}

// scrubSlip checks that a consent that an entry received is there and opens, and
// that its signature is the one that the entry names and verifies.
func (n *Node) scrubSlip(ctx context.Context, e evidence.Opened) error {
	raw, err := hex.DecodeString(e.Event.Grant)
	if err != nil || len(raw) != 32 {
		return fault.Wrap(fault.Broken, "slip-entry", fmt.Sprintf("entry %d received a consent that it does not name", e.Index), err)
	}
	var row *store.Slip
	var body []byte
	err = n.store.View(ctx, func(v *store.View) (err error) {
		if row, err = v.Slip([32]byte(raw)); err != nil {
			return err
		}
		body, err = v.Signature([32]byte(raw))
		return err
	})
	if err == nil {
		err = n.scrubSignature(ctx, row, body, e.Event.Detail)
	}
	if err != nil {
		return fault.Wrap(fault.Broken, "slip-altered", fmt.Sprintf("the consent that entry %d received is missing or was altered in the table `slip` or `signature`", e.Index), err)
	}
	return nil
}

func (n *Node) scrubSignature(ctx context.Context, row *store.Slip, body []byte, detail string) error {
	of, err := n.gate.Slip(ctx, row)
	if err != nil {
		return err
	}
	if terms, err := of.Check(); err != nil {
		return err
	} else if ref, _ := terms.Under(); ref != "" {
		r, err := n.gate.Request(ctx, of, body)
		if err == nil && grant.PassedOnDetail(ref, r) != detail {
			err = errors.New("it is not the request that the entry names")
		}
		return err
	}
	s, err := n.gate.Signature(ctx, of, body)
	if err == nil && grant.SignatureDetail(s) != detail {
		err = errors.New("it is not the signature that the entry names")
	}
	return err
}
