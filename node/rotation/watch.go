package rotation

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	"cairn/node/fault"
	"cairn/node/store"
	"cairn/proof"
)

const (
	lookEvery = 5 * time.Second
	warnEvery = 24 * time.Hour
)

// noted is where it is kept which keys the log says to be in force.
const noted = "rotation.noted"

// Run logs when a key came into force, and says in the node's log, at once and
// then once a day, what must be seen to, until ctx ends. One process of a hospital
// runs it.
func (d *Desk) Run(ctx context.Context) {
	var warned time.Time
	for ctx.Err() == nil {
		if err := d.keep(ctx); err != nil && ctx.Err() == nil {
			d.log.LogAttrs(ctx, slog.LevelWarn, "what became of the hospital's keys could not be logged yet", slog.Any("cause", err))
		}
		if now := time.Now(); now.Sub(warned) >= warnEvery {
			d.warn(ctx, now)
			warned = now
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookEvery):
		}
	}
}

// warn says what must be seen to.
func (d *Desk) warn(ctx context.Context, now time.Time) {
	all, err := d.Warnings(now)
	if err != nil {
		d.log.LogAttrs(ctx, slog.LevelWarn, "how old the hospital's keys are cannot be told", slog.Any("cause", err))
	}
	for _, w := range all {
		d.log.LogAttrs(ctx, slog.LevelWarn, w.Text, slog.String("use", w.Use.String()), slog.String("key", w.ID))
	}
}

// keep logs each key that came into force once.
func (d *Desk) keep(ctx context.Context) error {
	all, err := d.List()
	if err != nil {
		return err
	}
	return d.fresh(ctx, slices.DeleteFunc(all, func(k Key) bool { return k.State == Next || k.State == Spare || k.From <= 1 }))
}

// fresh logs those of some keys that are not logged yet.
func (d *Desk) fresh(ctx context.Context, begun []Key) error {
	var raw []byte
	err := d.store.View(ctx, func(v *store.View) (err error) {
		raw, err = v.Meta(noted)
		return err
	})
	if err != nil {
		return err
	}
	known, err := readNoted(raw)
	if err != nil {
		return err
	}
	for _, k := range begun {
		if slices.Contains(known, k.ID) {
			continue
		}
		known = append(known, k.ID)
		text, err := json.Marshal(known)
		if err != nil {
			return fault.Wrap(fault.Broken, "keys-noted", "what became of keys cannot be kept", err)
		}
		draft, err := d.journal.Draft(d.event(d.program(), proof.KindKeyChanged, k.Use, k.Public, ""))
		if err != nil {
			return err
		}
		err = d.store.Update(ctx, func(tx *store.Tx) error {
			if err := draft.Append(tx); err != nil {
				return err
			}
			return tx.SetMeta(noted, text)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func readNoted(raw []byte) (known []string, err error) {
	if raw == nil {
		return nil, nil
	}
	if err := json.Unmarshal(raw, &known); err != nil {
		return nil, fault.Wrap(fault.Broken, "keys-noted", "what the database says of the hospital's keys does not parse", err).WithHint("run `cairn scrub`")
	}
	return known, nil
}
