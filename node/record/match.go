package record

import (
	"cmp"
	"context"
	"net/url"
	"slices"

	"cairn/consent"
	"cairn/fhir/match"
	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
)

// Candidate is a patient of this hospital who may be the one that was asked about.
type Candidate struct {
	Version
	match.Result
}

// maxCandidates bounds the patients that one question is compared with.
const maxCandidates = 200

// Match finds the patients that a Patient resource may be about, the likeliest
// first (FHIR R4 8.1.10): those who share an identifier, a name or a birth date
// with it are compared. Each who is compared was looked at, and that is in her
// log. onlyCertain leaves out all but certain matches, and answers with none
// where there are several.
func (d *Desk) Match(ctx context.Context, actor identity.Actor, asked *resource.Doc, onlyCertain bool, count int) (list []Candidate, receipts []evidence.Receipt, err error) {
	if asked.Type() != "Patient" {
		return nil, nil, fault.New(fault.Invalid, "invalid", "the resource to be matched is a Patient").At("resource")
	}
	queries, err := matchQueries(asked)
	if err != nil {
		return nil, nil, err
	}
	var rows []*store.Version
	ask := gate.Ask{Interaction: "match", Action: consent.Access, Type: "Patient", Query: "Patient/$match"}
	pass, err := d.gate.Open(ctx, actor, ask, func(ctx context.Context, allow gate.Allow) (found []gate.Record, err error) {
		rows, found, err = d.candidates(ctx, queries, allow)
		return found, err
	})
	if err != nil {
		return nil, nil, err
	}
	var out []Candidate
	for i, ref := range pass.Refs() {
		opened, err := d.vault.Open(ctx, pass, ref, rows[i])
		if err != nil {
			return nil, nil, err
		}
		doc, err := resource.Parse(opened.Raw, resource.Limits{})
		if err != nil {
			return nil, nil, fault.Wrap(fault.Broken, "record-damaged", "a stored patient cannot be read", err)
		}
		if r := match.Compare(asked, doc); r.Grade != match.CertainlyNot {
			out = append(out, Candidate{versionOf(rows[i], opened.Raw, evidence.Receipt{}), r})
		}
	}
	return best(out, onlyCertain, count), pass.Receipts(), nil
}

func best(list []Candidate, onlyCertain bool, count int) []Candidate {
	slices.SortStableFunc(list, func(a, b Candidate) int { return cmp.Compare(b.Score, a.Score) })
	if onlyCertain {
		list = slices.DeleteFunc(list, func(m Candidate) bool { return m.Grade != match.Certain })
		if len(list) > 1 {
			return nil
		}
	}
	if count > 0 {
		list = list[:min(count, len(list))]
	}
	return list
}

// matchQueries are the searches that find who may be meant.
func matchQueries(asked *resource.Doc) (out []search.Query, err error) {
	root := asked.Root()
	add := func(name, value string) {
		if value == "" || err != nil {
			return
		}
		var q search.Query
		if q, err = search.ParseQuery("Patient", url.Values{name: {search.Escape(value)}}, search.Options{}); err == nil {
			q.Count = maxCandidates
			out = append(out, q)
		}
	}
	for n := range root.Get("identifier").Items() {
		value, _ := n.Get("value").Text()
		add("identifier", value)
	}
	for n := range root.Get("name").Items() {
		family, _ := n.Get("family").Text()
		add("family", family)
	}
	birth, _ := root.Get("birthDate").Text()
	add("birthdate", birth)
	if len(out) > maxQueries {
		return nil, fault.New(fault.Invalid, "too-costly", "the patient to be matched has too many identifiers and names").WithHint("send the current ones")
	}
	if len(out) == 0 && err == nil {
		err = fault.New(fault.Invalid, "required", "the patient to be matched needs an identifier, a family name or a birth date").At("resource")
	}
	return out, err
}

// maxQueries bounds the searches of one match.
const maxQueries = 12

// candidates are those that some query finds, each once.
func (d *Desk) candidates(ctx context.Context, queries []search.Query, allow gate.Allow) (rows []*store.Version, found []gate.Record, err error) {
	seen, weight := make(map[string]bool), 0
	err = d.store.View(ctx, func(v *store.View) error {
		for _, q := range queries {
			page, err := v.Search(q, func(h *store.Hit) bool { return allow(v, gate.Found(h)) })
			if err != nil {
				return err
			}
			for _, h := range page.Hits {
				if seen[h.ID] || len(rows) == maxCandidates || weight > includedBytes {
					continue
				}
				seen[h.ID] = true
				row, err := v.Version(h.Type, h.ID, h.Version)
				if err != nil {
					return err
				}
				if err := agree(h, row); err != nil {
					return err
				}
				r, err := records(row)
				if err != nil {
					return err
				}
				rows, found, weight = append(rows, row), append(found, r...), weight+len(row.Body)
			}
		}
		return nil
	})
	return rows, found, err
}
