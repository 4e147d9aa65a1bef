package grant

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"cairn/node/store"
	"cairn/proof"
)

// watched is an active slip whose stop mark may come at any block.
type watched struct {
	commitment, stop [32]byte
	kit              [32]byte // as stop; zero if there is none
	subject, grantee string
}

// watchlist is the active slips of this hospital.
type watchlist struct {
	mu   sync.Mutex
	list map[[32]byte]watched // by commitment: several slips may share a stop image
}

func (w *watchlist) add(s watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.list == nil {
		w.list = make(map[[32]byte]watched)
	}
	w.list[s.commitment] = s
}

// stopped takes the slips off the list whose stop mark stands.
func (w *watchlist) stopped(present func([32]byte) bool) []watched {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []watched
	for commitment, s := range w.list {
		if present(s.stop) || s.kit != [32]byte{} && present(s.kit) {
			out = append(out, s)
			delete(w.list, commitment)
		}
	}
	return out
}

// retryAfter is how long a stop waits that could not be noted, as on a full
// disk, before it is tried again.
const retryAfter = 5 * time.Second

// Watch writes an event into the patient's log when one of her slips is
// stopped, until ctx ends; what cannot be written now is written later. The
// stop itself needs no watcher: the gate looks the mark up at every decision.
func (d *Desk) Watch(ctx context.Context) {
	var known loading
	for {
		changed := d.chain.Changed()
		err := errors.Join(d.load(ctx, &known), d.noteStopped(ctx))
		var retry <-chan time.Time
		if err != nil && ctx.Err() == nil {
			d.log.LogAttrs(ctx, slog.LevelError, "stopped consents could not be noted yet", slog.Any("cause", err))
			retry = time.After(retryAfter)
			changed = nil // not at every block
		}
		select {
		case <-changed:
		case <-retry:
		case <-ctx.Done():
			return
		}
	}
}

// loading says which slips of the store are on the watchlist.
type loading struct {
	done  bool
	epoch uint64
}

// load puts the active slips of the store on the watchlist, again when another
// process may have accepted some.
func (d *Desk) load(ctx context.Context, known *loading) error {
	err := d.store.View(ctx, func(v *store.View) error {
		epoch, err := v.EpochNow()
		if err != nil || known.done && (epoch == known.epoch || !d.store.Shared()) {
			return err
		}
		known.done, known.epoch = true, epoch
		return v.EachSlip(stateActive, func(s *store.Slip) error {
			d.active.add(watched{s.Commitment, s.Stop, s.Kit, s.Subject, s.Grantee})
			return nil
		})
	})
	if err != nil {
		known.done = false
		return fmt.Errorf("reading active consents: %w", err)
	}
	return nil
}

// noteStopped notes every slip that is stopped by now. A slip that cannot be
// noted goes back on the list.
func (d *Desk) noteStopped(ctx context.Context) error {
	var errs []error
	for _, s := range d.active.stopped(d.present) {
		if err := d.note(ctx, s); err != nil {
			d.active.add(s)
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("%d stops wait: %w", len(errs), errs[0])
	}
	return nil
}

func (d *Desk) note(ctx context.Context, s watched) error {
	draft, err := d.journal.Draft(d.event(proof.KindConsentStopped, s.subject, "stop", s.commitment, s.grantee))
	if err != nil {
		return err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if row, err := tx.Slip(s.commitment); err != nil || row.State == stateStopped {
			return err // another process was faster
		}
		if err := tx.SetSlipState(s.commitment, stateStopped); err != nil {
			return err
		}
		return draft.Append(tx)
	})
	if err != nil {
		return fmt.Errorf("noting a stop: %w", err)
	}
	return nil
}
