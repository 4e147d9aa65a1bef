package gate

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/node/identity"
	"cairn/node/store"
)

var bg = context.Background()

// TestSpan: how long a record ties somebody, by what it says of its time.
func TestSpan(t *testing.T) {
	const stored = 1_000_000_000_000
	year := goesOn.Milliseconds()
	for name, c := range map[string]struct {
		typ, status string
		dates       []search.Date
		from, until int64
	}{
		"no time":                   {"Encounter", "finished", nil, stored, stored},
		"no time, and it goes on":   {"Encounter", "in-progress", nil, stored, stored + year},
		"over":                      {"Encounter", "finished", []search.Date{{Param: "date", Lo: 5, Hi: 9}}, 5, 9},
		"no end":                    {"Encounter", "in-progress", []search.Date{{Param: "date", Lo: 5, Hi: math.MaxInt64}}, 5, stored + year},
		"no end, and it is over":    {"Encounter", "finished", []search.Date{{Param: "date", Lo: 5, Hi: math.MaxInt64}}, 5, stored},
		"its end was before, on":    {"CareTeam", "active", []search.Date{{Param: "date", Lo: 5, Hi: 9}}, 5, stored + year},
		"to come":                   {"Appointment", "booked", []search.Date{{Param: "date", Lo: stored + 5, Hi: stored + 9}}, stored + 5, stored + 9},
		"another time than its own": {"Appointment", "booked", []search.Date{{Param: "birthdate", Lo: 5, Hi: 9}}, stored, stored},
		"ordered, then done":        {"ServiceRequest", "completed", []search.Date{{Param: "authored", Lo: 5, Hi: 6}, {Param: "occurrence", Lo: 20, Hi: 30}}, 5, 30},
		"since ever":                {"EpisodeOfCare", "active", []search.Date{{Param: "date", Lo: math.MinInt64, Hi: 9}}, -1 << 50, stored + year},
	} {
		from, until := bearings[c.typ].span(&search.Index{Dates: c.dates}, c.status, stored)
		if from != c.from || until != c.until {
			t.Errorf("%s: from %d until %d", name, from, until)
		}
	}
}

// BenchmarkRelationship looks a relationship up for a patient with 200 encounters,
// and takes it from memory.
func BenchmarkRelationship(b *testing.B) {
	st, err := store.Open(b.TempDir(), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	put := func(tx *store.Tx, id, body string) error {
		doc, err := resource.Parse([]byte(body), resource.Default)
		if err != nil {
			return err
		}
		x, err := search.Extract(doc)
		if err != nil {
			return err
		}
		return tx.PutRecord(store.Record{Type: doc.Type(), ID: id, Version: 1, Subject: "p", Updated: time.Now().UnixMilli(), Body: []byte("x"), Index: x}, 0)
	}
	err = st.Update(bg, func(tx *store.Tx) error {
		for i := range 200 {
			body := fmt.Sprintf(`{"resourceType":"Encounter","id":"e%d","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/p"},"period":{"start":"2020-01-01","end":"2020-01-02"},"participant":[{"individual":{"reference":"Practitioner/%d"}}]}`, i, i%50)
			if err := put(tx, fmt.Sprint("e", i), body); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	g := &Gate{home: "north", store: st, related: Relationships{Around: time.Hour}, ties: make(map[string]tied)}
	parties := []string{"Practitioner/7", "Organization/a", "Location/b", "CareTeam/c"}
	b.Run("looked up", func(b *testing.B) {
		for b.Loop() {
			if _, err := g.looked(bg, nil, identity.Actor{}, "p", "key", parties); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("from memory", func(b *testing.B) {
		for b.Loop() {
			if have, err := g.kept(bg, nil, "p", "key"); err != nil || have == nil {
				b.Fatal(have, err)
			}
		}
	})
}
