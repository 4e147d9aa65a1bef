// Package record is the desk for clinical records: create, read, version read,
// update, delete, search and transaction. Every one of them goes through the
// gate; what is stored is the exact bytes that were acknowledged.
package record

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"cairn/consent"
	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/node/vault"
	"cairn/proof"
)

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	gate    *gate.Gate
	vault   *vault.Vault
	journal *evidence.Journal
	store   *store.Store
}

// New makes the desk.
func New(g *gate.Gate, v *vault.Vault, j *evidence.Journal, st *store.Store) *Desk {
	return &Desk{gate: g, vault: v, journal: j, store: st}
}

// Version is one version of a record as the desk answers.
type Version struct {
	Type, ID string
	Version  uint64
	Updated  int64  // Unix milliseconds
	Raw      []byte // the exact bytes; nil when Deleted
	Deleted  bool
	Created  bool // by this request
	Mode     Mode // on the page of a search
	Receipt  evidence.Receipt
}

// Ref returns which version this is.
func (v Version) Ref() gate.Ref { return gate.Ref{Type: v.Type, ID: v.ID, Version: v.Version} }

// Location returns the version's relative URL (FHIR R4 3.1.0.8).
func (v Version) Location() string {
	return fmt.Sprintf("%s/%s/_history/%d", v.Type, v.ID, v.Version)
}

// parse reads a resource and checks that it is of the type that the URL names.
func parse(typ string, body []byte) (*resource.Doc, error) {
	doc, err := resource.Parse(body, resource.Limits{})
	if err != nil {
		return nil, Invalid(err)
	}
	if typ != "" && doc.Type() != typ {
		return nil, fault.New(fault.Invalid, "invalid", "the resource is not of the type that the URL names").At("resourceType")
	}
	return doc, nil
}

// Invalid turns an error of the resource room into a fault that keeps its
// issue code and expression.
func Invalid(err error) error {
	var e *resource.Error
	if !errors.As(err, &e) {
		return fault.Wrap(fault.Invalid, "invalid", "this is not a valid resource", err)
	}
	kind := fault.Invalid
	if e.Code == "too-long" || e.Code == "too-costly" {
		kind = fault.TooLarge
	}
	return fault.New(kind, string(e.Code), e.Text).At(e.Expression)
}

// draft is a record version on its way into the store.
type draft struct {
	version Version
	subject string
	index   search.Index
	body    []byte
	event   *evidence.Draft
	expect  uint64 // the version that must be current; 0: none
}

// prepare stamps, indexes, seals and drafts one version. doc carries resolved
// references, also names patients that the same transaction creates; nothing is
// written yet.
func (d *Desk) prepare(ctx context.Context, actor identity.Actor, doc *resource.Doc, id string, version uint64, also map[string]bool) (*draft, error) {
	now := time.Now().UnixMilli()
	raw := resource.Stamp(doc, id, fmt.Sprint(version), time.UnixMilli(now).UTC().Format("2006-01-02T15:04:05.000Z"))
	stamped, err := resource.Parse(raw, resource.Limits{})
	if err != nil {
		return nil, Invalid(err)
	}
	if err := structure(stamped); err != nil {
		return nil, err
	}
	out := &draft{version: Version{Type: doc.Type(), ID: id, Version: version, Updated: now, Raw: raw, Created: version == 1}, expect: version - 1}
	if out.index, err = search.Extract(stamped); err != nil {
		return nil, Invalid(err)
	}
	out.subject = out.index.Subject
	if err := d.about(ctx, stamped, out, also); err != nil {
		return nil, err
	}
	kind, action := proof.KindRecordStored, "create"
	if version > 1 {
		kind, action = proof.KindRecordUpdated, "update"
	}
	return out, d.seal(ctx, actor, out, kind, action)
}

// about refuses, before anything is sealed, a record about a patient whom this
// hospital does not have, and one that is about a person but not about one
// local patient: it would belong to nobody's consent and nobody's log.
func (d *Desk) about(ctx context.Context, doc *resource.Doc, out *draft, also map[string]bool) error {
	if out.subject != "" {
		return d.store.View(ctx, func(v *store.View) error { return known(v, out, also) })
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

// seal asks the gate, encrypts the bytes and drafts the event.
func (d *Desk) seal(ctx context.Context, actor identity.Actor, out *draft, kind, action string) error {
	v := out.version
	permit, err := d.gate.Write(ctx, actor, gate.Ask{Interaction: action, Action: consent.Correct, Subject: out.subject, Query: v.Type})
	if err != nil {
		return err
	}
	sealed, err := d.vault.Seal(ctx, permit, out.subject, v.Ref(), store.EncodeFacets(&out.index.Facets), v.Raw)
	if err != nil {
		return err
	}
	out.body = sealed.Body
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
	if err := w.event.Append(tx); err != nil {
		return err
	}
	w.version.Receipt = w.event.Receipt()
	v := w.version
	return tx.PutRecord(store.Record{
		Type: v.Type, ID: v.ID, Version: v.Version, Subject: w.subject, Updated: v.Updated, Deleted: v.Deleted,
		Entry: w.version.Receipt.Index, Body: w.body, Index: w.index,
	}, w.expect)
}

// Create stores a new record under an id of its own (FHIR R4 3.1.0.8). An id
// in the body is ignored.
func (d *Desk) Create(ctx context.Context, actor identity.Actor, typ string, body []byte) (Version, error) {
	doc, err := parse(typ, body)
	if err != nil {
		return Version{}, err
	}
	w, err := d.prepare(ctx, actor, doc, uuid.NewString(), 1, nil)
	if err != nil {
		return Version{}, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := known(tx, w, nil); err != nil {
			return err
		}
		return d.write(tx, w)
	})
	return w.version, err
}

// current is a view of the store or an update of it.
type current interface {
	Current(typ, id string) (store.Hit, error)
}

// known refuses a record about a patient whom this hospital does not have, or
// who is not among those that the same transaction creates.
func known(v current, w *draft, also map[string]bool) error {
	if w.subject == "" || w.version.Type == "Patient" || also[w.subject] {
		return nil
	}
	found, err := v.Current("Patient", w.subject)
	if err == nil && !found.Deleted {
		return nil
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return fault.New(fault.Invalid, "not-found", "the patient whom this record is about is not known at this hospital").
		WithHint("create the Patient first, or in the same transaction").At(w.version.Type + ".subject")
}

// Update stores the next version of a record, or its first under the client's
// id (FHIR R4 3.1.0.4, update as create). ifMatch is the version that must be
// current, 0 for no condition.
func (d *Desk) Update(ctx context.Context, actor identity.Actor, typ, id string, body []byte, ifMatch uint64) (Version, error) {
	if err := d.mayWrite(ctx, actor, "update", typ); err != nil {
		return Version{}, err
	}
	doc, err := parse(typ, body)
	if err != nil {
		return Version{}, err
	}
	if doc.ID() != id {
		return Version{}, fault.New(fault.Invalid, "invalid", "the id in the resource must be the id in the URL").At("id")
	}
	for range tries { // somebody else may be faster; then look again
		w, err := d.next(ctx, actor, doc, id, ifMatch, nil)
		if err != nil {
			return Version{}, err
		}
		err = d.store.Update(ctx, func(tx *store.Tx) error {
			if err := known(tx, w, nil); err != nil {
				return err
			}
			return d.write(tx, w)
		})
		if ifMatch != 0 || !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Precondition) {
			return w.version, err
		}
	}
	return Version{}, contention()
}

// tries bounds how often a write without a condition looks again after somebody
// else was faster.
const tries = 64

func contention() error {
	return fault.New(fault.Conflict, "contention", "others keep changing this record").WithHint("try again")
}

// mayWrite asks the gate before anything about what is there is looked at.
func (d *Desk) mayWrite(ctx context.Context, actor identity.Actor, action, typ string) error {
	_, err := d.gate.Write(ctx, actor, gate.Ask{Interaction: action, Action: consent.Correct, Query: typ})
	return err
}

func changed() error {
	return fault.New(fault.Precondition, "conflict", "the record was changed since it was read").
		WithHint("read it again and repeat the change")
}

// next prepares the version after the current one.
func (d *Desk) next(ctx context.Context, actor identity.Actor, doc *resource.Doc, id string, ifMatch uint64, also map[string]bool) (*draft, error) {
	head, err := d.head(ctx, doc.Type(), id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	var have uint64
	if err == nil {
		have = head.Version
	}
	if ifMatch != 0 && ifMatch != have {
		return nil, changed()
	}
	w, err := d.prepare(ctx, actor, doc, id, have+1, also)
	if err != nil {
		return nil, err
	}
	if have > 0 && head.Subject != w.subject {
		return nil, fault.New(fault.Conflict, "business-rule", "a record cannot be moved to another patient").
			WithHint("delete it and create it anew for the right patient")
	}
	return w, nil
}

func (d *Desk) head(ctx context.Context, typ, id string) (head store.Hit, err error) {
	err = d.store.View(ctx, func(v *store.View) error {
		head, err = v.Current(typ, id)
		return err
	})
	return head, err
}

// Delete stores a version that says the record is deleted (FHIR R4 3.1.0.7).
// Deleting what is not there, or is deleted already, succeeds. ifMatch is the
// version that must be current, 0 for no condition.
func (d *Desk) Delete(ctx context.Context, actor identity.Actor, typ, id string, ifMatch uint64) (Version, error) {
	if err := d.mayWrite(ctx, actor, "delete", typ); err != nil {
		return Version{}, err
	}
	for range tries {
		w, err := d.nextDeleted(ctx, actor, typ, id, ifMatch)
		if err != nil || w == nil {
			return Version{Type: typ, ID: id, Deleted: true}, err
		}
		err = d.store.Update(ctx, func(tx *store.Tx) error { return d.write(tx, w) })
		if ifMatch != 0 || !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Precondition) {
			return w.version, err
		}
	}
	return Version{}, contention()
}

// nextDeleted prepares the version that says deleted; nil if there is nothing
// to delete.
func (d *Desk) nextDeleted(ctx context.Context, actor identity.Actor, typ, id string, ifMatch uint64) (*draft, error) {
	head, err := d.head(ctx, typ, id)
	if fault.Is(err, fault.NotFound) || err == nil && head.Deleted {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if ifMatch != 0 && ifMatch != head.Version {
		return nil, changed()
	}
	w := &draft{subject: head.Subject, expect: head.Version, version: Version{
		Type: typ, ID: id, Version: head.Version + 1, Updated: time.Now().UnixMilli(), Deleted: true,
	}}
	return w, d.seal(ctx, actor, w, proof.KindRecordDeleted, "delete")
}
