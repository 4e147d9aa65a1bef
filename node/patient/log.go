package patient

import (
	"context"
	"fmt"

	"cairn/consent/mandate"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
)

// LogPage is a page of a patient's log, newest first.
type LogPage struct {
	Entries []evidence.Opened
	Total   int
	Next    uint64 // index to go on before; 0 at the end
}

// Log returns the log of the signed-in patient, or of her whose representative
// asks: everyone who asked for her records here, allowed or refused, and everything
// that was done with them. What she is told later by the hospital's policy for
// emergencies, or by the terms of a legal order, is neither shown nor counted
// before.
func (d *Desk) Log(ctx context.Context, actor identity.Actor, before uint64, limit int) (page LogPage, err error) {
	subject, err := d.acting.Holds(ctx, actor, mandate.Watch)
	if err != nil {
		return LogPage{}, err
	}
	if before == 0 {
		before = 1<<63 - 1
	}
	err = d.store.View(ctx, func(v *store.View) error {
		w, err := d.gate.Withheld(ctx, v, subject)
		if err != nil {
			return err
		}
		if page.Total, err = d.count(v, subject, w); err != nil {
			return err
		}
		return d.fill(v, subject, before, limit, w, &page)
	})
	if err != nil {
		return LogPage{}, fmt.Errorf("reading the log: %w", err)
	}
	return page, nil
}

// fill puts up to limit entries into a page.
func (d *Desk) fill(v *store.View, subject string, before uint64, limit int, w gate.Withheld, page *LogPage) error {
	for {
		rows, err := v.Entries(subject, before, limit)
		if err != nil {
			return err
		}
		for _, row := range rows {
			opened, err := d.journal.Open(row)
			if err != nil {
				return err
			}
			if before = row.Index; w.Hides(&opened.Event) {
				continue
			}
			if page.Entries, page.Next = append(page.Entries, opened), row.Index; len(page.Entries) == limit {
				return nil
			}
		}
		if len(rows) < limit {
			page.Next = 0
			return nil
		}
	}
}

// countAtOnce is how many entries are looked at in one go.
const countAtOnce = 500

// count returns how many entries a patient is shown.
func (d *Desk) count(v *store.View, subject string, w gate.Withheld) (total int, err error) {
	if total, err = v.CountEntries(subject); err != nil || !w.Any() {
		return total, err
	}
	for before := uint64(1<<63 - 1); ; {
		rows, err := v.Entries(subject, before, countAtOnce)
		if err != nil {
			return 0, err
		}
		for _, row := range rows {
			before = row.Index
			if row.Time < w.Since() {
				return total, nil
			}
			opened, err := d.journal.Open(row)
			if err != nil {
				return 0, err
			}
			if w.Hides(&opened.Event) {
				total--
			}
		}
		if len(rows) < countAtOnce {
			return total, nil
		}
	}
}

// Alert is an entry of her log of which a patient is told.
type Alert struct {
	ID         string
	Told, Seen int64 // Unix milliseconds; 0 for one that she has not read
	Entry      evidence.Opened
}

// alertsListed is how many alerts are listed.
const alertsListed = 200

// Alerts returns what the signed-in patient, or her whose representative asks, is
// told of, newest first.
func (d *Desk) Alerts(ctx context.Context, actor identity.Actor) (out []Alert, err error) {
	subject, err := d.acting.Holds(ctx, actor, mandate.Watch)
	if err != nil {
		return nil, err
	}
	err = d.store.View(ctx, func(v *store.View) error {
		rows, err := v.Alerts(subject, d.gate.Now(), alertsListed)
		if err != nil {
			return err
		}
		for _, row := range rows {
			entry, err := v.EntryByID(row.Event)
			if err != nil {
				return err
			}
			opened, err := d.journal.Open(entry)
			if err != nil {
				return err
			}
			if entry.Subject != subject {
				return fault.New(fault.Broken, "alert", "a stored alert was altered or damaged").WithHint("run `cairn scrub`")
			}
			out = append(out, Alert{row.ID, row.Shows, row.Seen, opened})
		}
		return nil
	})
	return out, err
}

// See notes that the patient has read an alert. It fails with NotFound for one
// that is not hers.
func (d *Desk) See(ctx context.Context, actor identity.Actor, id string) error {
	if actor.Kind() != identity.Patient {
		return fault.New(fault.Refused, "policy.own-records", "only the patient says that she has read it")
	}
	return d.store.Update(ctx, func(tx *store.Tx) error {
		there, err := tx.SeeAlert(actor.Patient(), id, d.gate.Now())
		if err == nil && !there {
			err = fault.New(fault.NotFound, "not-found", "there is no such alert")
		}
		return err
	})
}
