// Package grant is the desk for what a patient decides: it takes marks for the
// ledger, accepts her slips, lists them, and notices when one is stopped.
package grant

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"cairn/consent"
	"cairn/consent/mandate"
	"cairn/consent/slip"
	"cairn/fhir/resource"
	"cairn/ledger/member"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// States of a slip in the store.
const (
	stateActive  = 0
	stateStopped = 1
)

// Chain is the ledger as this desk needs it.
type Chain interface {
	Mark(image [32]byte) (height uint64, present bool)
	Changed() <-chan struct{} // closed at the next executed block
	Member(id string) (member.Member, bool)
}

// Beat seals what waits.
type Beat interface{ Urgent() }

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	home    string
	network [32]byte
	door    *identity.Door
	gate    *gate.Gate
	journal *evidence.Journal
	store   *store.Store
	chain   Chain
	beat    Beat
	log     *slog.Logger
	active  watchlist
	acting  Acting
}

// Acting says who acts for a patient.
type Acting interface {
	Holds(ctx context.Context, actor identity.Actor, p mandate.Power) (subject string, err error)
	May(ctx context.Context, holder, subject string, p mandate.Power) error
}

// New makes the desk of the member home on a network.
func New(home string, network [32]byte, door *identity.Door, g *gate.Gate, j *evidence.Journal, st *store.Store, chain Chain, beat Beat, acting Acting, log *slog.Logger) *Desk {
	return &Desk{home: home, network: network, door: door, gate: g, journal: j, store: st, chain: chain, beat: beat, acting: acting, log: log}
}

// markWait bounds how long a caller waits for the ledger.
const markWait = 15 * time.Second

// MarkLimit is how many marks one call may hand in.
const MarkLimit = 64

// Mark hands marks to the ledger: anyone may, for anyone, and nobody can tell
// what they are. It returns the height at which the last of them stands once
// all are in this hospital's replica. A mark that was durable here when the
// wait ended with Busy is sealed later all the same.
func (d *Desk) Mark(ctx context.Context, marks [][32]byte) (height uint64, err error) {
	if len(marks) == 0 || len(marks) > MarkLimit {
		return 0, fault.New(fault.Invalid, "marks", fmt.Sprintf("between 1 and %d marks can be handed in at once", MarkLimit))
	}
	if height, ok := d.sealed(marks); ok {
		return height, nil
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		for _, m := range marks {
			if err := tx.AddMark(m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("queueing marks: %w", err)
	}
	return d.await(ctx, marks)
}

func (d *Desk) await(ctx context.Context, marks [][32]byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, markWait)
	defer cancel()
	changed := d.chain.Changed()
	d.beat.Urgent()
	for {
		if height, ok := d.sealed(marks); ok {
			return height, nil
		}
		select {
		case <-changed:
			changed = d.chain.Changed()
		case <-ctx.Done():
			return 0, fault.New(fault.Busy, "marks-waiting", "the marks are kept here and wait for the ledger").
				WithHint("hand them to another hospital as well; it does no harm to hand a mark in twice")
		}
	}
}

func (d *Desk) sealed(marks [][32]byte) (height uint64, all bool) {
	for _, m := range marks {
		h, ok := d.chain.Mark(gate.Image(m))
		if !ok {
			return 0, false
		}
		height = max(height, h)
	}
	return height, true
}

// What one patient can make this hospital keep and compile: bytes of a slip's
// terms, and slips that are not stopped.
const (
	termsLimit  = 64 << 10
	activeLimit = 1000
)

// Accept takes a slip: this custodian's part of what the patient signed. The
// passkey's signature is what authorises it, so no session is needed; taking
// the same slip twice changes nothing.
func (d *Desk) Accept(ctx context.Context, s *slip.Slip, path slip.Path, signed slip.Assertion) (Held, error) {
	if s.Custodian != d.home || s.Network != d.network {
		return Held{}, fault.New(fault.Invalid, "slip-address", "this consent is for another hospital or network")
	}
	if len(s.Terms) > termsLimit {
		return Held{}, fault.New(fault.TooLarge, "slip-large", "the terms of this consent are larger than 64 KB").
			WithHint("make several consents of it")
	}
	signature, signer, err := d.authorised(ctx, s, path, signed)
	if err != nil {
		return Held{}, err
	}
	terms, err := s.Check()
	if err != nil {
		return Held{}, fault.Wrap(fault.Invalid, "slip-terms", "the terms of this consent are not what was shown and signed", err)
	}
	if ref, _ := terms.Under(); ref != "" {
		return Held{}, fault.New(fault.Invalid, "slip-under", "a patient's own consent passes nothing on")
	}
	if err := d.room(ctx, s); err != nil {
		return Held{}, err
	}
	if s.Stopped(d.present) {
		return Held{}, fault.New(fault.Conflict, "slip-stopped", "this consent was stopped").WithHint("make a new one")
	}
	commitment := s.Commitment()
	if _, err := d.Mark(ctx, [][32]byte{commitment}); err != nil {
		return Held{}, err
	}
	if err := d.keep(ctx, s, signature, signer); err != nil {
		return Held{}, err
	}
	return d.held(commitment, s, terms), nil
}

// authorised checks that the patient's passkey at this hospital, or that of who
// may decide for her at this moment, signed, at this hospital's site, the root that
// the path leads to, and says whose it was. So a consent cannot be signed at the
// site of the hospital that it is for, unless that holds the records.
func (d *Desk) authorised(ctx context.Context, s *slip.Slip, path slip.Path, signed slip.Assertion) (signature *slip.Signature, signer string, err error) {
	root, err := path.Root(s.Leaf())
	if err != nil {
		return nil, "", fault.Wrap(fault.Invalid, "slip-path", "this consent is not part of what was signed", err)
	}
	by, err := d.door.Signed(ctx, signed, root[:])
	if err != nil {
		return nil, "", err
	}
	if by.Subject != s.Subject {
		if err := d.acting.May(ctx, by.Subject, s.Subject, mandate.Decide); err != nil {
			return nil, "", fault.Wrap(fault.Refused, "slip-subject", "the passkey belongs to somebody who may not decide for this patient", err)
		}
	}
	if now := time.Now(); time.UnixMilli(s.IssuedAt).After(now.Add(5 * time.Minute)) {
		return nil, "", fault.New(fault.Invalid, "slip-time", "this consent was issued in the future").WithHint("set the clock of the device right")
	}
	signature, err = slip.NewSignature(path, signed, by.Key, by.RPID)
	if err == nil {
		err = signature.Verify(s)
	}
	if err != nil {
		return nil, "", fault.Wrap(fault.Broken, "signature", "the signature of this consent cannot be kept", err)
	}
	return signature, by.Subject, nil
}

// room refuses a slip beyond activeLimit; one that is here already has room.
func (d *Desk) room(ctx context.Context, s *slip.Slip) error {
	active, commitment := 0, s.Commitment()
	err := d.store.View(ctx, func(v *store.View) error {
		rows, err := v.Slips(s.Subject)
		for _, row := range rows {
			if row.Commitment == commitment {
				active = 0
				return nil
			}
			if row.State == stateActive {
				active++
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("counting consents: %w", err)
	}
	if active >= activeLimit {
		return fault.New(fault.TooLarge, "slips-many", "this hospital holds 1,000 active consents of this patient already").
			WithHint("stop those that are not needed any more")
	}
	return nil
}

// present tells whether a mark with this image stands on the ledger.
func (d *Desk) present(image [32]byte) bool {
	_, ok := d.chain.Mark(image)
	return ok
}

// keep stores the slip, its signature and its event. The event has the
// signature's hash.
func (d *Desk) keep(ctx context.Context, s *slip.Slip, signature *slip.Signature, signer string) error {
	sealed, err := d.gate.KeepSignature(ctx, s.Commitment(), signature)
	if err != nil {
		return err
	}
	ev := d.event(proof.KindConsentReceived, s.Subject, "grant", s.Commitment(), s.Grantee)
	ev.Detail = SignatureDetail(signature)
	if signer != s.Subject {
		ev.Actor = proof.Actor{Kind: proof.ActorRepresentative, Organisation: d.home, Person: identity.RelatedPerson(d.home, signer)}
	}
	return d.put(ctx, s, sealed, ev)
}

// put stores a slip, what it was signed with and its event in one transaction.
func (d *Desk) put(ctx context.Context, s *slip.Slip, sealed []byte, ev proof.Event) error {
	row, err := d.gate.Keep(ctx, *s, time.Now().UnixMilli())
	if err != nil {
		return err
	}
	draft, err := d.journal.Draft(ev)
	if err != nil {
		return err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.AddSlip(&row); err != nil {
			return err
		}
		if err := tx.AddSignature(row.Commitment, sealed); err != nil {
			return err
		}
		return draft.Append(tx)
	})
	var f *fault.Error
	if errors.As(err, &f) && f.Kind == fault.Conflict {
		return nil // it is here already
	}
	if err != nil {
		return fmt.Errorf("keeping a consent: %w", err)
	}
	if !d.store.Shared() { // elsewhere the process that watches sees it in the store
		d.active.add(watched{row.Commitment, s.StopImage, s.KitImage, s.Subject, s.Grantee})
	}
	return nil
}

func (d *Desk) event(kind, subject, action string, commitment [32]byte, grantee string) proof.Event {
	return proof.Event{
		Kind: kind, Time: time.Now().UnixMilli(), Actor: proof.Actor{Kind: proof.ActorPatient},
		Subject: gate.PatientReference(subject), Purpose: "PATRQT", Action: action, Allowed: true,
		Rule: "policy.subject", Grant: gate.Reference(commitment), Counterpart: grantee,
	}
}

// Held is a slip as its patient sees it.
type Held struct {
	Commitment [32]byte
	Grantee    string // member id
	Text       string // the very text that she signed
	Issued     int64  // Unix milliseconds
	SealedAt   uint64 // height of the commitment's mark
	Stopped    bool
	StoppedAt  uint64 // height of the stop mark
	Uses       int64  // for how many accesses it is good, 0 for any number
	Used       int64  // how many were allowed by it
	Ends       int64  // when it ends by itself, Unix milliseconds; 0 if it does not
	By         string // member id of who passed it on, "" for one that she signed
	Under      string // what it was passed on from
}

func (d *Desk) held(commitment [32]byte, s *slip.Slip, terms consent.Terms) Held {
	h := Held{Commitment: commitment, Grantee: s.Grantee, Text: slip.Text(terms), Issued: s.IssuedAt}
	if root := terms.Root(); root.Period != (consent.Span{}) && root.Period.Hi != resource.Future {
		h.Ends = root.Period.Hi
	}
	h.SealedAt, _ = d.chain.Mark(gate.Image(commitment))
	if h.StoppedAt, h.Stopped = d.chain.Mark(s.StopImage); !h.Stopped && s.KitImage != [32]byte{} {
		h.StoppedAt, h.Stopped = d.chain.Mark(s.KitImage)
	}
	return h
}

// List returns the slips that this hospital holds of the signed-in patient,
// oldest first.
func (d *Desk) List(ctx context.Context, actor identity.Actor) ([]Held, error) {
	subject, err := d.acting.Holds(ctx, actor, mandate.Watch)
	if err != nil {
		return nil, err
	}
	var rows []*store.Slip
	used := make(map[[32]byte]int64)
	err = d.store.View(ctx, func(v *store.View) (err error) {
		if rows, err = v.Slips(subject); err != nil {
			return err
		}
		for i := 0; err == nil && i < len(rows); i++ {
			used[rows[i].Commitment], err = v.Used(rows[i].Commitment)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading consents: %w", err)
	}
	out := make([]Held, 0, len(rows))
	for _, row := range rows {
		s, err := d.gate.Slip(ctx, row)
		if err != nil {
			return nil, err
		}
		terms, err := s.Check()
		if err != nil {
			return nil, fault.Wrap(fault.Broken, "slip", "a stored consent is damaged", err)
		}
		h := d.held(row.Commitment, s, terms)
		h.Uses, h.Used = terms.Uses(), used[row.Commitment]
		h.Under, h.By = terms.Under()
		out = append(out, h)
	}
	return out, nil
}
