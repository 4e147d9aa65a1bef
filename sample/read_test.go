package sample_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"cairn/sample"
)

// record is a bundle as a reader sees it.
type record struct {
	ResourceType, Type string
	Entry              []entry
	at                 map[string]*resource // by fullUrl
}

type entry struct {
	raw      []byte
	FullURL  string `json:"fullUrl"`
	Resource json.RawMessage
	Request  struct{ Method, URL string }
}

// UnmarshalJSON keeps the bytes of the entry.
func (e *entry) UnmarshalJSON(raw []byte) error {
	type plain entry
	e.raw = bytes.Clone(raw)
	return json.Unmarshal(raw, (*plain)(e))
}

type coding struct{ System, Code, Display string }

type concept struct {
	Coding []coding
	Text   string
}

type reference struct{ Reference string }

type quantity struct {
	Value  json.Number
	Unit   string
	System string
	Code   string
}

type period struct{ Start, End string }

// resource holds the elements of all types that the tests look at.
type resource struct {
	fullURL      string
	ResourceType string
	Meta         struct{ Security []coding }
	Status       string
	Code         concept
	Category     json.RawMessage
	Type         json.RawMessage
	Class        coding
	Subject      reference
	Patient      reference
	Encounter    reference
	Period       period
	ReasonCode   []concept

	BirthDate, DeceasedDateTime, Gender string
	Name                                json.RawMessage

	ClinicalStatus                                  concept
	OnsetDateTime, AbatementDateTime, RecordedDate  string
	EffectiveDateTime, Issued, AuthoredOn           string
	OccurrenceDateTime, Date                        string
	PerformedPeriod                                 period
	DispenseRequest                                 struct{ ValidityPeriod period }
	ValueQuantity                                   *quantity
	ValueCodeableConcept, MedicationCodeableConcept concept
	VaccineCode                                     concept
	Component                                       []struct {
		Code          concept
		ValueQuantity quantity
	}
	Interpretation []concept
	ReferenceRange []struct{ Low, High *quantity }
	Result         []reference
	Content        []struct {
		Attachment struct {
			ContentType string
			Data        []byte
			Size        int
		}
	}
	Context struct{ Encounter []reference }
}

// parse reads a bundle.
func parse(bundle []byte) (*record, error) {
	r := &record{at: map[string]*resource{}}
	if err := json.Unmarshal(bundle, r); err != nil {
		return nil, err
	}
	for _, e := range r.Entry {
		res := &resource{fullURL: e.FullURL}
		if err := json.Unmarshal(e.Resource, res); err != nil {
			return nil, err
		}
		r.at[e.FullURL] = res
	}
	return r, nil
}

func read(t testing.TB, bundle []byte) *record {
	t.Helper()
	r, err := parse(bundle)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// all returns the resources of a type in the order of the bundle.
func (r *record) all(kind string) []*resource {
	var all []*resource
	for _, e := range r.Entry {
		if res := r.at[e.FullURL]; res.ResourceType == kind {
			all = append(all, res)
		}
	}
	return all
}

func (r *record) patient() *resource {
	return r.all("Patient")[0]
}

// seen returns the observations of an encounter by their first LOINC code.
func (r *record) seen(encounter string) map[string]*resource {
	found := map[string]*resource{}
	for _, o := range r.all("Observation") {
		if o.Encounter.Reference == encounter {
			found[o.Code.Coding[0].Code] = o
		}
	}
	return found
}

func (c concept) has(code string) bool {
	for _, k := range c.Coding {
		if k.Code == code {
			return true
		}
	}
	return false
}

func (q *quantity) number(t testing.TB) float64 {
	t.Helper()
	v, err := q.Value.Float64()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// times returns every date and time of a resource.
func (r *resource) times() []string {
	var all []string
	for _, s := range []string{
		r.OnsetDateTime, r.AbatementDateTime, r.RecordedDate, r.EffectiveDateTime, r.Issued, r.AuthoredOn, r.OccurrenceDateTime, r.Date,
		r.Period.Start, r.Period.End, r.PerformedPeriod.Start, r.PerformedPeriod.End, r.DeceasedDateTime,
	} {
		if s != "" {
			all = append(all, s)
		}
	}
	return all
}

// when reads a FHIR date or instant.
func when(t testing.TB, s string) time.Time {
	t.Helper()
	layout := time.DateOnly
	if strings.Contains(s, "T") {
		layout = time.RFC3339
	}
	at, err := time.Parse(layout, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// first are the first patients of seed 1, read once for all tests.
var first = sync.OnceValue(func() []*record {
	var all []*record
	for b := range sample.New(1).All(250) {
		r, err := parse(b)
		if err != nil {
			panic(err)
		}
		all = append(all, r)
	}
	return all
})

// each looks at the first n patients of seed 1.
func each(t *testing.T, n int, look func(t *testing.T, i int, r *record)) {
	t.Helper()
	known, g := first(), sample.New(1)
	for i := range n {
		if i < len(known) {
			look(t, i, known[i])
		} else {
			look(t, i, read(t, g.Bundle(i)))
		}
		if t.Failed() {
			t.Fatalf("patient %d of seed 1", i)
		}
	}
}
