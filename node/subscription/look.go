package subscription

import (
	"bytes"
	"context"
	"errors"
	"log/slog"

	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/fhir/topic"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/node/vault"
	"cairn/proof"
)

// kinds are the entries of the log that subscriptions are told of.
var kinds = [3]string{proof.KindRecordStored, proof.KindRecordUpdated, proof.KindRecordDeleted}

var interactions = map[string]topic.Interaction{
	proof.KindRecordStored: topic.Create, proof.KindRecordUpdated: topic.Update, proof.KindRecordDeleted: topic.Delete,
}

// changes reads what happened to records in the entries from from up to, and
// not including, to. end is where it stopped, after limit entries at most.
func (d *Desk) changes(ctx context.Context, from, to uint64, limit int) (list []change, end uint64, err error) {
	var entries []*store.Entry
	err = d.store.View(ctx, func(v *store.View) (err error) {
		entries, err = v.EntriesOf(kinds, from, to, limit)
		return err
	})
	if err != nil {
		return nil, from, err
	}
	if end = to; len(entries) == limit {
		end = entries[limit-1].Index + 1
	}
	for _, e := range entries {
		some, err := d.changesOf(e)
		if fault.Is(err, fault.Gone) {
			continue // whom it was about was erased
		}
		if err != nil {
			d.log.LogAttrs(ctx, slog.LevelError, "an entry of the log cannot be told of", slog.Uint64("entry", e.Index), slog.Any("cause", err))
			continue
		}
		list = append(list, some...)
	}
	return list, end, nil
}

// changesOf opens an entry: one change for each record that it names.
func (d *Desk) changesOf(e *store.Entry) ([]change, error) {
	opened, err := d.journal.Open(e)
	if err != nil {
		return nil, err
	}
	list := make([]change, len(opened.Event.Records))
	for i, r := range opened.Event.Records {
		list[i] = change{
			entry: e.Index, item: uint64(i), time: e.Time, interaction: interactions[e.Kind], //nolint:gosec // counted from 0
			typ: r.Type, id: r.ID, version: r.Version, subject: e.Subject,
		}
	}
	return list, nil
}

// facts looks up what a change was about, when it is asked for and once.
func (d *Desk) facts(ctx context.Context, c change) *topic.Change {
	now, before := c.version, c.version-1
	if c.interaction == topic.Delete {
		now = c.version - 1 // what it last was
	}
	return &topic.Change{
		Type: c.typ, Interaction: c.interaction, Subject: c.subject,
		Current:  once(func() (*search.Index, error) { return d.index(ctx, c, now) }),
		Previous: once(func() (*search.Index, error) { return d.index(ctx, c, before) }),
		Compare: func(question func(previous, current []byte) (bool, error)) (ok bool, err error) {
			err = d.inspect(ctx, c, c.version, func(current []byte, _ int64) error {
				return d.inspect(ctx, c, before, func(previous []byte, _ int64) error {
					ok, err = question(previous, current)
					return err
				})
			})
			return ok, err
		},
	}
}

func once(f func() (*search.Index, error)) func() (*search.Index, error) {
	var done bool
	var x *search.Index
	var err error
	return func() (*search.Index, error) {
		if !done {
			x, err = f()
			done = true
		}
		return x, err
	}
}

// index returns what a version of a record can be found by, nil if there was
// none. That of the current version stands in the store; an older one is opened
// for it. It is for the comparison with criteria: what a match then tells passes
// the gate.
func (d *Desk) index(ctx context.Context, c change, version uint64) (x *search.Index, err error) {
	if version == 0 {
		return nil, nil
	}
	err = d.store.View(ctx, func(v *store.View) error {
		head, err := v.Current(c.typ, c.id)
		if err == nil && head.Version == version && !head.Deleted {
			x, err = head.Load()
		}
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil || x != nil {
		return x, err
	}
	err = d.inspect(ctx, c, version, func(raw []byte, updated int64) error {
		if raw == nil {
			return nil
		}
		doc, err := resource.Parse(raw, resource.Limits{})
		if err != nil {
			return err
		}
		found, err := search.Extract(doc)
		found.Updated = updated
		x = &found
		return err
	})
	return x, err
}

// inspect shows the bytes of a version to f, and when it was stored; nil if
// there is none or it says deleted.
func (d *Desk) inspect(ctx context.Context, c change, version uint64, f func(raw []byte, updated int64) error) error {
	if version == 0 {
		return f(nil, 0)
	}
	var row *store.Version
	err := d.store.View(ctx, func(v *store.View) (err error) {
		row, err = v.Version(c.typ, c.id, version)
		return err
	})
	if fault.Is(err, fault.NotFound) || err == nil && row.Deleted {
		return f(nil, 0)
	}
	if err != nil {
		return err
	}
	ref := gate.Ref{Type: c.typ, ID: c.id, Version: version}
	return d.vault.Check(ctx, ref, row, func(raw []byte) error { return f(raw, row.Updated) })
}

// match tells whether a change meets criteria. A record that cannot be opened
// any more meets none.
func (d *Desk) match(ctx context.Context, criteria *topic.Criteria, c *topic.Change) (bool, error) {
	ok, err := criteria.Match(c)
	if err == nil || waits(err) || ctx.Err() != nil {
		return ok, err
	}
	if !fault.Is(err, fault.Gone) {
		d.log.LogAttrs(ctx, slog.LevelError, "a record cannot be compared with what subscriptions ask for", slog.Any("cause", err))
	}
	return false, nil
}

// errNothing ends a look through the gate that found nothing: it leaves no
// trace, as nobody is told anything.
var errNothing = errors.New("nothing to tell")

// weight bounds the sealed bytes of the records in one notification, beyond the
// first.
const weight = 128 << 10

// told is what came through the gate.
type told struct {
	events   []event
	used     int // how many were looked at
	receipts []evidence.Receipt
}

// through takes events through the gate on behalf of an actor: what may be told
// of them at this moment, in their order, after it is in the log. It fails with
// errNothing when nothing may be told.
func (d *Desk) through(ctx context.Context, actor identity.Actor, ask gate.Ask, content string, list []event) (out told, err error) {
	var rows []*store.Version
	pass, err := d.gate.Open(ctx, actor, ask, func(ctx context.Context, allow gate.Allow) (found []gate.Record, err error) {
		sum := 0
		rows, out = nil, told{} // consents may have changed since the last time
		err = d.store.View(ctx, func(v *store.View) error {
			for _, e := range list {
				row, record, err := visible(v, actor, allow, e.change)
				if err != nil {
					return err
				}
				if row != nil {
					if sum += len(row.Body); sum > weight && len(found) > 0 && e.entry != list[out.used-1].entry {
						break
					}
					found, rows, out.events = append(found, record), append(rows, row), append(out.events, e)
				}
				out.used++
			}
			return nil
		})
		if err == nil && len(found) == 0 {
			err = errNothing
		}
		return found, err
	})
	if fault.Is(err, fault.Refused) {
		err = errNothing
	}
	if err != nil {
		return told{}, err
	}
	out.receipts = pass.Receipts()
	for i := range out.events {
		e := &out.events[i]
		if e.status = statuses[e.interaction]; content == contentFull && !rows[i].Deleted {
			d.fill(ctx, pass, e, rows[i])
		}
	}
	return out, nil
}

// statuses are what the interactions answered (FHIR R4 3.1.0).
var statuses = map[topic.Interaction]string{topic.Create: "201", topic.Update: "200", topic.Delete: "204"}

// fill opens the record of an event. One that cannot be opened is told without
// its content.
func (d *Desk) fill(ctx context.Context, pass gate.Pass, e *event, row *store.Version) {
	opened, err := d.vault.Open(ctx, pass, gate.Ref{Type: e.typ, ID: e.id, Version: e.version}, row)
	switch {
	case err == nil:
		e.raw = opened.Raw
	case fault.Is(err, fault.Gone):
		e.status = "410"
	default:
		e.status = "500"
		d.log.LogAttrs(ctx, slog.LevelError, "a record cannot be opened for a notification", slog.Any("cause", err))
	}
}

// visible returns the version that a change made if it may be told of: by what
// it says, and by what the record says now, so that a later closure reaches it
// too. A deletion is judged by what was deleted. nil means that it is hidden.
func visible(v *store.View, actor identity.Actor, allow gate.Allow, c change) (*store.Version, gate.Record, error) {
	none := gate.Record{}
	head, err := v.Current(c.typ, c.id)
	if fault.Is(err, fault.NotFound) {
		return nil, none, nil
	}
	if err != nil {
		return nil, none, err
	}
	row, err := v.Version(c.typ, c.id, c.version)
	said := row
	if err == nil && row.Deleted && c.version > 1 {
		said, err = v.Version(c.typ, c.id, c.version-1)
	}
	if fault.Is(err, fault.NotFound) {
		return nil, none, nil
	}
	if err != nil {
		return nil, none, err
	}
	hidden := !agree(head, row) || head.Deleted && !row.Deleted && actor.Kind() == identity.Peer ||
		!allow(v, gate.Found(&head)) || said.Version != head.Version && !allow(v, gate.Older(said.Subject, said.Facets))
	if hidden {
		return nil, none, nil
	}
	commitment, err := vault.Commitment(row.Body)
	if err != nil {
		return nil, none, nil // damaged: not shown
	}
	return row, gate.Record{Ref: gate.Ref{Type: row.Type, ID: row.ID, Version: row.Version}, Subject: row.Subject, Facets: said.Facets, Commitment: commitment}, nil
}

// agree tells whether a version's row and the record's row say the same subject
// and, for the current version, the same facets. What was altered is not told.
func agree(head store.Hit, row *store.Version) bool {
	if head.Subject != row.Subject {
		return false
	}
	return row.Version != head.Version || row.Deleted || bytes.Equal(head.Encoded, row.Encoded)
}
