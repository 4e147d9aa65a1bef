// Package representative is the desk for who may act for a patient: parents of
// minors, guardians, proxies. It keeps mandates, says what one gives at a moment
// (package mandate of consent decides), and lets the patient see and end each.
//
// What a mandate gives is asked at every use, in block time: a birthday, a date
// or an end takes it away without anybody's doing.
package representative

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"cairn/consent"
	"cairn/consent/mandate"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// Clock is the ledger's time, in Unix milliseconds.
type Clock interface{ BlockTime() int64 }

// Keys gives out data keys; node/keys has it.
type Keys interface {
	Key(ctx context.Context, name string, create bool) (cipher.AEAD, error)
}

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	home    string
	ages    mandate.Ages
	door    *identity.Door
	journal *evidence.Journal
	store   *store.Store
	clock   Clock
	aead    cipher.AEAD

	mu    sync.Mutex
	terms map[string]consent.Terms // of what a mandate lets see, by what is said in it
}

// New makes the desk of the member home; ages are those of its jurisdiction, key
// names the data key that seals mandates.
func New(ctx context.Context, home string, ages mandate.Ages, door *identity.Door, j *evidence.Journal, st *store.Store, clock Clock, keys Keys, key string) (*Desk, error) {
	aead, err := keys.Key(ctx, key, true)
	if err != nil {
		return nil, fmt.Errorf("opening the key of mandates: %w", err)
	}
	return &Desk{home: home, ages: ages, door: door, journal: j, store: st, clock: clock, aead: aead, terms: make(map[string]consent.Terms)}, nil
}

// Given is a mandate as it is kept: what the pure decision knows, how people call
// the one who acts, and of a proxy's what it is limited to.
type Given struct {
	mandate.Mandate
	Name       string   // of who acts, as patients and logs read it
	Types      []string // resource types that See reaches; none: any
	Categories []string // observation categories that See reaches; none: any
}

// now returns the time that mandates are judged at.
func (d *Desk) now() int64 { return d.clock.BlockTime() }

func bound(m *store.Mandate) []byte {
	return []byte("cairn/mandate/v1\x00" + m.ID + "\x00" + m.Subject + "\x00" + m.Holder)
}

func (d *Desk) seal(m *store.Mandate, g Given) error {
	plain, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("writing a mandate: %w", err)
	}
	nonce := make([]byte, d.aead.NonceSize(), d.aead.NonceSize()+len(plain)+d.aead.Overhead())
	rand.Read(nonce) // never fails: crypto/rand, Go 1.24
	m.Body, m.Ended = d.aead.Seal(nonce, nonce, plain, bound(m)), g.Ended
	return nil
}

// open returns what a row says. It fails with Broken when it was altered.
func (d *Desk) open(m *store.Mandate) (g Given, err error) {
	n := d.aead.NonceSize()
	if len(m.Body) < n {
		return g, broken(nil)
	}
	plain, err := d.aead.Open(nil, m.Body[:n], m.Body[n:], bound(m))
	if err == nil {
		err = json.Unmarshal(plain, &g)
	}
	if err != nil || g.Subject != m.Subject || g.Holder != m.Holder || g.Ended != m.Ended {
		return Given{}, broken(err)
	}
	return g, nil
}

func broken(cause error) error {
	return fault.Wrap(fault.Broken, "mandate", "a stored mandate was altered or damaged", cause).WithHint("run `cairn scrub`")
}

// about returns the mandates of a patient, or of a holder.
func (d *Desk) about(v *store.View, subject, holder string) (ids []string, all []Given, err error) {
	find, key := v.Mandates, subject
	if subject == "" {
		find, key = v.MandatesOf, holder
	}
	rows, err := find(key)
	for _, row := range rows {
		if err != nil || holder != "" && row.Holder != holder {
			continue
		}
		var g Given
		if g, err = d.open(row); err == nil {
			ids, all = append(ids, row.ID), append(all, g)
		}
	}
	return ids, all, err
}

// within looks something up in the view that is open, or in one of its own.
func (d *Desk) within(ctx context.Context, v *store.View, f func(*store.View) error) error {
	if v != nil {
		return f(v)
	}
	return d.store.Once(ctx, f)
}

// strongest returns the mandates by which a holder has a power over a patient at
// this moment, and the rule of the last one that gives it or, if none does, why
// not.
func (d *Desk) strongest(ctx context.Context, v *store.View, holder, subject string, p mandate.Power) (ids []string, by []Given, s mandate.Standing, err error) {
	s = mandate.Standing{Rule: "mandate.none", Text: "Nobody has given this person a mandate to act for this patient."}
	err = d.within(ctx, v, func(v *store.View) error {
		names, all, err := d.about(v, subject, holder)
		for i, g := range all {
			now := g.At(d.now(), d.ages)
			if now.Has(p) {
				ids, by, s = append(ids, names[i]), append(by, g), now
			} else if len(by) == 0 {
				s = now
			}
		}
		return err
	})
	return ids, by, s, err
}

// Holds returns for whom an actor acts: a patient for herself, a representative
// for her patient if a mandate gives the power at this moment. It fails with
// Refused and the rule.
func (d *Desk) Holds(ctx context.Context, actor identity.Actor, p mandate.Power) (subject string, err error) {
	switch actor.Kind() {
	case identity.Patient:
		return actor.Patient(), nil
	case identity.Representative:
		return actor.Patient(), d.May(ctx, actor.Holder(), actor.Patient(), p)
	}
	return "", fault.New(fault.Refused, "policy.own-records", "only the patient, and who acts for her, may do this here")
}

// May fails with Refused and the rule unless a mandate gives the holder a power
// over a patient at this moment.
func (d *Desk) May(ctx context.Context, holder, subject string, p mandate.Power) error {
	if holder == "" || subject == "" {
		return fault.New(fault.Refused, "mandate.none", "it is not said for whom this is done").WithHint("say it at /portal/acting")
	}
	_, by, s, err := d.strongest(ctx, nil, holder, subject, p)
	if err == nil && len(by) == 0 {
		err = fault.New(fault.Refused, s.Rule, s.Text)
	}
	return err
}

// Sees returns what a holder's mandates let see of a patient at this moment, as
// grants for a decision, or the rule why nothing. The gate asks it.
func (d *Desk) Sees(ctx context.Context, v *store.View, holder, subject string) (grants []consent.Grant, rule, text string, err error) {
	ids, by, s, err := d.strongest(ctx, v, holder, subject, mandate.See)
	if err != nil {
		return nil, "", "", err
	}
	for i, g := range by {
		terms, err := d.seen(g, g.At(d.now(), d.ages).Sensitive)
		if err != nil {
			return nil, "", "", err
		}
		grants = append(grants, consent.Grant{Ref: "mandate:" + ids[i], Terms: terms, Facts: consent.Facts{Committed: true}})
	}
	return grants, s.Rule, s.Text, nil
}

// sensitive are the sensitivities that are a minor's own once the child decides
// (v3-ActCode, InformationSensitivityPolicy).
var sensitive = []string{"ETH", "GDIS", "HIV", "MH", "PSY", "PSYTHPN", "SCA", "SDV", "SEX", "STD", "SUD", "TBOO", "BH", "DIA", "OPIOIDUD", "ALC", "SHFL", "REPRODHLTH"}

// seen returns, as terms of a consent, what a mandate lets see.
func (d *Desk) seen(g Given, all bool) (consent.Terms, error) {
	key := fmt.Sprintf("%q %q %t", g.Types, g.Categories, all)
	d.mu.Lock()
	defer d.mu.Unlock()
	if t, ok := d.terms[key]; ok {
		return t, nil
	}
	draft := consent.Draft{Patient: "mandate", Custodian: d.home, Signed: 1, Types: g.Types, Categories: g.Categories}
	if !all {
		rule := consent.Rule{Says: consent.Deny}
		for _, code := range sensitive {
			rule.Labels = append(rule.Labels, consent.Coding{System: consent.SensitivitySystem, Code: code})
		}
		draft.Exceptions = []consent.Rule{rule}
	}
	raw, err := consent.Build(draft)
	if err != nil {
		return consent.Terms{}, fault.Wrap(fault.Invalid, "mandate-scope", "what the mandate is limited to is not known in FHIR", err)
	}
	t, err := consent.Compile(raw)
	if err != nil {
		return consent.Terms{}, fault.Wrap(fault.Broken, "mandate", "what a mandate lets see cannot be decided", err)
	}
	if len(d.terms) > 1000 {
		clear(d.terms)
	}
	d.terms[key] = t
	return t, nil
}

func (d *Desk) event(kind, subject, detail string, by proof.Actor) (*evidence.Draft, error) {
	return d.journal.Draft(proof.Event{
		Kind: kind, Time: time.Now().UnixMilli(), Actor: by, Subject: gate.PatientReference(subject), Purpose: "PATRQT",
		Action: "mandate", Allowed: true, Rule: "policy.mandate", Detail: detail,
	})
}
