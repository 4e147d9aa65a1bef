package record

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"cairn/consent"
	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// draft is a record version on its way into the store.
type draft struct {
	version Version
	subject string
	index   search.Index
	ready   *store.Ready
	body    []byte
	event   *evidence.Draft
	expect  uint64 // the version that must be current; 0: none
}

// among is what else is written together with a record.
type among struct {
	patients map[string]bool                       // ids of patients that come with it
	link     func(reference string) (string, bool) // what references mean that name others of it; nil: none does
	met      sync.Map                              // patients who were looked up and are known here
	heads    map[name]store.Head                   // of the records that were looked up; the zero Head if there is none
}

// look fills heads for records of which the next version may be made.
func (a *among) look(ctx context.Context, st *store.Store, names []name) error {
	if len(names) == 0 {
		return nil
	}
	a.heads = make(map[name]store.Head, len(names))
	byType := make(map[string][]string)
	for _, n := range names {
		a.heads[n] = store.Head{}
		byType[n.typ] = append(byType[n.typ], n.id)
	}
	return st.View(ctx, func(v *store.View) error {
		for typ, ids := range byType {
			heads, err := v.Heads(typ, ids)
			if err != nil {
				return err
			}
			for id, head := range heads {
				a.heads[name{typ, id}] = head
			}
		}
		return nil
	})
}

// prepare stamps, indexes, seals and drafts one version; nothing is written
// yet. with is nil for a record on its own.
func (d *Desk) prepare(ctx context.Context, actor identity.Actor, doc *resource.Doc, id string, version uint64, with *among) (*draft, error) {
	if doc.Type() == "Subscription" {
		return nil, notHere()
	}
	now := time.Now().UnixMilli()
	stamped, err := d.stamp(with, doc, id, fmt.Sprint(version), time.UnixMilli(now).UTC().Format("2006-01-02T15:04:05.000Z"))
	if err != nil {
		return nil, Invalid(err)
	}
	if err := d.valid(ctx, actor, stamped); err != nil {
		return nil, err
	}
	out := &draft{version: Version{Type: doc.Type(), ID: id, Version: version, Updated: now, Raw: stamped.Raw(), Created: version == 1}, expect: version - 1}
	if out.index, err = search.Extract(stamped); err != nil {
		return nil, Invalid(err)
	}
	out.subject = out.index.Subject
	if err := d.about(ctx, stamped, out, with); err != nil {
		return nil, err
	}
	kind, action := proof.KindRecordStored, "create"
	if version > 1 {
		kind, action = proof.KindRecordUpdated, "update"
	}
	return out, d.seal(ctx, actor, out, kind, action)
}

// known returns whom the others bring.
func (a *among) known() map[string]bool {
	if a == nil {
		return nil
	}
	return a.patients
}

// notHere refuses a subscription: it belongs to its subscriber, and is no record
// that every reader of records may see. It has a desk of its own.
func notHere() error {
	return fault.New(fault.Unsupported, "not-supported", "a Subscription is made, changed and deleted by a request of its own").
		WithHint("POST it to [base]/Subscription, or PUT it to [base]/Subscription/[id]").At("resourceType")
}

// about refuses, before anything is sealed, a record about a patient whom this
// hospital does not have, and one that is about a person but not about one
// local patient: it would belong to nobody's consent and nobody's log.
func (d *Desk) about(ctx context.Context, doc *resource.Doc, out *draft, with *among) error {
	if out.subject != "" {
		return d.acquainted(ctx, out, with)
	}
	for _, name := range []string{"subject", "patient", "beneficiary"} {
		who := doc.Root().Get(name)
		if !who.Exists() || who.Kind() != resource.Object {
			continue
		}
		reference, _ := who.Get("reference").Text()
		if typ, _, local, ok := resource.Target(reference); ok && local && typ != "Patient" {
			continue // a Group, a Device, a Location
		}
		return fault.New(fault.Invalid, "value", "this must say which patient of this hospital it is about").
			WithHint("write the reference as Patient/ID").At(doc.Type() + "." + name + ".reference")
	}
	return nil
}

// acquainted is known before the write itself, which looks once more.
func (d *Desk) acquainted(ctx context.Context, out *draft, with *among) error {
	if with != nil {
		if _, met := with.met.Load(out.subject); met {
			return nil
		}
	}
	err := d.store.View(ctx, func(v *store.View) error { return known(v, out, with.known()) })
	if err == nil && with != nil {
		with.met.Store(out.subject, true)
	}
	return err
}

// seal asks the gate, encrypts the bytes and drafts the event.
func (d *Desk) seal(ctx context.Context, actor identity.Actor, out *draft, kind, action string) error {
	v := out.version
	change := gate.Change{Ref: v.Ref(), After: &out.index}
	if v.Deleted {
		change.After = nil
	}
	ask := gate.Ask{Interaction: action, Action: consent.Correct, Type: v.Type, Subject: out.subject, Query: v.Type}
	permit, err := d.gate.Write(ctx, actor, ask, change)
	if err != nil {
		return err
	}
	out.ready = store.Prepare(v.Type, &out.index)
	if err := bounded(out); err != nil {
		return err
	}
	sealed, err := d.vault.Seal(ctx, permit, out.subject, v.Ref(), out.ready.Facets(), v.Raw)
	if err != nil {
		return err
	}
	out.body = sealed.Body
	out.index = search.Index{} // what is stored of it is ready, and many drafts may wait at once
	out.event, err = d.journal.Draft(proof.Event{
		Kind: kind, Time: v.Updated, Actor: gate.Describe(actor), Subject: gate.PatientReference(out.subject),
		Purpose: actor.Purpose(), Action: action, Allowed: true, Rule: "policy.write",
		Records: []proof.Record{{Type: v.Type, ID: v.ID, Version: v.Version, Commitment: sealed.Commitment}},
	})
	return err
}

// write puts a prepared version, its search values and its event into one
// store transaction.
func (d *Desk) write(tx *store.Tx, w *draft) error {
	v := w.version
	if err := d.gate.Writable(w.subject); err != nil {
		return err
	}
	err := tx.PutRecord(store.Record{ // it looks before it writes
		Type: v.Type, ID: v.ID, Version: v.Version, Subject: w.subject, Updated: v.Updated, Deleted: v.Deleted,
		Entry: tx.Next(), Body: w.body, Index: w.index, Ready: w.ready,
	}, w.expect)
	if err != nil {
		return err
	}
	if w.subject != "" && gate.Ties(v.Type) {
		if err := tx.Tied(w.subject); err != nil {
			return err
		}
	}
	if err := w.event.Append(tx); err != nil {
		return err
	}
	w.version.Receipt = w.event.Receipt()
	return nil
}

// current is a view of the store or an update of it.
type current interface {
	Head(typ, id string) (store.Head, error)
}

// known refuses a record about a patient whom this hospital does not have, or
// who is not among those that the same transaction creates.
func known(v current, w *draft, also map[string]bool) error {
	if w.subject == "" || w.version.Type == "Patient" || also[w.subject] {
		return nil
	}
	found, err := v.Head("Patient", w.subject)
	if err == nil && !found.Deleted {
		return nil
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return fault.New(fault.Invalid, "not-found", "the patient whom this record is about is not known at this hospital").
		WithHint("create the Patient first, or in the same transaction").At(w.version.Type + ".subject")
}

// hold is something that must still be so in the transaction that writes.
type hold func(*store.Tx) error

// batch is what one store transaction writes.
type batch struct {
	drafts   []*draft        // nil ones write nothing
	where    []string        // of each draft, the entry that it comes from; nil: there are no entries
	patients map[string]bool // whom it creates
	order    []int           // in which the drafts are written; nil: as they stand
	holds    []hold          // what must still be so before anything is written
}

// commit writes a batch: all of it or nothing.
func (d *Desk) commit(ctx context.Context, b *batch) error {
	return d.store.Update(ctx, func(tx *store.Tx) error {
		for _, holds := range b.holds {
			if err := holds(tx); err != nil {
				return err
			}
		}
		here := maps.Clone(b.patients)
		if here == nil {
			here = make(map[string]bool)
		}
		for n := range b.drafts {
			i := n
			if b.order != nil {
				i = b.order[n]
			}
			if err := d.put(tx, b.drafts[i], here); err != nil {
				if b.where != nil {
					err = at(err, b.where[i])
				}
				return err
			}
		}
		return nil
	})
}

// put writes one draft of a batch. here is whom the same transaction brings, and
// who was found to be here in it.
func (d *Desk) put(tx *store.Tx, w *draft, here map[string]bool) error {
	if w == nil {
		return nil
	}
	if w.version.Deleted {
		delete(here, w.subject)
		return d.write(tx, w)
	}
	if err := known(tx, w, here); err != nil {
		return err
	}
	here[w.subject] = true
	return d.write(tx, w)
}

// tries bounds how often a write looks again after somebody else was faster.
const tries = 64

// repeat commits what prepare gives, and has it prepared again while somebody
// else is faster. A nil batch writes nothing.
func (d *Desk) repeat(ctx context.Context, prepare func() (*batch, error)) error {
	for range tries {
		b, err := prepare()
		if err == nil && b != nil {
			err = d.commit(ctx, b)
		}
		if !raced(err) {
			return err
		}
	}
	return contention()
}

func contention() error {
	return fault.New(fault.Conflict, "contention", "others keep changing this record").WithHint("try again")
}

// single is the batch of a single draft; none for a nil one.
func single(w *draft, holds ...hold) *batch {
	if w == nil {
		return nil
	}
	return &batch{drafts: []*draft{w}, holds: holds}
}

// raced tells whether a commit failed because the store is not what it was when
// the batch was prepared.
func raced(err error) bool {
	f := fault.As(err)
	return f != nil && (f.Code == "store.changed" || f.Code == "store.exists" || f.Code == codeRaced)
}

const codeRaced = "raced"

// mayWrite asks the gate before anything about what is there is looked at.
func (d *Desk) mayWrite(ctx context.Context, actor identity.Actor, action, typ string) error {
	return d.gate.MayWrite(ctx, actor, gate.Ask{Interaction: action, Action: consent.Correct, Type: typ, Query: typ})
}

// headOf returns the head of a record, the zero Head if there is none.
func (d *Desk) headOf(ctx context.Context, n name, with *among) (store.Head, error) {
	if with != nil {
		if head, looked := with.heads[n]; looked {
			return head, nil
		}
	}
	head, err := d.head(ctx, n.typ, n.id)
	if fault.Is(err, fault.NotFound) {
		return store.Head{}, nil
	}
	return head, err
}

// next prepares the version after the current one.
func (d *Desk) next(ctx context.Context, actor identity.Actor, doc *resource.Doc, id string, expect Expect, with *among) (*draft, error) {
	n := name{doc.Type(), id}
	head, err := d.headOf(ctx, n, with)
	if err != nil {
		return nil, err
	}
	have := head.Version
	if have > 0 {
		if known, err := d.knows(ctx, actor, "update", n); err != nil || !known {
			return nil, cmp.Or(err, d.taken(ctx, actor, doc, id, expect, with))
		}
	}
	if err := d.fits(expect, head); err != nil {
		if have == 0 {
			_, logged := d.knows(ctx, actor, "update", n)
			err = cmp.Or(logged, err)
		}
		return nil, err
	}
	w, err := d.prepare(ctx, actor, doc, id, have+1, with)
	if err != nil {
		return nil, err
	}
	if have > 0 && head.Subject != w.subject {
		return nil, fault.New(fault.Conflict, "business-rule", "a record cannot be moved to another patient").
			WithHint("delete it and create it anew for the right patient")
	}
	w.version.Created = w.version.Created || have > 0 && head.Deleted // brought back to life
	return w, nil
}
