package reindex

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/fhir/search/index"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/store"
)

// Bounds of what is changed in one update, and of what is in memory.
const (
	refindRecords = 64
	refindRows    = 4096
	note          = 5 * time.Second // how often it is kept how far it is where nothing changes
)

// errOvertaken: another process works on it, or it was asked for anew.
var errOvertaken = errors.New("another process goes on with the reindexing")

// run is work under way in this process.
type run struct {
	desk  *Desk
	work  store.Reindex
	noted time.Time // when it was last kept how far it is
	list  []refound // what is to be changed, up to work.After
	rows  int       // of them
}

// refound is a record and what it is to be found by.
type refound struct {
	hit   store.Hit
	ready *store.Ready
}

func (r *run) over() bool { return r.work.Records && (!r.work.Moved || r.work.Strays.Over()) }

// step does a bounded part.
func (r *run) step(ctx context.Context) error {
	if r.work.Records {
		return r.strays(ctx)
	}
	var hits []store.Hit
	var next int64
	err := r.desk.store.View(ctx, func(v *store.View) (err error) {
		hits, next, err = v.Each(r.work.Types, "", r.work.After, refindRecords, nil)
		return err
	})
	if err != nil {
		return err
	}
	for i := range hits {
		if err := r.record(ctx, &hits[i]); err != nil {
			return err
		}
		r.work.Done, r.work.After = r.work.Done+1, hits[i].Place()
		if r.rows >= refindRows {
			if err := r.keep(ctx, nil); err != nil {
				return err
			}
		}
	}
	if r.work.Records = next == 0; !r.work.Records {
		r.work.After = next
	}
	if len(r.list) == 0 && !r.work.Records && time.Since(r.noted) < note {
		return nil
	}
	return r.keep(ctx, nil)
}

// record opens a record, as scrub does: nothing of it goes anywhere but into what
// it is found by, which stands beside it in the store as when it was written. One
// that cannot be opened is left as it is; scrub says why.
func (r *run) record(ctx context.Context, h *store.Hit) error {
	var row *store.Version
	err := r.desk.store.View(ctx, func(v *store.View) (err error) { row, err = v.Newest(*h); return err })
	if err == nil {
		err = r.desk.vault.Check(ctx, gate.Ref{Type: row.Type, ID: row.ID, Version: row.Version}, row, func(raw []byte) error { return r.extract(h, raw) })
	}
	if fault.Is(err, fault.Broken) || fault.Is(err, fault.Gone) || fault.Is(err, fault.NotFound) {
		r.work.Failed++
		return ctx.Err()
	}
	return err
}

func (r *run) extract(h *store.Hit, raw []byte) error {
	doc, err := resource.Parse(raw, resource.Limits{})
	if err != nil {
		return fault.Wrap(fault.Broken, "record-damaged", "a record cannot be read", err)
	}
	x, err := search.Extract(doc)
	if err != nil || x.Subject != h.Subject {
		return fault.Wrap(fault.Broken, "record-damaged", "a record cannot be taken apart", err)
	}
	ready := store.Prepare(h.Type, &x)
	same := h.FoundBy(ready)
	if same && !r.work.Moved {
		return nil
	}
	if !same {
		r.work.Changed++
	}
	h.Index = nil // it is read anew when it is changed
	r.list, r.rows = append(r.list, refound{*h, ready}), r.rows+ready.Rows()
	return nil
}

// strays goes on through the rows that searches begin with.
func (r *run) strays(ctx context.Context) error {
	var some []store.Stray
	at := r.work.Strays
	err := r.desk.store.View(ctx, func(v *store.View) (err error) {
		some, r.work.Strays, err = v.Strays(at)
		return err
	})
	if err != nil || len(some) == 0 && !r.over() && time.Since(r.noted) < note {
		return err
	}
	return r.keep(ctx, some)
}

// keep writes what is to be changed and how far the work is, unless another
// process was faster.
func (r *run) keep(ctx context.Context, some []store.Stray) error {
	next := r.work
	next.Step++
	err := r.desk.store.Update(ctx, func(tx *store.Tx) error {
		next.Removed = r.work.Removed
		if err := r.mine(tx); err != nil {
			return err
		}
		for i := range r.list {
			if err := tx.Refind(&r.list[i].hit, r.list[i].ready, r.work.Moved); err != nil {
				return err
			}
		}
		for _, s := range some {
			removed, err := tx.RemoveStray(s)
			if err != nil {
				return err
			}
			if removed {
				next.Removed++
			}
		}
		return tx.SetReindexing(&next)
	})
	if err == nil {
		r.work, r.list, r.rows, r.noted = next, nil, 0, time.Now()
	}
	return err
}

// mine refuses to write when the work is not where this process left it.
func (r *run) mine(tx *store.Tx) error {
	now, err := tx.Reindexing()
	if err == nil && (now == nil || now.Begun != r.work.Begun || now.Step != r.work.Step) {
		err = errOvertaken
	}
	return err
}

// finish notes that all records can be found by the search parameters of this
// program.
func (r *run) finish(ctx context.Context) error {
	w := &r.work
	draft, err := r.desk.event(fmt.Sprintf("reindexing ends: %d records, %d of them changed, %d not readable, %d rows removed",
		w.Done, w.Changed, w.Failed, w.Removed))
	if err != nil {
		return err
	}
	err = r.desk.store.Update(ctx, func(tx *store.Tx) error {
		if err := r.mine(tx); err != nil {
			return err
		}
		if err := draft.Append(tx); err != nil {
			return err
		}
		return tx.EndReindexing(w, index.CurrentPrints())
	})
	if err == nil {
		err = r.desk.store.Answering(ctx)
		r.desk.log.LogAttrs(ctx, slog.LevelInfo, "records were reindexed", slog.Int64("records", w.Done), slog.Int64("changed", w.Changed),
			slog.Int64("unreadable", w.Failed), slog.Int64("rows_removed", w.Removed))
	}
	return err
}
