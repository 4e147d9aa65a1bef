package grant

import (
	"context"
	"fmt"
	"sync"

	"cairn/node/store"
	"cairn/proof"
)

// watched is an active slip whose stop mark may come at any block.
type watched struct {
	commitment, stop [32]byte
	subject, grantee string
}

// watchlist is the active slips of this hospital.
type watchlist struct {
	mu   sync.Mutex
	list map[[32]byte]watched // by stop image
}

func (w *watchlist) add(s watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.list == nil {
		w.list = make(map[[32]byte]watched)
	}
	w.list[s.stop] = s
}

// stopped takes the slips off the list whose stop mark stands.
func (w *watchlist) stopped(present func([32]byte) bool) []watched {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []watched
	for image, s := range w.list {
		if present(image) {
			out = append(out, s)
			delete(w.list, image)
		}
	}
	return out
}

// Watch writes an event into the patient's log when one of her slips is
// stopped, until ctx ends. The stop itself needs no watcher: the gate looks the
// mark up at every decision.
func (d *Desk) Watch(ctx context.Context) error {
	err := d.store.View(ctx, func(v *store.View) error {
		return v.EachSlip(stateActive, func(s *store.Slip) error {
			d.active.add(watched{s.Commitment, s.Stop, s.Subject, s.Grantee})
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("reading active consents: %w", err)
	}
	for {
		changed := d.chain.Changed()
		for _, s := range d.active.stopped(func(image [32]byte) bool { _, ok := d.chain.Mark(image); return ok }) {
			if err := d.note(ctx, s); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

func (d *Desk) note(ctx context.Context, s watched) error {
	draft, err := d.journal.Draft(d.event(proof.KindConsentStopped, s.subject, "stop", s.commitment, s.grantee))
	if err != nil {
		return err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
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
