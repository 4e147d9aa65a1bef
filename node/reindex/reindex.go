// Package reindex is the desk that takes stored records apart anew, so that they
// are found by the search parameters of this program.
//
// It opens records without a Pass, as scrub does, and nothing of them goes
// anywhere but into the rows that lead to them, where it went when they were
// written. An entry of the log says so before the first is opened. A thief gets
// nothing that the store does not show already; a forger of its notes can have
// work done again, or searches refused until it is.
package reindex

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"cairn/fhir/search/index"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/store"
	"cairn/node/vault"
	"cairn/proof"
)

// Line is one line of the progress; the last one says how it ended.
type Line struct {
	Stage   string `json:"stage"` // records, rows, end
	Done    int64  `json:"done"`
	Total   int64  `json:"total"`
	Changed int64  `json:"changed"` // records that were found by something else than they say
	Failed  int64  `json:"failed"`  // records that cannot be read
	Removed int64  `json:"removed"` // rows that followed from no record
	Ended   bool   `json:"ended,omitempty"`
	Text    string `json:"text,omitempty"` // with Ended: what went wrong; "": nothing
}

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	member  string
	store   *store.Store
	vault   *vault.Vault
	journal *evidence.Journal
	log     *slog.Logger
	due     chan struct{}
}

// New makes the desk of a member.
func New(member string, st *store.Store, v *vault.Vault, j *evidence.Journal, log *slog.Logger) *Desk {
	return &Desk{member: member, store: st, vault: v, journal: j, log: log, due: make(chan struct{}, 1)}
}

// retry is after how long work that failed is gone on with.
const retry = 5 * time.Second

// Run takes records apart anew whenever search parameters are not those by which
// they can be found, and when All asked for it, until ctx ends. One process of a
// hospital runs it. It rests as long as it works, so that the hospital's own work
// goes on.
func (d *Desk) Run(ctx context.Context) {
	for {
		err := d.pending(ctx, true, func(Line) {})
		var wait <-chan time.Time
		if err != nil && ctx.Err() == nil {
			d.log.LogAttrs(ctx, slog.LevelWarn, "records could not be reindexed yet", slog.Any("cause", err))
			wait = time.After(retry)
		}
		select {
		case <-ctx.Done():
			return
		case <-d.due:
		case <-wait:
		}
	}
}

// Due has the process that runs it look whether there is something to do.
func (d *Desk) Due() {
	select {
	case d.due <- struct{}{}:
	default:
	}
}

// Pending does what there is to do, to its end or that of ctx; what was done
// until then stays done, and whoever comes next goes on.
func (d *Desk) Pending(ctx context.Context, say func(Line)) error { return d.pending(ctx, false, say) }

// All takes all records apart anew and has every row put that leads to them and
// no other, whether search parameters have changed or not. What is under way
// already is joined. With here it is done by the caller, otherwise it is left to
// the process that runs it, and followed; then it goes on when ctx ends.
func (d *Desk) All(ctx context.Context, here bool, say func(Line)) error {
	err := d.ask(ctx)
	if err == nil && here {
		err = d.Pending(ctx, say)
	} else if err == nil {
		err = d.follow(ctx, say)
	}
	last := Line{Stage: "end", Ended: true}
	if err != nil {
		last.Text = fault.As(err).Text
	}
	say(last)
	return err
}

// Lags reports whether records cannot be found by all search parameters of this
// program, or are being taken apart.
func (d *Desk) Lags(ctx context.Context) (bool, error) {
	s, err := d.state(ctx)
	return s.work != nil || s.prints != nil && len(index.CurrentPrints().Since(s.prints).Types) > 0, err
}

func lineOf(w *store.Reindex) Line {
	l := Line{Stage: "records", Done: w.Done, Total: w.Total, Changed: w.Changed, Failed: w.Failed, Removed: w.Removed}
	if w.Records {
		l.Stage = "rows"
	}
	return l
}

// ask notes that all records are to be taken apart anew.
func (d *Desk) ask(ctx context.Context) error {
	s, err := d.state(ctx)
	if err != nil || s.work != nil && s.work.All() && s.work.Target == index.CurrentPrints().Sum() {
		return err
	}
	if _, err := d.begin(ctx, s, store.Reindex{Moved: true}, "it was asked for"); err != nil {
		return err
	}
	d.Due()
	return d.store.Knock(ctx)
}

// follow follows the work of the process that leads.
func (d *Desk) follow(ctx context.Context, say func(Line)) error {
	for {
		s, err := d.state(ctx)
		if err != nil {
			return err
		}
		if s.work == nil {
			if s.done != nil {
				say(lineOf(s.done))
			}
			return nil
		}
		say(lineOf(s.work))
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// state is what the store says of how records can be found.
type state struct {
	prints index.Prints // nil: nobody has noted it
	work   *store.Reindex
	done   *store.Reindex // the last work that was done
	empty  bool           // there are no records
}

func (d *Desk) state(ctx context.Context) (s state, err error) {
	err = d.store.View(ctx, func(v *store.View) (err error) {
		if s.prints, err = v.IndexPrints(); err != nil {
			return err
		}
		if s.work, err = v.Reindexing(); err != nil {
			return err
		}
		if s.done, err = v.Reindexed(); err != nil || s.prints != nil {
			return err
		}
		records, err := v.CountRecords(nil)
		s.empty = records == 0
		return err
	})
	return s, err
}

// next is the work that there is, begun if it was not; nil if there is
// none.
func (d *Desk) next(ctx context.Context) (*store.Reindex, error) {
	s, err := d.state(ctx)
	if err != nil {
		return nil, err
	}
	current := index.CurrentPrints()
	diff := current.Since(s.prints)
	switch {
	case s.work != nil && s.work.Target == current.Sum():
		return s.work, nil
	case s.prints == nil && s.empty:
		return nil, d.store.Update(ctx, func(tx *store.Tx) error { return tx.SetIndexPrints(current) })
	case s.prints == nil:
		return d.begin(ctx, s, store.Reindex{Moved: true}, "by which search parameters records can be found is not noted")
	case s.work != nil:
		return d.begin(ctx, s, store.Reindex{Moved: true}, "another program had begun it for other search parameters")
	case len(diff.Types) == 0:
		return nil, nil
	}
	return d.begin(ctx, s, store.Reindex{Types: diff.Types, Moved: diff.Moved}, "search parameters changed of "+named(diff.Types))
}

// named names some types of records, if they are few.
func named(types []string) string {
	if len(types) > 5 {
		return fmt.Sprintf("%d types of records", len(types))
	}
	return strings.Join(types, ", ")
}

// begin notes work, with its entry in the log, which is durable before any
// record is opened. What records cannot be found by any more while it is under
// way is taken off what they can be found by.
func (d *Desk) begin(ctx context.Context, s state, w store.Reindex, why string) (*store.Reindex, error) {
	current := index.CurrentPrints()
	w.Begun, w.Target = time.Now().UnixMilli(), current.Sum()
	draft, err := d.event("reindexing begins: " + why)
	if err != nil {
		return nil, err
	}
	err = d.store.View(ctx, func(v *store.View) (err error) { w.Total, err = v.CountRecords(w.Types); return err })
	if err != nil {
		return nil, err
	}
	return &w, d.store.Update(ctx, func(tx *store.Tx) error {
		if err := draft.Append(tx); err != nil {
			return err
		}
		if s.prints != nil {
			if err := tx.SetIndexPrints(s.prints.Without(current.Since(s.prints).Fresh)); err != nil {
				return err
			}
		}
		return tx.SetReindexing(&w)
	})
}

func (d *Desk) event(detail string) (*evidence.Draft, error) {
	return d.journal.Draft(proof.Event{
		Kind: proof.KindReindexed, Time: time.Now().UnixMilli(), Actor: proof.Actor{Kind: proof.ActorMachine, Organisation: d.member},
		Action: "reindex", Allowed: true, Rule: "policy.reindex", Detail: detail,
	})
}

// pending is Pending, with rests.
func (d *Desk) pending(ctx context.Context, rest bool, say func(Line)) error {
	for {
		w, err := d.next(ctx)
		if err != nil || w == nil {
			return err
		}
		r := &run{desk: d, work: *w, noted: time.Now()}
		for !r.over() {
			start := time.Now()
			if err = r.step(ctx); err != nil {
				break
			}
			say(lineOf(&r.work))
			if err = pause(ctx, rest, time.Since(start)); err != nil {
				break
			}
		}
		if err == nil {
			err = r.finish(ctx)
		}
		if err != nil && !errors.Is(err, errOvertaken) {
			return err
		}
	}
}

func pause(ctx context.Context, rest bool, long time.Duration) error {
	if !rest {
		return ctx.Err()
	}
	select {
	case <-time.After(long):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
