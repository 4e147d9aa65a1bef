// Package exchange is the desk that asks other hospitals: it gathers what a
// patient allowed this hospital to see elsewhere, merges it without
// duplicates, and keeps the source and the receipt of everything.
package exchange

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"cairn/consent"
	"cairn/fhir/resource"
	"cairn/ledger/member"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/peer"
	"cairn/node/store"
	"cairn/proof"
)

// Book looks members up.
type Book interface {
	Member(id string) (member.Member, bool)
}

// Halves keeps what was signed between this hospital and others; node/disclosure
// has it. Asked returns what joins the transaction of the entry that says what
// came. Wake says that there is something to acknowledge.
type Halves interface {
	Asked(ctx context.Context, subject string, draft *evidence.Draft, request *proof.Signed[proof.Request], answer *proof.Signed[proof.Answer]) (func(*store.Tx) error, error)
	Wake()
}

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	gate    *gate.Gate
	journal *evidence.Journal
	store   *store.Store
	peers   *peer.Client
	book    Book
	halves  Halves
}

// New makes the desk.
func New(g *gate.Gate, j *evidence.Journal, st *store.Store, peers *peer.Client, book Book, halves Halves) *Desk {
	return &Desk{gate: g, journal: j, store: st, peers: peers, book: book, halves: halves}
}

// wait bounds how long a custodian may take to answer.
const wait = 20 * time.Second

// pages bounds how many pages are followed at one custodian.
const pages = 100

// page is how many records are asked for at once, unless the caller says.
const page = "500"

// logging bounds the writing of what was received, in case the one who asked
// has left.
const logging = 10 * time.Second

// Item is one record that custodians hold, with where it came from.
type Item struct {
	Raw     []byte   // the custodian's bytes
	Sources []Source // one, or more for the same record at several hospitals
}

// Source is where a record came from and how it is proved.
type Source struct {
	Custodian string // member id
	URL       string // of the record there
	Evidence  string // URL at which the record's proof bundle can be had, or "" if the custodian names no version
}

// Custodian is how one hospital answered.
type Custodian struct {
	ID, Name string
	Count    int
	Receipts []string     // of its log: what it says it disclosed; at most [peer.Receipts]
	Fault    *fault.Error // why not all, or nothing, came
}

// Gathered is what all custodians answered.
type Gathered struct {
	Items      []Item
	Custodians []Custodian
	Receipts   []evidence.Receipt // of this hospital's own log
}

// Gather asks every hospital that the patient told this one about for records
// of a type, with search parameters. It is for this hospital's staff. Each
// answer is in the log before it is handed on; a hospital that refuses or does
// not answer, or that has more than fits, is listed with the reason. A type that
// R4 does not have is Invalid.
func (d *Desk) Gather(ctx context.Context, actor identity.Actor, subject, typ string, params url.Values) (Gathered, error) {
	if actor.Kind() != identity.Staff && actor.Kind() != identity.Emergency {
		return Gathered{}, fault.New(fault.Refused, "policy.gather", "only a person of this hospital can ask other hospitals").
			WithHint("vouch for the person in the hl7-b2b extension when signing in")
	}
	if !resource.IsType(typ) {
		return Gathered{}, fault.New(fault.Invalid, "not-supported", "FHIR R4 has no such resource type").
			WithHint("types are spelled as in http://hl7.org/fhir/R4/resourcelist.html, for example _type=Observation")
	}
	asked := typ + "?" + params.Encode()
	ask := gate.Ask{Interaction: "gather", Action: consent.Access, Type: typ, Subject: subject, Query: asked, Elsewhere: true}
	pass, err := d.gate.Open(ctx, actor, ask, func(context.Context, gate.Allow) ([]gate.Record, error) { return nil, nil })
	if err != nil {
		return Gathered{}, err
	}
	var locators []*store.Locator
	err = d.store.View(ctx, func(v *store.View) (err error) {
		locators, err = v.Locators(subject)
		return err
	})
	if err != nil {
		return Gathered{}, fmt.Errorf("reading locators: %w", err)
	}
	answers := d.askAll(ctx, actor, locators, typ, params)
	out := Gathered{Receipts: pass.Receipts()}
	receipts, err := d.note(ctx, actor, subject, asked, answers)
	if err != nil {
		return Gathered{}, err
	}
	out.Receipts = append(out.Receipts, receipts...)
	for _, a := range answers {
		out.Custodians = append(out.Custodians, a.custodian)
	}
	out.Items = merge(answers)
	return out, nil
}

// answer is one custodian's, parsed.
type answer struct {
	custodian Custodian
	items     []Item
	docs      []*resource.Doc
	signed    []exchanged
}

// exchanged is what was signed of one request and its answer.
type exchanged struct {
	request *proof.Signed[proof.Request]
	answer  *proof.Signed[proof.Answer] // nil if the custodian signed none
}

// String names both by their ids, so that the halves of two logs can be paired.
func (e exchanged) String() string {
	if e.answer == nil {
		return hex.EncodeToString(e.request.ID[:]) + ":none"
	}
	return hex.EncodeToString(e.request.ID[:]) + ":" + hex.EncodeToString(e.answer.ID[:])
}

func (d *Desk) askAll(ctx context.Context, actor identity.Actor, locators []*store.Locator, typ string, params url.Values) []answer {
	answers := make([]answer, len(locators))
	var wg sync.WaitGroup
	for i, l := range locators {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, wait)
			defer cancel()
			err := fault.Guard(func() error {
				answers[i] = d.askOne(ctx, actor, l, typ, params)
				return nil
			})
			if err != nil {
				answers[i] = answer{custodian: Custodian{ID: l.Member, Name: l.Member, Fault: fault.As(err)}}
			}
		})
	}
	wg.Wait()
	slices.SortFunc(answers, func(a, b answer) int { return strings.Compare(a.custodian.ID, b.custodian.ID) })
	return answers
}

func (d *Desk) askOne(ctx context.Context, actor identity.Actor, l *store.Locator, typ string, params url.Values) answer {
	out := answer{custodian: Custodian{ID: l.Member, Name: l.Member}}
	m, ok := d.book.Member(l.Member)
	if !ok || !m.Active {
		out.custodian.Fault = fault.New(fault.NotFound, "no-member", "this hospital is no member of the network any more")
		return out
	}
	out.custodian.Name = m.Name
	query := url.Values{}
	for k, v := range params {
		query[k] = v
	}
	if !query.Has("_count") {
		query.Set("_count", page)
	}
	query.Set("patient", l.Patient)
	if typ == "Patient" {
		query.Del("patient")
		query.Set("_id", l.Patient)
	}
	consent := ""
	if l.Commitment != ([32]byte{}) {
		consent = gate.Reference(l.Commitment)
	}
	next, who := typ+"?"+query.Encode(), d.peers.PersonOf(actor, consent)
	for range pages {
		a, err := d.peers.Get(ctx, m, who, next)
		if a.Request != nil {
			out.signed = append(out.signed, exchanged{a.Request, a.Signed})
		}
		if err == nil {
			next, err = out.read(m, a)
		}
		if err != nil {
			out.custodian.Fault = fault.As(err)
			return out
		}
		if next == "" {
			return out
		}
	}
	out.custodian.Fault = fault.New(fault.TooLarge, "gather-truncated", "this hospital has more records than can be gathered at once; these are not all").
		WithHint("ask for less, for example by category, code or date")
	return out
}

// read adds a searchset's matches and returns the next page's path.
func (a *answer) read(m member.Member, got peer.Answer) (next string, err error) {
	bundle, err := resource.Parse(got.Body, resource.Limits{Bytes: len(got.Body), Nodes: 2_000_000})
	if err != nil || bundle.Type() != "Bundle" {
		return "", fault.Wrap(fault.Broken, "peer-answer", "the hospital "+m.ID+" answered with something that is not a bundle", err)
	}
	room := peer.Receipts - len(a.custodian.Receipts)
	a.custodian.Receipts = append(a.custodian.Receipts, got.Receipts[:min(len(got.Receipts), room)]...)
	for entry := range bundle.Root().Get("entry").Items() {
		if !entry.Get("search").Get("mode").Is("match") {
			continue
		}
		doc, err := resource.Parse(entry.Get("resource").Raw(), resource.Limits{})
		if err != nil || !resource.IsType(doc.Type()) || !resource.ValidID(doc.ID()) {
			return "", fault.Wrap(fault.Broken, "peer-answer", "the hospital "+m.ID+" answered with something that is not a record", err)
		}
		a.docs = append(a.docs, doc)
		a.items = append(a.items, Item{Raw: doc.Raw(), Sources: []Source{source(m, doc)}})
		a.custodian.Count++
	}
	for link := range bundle.Root().Get("link").Items() {
		if link.Get("relation").Is("next") {
			next, _ = link.Get("url").Text()
		}
	}
	if next == "" {
		return "", nil
	}
	path, ok := strings.CutPrefix(next, m.URL+"/fhir/")
	if !ok {
		return "", fault.Wrap(fault.Broken, "peer-answer", "the hospital "+m.ID+" points to a next page elsewhere", errors.New("next link outside the member's URL"))
	}
	return path, nil
}

// source says where a record is at a custodian. Nothing of it but the type, the
// id and the version is the custodian's word.
func source(m member.Member, doc *resource.Doc) Source {
	out := Source{Custodian: m.ID, URL: m.URL + "/fhir/" + doc.Type() + "/" + doc.ID()}
	version, _ := doc.Root().Get("meta").Get("versionId").Text()
	if version != "" && strings.Trim(version, "0123456789") == "" {
		out.Evidence = out.URL + "/_history/" + version + "/$evidence"
	}
	return out
}

// note writes what came back into this hospital's log: one event for each
// custodian, with that custodian's own receipts. It does so even if the one who
// asked has left, for the data has arrived.
func (d *Desk) note(ctx context.Context, actor identity.Actor, subject, asked string, answers []answer) ([]evidence.Receipt, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logging)
	defer cancel()
	drafts, err := d.drafts(actor, subject, asked, answers)
	if err != nil {
		return nil, err
	}
	halves, err := d.asked(ctx, subject, drafts, answers)
	if err != nil {
		return nil, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		for _, draft := range drafts {
			if err := draft.Append(tx); err != nil {
				return err
			}
		}
		for _, half := range halves {
			if err := half(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("logging what was received: %w", err)
	}
	d.halves.Wake()
	out := make([]evidence.Receipt, len(drafts))
	for i, draft := range drafts {
		out[i] = draft.Receipt()
	}
	return out, nil
}

// asked prepares what is kept of all that was signed.
func (d *Desk) asked(ctx context.Context, subject string, drafts []*evidence.Draft, answers []answer) (out []func(*store.Tx) error, err error) {
	for i := range answers {
		for _, e := range answers[i].signed {
			half, err := d.halves.Asked(ctx, subject, drafts[i], e.request, e.answer)
			if err != nil {
				return nil, fmt.Errorf("keeping what was signed: %w", err)
			}
			out = append(out, half)
		}
	}
	return out, nil
}

// drafts prepares the events. An answer that cannot be logged as it is is
// thrown away, and its event says so.
func (d *Desk) drafts(actor identity.Actor, subject, asked string, answers []answer) ([]*evidence.Draft, error) {
	var drafts []*evidence.Draft
	for i := range answers {
		a := &answers[i]
		draft, err := d.journal.Draft(received(actor, subject, asked, a.custodian, a.signed))
		if err != nil {
			bare := Custodian{ID: a.custodian.ID, Name: a.custodian.Name}
			bare.Fault = fault.Wrap(fault.Broken, "peer-answer", "the hospital "+bare.ID+" answered with something that cannot be logged, so it is not shown", err)
			*a = answer{custodian: bare, signed: a.signed}
			draft, err = d.journal.Draft(received(actor, subject, asked, bare, a.signed))
		}
		if err != nil {
			return nil, fmt.Errorf("logging what was received: %w", err)
		}
		drafts = append(drafts, draft)
	}
	return drafts, nil
}

// received is the event of one custodian's answer. It is allowed as soon as one
// record came, whatever happened after.
func received(actor identity.Actor, subject, asked string, c Custodian, signed []exchanged) proof.Event {
	ev := proof.Event{
		Kind: proof.KindDisclosureReceived, Time: time.Now().UnixMilli(), Actor: gate.Describe(actor), Subject: gate.PatientReference(subject),
		Purpose: actor.Purpose(), Action: "gather", Allowed: c.Fault == nil || c.Count > 0, Query: asked, Counterpart: c.ID,
		Detail: fmt.Sprintf("%d records; receipts %s", c.Count, strings.Join(c.Receipts, " ")),
	}
	if c.Fault != nil {
		ev.Rule, ev.Explanation = c.Fault.Code, c.Fault.Text
		ev.Detail += "; not complete: " + c.Fault.Code
	}
	for i, e := range signed {
		if i == 0 {
			ev.Detail += "; signed"
		}
		ev.Detail += " " + e.String()
	}
	return ev
}
