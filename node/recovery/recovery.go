// Package recovery is the desk for a patient who has lost, or fears to lose, the
// devices that she signs in with: her sealed wallet, what she asks her recovery
// circle for, and the time lock under which a fresh passkey takes the place of
// the old ones.
//
// This hospital alone cannot recover anybody: it cannot open the wallet, it is
// at most one guardian of a circle, and what it could do to its own database
// shows in the log, which it cannot rewrite. What can be done from outside with
// everything that the printed kit and the circle give takes the time lock, which
// any old passkey cancels.
package recovery

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"cairn/consent/recovery"
	"cairn/consent/slip"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// Chain is the ledger as this desk needs it. BlockTime is that of the latest
// block, TimeOf that of the block at a height, both in Unix milliseconds.
type Chain interface {
	Mark(image [32]byte) (height uint64, present bool)
	TimeOf(height uint64) (int64, error)
	BlockTime() int64
	Changed() <-chan struct{}
}

// Marks hands a mark to the ledger and waits until it stands there.
type Marks interface {
	Mark(ctx context.Context, marks [][32]byte) (height uint64, err error)
}

// Keys gives out data keys; node/keys has it.
type Keys interface {
	Key(ctx context.Context, name string, create bool) (cipher.AEAD, error)
}

// Config is what the desk is made for.
type Config struct {
	Home    string   // member id of this hospital
	Network [32]byte // id of the ledger
	Least   int64    // the least delay that a recovery may have here, milliseconds
	Key     string   // name of the data key that seals rows of this desk
}

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	Config
	door    *identity.Door
	journal *evidence.Journal
	store   *store.Store
	chain   Chain
	marks   Marks
	log     *slog.Logger
	aead    cipher.AEAD
}

// New makes the desk.
func New(ctx context.Context, cfg Config, door *identity.Door, j *evidence.Journal, st *store.Store, chain Chain, marks Marks, keys Keys, log *slog.Logger) (*Desk, error) {
	aead, err := keys.Key(ctx, cfg.Key, true)
	if err != nil {
		return nil, fmt.Errorf("opening the key of recoveries: %w", err)
	}
	return &Desk{Config: cfg, door: door, journal: j, store: st, chain: chain, marks: marks, log: log, aead: aead}, nil
}

// States of a row in the store.
const (
	stateQuiet     = 0 // a deposit that nobody opened
	stateWaiting   = 1 // somebody has shown a fresh passkey; the delay runs, or begins with the mark
	stateCancelled = 2
	stateEffective = 3
)

// lock is what a row of the time lock seals.
type lock struct {
	State     uint8    `json:"state"`
	Deposit   []byte   `json:"deposit,omitempty"` // as the patient signed it; none where the hospital invited her
	Fresh     []byte   `json:"fresh,omitempty"`   // the passkey that will count (identity.Fresh)
	Opened    int64    `json:"opened,omitempty"`  // block time, where there is no deposit whose mark says it
	Delay     int64    `json:"delay"`
	Cancel    [32]byte `json:"cancel"`              // image of a mark that cancels, where there is no deposit; zero if there is none
	Cancelled int64    `json:"cancelled,omitempty"` // block time of an old passkey's cancelling
	Alerted   int64    `json:"alerted,omitempty"`   // when the patient's log said last that it waits
	Kit       [32]byte `json:"kit,omitzero"`        // what the patient keeps beside a deposit: see Leave
}

func bound(r *store.Recovery) []byte {
	return append(append([]byte("cairn/recovery/row/v1\x00"), r.ID[:]...), r.Subject...)
}

// seal puts a lock into its row.
func (d *Desk) seal(r *store.Recovery, l lock) error {
	plain, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("writing a recovery: %w", err)
	}
	nonce := make([]byte, d.aead.NonceSize(), d.aead.NonceSize()+len(plain)+d.aead.Overhead())
	rand.Read(nonce) // never fails: crypto/rand, Go 1.24
	r.State, r.Body = l.State, d.aead.Seal(nonce, nonce, plain, bound(r))
	return nil
}

// open returns what a row says. It fails with Broken when it was altered.
func (d *Desk) open(r *store.Recovery) (l lock, err error) {
	n := d.aead.NonceSize()
	if len(r.Body) < n {
		return lock{}, broken(nil)
	}
	plain, err := d.aead.Open(nil, r.Body[:n], r.Body[n:], bound(r))
	if err == nil {
		err = json.Unmarshal(plain, &l)
	}
	if err != nil || l.State != r.State {
		return lock{}, broken(err)
	}
	return l, nil
}

func broken(cause error) error {
	return fault.Wrap(fault.Broken, "recovery", "a stored recovery was altered or damaged", cause).WithHint("run `cairn scrub`")
}

// deposit returns the deposit of a lock, nil where there is none.
func (l lock) deposit() (*recovery.Deposit, error) {
	if l.Deposit == nil {
		return nil, nil
	}
	d, err := recovery.Decode(l.Deposit)
	if err != nil {
		return nil, broken(err)
	}
	return d, nil
}

// stands says how a lock stands by the ledger.
func (d *Desk) stands(l lock) (s recovery.State, until int64, err error) {
	facts := recovery.Facts{Opened: l.Opened, Cancelled: l.Cancelled, Now: d.chain.BlockTime()}
	dep, err := l.deposit()
	if err != nil {
		return "", 0, err
	}
	if dep == nil {
		dep = &recovery.Deposit{Delay: l.Delay, Cancel: l.Cancel}
	} else if facts.Opened, err = d.sealed(dep.Open); err != nil {
		return "", 0, err
	}
	cancelled, err := d.sealed(dep.Cancel)
	if err != nil {
		return "", 0, err
	}
	if facts.Cancelled == 0 || cancelled != 0 && cancelled < facts.Cancelled {
		facts.Cancelled = cancelled
	}
	s, until = dep.State(facts)
	return s, until, nil
}

// sealed returns the block time of the mark with an image, 0 if there is none.
func (d *Desk) sealed(image [32]byte) (int64, error) {
	height, ok := d.chain.Mark(image)
	if !ok {
		return 0, nil
	}
	at, err := d.chain.TimeOf(height)
	if err != nil {
		return 0, fmt.Errorf("looking up when a mark was sealed: %w", err)
	}
	return at, nil
}

// event is an entry of the patient's log.
func (d *Desk) event(kind, subject, action string, by proof.Actor) (*evidence.Draft, error) {
	return d.journal.Draft(proof.Event{
		Kind: kind, Time: time.Now().UnixMilli(), Actor: by, Subject: gate.PatientReference(subject), Purpose: "PATRQT",
		Action: action, Allowed: true, Rule: "policy.recovery",
	})
}

// herself is the patient as an entry of the log names her.
var herself = proof.Actor{Kind: proof.ActorPatient}

// itself is this hospital's node.
func (d *Desk) itself() proof.Actor {
	return proof.Actor{Kind: proof.ActorMachine, Organisation: d.Home}
}

func patientOnly(actor identity.Actor) error {
	if actor.Kind() != identity.Patient {
		return fault.New(fault.Refused, "policy.own-recovery", "only the patient decides how she is recovered")
	}
	return nil
}

// Leave keeps a deposit that the patient signed with her passkey: from here on
// its secrets open and cancel. One that nobody opened yet is replaced. It fails
// with Refused while a recovery waits.
//
// kit is the image with which her printed kit stops what she signs here
// (slip.Slip.KitImage), zero for none: her next device finds it with List. It is
// hers to use, and this desk does nothing by it.
func (d *Desk) Leave(ctx context.Context, actor identity.Actor, dep *recovery.Deposit, signed slip.Assertion, kit [32]byte) error {
	if err := patientOnly(actor); err != nil {
		return err
	}
	if dep.Custodian != d.Home || dep.Network != d.Network || dep.Subject != actor.Patient() {
		return fault.New(fault.Invalid, "deposit-address", "this is for another hospital, network or patient")
	}
	if dep.Delay < d.Least {
		return fault.New(fault.Invalid, "deposit-delay", "the delay is shorter than this network allows").
			WithHint(fmt.Sprintf("let a recovery wait for at least %d minutes", (d.Least+59_999)/60_000))
	}
	challenge := dep.Challenge()
	by, err := d.door.Signed(ctx, signed, challenge[:])
	if err != nil {
		return err
	}
	if by.Subject != actor.Patient() {
		return fault.New(fault.Refused, "deposit-subject", "the passkey belongs to another patient")
	}
	for _, image := range [][32]byte{dep.Open, dep.Cancel} {
		if _, used := d.chain.Mark(image); used {
			return fault.New(fault.Conflict, "deposit-used", "a secret of this deposit is on the ledger already").WithHint("make fresh ones")
		}
	}
	return d.leave(ctx, dep, kit)
}

func (d *Desk) leave(ctx context.Context, dep *recovery.Deposit, kit [32]byte) error {
	row := &store.Recovery{ID: dep.Open, Subject: dep.Subject}
	if err := d.seal(row, lock{State: stateQuiet, Deposit: dep.Encode(), Delay: dep.Delay, Kit: kit}); err != nil {
		return err
	}
	draft, err := d.event(proof.KindRecoveryPrepared, dep.Subject, "recovery-deposit", herself)
	if err != nil {
		return err
	}
	return d.store.Update(ctx, func(tx *store.Tx) error {
		rows, err := tx.Recoveries(dep.Subject)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.State == stateWaiting {
				return fault.New(fault.Refused, "recovery-waits", "a recovery of this sign-in waits").WithHint("cancel it first, if it is not yours")
			}
		}
		for _, over := range []uint8{stateQuiet, stateCancelled, stateEffective} {
			if err := tx.DropRecoveries(dep.Subject, over); err != nil {
				return err
			}
		}
		if err := tx.AddRecovery(row); err != nil {
			return err
		}
		return draft.Append(tx)
	})
}
