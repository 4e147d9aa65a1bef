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
// they refer to by a search parameter and is about nobody: who acted, where, with what (FHIR R4
// 8.1.13). What her consent hides is not there.
func (d *Desk) Everything(ctx context.Context, actor identity.Actor, id string, e Everything) (Page, error) {
	queries, err := e.queries(id)
	if err != nil {
		return Page{}, err
	}
	f := &finding{desk: d, queries: queries, counted: true, page: Page{Total: -1}}
	f.also = func(subject string, x search.Facets) bool {
		return (subject == id || subject == "") && (e.Lo == e.Hi || x.Lo == x.Hi || x.Lo < e.Hi && x.Hi > e.Lo)
	}
	ask := gate.Ask{Interaction: "everything", Action: consent.Access, Subject: id, Query: "Patient/" + id + "/$everything"}
	page, err := f.open(ctx, actor, ask)
	if err != nil {
		return Page{}, unseen(actor, err)
	}
	if e.Cursor == "" && len(e.Types) == 0 && len(page.Versions) == 0 {
		return Page{}, missing()
	}
	return page, nil
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
