// Package term is the desk for questions about codes: what a code means, what a
// value set holds. It answers from the CodeSystem and ValueSet resources that
// this hospital stores, and from those that are built in (cairn/fhir/term). What
// is built in as a whole nobody here can change: a stored resource with its URL
// counts only for who asks for another version of it by name. Of what is built in
// in part, or takes codes from elsewhere, what is stored stands before it.
//
// A stored resource is used through the gate like any other: the entry of the
// use is in the log before its bytes are decrypted. What was read out of it is
// kept in memory under its version, which never changes; the gate is asked each
// time all the same. Other hospitals and patients are answered from what is
// built in: stored code systems may be licensed to this hospital.
package term

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"

	"cairn/consent"
	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/fhir/term"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/node/vault"
)

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	gate  *gate.Gate
	vault *vault.Vault
	store *store.Store

	mu      sync.Mutex
	systems map[gate.Ref]*term.System
	sets    map[gate.Ref]*term.Set
}

// maxKept bounds how many stored resources are kept read.
const maxKept = 64

// New makes the desk.
func New(g *gate.Gate, v *vault.Vault, st *store.Store) *Desk {
	return &Desk{gate: g, vault: v, store: st, systems: make(map[gate.Ref]*term.System), sets: make(map[gate.Ref]*term.Set)}
}

// Source is what one actor may know, for one request. It implements
// cairn/fhir/term.Source and cairn/fhir/search.Terms.
type Source struct {
	term.Shelf
	stored *stored
}

// For returns the source for an actor's request.
func (d *Desk) For(ctx context.Context, actor identity.Actor) Source {
	if actor.Kind() == identity.Peer || actor.Kind() == identity.Patient {
		return Source{Shelf: term.Shelf{term.Builtin()}}
	}
	s := &stored{desk: d, ctx: ctx, actor: actor, found: make(map[string]any)}
	return Source{Shelf: term.Shelf{term.Whole(), s, term.Builtin()}, stored: s}
}

// SetByID returns a stored ValueSet by its id.
func (s Source) SetByID(id string) (*term.Set, error) {
	if s.stored == nil {
		return nil, missing()
	}
	return byID(s.stored, "ValueSet", id, s.stored.desk.sets, term.ReadSet)
}

// SystemByID returns a stored CodeSystem by its id.
func (s Source) SystemByID(id string) (*term.System, error) {
	if s.stored == nil {
		return nil, missing()
	}
	return byID(s.stored, "CodeSystem", id, s.stored.desk.systems, term.ReadSystem)
}

func missing() error {
	return fault.New(fault.NotFound, "not-found", "there is no such record, or none that you may see")
}

// Expand lists the codings of a value set, for a search with :in or :not-in.
func (s Source) Expand(reference string) ([]search.Coding, error) {
	set, err := term.FindSet(s, reference)
	if err != nil {
		return nil, refusal(err)
	}
	got, err := term.Expand(s, set, term.Ask{Count: -1})
	return codings(got.Codes), refusal(err)
}

// Below lists a code and what is below it, for a search with :below.
func (s Source) Below(system, code string) ([]search.Coding, error) {
	found, err := term.FindSystem(s, system)
	if err != nil {
		return nil, refusal(err)
	}
	return codings(found.Below(code)), nil
}

// Above lists a code and what is above it, for a search with :above.
func (s Source) Above(system, code string) ([]search.Coding, error) {
	found, err := term.FindSystem(s, system)
	if err != nil {
		return nil, refusal(err)
	}
	return codings(found.Above(code)), nil
}

// refusal turns what the terminology answers into what a search is refused with.
func refusal(err error) error {
	var e *term.Error
	if errors.As(err, &e) {
		return &search.Error{Code: e.Code, Text: e.Text}
	}
	return err
}

func codings(list []term.Coding) []search.Coding {
	out := make([]search.Coding, len(list))
	for i, c := range list {
		out[i] = search.Coding{System: c.System, Code: c.Code}
	}
	return out
}

// stored is the source of what this hospital stores, for one request: what was
// found stays found, so that one request uses a resource, and logs its use,
// once.
type stored struct {
	desk  *Desk
	ctx   context.Context
	actor identity.Actor
	found map[string]any
}

func (s *stored) System(url, version string) (*term.System, error) {
	return byURL(s, "CodeSystem", url, version, s.desk.systems, term.ReadSystem)
}

func (s *stored) Set(url, version string) (*term.Set, error) {
	return byURL(s, "ValueSet", url, version, s.desk.sets, term.ReadSet)
}

// byURL returns the newest stored resource with a canonical URL, nil if there
// is none.
func byURL[T any](s *stored, typ, canonical, version string, kept map[gate.Ref]*T, read func(*resource.Doc) (*T, error)) (*T, error) {
	name := typ + " " + version + " " + canonical
	if one, ok := s.found[name].(*T); ok {
		return one, nil
	}
	values := url.Values{"url": {search.Escape(canonical)}}
	if version != "" {
		values.Set("version", search.Escape(version))
	}
	q, err := search.ParseQuery(typ, values, search.Options{})
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "invalid", "this is not a canonical URL", err)
	}
	one, err := newest(s, q, kept, read)
	if err == nil {
		s.found[name] = one
	}
	return one, err
}

func byID[T any](s *stored, typ, id string, kept map[gate.Ref]*T, read func(*resource.Doc) (*T, error)) (*T, error) {
	q, err := search.ParseQuery(typ, url.Values{"_id": {id}}, search.Options{})
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "invalid", err.Error(), err)
	}
	found, err := newest(s, q, kept, read)
	if err == nil && found == nil {
		err = missing()
	}
	return found, err
}

// newest opens the record that was updated last of those that a search finds.
func newest[T any](s *stored, q search.Query, kept map[gate.Ref]*T, read func(*resource.Doc) (*T, error)) (*T, error) {
	row, err := s.row(q)
	if row == nil || err != nil {
		return nil, err
	}
	pass, err := s.pass(row)
	if err != nil {
		return nil, err
	}
	ref := pass.Refs()[0]
	s.desk.mu.Lock()
	have := kept[ref]
	s.desk.mu.Unlock()
	if have != nil {
		return have, nil
	}
	opened, err := s.desk.vault.Open(s.ctx, pass, ref, row)
	if err != nil {
		return nil, err
	}
	doc, err := resource.Parse(opened.Raw, resource.Limits{})
	if err != nil {
		return nil, fault.Wrap(fault.Broken, "record-damaged", "a stored code system or value set cannot be read", err)
	}
	one, err := read(doc)
	if err != nil {
		return nil, err
	}
	s.desk.mu.Lock()
	defer s.desk.mu.Unlock()
	if len(kept) >= maxKept {
		clear(kept)
	}
	kept[ref] = one
	return one, nil
}

// row looks a resource up without opening it.
func (s *stored) row(q search.Query) (row *store.Version, err error) {
	err = s.desk.store.View(s.ctx, func(v *store.View) error {
		page, err := v.Search(q, nil)
		if err != nil || len(page.Hits) == 0 {
			return err
		}
		h := slices.MaxFunc(page.Hits, func(a, b store.Hit) int { return cmp.Compare(a.Updated, b.Updated) })
		row, err = v.Version(h.Type, h.ID, h.Version)
		return err
	})
	return row, err
}

// pass has the gate decide about one record and note its use.
func (s *stored) pass(row *store.Version) (gate.Pass, error) {
	ref := gate.Ref{Type: row.Type, ID: row.ID, Version: row.Version}
	ask := gate.Ask{Interaction: "terminology", Action: consent.Access, Type: ref.Type, Query: fmt.Sprintf("%s/%s/_history/%d", ref.Type, ref.ID, ref.Version)}
	pass, err := s.desk.gate.Open(s.ctx, s.actor, ask, func(_ context.Context, allow gate.Allow) ([]gate.Record, error) {
		if !allow(nil, gate.Older(row.Subject, row.Facets)) {
			return nil, nil
		}
		commitment, err := vault.Commitment(row.Body)
		return []gate.Record{{Ref: ref, Subject: row.Subject, Facets: row.Facets, Commitment: commitment}}, err
	})
	if err == nil && len(pass.Refs()) == 0 {
		err = missing()
	}
	return pass, err
}
