// Package disclosure is the desk that keeps what hospitals sign to each other.
// The asking one signs its request, the answering one what it decided and sent,
// the asking one that it has the answer. Each half is an entry in the log of its
// own hospital with the other's signature, or its hash, inside; the signatures
// themselves are kept here, sealed. A half without its twin is listed to the
// patient and to the privacy officer.
//
// Trust: of this room's table a thief learns with which hospitals a patient's
// requests were exchanged, and when. A forger without the key-encryption key can
// delete a half, which its log entry shows, but not make or change one.
package disclosure

import (
	"context"
	"crypto/ecdsa"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"cairn/ledger/member"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// sealKey names the data key of what is kept (keys.ChestExchange).
const sealKey = "~exchange"

// Keys seals what is kept; node/keys has it.
type Keys interface {
	Seal(ctx context.Context, name string, plain, bound []byte) ([]byte, error)
	Open(ctx context.Context, name string, sealed, bound []byte) ([]byte, error)
}

// Pen gives the key in force for what is signed to others, and the height at
// which it is.
type Pen interface {
	Client() (*ecdsa.PrivateKey, uint64, error)
}

// Book is the member book.
type Book interface {
	Member(id string) (member.Member, bool)
	Height() uint64
}

// Peers hands an acknowledgement to another hospital: nil says that it has it,
// Refused that it will not take it.
type Peers interface {
	Deliver(ctx context.Context, to member.Member, text string) error
}

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	home    string
	network [32]byte
	pen     Pen
	book    Book
	peers   Peers
	keys    Keys
	journal *evidence.Journal
	store   *store.Store
	log     *slog.Logger
	wake    chan struct{}
}

// New makes the desk of the member home of a network.
func New(home string, network [32]byte, pen Pen, book Book, peers Peers, keys Keys, j *evidence.Journal, st *store.Store, log *slog.Logger) *Desk {
	return &Desk{
		home: home, network: network, pen: pen, book: book, peers: peers, keys: keys, journal: j, store: st, log: log,
		wake: make(chan struct{}, 1),
	}
}

// kept is the sealed body of a half.
type kept struct {
	Request         string `json:"request"`
	Answer          string `json:"answer,omitempty"`
	Acknowledgement string `json:"acknowledgement,omitempty"`
	Refused         bool   `json:"refused,omitempty"` // the other hospital does not take the acknowledgement
}

// bound is what a half is sealed for.
func bound(id [32]byte) []byte { return append([]byte("cairn/half/v1\x00"), id[:]...) }

func (d *Desk) seal(ctx context.Context, h *store.Half, k kept) (err error) {
	plain, err := json.Marshal(k)
	if err != nil {
		return fault.Wrap(fault.Broken, "half", "what was signed cannot be kept", err)
	}
	h.Body, err = d.keys.Seal(ctx, sealKey, plain, bound(h.ID))
	return err
}

func (d *Desk) open(ctx context.Context, h *store.Half) (k kept, err error) {
	plain, err := d.keys.Open(ctx, sealKey, h.Body, bound(h.ID))
	if err == nil {
		err = json.Unmarshal(plain, &k)
	}
	if err == nil {
		err = k.fits(h)
	}
	if err != nil {
		return kept{}, fault.Wrap(fault.Broken, "half-altered", "what was signed between hospitals was altered or damaged in the database", err).
			WithHint("run `cairn scrub`")
	}
	return k, nil
}

// fits compares what was signed with the row that it lies in.
func (k kept) fits(h *store.Half) error {
	r, err := proof.ParseRequest(k.Request)
	switch {
	case err != nil:
		return err
	case r.ID != h.ID:
		return errors.New("it is of another request")
	case h.Side == store.Asked && r.Statement.To != h.Other, h.Side == store.Answered && r.Statement.From != h.Other:
		return errors.New("it is of another hospital")
	case h.Side == store.Asked && h.Twin != (k.Answer != ""), h.Side == store.Answered && h.Twin != (k.Acknowledgement != ""):
		return errors.New("the row says otherwise whether the other half is there")
	}
	return nil
}

// Answer signs what this hospital answers to a request of another member and
// keeps both, durable before it returns. rule is the code of a refusal, body the
// content as sent.
func (d *Desk) Answer(ctx context.Context, actor identity.Actor, status int, rule string, body []byte) (text string, err error) {
	request := actor.Request()
	if request == nil {
		return "", fault.New(fault.Broken, "half", "there is no signed request to answer")
	}
	return d.answer(ctx, request, actor.Left(), status, rule, body)
}

func (d *Desk) answer(ctx context.Context, request *proof.Signed[proof.Request], left []identity.Left, status int, rule string, body []byte) (text string, err error) {
	key, height, err := d.pen.Client()
	if err != nil {
		return "", err
	}
	now := time.Now().UnixMilli()
	answer, err := proof.Answer{
		Party:   proof.Party{Network: d.network, From: d.home, To: request.Statement.From, Height: height, Time: now},
		Request: request.ID, Status: uint64(status), Rule: rule, Body: proof.BodyHash(body), Entries: shown(left, status), //nolint:gosec // three digits
	}.Sign(key)
	if err != nil {
		return "", fault.Wrap(fault.Broken, "half", "the answer cannot be signed", err)
	}
	h := &store.Half{ID: request.ID, Side: store.Answered, Other: request.Statement.From, Time: now, Entry: -1}
	for _, l := range left {
		if h.Entry < 0 || h.Subject == "" && l.Subject != "" {
			h.Entry, h.Subject = int64(l.Entry.Index), l.Subject //nolint:gosec // counts entries
		}
	}
	if err := d.seal(ctx, h, kept{Request: request.Text, Answer: answer.Text}); err != nil {
		return "", err
	}
	if err := d.store.Update(ctx, func(tx *store.Tx) error { return tx.AddHalf(h) }); err != nil {
		return "", fmt.Errorf("keeping what was signed: %w", err)
	}
	return answer.Text, nil
}

// shown returns the entries that an answer names: of what was shown, the first
// of them.
func shown(left []identity.Left, status int) (out []proof.Entry) {
	for _, l := range left {
		if l.Shown && status < 400 && len(out) < proof.MaxEntries {
			out = append(out, l.Entry)
		}
	}
	slices.SortFunc(out, func(a, b proof.Entry) int { return int(a.Index) - int(b.Index) }) //nolint:gosec // counts entries
	return out
}

// Asked prepares what is kept of a request of this hospital and of the answer,
// nil if none was signed. What it returns joins the transaction in which the
// draft that says what came was appended. An answer is then acknowledged.
func (d *Desk) Asked(ctx context.Context, subject string, draft *evidence.Draft, request *proof.Signed[proof.Request], answer *proof.Signed[proof.Answer]) (func(*store.Tx) error, error) {
	now := time.Now().UnixMilli()
	h := &store.Half{ID: request.ID, Side: store.Asked, Subject: subject, Other: request.Statement.To, Time: now}
	k := kept{Request: request.Text}
	if answer != nil {
		h.Twin, h.Due, k.Answer = true, now, answer.Text
	}
	if err := d.seal(ctx, h, k); err != nil {
		return nil, err
	}
	return func(tx *store.Tx) error {
		h.Entry = int64(draft.Receipt().Index) //nolint:gosec // counts entries
		return tx.AddHalf(h)
	}, nil
}

// Acknowledge takes another hospital's signature that it has an answer of this
// one, and logs it. Handing it in again does no harm. It fails with NotFound if
// there is no such answer, with Refused if it is not signed as it must be.
func (d *Desk) Acknowledge(ctx context.Context, text string) error {
	a, err := proof.ParseAcknowledgement(text)
	if err != nil {
		return fault.Wrap(fault.Invalid, "acknowledgement", "this is no signed acknowledgement", err)
	}
	var h *store.Half
	err = d.store.View(ctx, func(v *store.View) (err error) {
		h, err = v.Half(a.Statement.Request)
		return err
	})
	if err != nil {
		return err
	}
	k, err := d.open(ctx, h)
	if err != nil {
		return err
	}
	if err := d.acknowledges(a, h, k); err != nil {
		return fault.Wrap(fault.Refused, "acknowledgement-refused", "this acknowledgement is not that of the hospital that asked, for what was answered", err)
	}
	if h.Twin {
		return nil
	}
	draft, err := d.journal.Draft(acknowledged(h, a))
	if err != nil {
		return err
	}
	h.Twin, k.Acknowledgement = true, text
	if err := d.seal(ctx, h, k); err != nil {
		return err
	}
	return d.store.Update(ctx, func(tx *store.Tx) error {
		if now, err := tx.Half(h.ID); err != nil || now.Twin {
			return err
		}
		if err := draft.Append(tx); err != nil {
			return err
		}
		return tx.SaveHalf(h)
	})
}

// acknowledges checks an acknowledgement against what it is of.
func (d *Desk) acknowledges(a *proof.Signed[proof.Acknowledgement], h *store.Half, k kept) error {
	answer, err := proof.ParseAnswer(k.Answer)
	if err != nil {
		return err
	}
	s := &a.Statement
	m, found := d.book.Member(s.From)
	key, keyed := m.KeyAt(member.UseClient, s.Height)
	switch {
	case h.Side != store.Answered || s.Answer != answer.ID:
		return errors.New("it is of another answer")
	case s.Network != d.network || s.To != d.home || s.From != h.Other:
		return errors.New("it is from, to or in another")
	case !found || !m.Active || !keyed:
		return errors.New("no active member with a key at that height")
	case s.Height+heightSlack < answer.Statement.Height, s.Height > d.book.Height()+heightSlack:
		return errors.New("the height is not about that of the answer or later")
	}
	return a.Verify(key.Public)
}

// heightSlack is by how many blocks the replicas of two hospitals may differ.
const heightSlack = 100

func acknowledged(h *store.Half, a *proof.Signed[proof.Acknowledgement]) proof.Event {
	ev := proof.Event{
		Kind: proof.KindConfirmed, Time: time.Now().UnixMilli(), Actor: proof.Actor{Kind: proof.ActorMachine, Organisation: h.Other},
		Action: "acknowledge", Allowed: true, Counterpart: h.Other,
		Detail: "request " + hex.EncodeToString(h.ID[:]) + "; acknowledgement " + a.Text,
	}
	if h.Subject != "" {
		ev.Subject = "Patient/" + h.Subject
	}
	return ev
}
