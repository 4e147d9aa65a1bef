// Package bundle is the desk that turns receipts into proofs: it collects an
// entry's way from the hospital's log through its seal and the calendar to a
// cosigned checkpoint, and puts it into one file.
package bundle

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"cairn/node/chain"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/record"
	"cairn/node/store"
	"cairn/node/witness"
	"cairn/proof"
)

// Beat seals what waits.
type Beat interface {
	WaitSealed(ctx context.Context, size uint64) error
}

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	home    string
	trust   func() *proof.Trust
	gate    *gate.Gate
	records *record.Desk
	journal *evidence.Journal
	log     *evidence.Log
	store   *store.Store
	chain   *chain.Chain
	beat    Beat
	witness *witness.Witness
}

// New makes the desk of the member home; trust gives the trust file of this moment.
func New(home string, trust func() *proof.Trust, g *gate.Gate, records *record.Desk, j *evidence.Journal, log *evidence.Log, st *store.Store, c *chain.Chain, beat Beat, w *witness.Witness) *Desk {
	return &Desk{home: home, trust: trust, gate: g, records: records, journal: j, log: log, store: st, chain: c, beat: beat, witness: w}
}

// wait bounds how long a caller waits for seal and cosignatures.
const wait = 20 * time.Second

// Event returns the bundle of one event of this hospital's log. The operator
// may have any; a patient those of her own log; the software of the hospital
// those that are about no patient or that it may read.
func (d *Desk) Event(ctx context.Context, actor identity.Actor, id string) ([]byte, error) {
	key, err := uuid.Parse(id)
	if err != nil {
		return nil, fault.New(fault.Invalid, "event-id", "an event is named by the UUID in its receipt")
	}
	var row *store.Entry
	var withheld gate.Withheld
	err = d.store.View(ctx, func(v *store.View) (err error) {
		if row, err = v.EntryByID(key); err != nil {
			return err
		}
		withheld, err = d.gate.Withheld(ctx, v, actor.Patient())
		return err
	})
	if err != nil {
		return nil, err
	}
	if actor.Kind() == identity.Patient && (row.Subject == "" || row.Subject != actor.Patient()) || actor.Kind() != identity.Patient && !actor.May(identity.RightOperate) && !actor.May(identity.RightReview) {
		return nil, fault.New(fault.Refused, "policy.own-log", "only the patient whom it is about and the hospital's privacy officer may have this event's proof")
	}
	opened, err := d.journal.Open(row)
	if err != nil {
		return nil, err
	}
	if actor.Kind() == identity.Patient && withheld.Hides(&opened.Event) {
		return nil, fault.New(fault.NotFound, "store.no-entry", "There is no such entry in the log.") // as if it were not there
	}
	return d.assemble(ctx, opened, nil)
}

// Erasure returns the bundle of the event that says that an erasure is done, with
// the proof that the mark with this image stands on the ledger. It is for anybody:
// neither says anything about anyone.
func (d *Desk) Erasure(ctx context.Context, event string, image [32]byte) ([]byte, error) {
	key, err := uuid.Parse(event)
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "event-id", "what is noted of an erasure is damaged", err)
	}
	var row *store.Entry
	err = d.store.View(ctx, func(v *store.View) (err error) {
		row, err = v.EntryByID(key)
		return err
	})
	if err != nil {
		return nil, err
	}
	if row.Kind != proof.KindErasureDone {
		return nil, fault.New(fault.Refused, "policy.erasure", "this is not the event of an erasure")
	}
	opened, err := d.journal.Open(row)
	if err != nil {
		return nil, err
	}
	return d.assemble(ctx, opened, nil, image)
}

// Record returns the bundle of one record version: the event that stored it and
// its exact bytes. It is a read of that record like any other.
func (d *Desk) Record(ctx context.Context, actor identity.Actor, typ, id string, version uint64) ([]byte, error) {
	r, err := d.records.Evidence(ctx, actor, typ, id, version)
	if err != nil {
		return nil, err
	}
	var row *store.Entry
	err = d.store.View(ctx, func(v *store.View) (err error) {
		row, err = v.Entry(r.Entry)
		return err
	})
	if err != nil {
		return nil, err
	}
	opened, err := d.journal.Open(row)
	if err != nil {
		return nil, err
	}
	for i, rec := range opened.Event.Records {
		if (gate.Ref{Type: rec.Type, ID: rec.ID, Version: rec.Version}) == r.Ref() {
			return d.assemble(ctx, opened, []proof.OpenedRecord{{At: uint64(i), Salt: r.Salt, Content: r.Opened.Raw}}) //nolint:gosec // an index
		}
	}
	return nil, fault.New(fault.Broken, "entry-other", "the log entry of this record is about another")
}

// assemble waits until the entry is sealed and puts the bundle together.
func (d *Desk) assemble(ctx context.Context, e evidence.Opened, records []proof.OpenedRecord, images ...[32]byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if err := d.beat.WaitSealed(ctx, e.Index+1); err != nil {
		return nil, fault.Wrap(fault.Busy, "not-sealed", "this event is durable but not yet sealed on the ledger", err).
			WithHint("try again in a few seconds")
	}
	parts, marks, err := d.parts(images)
	if err != nil {
		return nil, err
	}
	path, err := d.log.Inclusion(e.Index, parts.Entry.Size)
	if err != nil {
		return nil, fmt.Errorf("proving entry %d: %w", e.Index, err)
	}
	checkpoint, err := d.witness.Gather(ctx, parts.CalendarSize)
	if err != nil {
		return nil, err
	}
	b, err := proof.Assemble(d.trust(), proof.Parts{
		Event: &proof.OpenedEvent{Salt: e.Salt, Content: e.Event}, Records: records,
		Log:        &proof.LogPath{Index: e.Index, Leaf: e.Leaf, Path: path},
		Seal:       &proof.SealPath{Entry: parts.Entry, Proof: parts.Path},
		Marks:      marks,
		Books:      proof.Books{Members: parts.Members, Register: parts.Register, Seals: parts.Seals},
		Calendar:   proof.CalendarPath{Height: parts.Leaf.Height, Time: parts.Leaf.Time, Index: parts.LeafIndex, Path: parts.CalendarPath},
		Checkpoint: checkpoint,
	})
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "proof-fail", "FAIL: what the database says does not agree with what was sealed, so there is no proof", err).
			WithHint("keep a copy of the data directory as evidence, then run `cairn scrub`")
	}
	return b.Encode()
}

// parts returns the latest seal and where marks stand, under the same books.
func (d *Desk) parts(images [][32]byte) (parts chain.Parts, marks []proof.MarkPath, err error) {
	for range partsTries {
		if parts, err = d.chain.Evidence(d.home, 0); err != nil {
			return parts, nil, err
		}
		same := true
		marks = nil
		for _, image := range images {
			m, err := d.chain.MarkProof(image)
			if err != nil {
				return parts, nil, err
			}
			same = same && m.Leaf == parts.Leaf && m.CalendarSize == parts.CalendarSize
			marks = append(marks, proof.MarkPath{Image: m.Image, Present: m.Present, Height: m.Height, Proof: m.Proof})
		}
		if same {
			return parts, marks, nil
		}
	}
	return parts, nil, fault.New(fault.Busy, "ledger-moves", "the ledger moves on too fast to prove a mark").WithHint("try again")
}

// partsTries is how often books are read until they are those of one block.
const partsTries = 10
