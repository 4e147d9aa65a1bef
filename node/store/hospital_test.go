package store_test

import (
	"crypto/rand"
	"flag"
	"fmt"
	mrand "math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/node/store"
	"cairn/sample"
)

// BenchmarkHospital searches in a hospital of synthetic patients:
//
//	go test ./node/store -run xxx -bench Hospital -benchtime 2000x -records 1000000 -hospital /var/tmp/hospital
//
// fills the folder, if it is empty, and leaves it there.
var (
	hospitalRecords = flag.Int("records", 20_000, "records that BenchmarkHospital fills its store with")
	hospitalDir     = flag.String("hospital", "", "folder that BenchmarkHospital keeps its store in; \"\": one that is removed")
)

// hospital is a filled store and what can be asked of it.
type hospital struct {
	*store.Store
	patients []person
	codes    []string // of observations
	rare     []string
	from, to int64 // when records were stored
}

// person is a patient whom searches name.
type person struct{ id, family, mrn string }

// resident is what one resource of a bundle becomes.
func resident(raw []byte, at int64, noise []byte) (store.Record, error) {
	doc, err := resource.Parse(raw, resource.Limits{})
	if err != nil {
		return store.Record{}, err
	}
	x, err := search.Extract(doc)
	if err != nil {
		return store.Record{}, err
	}
	from := mrand.IntN(len(noise) / 2)
	return store.Record{Type: doc.Type(), ID: doc.ID(), Version: 1, Subject: x.Subject, Updated: at, Body: noise[from : from+len(raw)/2], Index: x}, nil
}

// move makes the entries of a transaction bundle records of this hospital.
func move(bundle []byte, at int64, noise []byte) (out []store.Record, err error) {
	doc, err := resource.Parse(bundle, resource.Limits{Nodes: 1_000_000})
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for e := range doc.Root().Get("entry").Items() {
		full, _ := e.Get("fullUrl").Text()
		typ, _ := e.Get("resource").Get("resourceType").Text()
		names[full] = typ + "/" + strings.TrimPrefix(full, "urn:uuid:")
	}
	for e := range doc.Root().Get("entry").Items() {
		full, _ := e.Get("fullUrl").Text()
		one, err := resource.Parse(e.Get("resource").Raw(), resource.Limits{})
		if err != nil {
			return nil, err
		}
		linked, err := resource.Parse(resource.Rewrite(one, func(ref string) (string, bool) { to, ok := names[ref]; return to, ok }), resource.Limits{})
		if err != nil {
			return nil, err
		}
		_, id, _ := strings.Cut(names[full], "/")
		r, err := resident(resource.Stamp(linked, id, "1", "2026-01-01T00:00:00.000Z"), at, noise)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// fill stores patients until there are so many records, each with its log entry.
func (h *hospital) fill(b *testing.B, records int) {
	b.Helper()
	noise := make([]byte, 4<<20)
	_, _ = rand.Read(noise) // crypto/rand.Read does not return an error
	bundles := make(chan []store.Record, 8)
	stop := make(chan struct{})
	go func() {
		defer close(bundles)
		g, known := sample.New(1), map[string]bool{} // the directory is the same for all
		for i := 0; ; i++ {
			out, err := move(g.Bundle(i), 1_700_000_000_000+int64(i)*1000, noise)
			if err != nil {
				b.Error(err)
				return
			}
			out = slices.DeleteFunc(out, func(r store.Record) bool {
				twice := known[name(&r)]
				known[name(&r)] = !search.Protected(r.Type)
				return twice
			})
			select {
			case bundles <- out:
			case <-stop:
				return
			}
		}
	}()
	began := time.Now()
	stored := 0
	for out := range bundles {
		update(b, h.Store, func(tx *store.Tx) error {
			for _, r := range out {
				e := benchEntry(int64(stored), r.Subject)
				if err := tx.Append(e); err != nil {
					return err
				}
				r.Entry = e.Index
				if err := tx.PutRecord(r, 0); err != nil {
					return err
				}
				stored++
			}
			return nil
		})
		if stored >= records {
			close(stop)
			break
		}
	}
	fmt.Fprintf(os.Stderr, "%d records stored in %v: %.0f/s\n", stored, time.Since(began).Round(time.Second), float64(stored)/time.Since(began).Seconds())
}

// survey notes what there is to be asked for.
func (h *hospital) survey(b *testing.B) {
	b.Helper()
	count := map[string]int{}
	view(b, h.Store, func(v *store.View) error {
		for after, first := int64(0), true; first || after != 0; first = false {
			hits, next, err := v.Each([]string{"Patient", "Observation"}, "", after, 1000, nil)
			if err != nil {
				return err
			}
			for i := range hits {
				h.note(b, &hits[i], count)
			}
			after = next
		}
		return nil
	})
	for code, n := range count {
		if n > 20 && n < 2000 {
			h.rare = append(h.rare, code)
		}
		h.codes = append(h.codes, code)
	}
	slices.SortFunc(h.codes, func(a, b string) int { return count[b] - count[a] })
	h.codes = h.codes[:min(30, len(h.codes))]
	slices.Sort(h.rare)
}

func (h *hospital) note(b *testing.B, hit *store.Hit, count map[string]int) {
	if h.from == 0 || hit.Updated < h.from {
		h.from = hit.Updated
	}
	h.to = max(h.to, hit.Updated)
	if hit.Type == "Observation" {
		for _, c := range hit.Facets.Codes {
			count[c.Code]++
		}
		return
	}
	x, err := hit.Load()
	if err != nil {
		b.Fatal(err)
	}
	p := person{id: hit.ID}
	for _, t := range x.Texts {
		if t.Param == "family" {
			p.family = t.Value
		}
	}
	for _, t := range x.Tokens {
		if t.Param == "identifier" {
			p.mrn = t.System + "|" + t.Code
		}
	}
	h.patients = append(h.patients, p)
}

var theHospital = sync.OnceValue(func() *hospital { return &hospital{} })

// admit returns the filled hospital.
func admit(b *testing.B) *hospital {
	b.Helper()
	h := theHospital()
	if h.Store != nil {
		return h
	}
	dir := *hospitalDir
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "hospital"); err != nil {
			b.Fatal(err)
		}
		atEnd = append(atEnd, func() { _ = os.RemoveAll(dir) }) // it is only rubbish
	}
	s, err := store.Open(dir, options(b, dir))
	if err != nil {
		b.Fatal(err)
	}
	h.Store = s
	atEnd = append(atEnd, func() { _ = s.Close() }) // it was only read
	if s.Size() < uint64(*hospitalRecords) {
		h.fill(b, *hospitalRecords)
	}
	h.survey(b)
	bytes := int64(0)
	files, _ := filepath.Glob(filepath.Join(dir, "store.db*"))
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			bytes += info.Size()
		}
	}
	fmt.Fprintf(os.Stderr, "%d records of %d patients, %d MB\n", s.Size(), len(h.patients), bytes>>20)
	return h
}

var atEnd []func()

func BenchmarkHospital(b *testing.B) {
	h := admit(b)
	one := func() person { return h.patients[mrand.IntN(len(h.patients))] }
	code := func() string { return h.codes[mrand.IntN(len(h.codes))] }
	stamp := func(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
	for _, c := range []struct {
		name string
		ask  func() string
	}{
		{"PatientAndCode", func() string { return "Observation?patient=" + one().id + "&code=http://loinc.org|" + code() }},
		{"PatientCategoryDateSorted", func() string {
			return "Observation?patient=" + one().id + "&category=laboratory&date=ge2015&_sort=-date&_count=20"
		}},
		{"PatientAllObservations", func() string { return "Observation?patient=" + one().id }},
		{"Identifier", func() string { return "Patient?identifier=" + one().mrn }},
		{"NamePrefix", func() string { return "Patient?name=" + one().family[:3] }},
		{"NamePrefixSorted", func() string { return "Patient?name=" + one().family[:2] + "&_sort=family,given&_count=20" }},
		{"CodeAlone", func() string { return "Observation?code=" + code() }},
		{"CodeAndDate", func() string { return "Observation?code=" + code() + "&date=2020-0" + fmt.Sprint(1+mrand.IntN(9)) }},
		{"LastUpdatedWindow", func() string {
			at := h.from + mrand.Int64N(max(1, h.to-h.from))
			return "Observation?_lastUpdated=ge" + stamp(at) + "&_lastUpdated=lt" + stamp(at+5000)
		}},
		{"Newest", func() string { return "Observation?_sort=-_lastUpdated&_count=20" }},
		{"ChainIdentifier", func() string {
			return "Observation?subject:Patient.identifier=" + one().mrn + "&code=" + code()
		}},
		{"ChainName", func() string { return "Condition?subject:Patient.family=" + one().family + "&clinical-status=active" }},
		{"HasRareCode", func() string { return "Patient?_has:Observation:patient:code=" + h.rare[mrand.IntN(len(h.rare))] }},
		{"NameHasCode", func() string { return "Patient?family=" + one().family + "&_has:Observation:patient:code=" + code() }},
		{"IncludePatientAndEncounter", func() string {
			return "Observation?patient=" + one().id + "&code=" + code() + "&_include=Observation:patient&_include=Observation:encounter"
		}},
	} {
		b.Run(c.name, func(b *testing.B) { h.bench(b, c.ask) })
	}
}

// bench measures a search as the records desk does it: one page, every row of it
// read.
func (h *hospital) bench(b *testing.B, ask func() string) {
	var took []time.Duration
	hits := 0
	for range b.N {
		question := ask()
		typ, text, _ := strings.Cut(question, "?")
		values, err := url.ParseQuery(text)
		if err != nil {
			b.Fatal(err)
		}
		q, err := search.ParseQuery(typ, values, search.Options{})
		if err != nil {
			b.Fatal(question, err)
		}
		began := time.Now()
		err = h.View(bg, func(v *store.View) error {
			n, err := read(v, q)
			hits += n
			return err
		})
		took = append(took, time.Since(began))
		if err != nil {
			b.Fatal(question, err)
		}
	}
	slices.Sort(took)
	for _, p := range []int{50, 95, 99} {
		b.ReportMetric(float64(took[len(took)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
	}
	b.ReportMetric(float64(hits)/float64(b.N), "hits")
}

func read(v *store.View, q search.Query) (n int, err error) {
	allow := func(h *store.Hit) bool { return len(h.Facets.Labels) < 9 }
	page, err := v.Search(q, allow)
	if err != nil {
		return 0, err
	}
	included, err := v.Includes(q, page.Hits, allow)
	if err != nil {
		return 0, err
	}
	all := append(page.Hits, included...)
	_, err = v.NewestOf(all)
	return len(all), err
}
