package gate

import (
	"context"
	"fmt"
	"time"

	"cairn/node/store"
	"cairn/proof"
)

// Withheld are the matters of which a patient is not told yet. Their entries are in
// the log from the moment of the access; she sees them when their time has come.
type Withheld struct {
	ids   map[string]bool
	since int64 // Unix milliseconds: no entry of them is older
}

// Withheld returns what a patient is not told at this moment.
// Each row is opened, so that who moves its date in the database hides nothing: then
// it fails with Broken.
func (g *Gate) Withheld(ctx context.Context, v *store.View, subject string) (w Withheld, err error) {
	if subject == "" {
		return w, nil
	}
	rows, err := v.Withheld(subject, g.Now())
	if err != nil {
		return w, fmt.Errorf("reading what is withheld: %w", err)
	}
	for i, row := range rows {
		if _, err := g.Matter(ctx, row); err != nil {
			return Withheld{}, err
		}
		if i == 0 {
			w.ids, w.since = make(map[string]bool), row.Begun
		}
		w.ids[row.ID], w.since = true, min(w.since, row.Begun)
	}
	w.since -= (2 * time.Minute).Milliseconds() // entries bear this hospital's clock, which may be behind the ledger's
	return w, nil
}

// Any tells whether there are any.
func (w Withheld) Any() bool { return len(w.ids) > 0 }

// Hides tells whether an entry is about one of them.
func (w Withheld) Hides(ev *proof.Event) bool { return w.ids[MatterOf(ev)] }

// Since returns before when no entry is about one of them.
func (w Withheld) Since() int64 { return w.since }
