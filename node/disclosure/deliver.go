package disclosure

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"cairn/node/fault"
	"cairn/node/store"
	"cairn/proof"
)

const (
	atOnce   = 64              // acknowledgements of one round
	together = 8               // of them at the same time
	lookAt   = 5 * time.Second // how often the table is looked at: another process may have added to it
	firstTry = 2 * time.Second // after an attempt in vain; twice as long each time
	lastTry  = time.Hour
	oneTry   = 10 * time.Second // what one delivery may take
)

// Wake says that there may be something to acknowledge.
func (d *Desk) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run acknowledges answers of other hospitals until ctx ends: at once, and again
// while the other does not take it, for as long as it takes.
func (d *Desk) Run(ctx context.Context) {
	for {
		more, err := d.round(ctx)
		if err != nil && ctx.Err() == nil {
			d.log.LogAttrs(ctx, slog.LevelWarn, "answers of other hospitals could not be acknowledged yet", slog.Any("cause", err))
		}
		if more && err == nil {
			continue
		}
		select {
		case <-d.wake:
		case <-time.After(lookAt):
		case <-ctx.Done():
			return
		}
	}
}

// round acknowledges what is due, and tells whether there may be more. One that
// cannot be does not keep the others.
func (d *Desk) round(ctx context.Context) (more bool, err error) {
	var due []*store.Half
	err = d.store.View(ctx, func(v *store.View) (err error) {
		due, err = v.DueHalves(time.Now().UnixMilli(), atOnce)
		return err
	})
	errs := make([]error, len(due))
	var group errgroup.Group
	group.SetLimit(together)
	for i, h := range due {
		group.Go(func() error { errs[i] = d.acknowledge(ctx, h); return nil })
	}
	group.Wait() //nolint:errcheck // each has its own
	return len(due) == atOnce, errors.Join(append(errs, err)...)
}

// acknowledge signs that an answer is here and logged, hands it over, and keeps
// what came of it. An error is this hospital's own trouble; that the other does
// not answer is none.
func (d *Desk) acknowledge(ctx context.Context, h *store.Half) error {
	wait := min(firstTry<<min(h.Tries, 16), lastTry)
	h.Due = time.Now().Add(wait).UnixMilli()
	h.Tries++
	err := d.attempt(ctx, h)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(err, d.store.Update(ctx, func(tx *store.Tx) error { return tx.SaveHalf(h) }))
}

// attempt leaves in h what came of one attempt.
func (d *Desk) attempt(ctx context.Context, h *store.Half) error {
	k, err := d.open(ctx, h)
	if err != nil {
		return err
	}
	if k.Acknowledgement == "" {
		if k.Acknowledgement, err = d.sign(ctx, h, k); err != nil {
			return err
		}
	}
	switch err := d.deliver(ctx, h.Other, k.Acknowledgement); {
	case err == nil:
		h.Due = 0
	case fault.Is(err, fault.Refused):
		h.Due, k.Refused = 0, true
	}
	return d.seal(ctx, h, k)
}

func (d *Desk) deliver(ctx context.Context, to, text string) error {
	m, found := d.book.Member(to)
	if !found || !m.Active {
		return fault.New(fault.Refused, "no-member", "the other hospital is no member any more")
	}
	ctx, cancel := context.WithTimeout(ctx, oneTry)
	defer cancel()
	return d.peers.Deliver(ctx, m, text)
}

// sign makes the acknowledgement of an answer that is logged.
func (d *Desk) sign(ctx context.Context, h *store.Half, k kept) (string, error) {
	answer, err := proof.ParseAnswer(k.Answer)
	if err != nil {
		return "", fmt.Errorf("acknowledging: %w", err)
	}
	var row *store.Entry
	err = d.store.View(ctx, func(v *store.View) (err error) {
		row, err = v.Entry(uint64(h.Entry)) //nolint:gosec // was set in the entry's transaction
		return err
	})
	if err != nil {
		return "", err
	}
	opened, err := d.journal.Open(row)
	if err != nil {
		return "", err
	}
	key, height, err := d.pen.Client()
	if err != nil {
		return "", err
	}
	signed, err := proof.Acknowledgement{
		Party:   proof.Party{Network: d.network, From: d.home, To: h.Other, Height: height, Time: time.Now().UnixMilli()},
		Request: h.ID, Answer: answer.ID,
		Entry: proof.Entry{Index: row.Index, Event: opened.Event.ID, Leaf: row.Leaf},
	}.Sign(key)
	if err != nil {
		return "", fmt.Errorf("acknowledging: %w", err)
	}
	return signed.Text, nil
}
