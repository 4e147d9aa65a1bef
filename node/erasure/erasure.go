// Package erasure is the desk that erases a patient at her own wish: it shows the
// grounds to refuse, takes what her passkey signed, destroys everything that this
// hospital keeps about her, and says so in the log, under a mark on the ledger.
//
// The mark comes first. It is a keyed hash of her id, so that it says nothing to
// anybody else and the hospital knows her again: from the block on, the gate
// shows nothing about her and lets nothing be written, whatever is in the
// database. So an erasure that was broken off is gone on with, and what came back
// with an old copy of the database is not shown, and is erased again when the
// node starts.
//
// Trust: who has the hospital's database and its key-encryption key can tell for
// an id that he guesses whether a patient with it was erased; nobody else can.
package erasure

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"cairn/consent/erasure"
	"cairn/consent/slip"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// States of an erasure in the store.
const (
	stateAsked = 1 // its mark may be sealed, and something may be destroyed already
	stateDone  = 2
)

// Chain is the ledger as this desk needs it.
type Chain interface {
	Mark(image [32]byte) (height uint64, present bool)
	Fresh(now int64) error
	Changed() <-chan struct{}
}

// Marks seals marks; node/grant has it.
type Marks interface {
	Mark(ctx context.Context, marks [][32]byte) (height uint64, err error)
}

// Chest seals what is kept, and forgets keys; node/keys has it.
type Chest interface {
	Seal(ctx context.Context, name string, plain, bound []byte) ([]byte, error)
	Open(ctx context.Context, name string, sealed, bound []byte) ([]byte, error)
	Forget(name string)
}

// Exports destroys files that are kept for others; node/bulk has it.
type Exports interface {
	Destroy(ctx context.Context) (int, error)
}

// Config is what the desk needs to know.
type Config struct {
	Home    string // member id
	Network [32]byte
	Name    func() string // of the hospital, for people
	Key     string        // name of the data key of erasures
	Policy  Policy
}

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	cfg     Config
	door    *identity.Door
	journal *evidence.Journal
	store   *store.Store
	chain   Chain
	marks   Marks
	chest   Chest
	exports Exports
	log     *slog.Logger
	secret  []byte
	wake    chan struct{}
}

// New makes the desk. The first of a hospital makes its secret, durable before it
// is used.
func New(ctx context.Context, cfg Config, door *identity.Door, j *evidence.Journal, st *store.Store, chain Chain, marks Marks, chest Chest, exports Exports, log *slog.Logger) (*Desk, error) {
	d := &Desk{cfg: cfg, door: door, journal: j, store: st, chain: chain, marks: marks, chest: chest, exports: exports, log: log, wake: make(chan struct{}, 1)}
	return d, d.openSecret(ctx)
}

// secretAt is where the secret is kept, and what it is sealed for.
const secretAt = "erasure.secret"

func (d *Desk) openSecret(ctx context.Context) error {
	raw := make([]byte, sha256.Size)
	rand.Read(raw) // never fails: crypto/rand, Go 1.24
	fresh, err := d.chest.Seal(ctx, d.cfg.Key, raw, []byte(secretAt))
	var kept []byte
	if err == nil {
		err = d.store.View(ctx, func(v *store.View) (err error) { kept, err = v.Meta(secretAt); return err })
	}
	if err == nil && kept == nil {
		err = d.store.Update(ctx, func(tx *store.Tx) (err error) {
			if kept, err = tx.Meta(secretAt); err != nil || kept != nil {
				return err // another process was faster
			}
			kept = fresh
			return tx.SetMeta(secretAt, fresh)
		})
	}
	if err == nil {
		d.secret, err = d.chest.Open(ctx, d.cfg.Key, kept, []byte(secretAt))
	}
	if err != nil {
		return fmt.Errorf("opening the secret of erasures: %w", err)
	}
	return nil
}

// mark returns what is sealed when a patient is erased.
func (d *Desk) mark(subject string) [32]byte {
	mac := hmac.New(sha256.New, d.secret)
	mac.Write([]byte("cairn/erased/v1\x00" + d.cfg.Home + "\x00" + subject))
	return [32]byte(mac.Sum(nil))
}

// Erased tells whether the mark of a patient's erasure here is on the ledger. It
// is the gate's Erasures.
func (d *Desk) Erased(subject string) bool {
	_, sealed := d.chain.Mark(gate.Image(d.mark(subject)))
	return sealed
}

// kept is what an erasure's row seals.
type kept struct {
	Subject string   `json:"subject,omitempty"` // until it is done
	Asked   int64    `json:"asked"`             // Unix milliseconds
	Again   bool     `json:"again,omitempty"`   // nobody asked: what had come back was erased again
	Exports uint64   `json:"exports,omitempty"`
	Done    int64    `json:"done,omitempty"`
	Event   string   `json:"event,omitempty"` // that says it is done
	Backups string   `json:"backups,omitempty"`
	Height  uint64   `json:"height,omitempty"` // of the mark
	Sent    []string `json:"sent,omitempty"`   // members that may hold copies
}

func bound(id [32]byte) []byte { return append([]byte("cairn/erasure/row/v1\x00"), id[:]...) }

func (d *Desk) seal(ctx context.Context, id [32]byte, k *kept) ([]byte, error) {
	plain, err := json.Marshal(k)
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "erasure", "an erasure cannot be noted", err)
	}
	return d.chest.Seal(ctx, d.cfg.Key, plain, bound(id))
}

func (d *Desk) open(ctx context.Context, row *store.Erasure) (*kept, error) {
	plain, err := d.chest.Open(ctx, d.cfg.Key, row.Body, bound(row.ID))
	if err != nil {
		return nil, err
	}
	k := new(kept)
	if err := json.Unmarshal(plain, k); err != nil {
		return nil, fault.Wrap(fault.Broken, "erasure", "what is noted of an erasure is damaged", err)
	}
	return k, nil
}

// How old, and how far in the future, a request may be.
const (
	oldest = 15 * time.Minute
	ahead  = 5 * time.Minute
)

// Ask takes a request that the patient's passkey here signed. It is durable and
// begins at once; Look says how far it is. It fails with Refused, and the reasons,
// where there is a ground to keep what she wants to be erased; that is in her log.
func (d *Desk) Ask(ctx context.Context, r *erasure.Request, signed slip.Assertion) (id [32]byte, err error) {
	if err := d.fits(r); err != nil {
		return id, err
	}
	id = r.ID()
	by, err := d.door.Signed(ctx, signed, id[:])
	if err != nil {
		return id, err
	}
	if by.Subject != r.Subject {
		return id, fault.New(fault.Refused, "erasure-subject", "this passkey is not that of the patient who is to be erased")
	}
	grounds, err := d.grounds(ctx, r.Subject)
	if err != nil {
		return id, err
	}
	if len(grounds) > 0 {
		return id, d.refuse(ctx, r, grounds)
	}
	body, err := d.seal(ctx, id, &kept{Subject: r.Subject, Asked: time.Now().UnixMilli()})
	if err != nil {
		return id, err
	}
	draft, err := d.journal.Draft(d.event(proof.KindErasureAsked, r, ""))
	if err != nil {
		return id, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.AddErasure(&store.Erasure{ID: id, State: stateAsked, Body: body}); err != nil {
			return err
		}
		return draft.Append(tx)
	})
	if fault.Is(err, fault.Conflict) {
		err = nil // the same request again
	}
	d.Due()
	return id, err
}

func (d *Desk) fits(r *erasure.Request) error {
	now := time.Now()
	switch at := time.UnixMilli(r.IssuedAt); {
	case r.Custodian != d.cfg.Home || r.Network != d.cfg.Network:
		return fault.New(fault.Invalid, "erasure-address", "this request is for another hospital or network")
	case r.TextHash != sha256.Sum256([]byte(erasure.Text(d.cfg.Name()))):
		return fault.New(fault.Invalid, "erasure-text", "what was signed is not the text of this hospital").WithHint("GET /portal/erasure has the text")
	case at.Before(now.Add(-oldest)) || at.After(now.Add(ahead)):
		return fault.New(fault.Invalid, "erasure-time", "this request was signed too long ago, or in the future").WithHint("set the clock of the device right, and sign again")
	}
	return nil
}

// event names the request by its hash, and nobody: it stays when she is erased.
func (d *Desk) event(kind string, r *erasure.Request, why string) proof.Event {
	id := r.ID()
	return proof.Event{
		Kind: kind, Time: time.Now().UnixMilli(), Actor: proof.Actor{Kind: proof.ActorPatient}, Purpose: "PATRQT", Action: "erase",
		Allowed: kind == proof.KindErasureAsked, Rule: "policy.erasure", Explanation: why, Grant: hex.EncodeToString(id[:]),
	}
}

// refuse logs a refusal in her log and returns it.
func (d *Desk) refuse(ctx context.Context, r *erasure.Request, grounds []Ground) error {
	text := ""
	for _, g := range grounds {
		text += " " + g.Text
	}
	ev := d.event(proof.KindErasureRefused, r, text[1:])
	ev.Subject = gate.PatientReference(r.Subject)
	draft, err := d.journal.Draft(ev)
	if err == nil {
		err = d.store.Update(ctx, draft.Append)
	}
	if err != nil {
		return err
	}
	return fault.New(fault.Refused, "erasure-held", "this hospital has to keep the records:"+text).
		WithHint("you may turn to the hospital's privacy officer or to the supervisory authority")
}

// Due has the process that works on erasures look for one at once.
func (d *Desk) Due() {
	select {
	case d.wake <- struct{}{}:
	default: // it looks already
	}
}

// Progress is how far an erasure is. It says nothing about anyone.
type Progress struct {
	Done     bool
	Asked    int64 // Unix milliseconds
	Ended    int64
	Records  int64
	Versions int64
	Entries  int
	Exports  uint64
	Sealed   bool   // nothing about her is shown any more
	Backups  string // YYYY-MM-DD; "" until it is done
	Event    string // of the log, that says it is done
	Image    [32]byte
	Sent     []string // member ids: who may have copies
}

// Look says how far the erasure with an id is. It is for who knows the id, since
// she cannot sign in any more.
func (d *Desk) Look(ctx context.Context, id [32]byte) (Progress, error) {
	var row *store.Erasure
	err := d.store.View(ctx, func(v *store.View) (err error) { row, err = v.Erasure(id); return err })
	if fault.Is(err, fault.NotFound) {
		return Progress{}, fault.New(fault.NotFound, "not-found", "no such erasure was asked for here")
	}
	if err != nil {
		return Progress{}, err
	}
	k, err := d.open(ctx, row)
	if err != nil {
		return Progress{}, err
	}
	p := Progress{Done: row.State == stateDone, Asked: k.Asked, Ended: k.Done, Records: row.Records, Versions: row.Versions, Entries: len(row.Entries),
		Exports: k.Exports, Backups: k.Backups, Event: k.Event, Sent: k.Sent}
	if p.Sealed = p.Done; !p.Done {
		p.Sealed = d.Erased(k.Subject)
		return p, nil
	}
	said, _, err := d.statement(ctx, k)
	if err == nil {
		p.Image = said.Image
	}
	return p, err
}
