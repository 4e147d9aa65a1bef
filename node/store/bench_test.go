package store_test

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"cairn/fhir/search"
	"cairn/node/store"
)

const clients = 16

// parallel runs f from sixteen goroutines with numbers from 1 on.
func parallel(b *testing.B, f func(n int64) error) {
	var n atomic.Int64
	b.SetParallelism(max(1, clients/runtime.GOMAXPROCS(0)))
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := f(n.Add(1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// benchEntry has an id that grows with time, as UUIDv7 do, and a body of the
// size that a sealed event has.
func benchEntry(n int64, subject string) *store.Entry {
	e := &store.Entry{Kind: "record.stored", Time: n, Subject: subject, Body: make([]byte, 450)}
	_, _ = rand.Read(e.ID[:])
	binary.BigEndian.PutUint64(e.ID[:8], uint64(n))
	_, _ = rand.Read(e.Leaf[:])
	return e
}

// benchRecord takes nine rows: record, version, four tokens, a date, two
// references.
func benchRecord(n int64) store.Record {
	var raw [16]byte
	_, _ = rand.Read(raw[:])
	id, subject := hex.EncodeToString(raw[:]), fmt.Sprint("patient-", n%500)
	code := search.Coding{System: "http://loinc.org", Code: fmt.Sprintf("85%02d-%d", n%90, n%7)}
	category := search.Coding{System: "http://terminology.hl7.org/CodeSystem/observation-category", Code: "vital-signs"}
	return store.Record{
		Type: "Observation", ID: id, Version: 1, Subject: subject, Updated: n, Body: make([]byte, 700),
		Index: search.Index{
			Subject: subject,
			Tokens: []search.Token{{Param: "code", System: code.System, Code: code.Code}, {Param: "category", System: category.System, Code: category.Code},
				{Param: "status", Code: "final"}, {Param: "combo-code", System: code.System, Code: code.Code}},
			Dates:      []search.Date{{Param: "date", Lo: n, Hi: n + 1000}},
			References: []search.Reference{{Param: "encounter", Target: fmt.Sprint("Encounter/", n/10)}, {Param: "subject", Target: "Patient/" + subject}},
			Facets: search.Facets{Type: "Observation", ID: id, Categories: []search.Coding{category}, Codes: []search.Coding{code},
				Lo: n, Hi: n + 1000, Source: "Organization/1"},
		},
	}
}

func benchGroups(b *testing.B, s *store.Store, before store.Stats) {
	after := s.Stats()
	b.ReportMetric(float64(after.Updates-before.Updates)/float64(max(1, after.Groups-before.Groups)), "updates/flush")
}

func BenchmarkUpdateTenRows(b *testing.B) {
	s := open(b, b.TempDir())
	before := s.Stats()
	parallel(b, func(n int64) error {
		r := benchRecord(n)
		e := benchEntry(n, r.Subject)
		return s.Update(bg, func(tx *store.Tx) error {
			if err := tx.Append(e); err != nil {
				return err
			}
			r.Entry = e.Index
			return tx.PutRecord(r, 0)
		})
	})
	benchGroups(b, s, before)
}

func BenchmarkUpdateAppend(b *testing.B) {
	s := open(b, b.TempDir())
	before := s.Stats()
	parallel(b, func(n int64) error {
		e := benchEntry(n, fmt.Sprint("patient-", n%500))
		return s.Update(bg, func(tx *store.Tx) error { return tx.Append(e) })
	})
	benchGroups(b, s, before)
}

// thousands fills a store with records of 500 patients, and with n of one more.
func thousands(b *testing.B, s *store.Store, one int) (ids []string) {
	for from := 0; from < 20_000; from += 500 {
		update(b, s, func(tx *store.Tx) error {
			for n := from; n < from+500; n++ {
				r := benchRecord(int64(n))
				if n%(20_000/one) == 0 {
					r.Subject, r.Index.Subject = "one", "one"
				}
				if err := tx.PutRecord(r, 0); err != nil {
					return err
				}
				ids = append(ids, r.ID)
			}
			return nil
		})
	}
	return ids
}

func BenchmarkReadVersion(b *testing.B) {
	s := open(b, b.TempDir())
	ids := thousands(b, s, 1000)
	parallel(b, func(n int64) error {
		return s.View(bg, func(v *store.View) error {
			_, err := v.Version("Observation", ids[int(n*7919)%len(ids)], 1)
			return err
		})
	})
}

func benchSearch(b *testing.B, q search.Query, total int) {
	s := open(b, b.TempDir())
	thousands(b, s, 1000)
	parallel(b, func(int64) error {
		return s.View(bg, func(v *store.View) error {
			page, err := v.Search(q, func(h *store.Hit) bool { return len(h.Facets.Labels) == 0 })
			if err == nil && total > 0 && page.Total != total {
				err = fmt.Errorf("%d found", page.Total)
			}
			return err
		})
	})
}

func BenchmarkSearchPatientOfThousand(b *testing.B) {
	benchSearch(b, search.Query{Type: "Observation", Subject: "one"}, 1000)
}

func BenchmarkSearchPatientByCode(b *testing.B) {
	benchSearch(b, search.Query{Type: "Observation", Subject: "one", Clauses: []search.Clause{{Param: "code", Kind: search.ByToken,
		Tokens: []search.TokenValue{{System: "http://loinc.org", Code: "8500-0"}}}}}, 0)
}

func BenchmarkSearchAllByCode(b *testing.B) {
	benchSearch(b, search.Query{Type: "Observation", Clauses: []search.Clause{{Param: "code", Kind: search.ByToken,
		Tokens: []search.TokenValue{{System: "http://loinc.org", Code: "8500-0"}}}}}, 0)
}

// BenchmarkErase erases a patient with 5,000 of 20,000 records and as many
// entries of the log, and wipes the files.
func BenchmarkErase(b *testing.B) {
	for i := range b.N {
		b.StopTimer()
		s := open(b, b.TempDir())
		thousands(b, s, 5000)
		update(b, s, func(tx *store.Tx) error {
			for n := range int64(5000) {
				if err := tx.Append(benchEntry(n, "one")); err != nil {
					return err
				}
			}
			return nil
		})
		b.StartTimer()
		id := [32]byte{byte(i), 1}
		update(b, s, func(tx *store.Tx) error {
			return errors.Join(tx.AddErasure(&store.Erasure{ID: id}), tx.EraseRest("one", "nobody"))
		})
		for more := true; more; {
			update(b, s, func(tx *store.Tx) (err error) { more, err = tx.EraseRecords(id, "one", 100); return err })
		}
		for more := true; more; {
			update(b, s, func(tx *store.Tx) (err error) { more, err = tx.EraseEntries(id, "one", 500); return err })
		}
		if err := s.Checkpoint(bg); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		view(b, s, func(v *store.View) error {
			e, err := v.Erasure(id)
			if err == nil && (e.Records != 5000 || len(e.Entries) != 5000) {
				b.Errorf("%d records and %d entries", e.Records, len(e.Entries))
			}
			return err
		})
	}
}
