package record

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"sync"

	"cairn/consent"
	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
)

// Mode says why a version is on a page (http://hl7.org/fhir/search-entry-mode).
type Mode string

// The modes of a searchset's entries.
const (
	Match   Mode = "match"
	Include Mode = "include"
)

// Page is one page of a search: what matches, then what is included.
type Page struct {
	Versions []Version
	Total    int    // matches on all pages; -1 when they were not counted
	Next     string // cursor of the next page, "" at the end
	Receipts []evidence.Receipt
}

// Search finds records (FHIR R4 3.1.1). What the patient's consent hides is
// neither counted nor paged over, no chain leads through it, and it is not
// included.
//
// Matches are counted when the search names a patient, or is of a type that is
// about none and asks for it. A count over several patients is refused: it would
// have to stand in the log of each.
func (d *Desk) Search(ctx context.Context, actor identity.Actor, q search.Query, asked string) (Page, error) {
	return d.SearchMany(ctx, actor, []search.Query{q}, asked)
}

// SearchMany is Search for several types at once, as in [base]?_type=A,B and in
// compartments: one query for each, which name the same patient or none. How the
// answer is to look is said by the first.
func (d *Desk) SearchMany(ctx context.Context, actor identity.Actor, queries []search.Query, asked string) (Page, error) {
	f := &finding{desk: d, queries: slices.Clone(queries), page: Page{Total: -1}}
	ask, err := f.ask(actor, asked)
	if err != nil {
		return Page{}, err
	}
	return f.open(ctx, actor, ask)
}

// open finds, has the gate decide and log, and opens what it lets through.
func (f *finding) open(ctx context.Context, actor identity.Actor, ask gate.Ask) (Page, error) {
	return f.opened(ctx, actor, ask, f.find)
}

// opened is open with another way to find.
func (f *finding) opened(ctx context.Context, actor identity.Actor, ask gate.Ask, find gate.Find) (Page, error) {
	pass, err := f.desk.gate.Open(ctx, actor, ask, find)
	if err != nil {
		return Page{}, err
	}
	f.page.Receipts = pass.Receipts()
	f.page.Versions = make([]Version, 0, len(f.rows))
	weight := 0
	for i, ref := range pass.Refs() {
		opened, err := f.desk.vault.Open(ctx, pass, ref, f.rows[i])
		if err != nil {
			return Page{}, err
		}
		if weight += len(opened.Raw); weight > openedBytes {
			return Page{}, tooHeavy()
		}
		v := versionOf(f.rows[i], opened.Raw, evidence.Receipt{})
		if v.Mode = Match; i >= f.matches {
			v.Mode = Include
		}
		f.page.Versions = append(f.page.Versions, v)
	}
	return f.page, nil
}

// finding is one search on its way.
type finding struct {
	desk    *Desk
	queries []search.Query
	counted bool // whether a total may be told
	page    Page
	rows    []*store.Version
	matches int                                        // of rows; the others are included
	also    func(subject string, x search.Facets) bool // what a record must meet besides, as if consent hid the others; may be nil
	found   []gate.Record

	includes func(subject string, x search.Facets) bool  // what an included record must meet besides; may be nil
	look     func(v *store.View, allow gate.Allow) error // what else is looked at in the same view; may be nil
}

// ask says what is asked of the gate, and narrows the queries to what this actor
// may ask at all.
func (f *finding) ask(actor identity.Actor, asked string) (gate.Ask, error) {
	q := &f.queries[0]
	ask := gate.Ask{Interaction: "search-type", Action: consent.Access, Type: q.Type, Subject: q.Subject, Query: asked}
	if len(f.queries) > 1 {
		ask.Interaction, ask.Type = "search-system", ""
	}
	if q.Type == "Patient" && q.Subject == "" && len(q.IDs) == 1 && len(f.queries) == 1 {
		ask.Subject = q.IDs[0] // a search for one patient by id names her
	}
	if q.Within.Type == "Patient" {
		of := q.Within.ID
		ask.Subject = of
		f.also = func(subject string, _ search.Facets) bool { return subject == of || subject == "" }
	}
	if actor.Kind() == identity.Patient {
		ask.Subject = actor.Patient()
		for i := range f.queries {
			f.queries[i].Subject = narrow(f.queries[i].Subject, actor.Patient())
		}
	}
	about := slices.ContainsFunc(f.queries, func(q search.Query) bool { return search.Protected(q.Type) })
	f.counted = ask.Subject != "" || !about
	if !f.counted && (q.CountOnly || q.Total == "accurate") {
		// A count is a disclosure: it stands in the log of whom it is about.
		return gate.Ask{}, fault.New(fault.Unsupported, "not-supported", "records can be counted for one patient at a time").
			WithHint("add patient=ID to the search")
	}
	return ask, nil
}

// find is the gate's Find.
func (f *finding) find(ctx context.Context, allow gate.Allow) ([]gate.Record, error) {
	look := f.desk.store.View
	if f.look == nil && store.OneQuestion(f.queries) {
		look = f.desk.store.Brief
	}
	err := look(ctx, func(v *store.View) error {
		f.rows, f.found = nil, nil
		may := func(h *store.Hit) bool {
			return (f.also == nil || f.also(h.Subject, h.Facets)) && allow(v, gate.Found(h))
		}
		if f.look != nil {
			if err := f.look(v, allow); err != nil {
				return err
			}
		}
		was := f.earlier(ctx, v, allow)
		hits, err := v.SearchMany(f.queries, may, was)
		if err != nil {
			return err
		}
		if hits, err = f.fit(v, hits, may, was); err != nil {
			return err
		}
		if f.page.Next = hits.Next; f.counted {
			f.page.Total = hits.Total
		}
		if err := f.take(v, hits.Hits); err != nil {
			return err
		}
		f.matches = len(f.rows)
		included, err := v.Includes(f.queries[0], hits.Hits, func(h *store.Hit) bool {
			return (f.includes == nil || f.includes(h.Subject, h.Facets)) && may(h)
		})
		if err != nil {
			return err
		}
		return f.takeIncluded(v, included)
	})
	return f.found, err
}

// takeIncluded is take of what stands beside the matches, and so on no page of
// its own: it is refused if it weighs too much.
func (f *finding) takeIncluded(v *store.View, hits []store.Hit) error {
	n, err := v.Fit(hits, includedBytes)
	if err == nil && n < len(hits) {
		err = tooHeavy()
	}
	if err != nil {
		return err
	}
	return f.take(v, hits)
}

// Bytes that the answer to one search may weigh: included records as they are
// stored, and all of them once they are open.
const (
	includedBytes = 16 << 20
	openedBytes   = 64 << 20
)

func tooHeavy() error {
	return fault.New(fault.Invalid, "too-costly", "the records on this page are too large for one answer").
		WithHint("ask for smaller pages with _count, or include less")
}

// fit ends a page before its records weigh too much together: the next one goes
// on from there.
func (f *finding) fit(v *store.View, page store.Page, may store.Allow, was store.Earlier) (store.Page, error) {
	n, err := v.Fit(page.Hits, store.PageBytes)
	if err != nil || n == len(page.Hits) {
		return page, err
	}
	short := slices.Clone(f.queries)
	short[0].Count = n
	return v.SearchMany(short, may, was)
}

// earlier says where a record that was changed stood when a sorted search began.
// Of the version that was current then nothing is told but its place, and that
// only to who may see that version as well.
func (f *finding) earlier(ctx context.Context, v *store.View, allow gate.Allow) store.Earlier {
	return func(h *store.Hit, seq uint64) (*search.Index, error) {
		row, err := v.VersionAt(h, seq)
		if err != nil || row.Deleted {
			return nil, err
		}
		if row.Subject != h.Subject {
			return nil, agree(*h, row)
		}
		index := sync.OnceValues(func() (*search.Index, error) { return f.desk.foundBy(ctx, row) })
		if f.also != nil && !f.also(row.Subject, row.Facets) || !allow(v, gate.Was(row.Subject, row.Facets, index)) {
			return nil, nil
		}
		return index()
	}
}

// foundBy returns what a version can be found by. It opens the version inside the
// gate's look-up: nothing of it leaves but the place of its record in an order,
// and that after the access is in the log.
func (d *Desk) foundBy(ctx context.Context, row *store.Version) (*search.Index, error) {
	var x search.Index
	err := d.vault.Check(ctx, gate.Ref{Type: row.Type, ID: row.ID, Version: row.Version}, row, func(raw []byte) error {
		doc, err := resource.Parse(raw, resource.Limits{})
		if err == nil {
			x, err = search.Extract(doc)
		}
		return err
	})
	x.Updated, x.Facets = row.Updated, row.Facets
	return &x, err
}

// take looks up the sealed versions of hits.
func (f *finding) take(v *store.View, hits []store.Hit) error {
	rows, err := v.NewestOf(hits)
	if err != nil {
		return err
	}
	f.rows, f.found = append(f.rows, rows...), slices.Grow(f.found, len(rows))
	for i, row := range rows {
		if err := agree(hits[i], row); err != nil {
			return err
		}
		r, err := recordOf(row)
		if err != nil {
			return err
		}
		f.found = append(f.found, r)
	}
	return nil
}

// narrow keeps a patient's search on herself: one that names another finds
// nothing.
func narrow(named, own string) string {
	if named == "" || named == own {
		return own
	}
	return "~nobody"
}

// ParseSearch reads the parameters of a search (search.ParseQuery), with what
// is wrong as a fault.
func ParseSearch(typ string, values url.Values, o search.Options) (search.Query, error) {
	q, err := search.ParseQuery(typ, values, o)
	var e *search.Error
	if errors.As(err, &e) {
		return q, fault.New(fault.Invalid, e.Code, e.Error())
	}
	return q, err
}
