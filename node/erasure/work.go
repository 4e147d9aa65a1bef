package erasure

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"cairn/consent/erasure"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/store"
	"cairn/proof"
)

// What one update destroys at most, since others wait for it.
const (
	recordsAtOnce = 100
	entriesAtOnce = 500
)

const (
	retryAfter  = 2 * time.Second       // when something could not be done
	wipeTries   = 40                    // while somebody reads the database
	wipePause   = 50 * time.Millisecond // between them
	othersBlock = 3 * time.Second       // by when the other processes of the hospital have the block
	recallLimit = 30 * time.Second      // for which the start waits for the ledger
)

// Run works on erasures until ctx ends, those first that were broken off.
func (d *Desk) Run(ctx context.Context) {
	for {
		err := d.round(ctx)
		var retry <-chan time.Time
		if err != nil && ctx.Err() == nil {
			d.log.LogAttrs(ctx, slog.LevelError, "an erasure is not done yet", slog.Any("cause", err))
			retry = time.After(retryAfter)
		}
		select {
		case <-d.wake:
		case <-retry:
		case <-ctx.Done():
			return
		}
	}
}

// round does all that waits.
func (d *Desk) round(ctx context.Context) error {
	var rows []*store.Erasure
	err := d.store.View(ctx, func(v *store.View) (err error) { rows, err = v.Erasures(); return err })
	errs := []error{err}
	for _, row := range rows {
		if row.State != stateDone && ctx.Err() == nil {
			errs = append(errs, d.execute(ctx, row))
		}
	}
	return errors.Join(errs...)
}

// execute does one erasure to its end. Each step may be done twice.
func (d *Desk) execute(ctx context.Context, row *store.Erasure) error {
	k, err := d.open(ctx, row)
	if err != nil {
		return err
	}
	if k.Height, err = d.marks.Mark(ctx, [][32]byte{d.mark(k.Subject)}); err != nil {
		return fmt.Errorf("sealing the mark of an erasure: %w", err)
	}
	if d.store.Shared() {
		select {
		case <-time.After(othersBlock):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := d.destroy(ctx, row.ID, k); err != nil {
		return err
	}
	exports, err := d.exports.Destroy(ctx)
	if err != nil {
		return fmt.Errorf("destroying exports: %w", err)
	}
	k.Exports += uint64(exports) //nolint:gosec // not negative
	if err := d.wipe(ctx); err != nil {
		return err
	}
	return d.attest(ctx, row.ID, k)
}

// destroy removes what is kept of her: her key first, so that nothing that a
// thief finds of her records opens, and then the rest, a bounded part at a time.
func (d *Desk) destroy(ctx context.Context, id [32]byte, k *kept) error {
	var sent []string
	err := d.store.View(ctx, func(v *store.View) (err error) { sent, err = v.Grantees(k.Subject); return err })
	if err != nil {
		return err
	}
	if len(sent) > 0 {
		k.Sent = sent
	}
	body, err := d.seal(ctx, id, k)
	if err != nil {
		return err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.SetErasure(id, stateAsked, body); err != nil {
			return err
		}
		return tx.EraseRest(k.Subject, d.door.InvitationsOf(k.Subject))
	})
	if err != nil {
		return fmt.Errorf("destroying a key: %w", err)
	}
	d.chest.Forget(k.Subject)
	for _, step := range []func(*store.Tx) (bool, error){
		func(tx *store.Tx) (bool, error) { return tx.EraseRecords(id, k.Subject, recordsAtOnce) },
		func(tx *store.Tx) (bool, error) { return tx.EraseEntries(id, k.Subject, entriesAtOnce) },
	} {
		for more := true; more; {
			if err := d.store.Update(ctx, func(tx *store.Tx) (err error) { more, err = step(tx); return err }); err != nil {
				return fmt.Errorf("destroying records: %w", err)
			}
		}
	}
	return nil
}

// wipe takes what was deleted out of the database's files.
func (d *Desk) wipe(ctx context.Context) (err error) {
	for range wipeTries {
		if err = d.store.Checkpoint(ctx); !fault.Is(err, fault.Busy) {
			break
		}
		select {
		case <-time.After(wipePause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err != nil {
		return fmt.Errorf("wiping the database's files: %w", err)
	}
	return nil
}

// attest says in the log what was destroyed, and leaves nothing about her in the
// erasure's own row.
func (d *Desk) attest(ctx context.Context, id [32]byte, k *kept) error {
	var row *store.Erasure
	if err := d.store.View(ctx, func(v *store.View) (err error) { row, err = v.Erasure(id); return err }); err != nil {
		return err
	}
	now := time.Now()
	said := erasure.Statement{
		Image: gate.Image(d.mark(k.Subject)), Records: uint64(row.Records), Versions: uint64(row.Versions), Entries: uint64(len(row.Entries)), //nolint:gosec // counts
		List: sha256.Sum256(store.EncodeIndexes(row.Entries)), Exports: k.Exports, Backups: d.backups(now),
	}
	ev := proof.Event{
		Kind: proof.KindErasureDone, Time: now.UnixMilli(), Actor: proof.Actor{Kind: proof.ActorMachine, Organisation: d.cfg.Home}, Action: "erase",
		Allowed: true, Rule: "policy.erasure", Grant: gate.Reference(id), Detail: said.String(),
	}
	if k.Again {
		ev.Action = "erase-again"
	}
	draft, err := d.journal.Draft(ev)
	if err != nil {
		return err
	}
	done := kept{Asked: k.Asked, Again: k.Again, Exports: k.Exports, Done: now.UnixMilli(), Event: draft.ID(), Backups: said.Backups, Height: k.Height, Sent: k.Sent}
	body, err := d.seal(ctx, id, &done)
	if err != nil {
		return err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.SetErasure(id, stateDone, body); err != nil {
			return err
		}
		return draft.Append(tx)
	})
	if err != nil {
		return fmt.Errorf("attesting an erasure: %w", err)
	}
	d.log.LogAttrs(ctx, slog.LevelInfo, "a patient was erased", slog.Int64("records", row.Records), slog.Int("entries", len(row.Entries)))
	return nil
}

// Recall erases again whoever was erased, by the ledger, and is in the database
// all the same: it was put back from a copy. It waits for a while until this
// node has caught up with the ledger; the gate shows nothing before that.
func (d *Desk) Recall(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recallLimit)
	defer cancel()
	for {
		changed := d.chain.Changed()
		if d.chain.Fresh(time.Now().UnixMilli()) == nil {
			return d.recall(ctx)
		}
		select {
		case <-changed:
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fault.As(ctx.Err())
		}
	}
}

func (d *Desk) recall(ctx context.Context) error {
	under, err := d.under(ctx)
	if err != nil {
		return err
	}
	var subjects []string
	if err := d.store.View(ctx, func(v *store.View) (err error) { subjects, err = v.Subjects(); return err }); err != nil {
		return err
	}
	for _, subject := range subjects {
		if under[subject] != nil || !d.Erased(subject) {
			continue
		}
		row := &store.Erasure{State: stateAsked}
		rand.Read(row.ID[:]) // never fails: crypto/rand, Go 1.24
		if row.Body, err = d.seal(ctx, row.ID, &kept{Subject: subject, Asked: time.Now().UnixMilli(), Again: true}); err != nil {
			return err
		}
		if err := d.store.Update(ctx, func(tx *store.Tx) error { return tx.AddErasure(row) }); err != nil {
			return err
		}
		under[subject] = row
	}
	var errs []error
	for subject, row := range under {
		if d.Erased(subject) {
			errs = append(errs, d.execute(ctx, row))
		}
	}
	return errors.Join(errs...)
}

// under returns the erasures that are under way, by whom.
func (d *Desk) under(ctx context.Context) (map[string]*store.Erasure, error) {
	var rows []*store.Erasure
	if err := d.store.View(ctx, func(v *store.View) (err error) { rows, err = v.Erasures(); return err }); err != nil {
		return nil, err
	}
	out := make(map[string]*store.Erasure)
	for _, row := range rows {
		if row.State == stateDone {
			continue
		}
		k, err := d.open(ctx, row)
		if err != nil {
			return nil, err
		}
		out[k.Subject] = row
	}
	return out, nil
}

// Leafless returns the entries of the log of which erasures left the leaves only.
// It fails with Broken where an erasure's list is not the one that its event
// names: who empties other entries in the database is found.
func (d *Desk) Leafless(ctx context.Context) (map[uint64]bool, error) {
	var rows []*store.Erasure
	err := d.store.View(ctx, func(v *store.View) (err error) { rows, err = v.Erasures(); return err })
	if err != nil {
		return nil, err
	}
	all := make(map[uint64]bool)
	for _, row := range rows {
		k, err := d.open(ctx, row)
		if err != nil {
			return nil, err
		}
		if row.State == stateDone {
			said, id, err := d.statement(ctx, k)
			if err != nil {
				return nil, err
			}
			if id != gate.Reference(row.ID) || said.Entries != uint64(len(row.Entries)) || said.List != sha256.Sum256(store.EncodeIndexes(row.Entries)) {
				return nil, fault.New(fault.Broken, "erasure-altered", "the entries that an erasure lists in the table `erasure` are not those that its entry of the log names")
			}
		}
		for _, index := range row.Entries {
			all[index] = true
		}
	}
	return all, nil
}

// statement returns what the event of an erasure that is done says, and of which
// erasure.
func (d *Desk) statement(ctx context.Context, k *kept) (*erasure.Statement, string, error) {
	key, err := uuid.Parse(k.Event)
	if err != nil {
		return nil, "", fault.Wrap(fault.Broken, "erasure", "what is noted of an erasure is damaged", err)
	}
	var row *store.Entry
	if err := d.store.View(ctx, func(v *store.View) (err error) { row, err = v.EntryByID(key); return err }); err != nil {
		return nil, "", err
	}
	opened, err := d.journal.Open(row)
	if err != nil {
		return nil, "", err
	}
	said, err := erasure.ParseStatement(opened.Event.Detail)
	if err != nil || opened.Event.Kind != proof.KindErasureDone {
		return nil, "", fault.Wrap(fault.Broken, "erasure", "the entry of an erasure says something else", err)
	}
	return said, opened.Event.Grant, nil
}
