package record

import (
	"context"
	"net/url"
	"slices"

	"cairn/consent"
	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
)

// Everything says what of a patient's record is wanted.
type Everything struct {
	Types  []string // empty: all
	Lo, Hi int64    // records that happened in [Lo, Hi), Unix milliseconds; 0, 0: whenever. Those that do not say when are wanted too
	Since  string   // a FHIR instant: records updated from then on; "": all
	Count  int      // entries a page; 0: everythingPage
	Cursor string
}

// everythingPage is how many matches a page has where nothing is said.
const everythingPage = 200

// Everything finds all records about a patient, herself first, and includes what
// they refer to, one step away, and is about nobody: who acted, where, with what
// (FHIR R4 8.1.13). What her consent hides is not there, and what it refers to is
// not looked for.
//
// What records refer to by a search parameter is found with them. The rest stands
// in their bytes only: it is looked for once they are open, and is an access of
// its own if there is any.
func (d *Desk) Everything(ctx context.Context, actor identity.Actor, id string, e Everything) (Page, error) {
	queries, err := e.queries(id)
	if err != nil {
		return Page{}, err
	}
	f := &finding{desk: d, queries: queries, counted: true, page: Page{Total: -1}}
	f.also = func(subject string, x search.Facets) bool {
		return (subject == id || subject == "") && (len(e.Types) == 0 || slices.Contains(e.Types, x.Type)) &&
			(e.Lo == e.Hi || x.Lo == x.Hi || x.Lo < e.Hi && x.Hi > e.Lo)
	}
	f.includes = func(subject string, x search.Facets) bool { return subject == "" && f.also(subject, x) }
	known := false
	f.look = func(v *store.View, allow gate.Allow) error {
		her, err := currentOf(v, []name{{"Patient", id}}, func(h *store.Hit) bool { return allow(v, gate.Found(h)) })
		known = len(her) > 0
		return err
	}
	ask := gate.Ask{Interaction: "everything", Action: consent.Access, Subject: id, Query: "Patient/" + id + "/$everything"}
	page, err := f.open(ctx, actor, ask)
	if err != nil {
		return Page{}, unseen(actor, err)
	}
	if e.Cursor == "" && len(page.Versions) == 0 && !known {
		return Page{}, missing()
	}
	return f.refer(ctx, actor, ask, page)
}

// mostReferred bounds the records that are looked for in the bytes of a page, and
// mostIncluded those that a page includes.
const (
	mostReferred = 10_000
	mostIncluded = 1000
)

func tooMuchReferred() error {
	return fault.New(fault.Invalid, "too-costly", "This page would include too many records.").
		WithHint("Ask for smaller pages with _count, or for fewer types with _type.")
}

// name tells which record is meant.
type name struct{ typ, id string }

// refer adds to a page what the records on it that match refer to and is not on
// it.
func (f *finding) refer(ctx context.Context, actor identity.Actor, ask gate.Ask, page Page) (Page, error) {
	names, err := referred(page.Versions)
	if err != nil {
		return Page{}, err
	}
	there, err := f.there(ctx, names)
	if err != nil || len(there) == 0 {
		return page, err
	}
	more := &finding{desk: f.desk, also: f.also}
	find := func(ctx context.Context, allow gate.Allow) ([]gate.Record, error) {
		more.rows, more.found = nil, nil
		err := f.desk.store.View(ctx, func(v *store.View) error {
			hits, err := currentOf(v, there, func(h *store.Hit) bool { return f.includes(h.Subject, h.Facets) && allow(v, gate.Found(h)) })
			if err != nil {
				return err
			}
			return more.takeIncluded(v, hits)
		})
		return more.found, err
	}
	rest, err := more.opened(ctx, actor, ask, find)
	if err != nil {
		return Page{}, unseen(actor, err)
	}
	if len(rest.Versions) == 0 { // no receipt tells that there is something hidden
		return page, nil
	}
	page.Versions, page.Receipts = append(page.Versions, rest.Versions...), append(page.Receipts, rest.Receipts...)
	if len(page.Versions)-f.matches > mostIncluded {
		return Page{}, tooMuchReferred()
	}
	return page, nil
}

// there are those of some names that a record of the hospital has which may be
// included as far as this operation goes. So that nothing stands in the log of
// which there was nothing to be seen, this is looked up first.
func (f *finding) there(ctx context.Context, names []name) (some []name, err error) {
	if len(names) == 0 {
		return nil, nil
	}
	err = f.desk.store.View(ctx, func(v *store.View) error {
		hits, err := currentOf(v, names, func(h *store.Hit) bool { return f.includes(h.Subject, h.Facets) })
		for _, h := range hits {
			some = append(some, name{h.Type, h.ID})
		}
		return err
	})
	if len(some) > mostIncluded {
		return nil, tooMuchReferred()
	}
	return some, err
}

// currentOf returns the current records with some names that are wanted.
func currentOf(v *store.View, names []name, wanted func(*store.Hit) bool) (hits []store.Hit, err error) {
	for _, n := range names {
		h, err := v.Current(n.typ, n.id)
		if fault.Is(err, fault.NotFound) || err == nil && (h.Deleted || !wanted(&h)) {
			continue
		}
		if err != nil {
			return nil, err
		}
		hits = append(hits, h)
	}
	return hits, nil
}

// referred are the records to which those that match refer, each once, without
// those that are there.
func referred(versions []Version) (names []name, err error) {
	seen := make(map[name]bool, len(versions))
	for i := range versions {
		seen[name{versions[i].Type, versions[i].ID}] = true
	}
	for i := range versions {
		if versions[i].Mode != Match {
			continue
		}
		doc, err := resource.Parse(versions[i].Raw, resource.Limits{})
		if err != nil {
			return nil, fault.Wrap(fault.Broken, "record-damaged", "a record cannot be read", err)
		}
		for _, reference := range doc.References() {
			typ, id, local, ok := resource.Target(reference)
			n := name{typ, id}
			if !ok || !local || seen[n] {
				continue
			}
			if len(names) == mostReferred {
				return nil, tooMuchReferred()
			}
			seen[n] = true
			names = append(names, n)
		}
	}
	return names, nil
}

// queries are one search a type, the patient first.
func (e Everything) queries(id string) (out []search.Query, err error) {
	count := e.Count
	if count <= 0 {
		count = everythingPage
	}
	values := url.Values{}
	if e.Since != "" {
		values.Set("_lastUpdated", "ge"+e.Since)
	}
	for _, typ := range append([]string{"Patient"}, resource.Types()...) {
		if !search.Protected(typ) || typ == "Patient" && len(out) > 0 || len(e.Types) > 0 && !slices.Contains(e.Types, typ) {
			continue
		}
		q, err := search.ParseQuery(typ, values, search.Options{})
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, "invalid", err.Error(), err).At("_since")
		}
		q.Subject = id
		out = append(out, q)
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Invalid, "value", "_type names no type that can be about a patient").At("_type")
	}
	out[0].Count, out[0].Cursor = min(count, search.MaxCount), e.Cursor
	out[0].Includes = []search.Include{{Type: "*", Param: "*"}}
	return out, nil
}
