package record

import (
	"context"
	"fmt"

	"cairn/consent"
	"cairn/fhir/search"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
)

// Past asks for the versions of one record, of all records of a type, or of all
// records (FHIR R4 3.1.0.12).
type Past struct {
	Type, ID string // "" for any
	Since    int64  // stored at this time or later, Unix milliseconds; 0: whenever
	At       *Span  // current at some time within; nil: whenever
	Count    int    // versions a page; 0: not said
	Cursor   string
	Asked    string // as it stands in the log
}

// Span is a time from Lo up to, and not including, Hi, in Unix milliseconds.
type Span struct{ Lo, Hi int64 }

// History returns versions, the newest first. Each is judged as a read of that
// version is: by what it says itself and by what its record says today. What is
// hidden is neither counted nor paged over. One that says that the record was
// deleted is judged by what was deleted, and another hospital sees nothing of a
// deleted record.
//
// Total is that of a single record; else it is -1.
func (d *Desk) History(ctx context.Context, actor identity.Actor, past Past) (Page, error) {
	h := history{desk: d, actor: actor, page: Page{Total: -1}, past: store.Past{
		Type: past.Type, ID: past.ID, Since: past.Since, Count: past.Count, Cursor: past.Cursor,
	}, at: past.At}
	if past.At != nil {
		h.past.Until = past.At.Hi
	}
	ask := gate.Ask{Interaction: interactionOf(past), Action: consent.Access, Type: past.Type, Query: past.Asked}
	if err := d.gate.Reach(ctx, actor, ask, past.ID); err != nil {
		return Page{}, err
	}
	if past.ID != "" {
		head, err := d.head(ctx, past.Type, past.ID)
		if err != nil {
			return Page{}, absent(err)
		}
		ask.Subject = head.Subject
	} else if actor.Kind() == identity.Patient {
		ask.Subject, h.past.Subject = actor.Patient(), actor.Patient()
	}
	pass, err := d.gate.Open(ctx, actor, ask, h.find)
	if err != nil && past.ID != "" {
		err = unseen(actor, err)
	}
	if err != nil {
		return Page{}, err
	}
	if past.ID != "" && !h.known {
		return Page{}, missing()
	}
	return h.open(ctx, pass)
}

// interactionOf is the code of http://hl7.org/fhir/restful-interaction.
func interactionOf(p Past) string {
	switch {
	case p.ID != "":
		return "history-instance"
	case p.Type != "":
		return "history-type"
	}
	return "history-system"
}

// absent hides what the store says of a record that is not there.
func absent(err error) error {
	if fault.Is(err, fault.NotFound) {
		return missing()
	}
	return err
}

// history is one page on its way.
type history struct {
	desk  *Desk
	actor identity.Actor
	past  store.Past
	at    *Span
	page  Page
	rows  []*store.Version
	found []gate.Record
	known bool // the actor may know of the one record
	err   error
}

// find is the gate's Find.
func (h *history) find(ctx context.Context, allow gate.Allow) ([]gate.Record, error) {
	h.rows, h.found, h.err = nil, nil, nil
	err := h.desk.store.View(ctx, func(v *store.View) error {
		if err := h.meets(v, allow); err != nil {
			return err
		}
		facets := make(map[gate.Ref]search.Facets) // by which a version was judged
		page, err := v.History(h.past, func(head store.Hit, row *store.Version) bool {
			if h.err != nil {
				return false
			}
			own, err := judged(v, row)
			if err != nil || !h.shows(v, allow, head, row, own) {
				h.err = err
				return false
			}
			within, err := h.within(v, head, row)
			h.err = err
			facets[refOf(row)] = own
			return within
		})
		if err == nil {
			err = h.err
		}
		if err != nil {
			return err
		}
		h.page.Next, h.page.Total, h.rows = page.Next, page.Total, page.Versions
		for _, row := range page.Versions {
			r, err := records(row)
			if err != nil {
				return err
			}
			r[0].Facets = facets[refOf(row)]
			h.found = append(h.found, r...)
		}
		return nil
	})
	return h.found, err
}

// meets looks whether the actor may know of the one record that is named.
func (h *history) meets(v *store.View, allow gate.Allow) error {
	if h.past.ID == "" {
		return nil
	}
	head, err := v.Current(h.past.Type, h.past.ID)
	h.known = err == nil && (!head.Deleted || h.actor.Kind() != identity.Peer) && allow(v, gate.Found(&head))
	return err
}

func refOf(row *store.Version) gate.Ref {
	return gate.Ref{Type: row.Type, ID: row.ID, Version: row.Version}
}

// judged returns the facets by which a version is judged: of one that says that
// the record was deleted, those of what was deleted.
func judged(v *store.View, row *store.Version) (search.Facets, error) {
	if !row.Deleted || row.Version <= 1 {
		return row.Facets, nil
	}
	before, err := v.Version(row.Type, row.ID, row.Version-1)
	if err != nil {
		return search.Facets{}, err
	}
	return before.Facets, nil
}

// shows tells whether the actor may know of a version.
func (h *history) shows(v *store.View, allow gate.Allow, head store.Hit, row *store.Version, own search.Facets) bool {
	if h.err = agree(head, row); h.err != nil {
		return false
	}
	if head.Deleted && h.actor.Kind() == identity.Peer {
		return false
	}
	if !allow(v, gate.Found(&head)) {
		return false
	}
	return row.Version == head.Version && !row.Deleted || allow(v, gate.Older(row.Subject, own))
}

// within tells whether a version was current at some time that is asked for.
func (h *history) within(v *store.View, head store.Hit, row *store.Version) (bool, error) {
	if h.at == nil || row.Version == head.Version || row.Updated >= h.at.Lo {
		return true, nil
	}
	after, err := v.Version(row.Type, row.ID, row.Version+1)
	if err != nil {
		return false, err
	}
	return after.Updated > h.at.Lo, nil
}

// open decrypts what the pass covers.
func (h *history) open(ctx context.Context, pass gate.Pass) (Page, error) {
	h.page.Receipts = pass.Receipts()
	for i, ref := range pass.Refs() {
		row := h.rows[i]
		if row.Deleted {
			h.page.Versions = append(h.page.Versions, versionOf(row, nil, evidence.Receipt{}))
			continue
		}
		opened, err := h.desk.vault.Open(ctx, pass, ref, row)
		if err != nil {
			return Page{}, fmt.Errorf("opening a version: %w", err)
		}
		h.page.Versions = append(h.page.Versions, versionOf(row, opened.Raw, evidence.Receipt{}))
	}
	return h.page, nil
}
