package topic_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
	"cairn/fhir/search"
	"cairn/fhir/topic"
)

// change makes a change of real resources; "" is a version that is not there.
func change(t testing.TB, interaction topic.Interaction, previous, current string) *topic.Change {
	t.Helper()
	c := &topic.Change{Interaction: interaction}
	index := func(raw string) func() (*search.Index, error) {
		if raw == "" {
			return func() (*search.Index, error) { return nil, nil }
		}
		doc, err := resource.Parse([]byte(raw), resource.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		x, err := search.Extract(doc)
		if err != nil {
			t.Fatal(err)
		}
		c.Type, c.Subject = doc.Type(), x.Subject
		return func() (*search.Index, error) { return &x, nil }
	}
	c.Previous, c.Current = index(previous), index(current)
	if interaction == topic.Delete {
		c.Current = c.Previous
	}
	c.Compare = func(question func(previous, current []byte) (bool, error)) (bool, error) {
		bytes := func(s string) []byte {
			if s == "" {
				return nil
			}
			return []byte(s)
		}
		return question(bytes(previous), bytes(current))
	}
	return c
}

func encounter(status string) string {
	return fmt.Sprintf(`{"resourceType":"Encounter","id":"1","status":%q,"class":{"code":"AMB"},"subject":{"reference":"Patient/7"}}`, status)
}

func lab(typ, status, system, category string) string {
	return fmt.Sprintf(`{"resourceType":%q,"id":"1","status":%q,"category":[{"coding":[{"system":%q,"code":%q}]}],"code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]},"subject":{"reference":"Patient/7"}}`, typ, status, system, category)
}

func observation(status string) string {
	return lab("Observation", status, "http://terminology.hl7.org/CodeSystem/observation-category", "laboratory")
}

func report(status string) string {
	return lab("DiagnosticReport", status, "http://terminology.hl7.org/CodeSystem/v2-0074", "LAB")
}

func vital(status string) string {
	return lab("Observation", status, "http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs")
}

func document(status string) string {
	return fmt.Sprintf(`{"resourceType":"DocumentReference","id":"1","status":%q,"subject":{"reference":"Patient/7"},"content":[{"attachment":{"title":"x"}}]}`, status)
}

const (
	plain  = `{"resourceType":"Patient","id":"7"}`
	merged = `{"resourceType":"Patient","id":"7","active":false,"link":[{"other":{"reference":"Patient/8"},"type":"replaced-by"}]}`
	seeing = `{"resourceType":"Patient","id":"7","link":[{"other":{"reference":"Patient/8"},"type":"seealso"}]}`
)

// TestTopics says of each topic which changes are its events and which are not.
func TestTopics(t *testing.T) {
	for _, x := range []struct {
		topic             string
		interaction       topic.Interaction
		previous, current string
		want              bool
	}{
		{"encounter-start", topic.Create, "", encounter("in-progress"), true},
		{"encounter-start", topic.Create, "", encounter("planned"), false},
		{"encounter-start", topic.Update, encounter("planned"), encounter("in-progress"), true},
		{"encounter-start", topic.Update, encounter("in-progress"), encounter("in-progress"), false},
		{"encounter-start", topic.Update, "", encounter("in-progress"), false},
		{"encounter-start", topic.Delete, encounter("in-progress"), "", false},
		{"encounter-start", topic.Create, "", observation("final"), false},
		{"encounter-end", topic.Update, encounter("in-progress"), encounter("finished"), true},
		{"encounter-end", topic.Create, "", encounter("finished"), true},
		{"encounter-end", topic.Update, encounter("finished"), encounter("finished"), false},
		{"encounter-end", topic.Update, encounter("in-progress"), encounter("cancelled"), false},
		{"lab-result-available", topic.Create, "", observation("final"), true},
		{"lab-result-available", topic.Create, "", observation("preliminary"), false},
		{"lab-result-available", topic.Create, "", vital("final"), false},
		{"lab-result-available", topic.Update, observation("preliminary"), observation("final"), true},
		{"lab-result-available", topic.Update, observation("final"), observation("final"), false},
		{"lab-result-available", topic.Update, observation("amended"), observation("final"), false},
		{"lab-result-available", topic.Update, report("registered"), report("final"), true},
		{"lab-result-available", topic.Update, report("appended"), report("final"), false},
		{"lab-result-changed", topic.Update, observation("final"), observation("corrected"), true},
		{"lab-result-changed", topic.Update, observation("final"), observation("entered-in-error"), true},
		{"lab-result-changed", topic.Update, observation("preliminary"), observation("amended"), false},
		{"lab-result-changed", topic.Update, vital("final"), vital("corrected"), false},
		{"lab-result-changed", topic.Create, "", observation("corrected"), false},
		{"lab-result-changed", topic.Update, report("final"), report("appended"), true},
		{"document-available", topic.Create, "", document("current"), true},
		{"document-available", topic.Update, document("superseded"), document("current"), true},
		{"document-available", topic.Update, document("current"), document("superseded"), false},
		{"patient-merged", topic.Update, plain, merged, true},
		{"patient-merged", topic.Update, merged, merged, false},
		{"patient-merged", topic.Update, plain, seeing, false},
		{"patient-merged", topic.Update, merged, plain, false},
		{"patient-merged", topic.Create, "", merged, true},
		{"patient-merged", topic.Create, "", plain, false},
		{"Patient", topic.Delete, plain, "", true},
		{"Observation", topic.Update, observation("final"), observation("final"), true},
		{"Observation", topic.Create, "", encounter("planned"), false},
	} {
		c, err := topic.Compile(topic.Base+x.topic, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Match(change(t, x.interaction, x.previous, x.current))
		if err != nil || got != x.want {
			t.Errorf("%s %s of %.80s to %.80s: %v, %v", x.topic, x.interaction, x.previous, x.current, got, err)
		}
	}
}

// TestPatient: which one patient criteria name, and what they concern.
func TestPatient(t *testing.T) {
	for _, x := range []struct {
		topic   string
		filters []string
		want    string
	}{
		{"Observation", nil, ""},
		{"Observation", []string{"patient=7"}, "7"},
		{"Observation", []string{"Observation?subject=Patient/7&code=1"}, "7"},
		{"Observation", []string{"code=1", "patient=Patient/7"}, "7"},
		{"Observation", []string{"patient=7,8"}, ""},
		{"Patient", []string{"_id=7"}, "7"},
		{"Patient", []string{"_id=7,8"}, ""},
		{"lab-result-available", []string{"patient=7"}, "7"},
		{"lab-result-available", []string{"Observation?patient=7"}, ""},
		{"lab-result-available", []string{"Observation?patient=7", "DiagnosticReport.patient=7"}, "7"},
		{"lab-result-available", []string{"Observation?patient=7", "DiagnosticReport.patient=8"}, ""},
		{"Medication", nil, ""},
	} {
		c, err := topic.Compile(topic.Base+x.topic, x.filters)
		if err != nil {
			t.Fatalf("%s %v: %v", x.topic, x.filters, err)
		}
		if got := c.Patient(); got != x.want {
			t.Errorf("%s %v names %q", x.topic, x.filters, got)
		}
		if x.want != "" && c.Concerns(c.Topic().Types()[0], topic.Create, "9") {
			t.Errorf("%s %v concerns somebody else", x.topic, x.filters)
		}
	}
}

// TestRefused: each mistake names the filter that it is in, and no value of it.
func TestRefused(t *testing.T) {
	many := make([]string, topic.MaxFilters+1)
	for i := range many {
		many[i] = "code=1"
	}
	for name, x := range map[string]struct {
		canonical string
		filters   []string
		at        int
	}{
		"no such topic":     {"http://example.org/topic", nil, -1},
		"another type":      {topic.Base + "Observation", []string{"code=1", "Patient?name=canary"}, 1},
		"another type, dot": {topic.Base + "Observation", []string{"Patient.name=canary"}, 0},
		"unknown":           {topic.Base + "Observation", []string{"canary=canary"}, 0},
		"a chain":           {topic.Base + "Observation", []string{"subject:Patient.name=canary"}, 0},
		"_has":              {topic.Base + "Patient", []string{"_has:Observation:patient:code=canary"}, 0},
		"_include":          {topic.Base + "Observation", []string{"_include=Observation:subject"}, 0},
		"_sort":             {topic.Base + "Observation", []string{"_sort=date"}, 0},
		"_count":            {topic.Base + "Observation", []string{"_count=1000000000"}, 0},
		"no value":          {topic.Base + "Observation", []string{"code="}, 0},
		"nothing":           {topic.Base + "Observation", []string{""}, 0},
		"bad escapes":       {topic.Base + "Observation", []string{"code=%zz"}, 0},
		"too long":          {topic.Base + "Observation", []string{"code=" + strings.Repeat("x", 2000)}, 0},
		"too many":          {topic.Base + "Observation", many, topic.MaxFilters},
		"an interaction":    {topic.Base + "Observation", []string{"interaction=canary"}, 0},
	} {
		_, err := topic.Compile(x.canonical, x.filters)
		var e *topic.Error
		if !errors.As(err, &e) || e.Filter != x.at {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.Contains(e.Text+e.Hint, "=canary") {
			t.Errorf("%s: the error tells the value: %s", name, e.Text)
		}
	}
}

// TestNoParameterIsCalledInteraction: the filter of that name hides no search
// parameter.
func TestNoParameterIsCalledInteraction(t *testing.T) {
	for _, typ := range resource.Types() {
		for _, p := range search.Params(typ) {
			if p.Name == "interaction" {
				t.Errorf("%s has a search parameter interaction", typ)
			}
		}
	}
}

// TestDescribe: every topic is described by a Basic that is sound.
func TestDescribe(t *testing.T) {
	seen := make(map[string]bool)
	for _, one := range topic.All() {
		raw, err := one.Describe(func(string) []string { return []string{"code"} })
		if err != nil {
			t.Fatal(err)
		}
		doc, err := resource.Parse(raw, resource.Limits{})
		if err != nil || doc.Type() != "Basic" {
			t.Fatalf("%s: %v: %s", one.URL, err, raw)
		}
		for _, issue := range profile.Check(doc) {
			t.Errorf("%s: %s: %s", one.URL, issue.Expression, issue.Text)
		}
		if doc.ID() == "" || seen[doc.ID()] || !json.Valid(raw) || !strings.Contains(string(raw), one.URL) {
			t.Errorf("%s: %s", one.URL, raw)
		}
		seen[doc.ID()] = true
		if found, ok := topic.Find(one.URL); !ok || found.Title != one.Title {
			t.Errorf("%s is not found", one.URL)
		}
	}
	if len(seen) < 100 || seen["Subscription"] {
		t.Errorf("%d topics", len(seen))
	}
}

// FuzzCompile: filters come from anybody.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{"Observation?code=http://loinc.org|4548-4&patient=7", "Observation.code:not=1", "interaction=create,update", "code=a\\,b", "?", "%", "a.b.c=d", "_has:Observation:patient:code=1"} {
		f.Add("urn:cairn:topic:Observation", s)
	}
	subject := change(f, topic.Create, "", observation("final"))
	f.Fuzz(func(t *testing.T, canonical, filter string) {
		c, err := topic.Compile(canonical, []string{filter})
		var e *topic.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("not an *Error: %v", err)
		}
		if err != nil {
			return
		}
		ok, err := c.Match(subject)
		if err != nil || ok && !c.Concerns(subject.Type, subject.Interaction, subject.Subject) {
			t.Fatalf("%q: %v, %v", filter, ok, err)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	c, err := topic.Compile(topic.Base+"Observation", []string{"code=http://loinc.org|4548-4", "patient=7"})
	if err != nil {
		b.Fatal(err)
	}
	subject := change(b, topic.Create, "", observation("final"))
	for b.Loop() {
		if ok, err := c.Match(subject); !ok || err != nil {
			b.Fatal(err)
		}
	}
}
