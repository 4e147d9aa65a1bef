// Package order is the desk for legal orders: a court or the police may see some of
// a patient's records, whatever she says. Somebody enters the order, two people of
// different roles approve it, and one of the two hands out what it reaches. Every
// access is an entry of the log at that moment, which the patient sees from a date
// that was set beforehand: it opens itself, and only two people of different roles
// together can set a later one. What an order reaches the gate decides at every
// access.
//
// Trust: who writes to the database can take an order away. He cannot make one,
// widen it or keep it from the patient for longer, since rows are sealed, and the
// log has every act.
package order

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"cairn/consent"
	"cairn/fhir/resource"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	home    string
	secret  time.Duration
	door    *identity.Door
	gate    *gate.Gate
	journal *evidence.Journal
	store   *store.Store
}

// New makes the desk of the member home; secret is for how long, since an order was
// entered, the patient may at most not be told of it.
func New(home string, secret time.Duration, door *identity.Door, g *gate.Gate, j *evidence.Journal, st *store.Store) *Desk {
	return &Desk{home: home, secret: secret, door: door, gate: g, journal: j, store: st}
}

// States of an order.
const (
	Entered  = "entered" // it waits for approvals
	Approved = "approved"
	Ended    = "ended" // before its time
)

// Bounds of an order.
const (
	tokenLife = time.Hour
	longest   = 366 * 24 * time.Hour // for which it may be carried out
	mostText  = 200                  // characters
	mostScope = 50                   // types, and categories
	listed    = 200
)

// Wish is an order that somebody enters. Times are Unix milliseconds.
type Wish struct {
	Patient    string // local id
	Authority  string // who ordered it
	Reference  string // by which the authority knows it
	Types      []string
	Categories []string
	From, To   string // clinical dates of the records, as FHIR writes dates; "" for no bound
	Until      int64  // when it is over
	Opens      int64  // from when on the patient is told; 0 for at once
}

// Approval is somebody's yes.
type Approval struct {
	Person, Name, Role string
	At                 int64
}

// rest is what a matter seals besides what the gate knows.
type rest struct {
	Authority, Reference string
	Name, Role           string // of who entered it
	Approvals            []Approval
	Later                *Later
}

// Later is a date that one has approved and another has not yet.
type Later struct {
	Opens     int64
	Approvals []Approval
}

// Order is one as those who may see it see it.
type Order struct {
	gate.Matter
	Authority, Reference, Name, Role string
	Approvals                        []Approval
	Later                            *Later
}

// may refuses who does not deal with legal orders, and who did not step up.
func (d *Desk) may(a identity.Actor) error {
	if !a.Has(identity.RightOrder) {
		return fault.New(fault.Refused, "policy.order", "only people of this hospital who deal with legal orders do this")
	}
	return d.door.MayBegin(a)
}

// Enter keeps an order that waits for two approvals.
func (d *Desk) Enter(ctx context.Context, actor identity.Actor, w Wish) (Order, error) {
	if err := d.may(actor); err != nil {
		return Order{}, err
	}
	m, r, err := d.read(actor, w)
	if err != nil {
		return Order{}, err
	}
	row, err := d.keep(ctx, &m, r)
	if err != nil {
		return Order{}, err
	}
	draft, err := d.journal.Draft(d.event(proof.KindOrderEntered, actor, &m, said(&m, r)))
	if err != nil {
		return Order{}, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		head, err := tx.Head("Patient", m.Subject)
		if fault.Is(err, fault.NotFound) || err == nil && head.Deleted {
			return fault.New(fault.NotFound, "not-found", "there is no such patient at this hospital")
		}
		if err != nil {
			return err
		}
		if err := tx.AddMatter(row); err != nil {
			return err
		}
		return draft.Append(tx)
	})
	return shown(m, r), err
}

// read makes the matter of a wish.
func (d *Desk) read(a identity.Actor, w Wish) (m gate.Matter, r rest, err error) {
	now := d.gate.Now()
	if w.Opens == 0 {
		w.Opens = now
	}
	switch {
	case !said200(w.Authority) || !said200(w.Reference):
		return m, r, fault.New(fault.Invalid, "order-authority", "an order needs who ordered it and its reference there, each of at most 200 characters")
	case w.Until <= now || w.Until > now+longest.Milliseconds():
		return m, r, fault.New(fault.Invalid, "order-until", "an order is carried out within a year from now")
	case w.Opens < now || w.Opens > now+d.secret.Milliseconds():
		return m, r, fault.New(fault.Invalid, "order-opens", fmt.Sprintf("the patient is told from a date on that is at most %d days from now", int(d.secret.Hours()/24)))
	case len(w.Types) > mostScope || len(w.Categories) > mostScope || slices.ContainsFunc(w.Types, func(t string) bool { return !resource.IsType(t) }):
		return m, r, fault.New(fault.Invalid, "order-scope", "an order names up to 50 types of FHIR R4 and 50 categories")
	}
	data, err := dates(w.From, w.To)
	if err != nil {
		return m, r, err
	}
	m = gate.Matter{ID: uuid.NewString(), Kind: gate.MatterOrder, Subject: w.Patient, Person: a.Person(), State: Entered, Begun: now, Due: w.Until, Shows: w.Opens,
		Changed: now, Ends: w.Until, Types: w.Types, Categories: w.Categories, Data: data, Overrides: true}
	return m, rest{Authority: w.Authority, Reference: w.Reference, Name: a.Name(), Role: a.Role()}, d.gate.CheckMatter(m)
}

// said200 tells whether a text is there, in one line, and not too long.
func said200(s string) bool {
	return strings.TrimSpace(s) != "" && len([]rune(s)) <= mostText && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// dates reads the bounds of clinical dates.
func dates(from, to string) (s consent.Span, err error) {
	if from == "" && to == "" {
		return s, nil
	}
	s = consent.Span{Lo: resource.Past, Hi: resource.Future}
	ok := true
	if from != "" {
		s.Lo, _, ok = resource.ParseDate(from)
	}
	if to != "" && ok {
		_, s.Hi, ok = resource.ParseDate(to)
	}
	if !ok || s.Lo >= s.Hi {
		return s, fault.New(fault.Invalid, "order-dates", "from and to are dates, the first before the last").WithHint("for example: 2025-01-31")
	}
	return s, nil
}

// said is what the log keeps of an order.
func said(m *gate.Matter, r rest) string {
	of, parts := func(list []string) string { return strings.Join(list, " ") }, []string{"authority " + r.Authority, "reference " + r.Reference}
	if len(m.Types) > 0 {
		parts = append(parts, "types "+of(m.Types))
	}
	if len(m.Categories) > 0 {
		parts = append(parts, "categories "+of(m.Categories))
	}
	if m.Data != (consent.Span{}) {
		parts = append(parts, "dated from "+moment(m.Data.Lo)+" to "+moment(m.Data.Hi))
	}
	return strings.Join(append(parts, "until "+moment(m.Ends), "the patient is told from "+moment(m.Shows)+" on"), "; ")
}

func moment(ms int64) string {
	switch ms {
	case resource.Past:
		return "ever"
	case resource.Future:
		return "ever"
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04Z")
}

func (d *Desk) keep(ctx context.Context, m *gate.Matter, r rest) (*store.Matter, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "order", "an order cannot be kept", err)
	}
	m.Rest = raw
	return d.gate.KeepMatter(ctx, *m)
}

func (d *Desk) event(kind string, actor identity.Actor, m *gate.Matter, more string) proof.Event {
	return proof.Event{Kind: kind, Time: time.Now().UnixMilli(), Actor: gate.Describe(actor), Subject: gate.PatientReference(m.Subject), Purpose: "HLEGAL",
		Action: "order", Allowed: true, Rule: gate.RuleOrder, Detail: gate.MatterDetail(m.Kind, m.ID, more)}
}

func shown(m gate.Matter, r rest) Order {
	return Order{Matter: m, Authority: r.Authority, Reference: r.Reference, Name: r.Name, Role: r.Role, Approvals: r.Approvals, Later: r.Later}
}
