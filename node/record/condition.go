package record

import (
	"context"
	"net/url"
	"strings"

	"cairn/consent"
	"cairn/fhir/search"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
)

// Condition says by a search which record is meant (FHIR R4 3.1.0.8.1).
type Condition struct {
	query search.Query
	asked string // as it stands in the log: "Patient?identifier=..."
}

// NewCondition reads the search that a conditional interaction on a type names:
// "identifier=http://h.example|7", also with a question mark and anything in
// front of it. It fails with Invalid when it is no search, asks for the form of
// the answer, or leaves everything open.
func NewCondition(typ, text string) (Condition, error) {
	if at := strings.IndexByte(text, '?'); at >= 0 {
		text = text[at+1:]
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		return Condition{}, fault.Wrap(fault.Invalid, "invalid", "the condition is not the query part of a URL", err)
	}
	q, err := ParseSearch(typ, values, search.Options{})
	if err != nil {
		return Condition{}, err
	}
	bare := q
	bare.Type, bare.IDs, bare.Subject, bare.Clauses, bare.Chains = "", nil, "", nil, nil
	if plain := (search.Query{}); !same(bare, plain) {
		return Condition{}, fault.New(fault.Invalid, "invalid", "a condition says what a record must be like, not what an answer looks like").
			WithHint("leave out _count, _sort, _include, _summary and the like")
	}
	if len(q.IDs) == 0 && q.Subject == "" && len(q.Clauses) == 0 && len(q.Chains) == 0 {
		return Condition{}, fault.New(fault.Invalid, "required", "the condition is met by everything").
			WithHint("name the record by a search, such as identifier=http://hospital.example|4711")
	}
	q.Count, q.Total = 2, "none"
	return Condition{query: q, asked: typ + "?" + values.Encode()}, nil
}

// same compares what a query says about the form of its answer.
func same(a, b search.Query) bool {
	return a.Count == b.Count && a.Cursor == b.Cursor && a.CountOnly == b.CountOnly && a.Total == b.Total && a.Summary == b.Summary &&
		len(a.Sort)+len(a.Includes)+len(a.Elements) == len(b.Sort)+len(b.Includes)+len(b.Elements)
}

// met is what a condition found, as far as the gate let it be seen.
type met struct {
	condition Condition
	hits      []store.Hit
	rows      []*store.Version
	pass      gate.Pass
	hidden    map[string]bool // "Type/id" of what consent hides: it makes no difference
}

// meet looks up what a condition means: nothing or one record. Several are
// refused with Precondition. What it finds is in the log before it returns.
func (d *Desk) meet(ctx context.Context, actor identity.Actor, c Condition) (met, error) {
	m, err := d.meetUpTo(ctx, actor, c, 1)
	if err == nil && len(m.hits) > 1 {
		err = severalMatch()
	}
	return m, err
}

func severalMatch() error {
	return fault.New(fault.Precondition, "multiple-matches", "the condition is met by several records").
		WithHint("make it narrower, or name the record by its id")
}

// meetUpTo looks up what a condition means, at most one record more than limit.
func (d *Desk) meetUpTo(ctx context.Context, actor identity.Actor, c Condition, limit int) (met, error) {
	c.query.Count = limit + 1
	m := met{condition: c, hidden: make(map[string]bool)}
	ask := gate.Ask{Interaction: "search-type", Action: consent.Access, Type: c.query.Type, Subject: c.query.Subject, Query: c.asked}
	var err error
	m.pass, err = d.gate.Open(ctx, actor, ask, func(ctx context.Context, allow gate.Allow) (found []gate.Record, err error) {
		clear(m.hidden)
		err = d.store.View(ctx, func(v *store.View) error {
			page, err := v.Search(c.query, func(h *store.Hit) bool {
				shown := allow(v, gate.Found(h))
				if !shown {
					m.hidden[h.Type+"/"+h.ID] = true
				}
				return shown
			})
			if err != nil {
				return err
			}
			m.hits = page.Hits
			m.rows, found, err = rowsOf(v, page.Hits)
			return err
		})
		return found, err
	})
	return m, err
}

// rowsOf reads the versions that were found.
func rowsOf(v *store.View, hits []store.Hit) (rows []*store.Version, found []gate.Record, err error) {
	for _, h := range hits {
		row, err := v.Newest(h)
		if err != nil {
			return nil, nil, err
		}
		if err := agree(h, row); err != nil {
			return nil, nil, err
		}
		r, err := records(row)
		if err != nil {
			return nil, nil, err
		}
		rows, found = append(rows, row), append(found, r...)
	}
	return rows, found, nil
}

// holds returns what must still be so when something is written because of m.
func (m met) holds() []hold {
	if m.condition.asked == "" {
		return nil // it was named by its id
	}
	return []hold{m.still}
}

// still fails when the condition does not mean any more what it meant: somebody
// else was faster. What consent hid then makes no difference here either.
func (m met) still(tx *store.Tx) error {
	page, err := tx.Search(m.condition.query, func(h *store.Hit) bool { return !m.hidden[h.Type+"/"+h.ID] })
	if err != nil {
		return err
	}
	if len(page.Hits) == len(m.hits) {
		for i, h := range page.Hits {
			if h.ID != m.hits[i].ID {
				return fasterElsewhere()
			}
		}
		return nil
	}
	return fasterElsewhere()
}

func fasterElsewhere() error {
	return fault.New(fault.Conflict, codeRaced, "somebody else was faster")
}

// show opens the one record that a condition found.
func (d *Desk) show(ctx context.Context, m met) (Version, error) {
	opened, err := d.vault.Open(ctx, m.pass, m.pass.Refs()[0], m.rows[0])
	if err != nil {
		return Version{}, err
	}
	return versionOf(m.rows[0], opened.Raw, m.pass.Receipts()[0]), nil
}
