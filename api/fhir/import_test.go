package fhir_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

type imported struct {
	Stored  int
	Refused []struct {
		Line             int
		Code, Expression string
	}
}

func importOf(t *testing.T, key string, lines ...string) (out imported) {
	t.Helper()
	a := send(t, token(t, ehr(t)), http.MethodPost, "$import", strings.Join(lines, "\n"), "Content-Type: application/fhir+ndjson", "Idempotency-Key: "+key)
	if a.status != http.StatusOK {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	if err := json.Unmarshal(a.body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestImport stores lines one by one, names by its number each that is
// refused, and does not do the same lines twice under one key.
func TestImport(t *testing.T) {
	const patient = `{"resourceType":"Patient","id":"imported-1","gender":"female"}`
	lines := []string{
		patient,
		`{"resourceType":"Observation","id":"imported-2","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/imported-1"}}`,
		"",
		`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/not-here"}}`,
		`{"resourceType":"Observation","stat`,
		patient,
		`{"resourceType":"Patient","gender":"women"}`,
		`{"resourceType":"Patient"}`,
	}
	for range 2 {
		got := importOf(t, "first", lines...)
		if got.Stored != 3 || fmt.Sprint(got.Refused) != "[{4 not-found Observation.subject} {5 structure Observation} {6 duplicate } {7 code-invalid Patient.gender}]" {
			t.Fatalf("%+v", got)
		}
		for _, path := range []string{"Patient/imported-1", "Observation/imported-2"} {
			if a := ask(t, http.MethodGet, path, ""); a.status != http.StatusOK || !strings.Contains(string(a.body), `"versionId":"1"`) {
				t.Fatalf("%s: %d %s", path, a.status, a.body)
			}
		}
	}
	if got := importOf(t, "second", lines...); got.Stored != 3 {
		t.Fatalf("%+v", got)
	}
	if a := ask(t, http.MethodGet, "Patient/imported-1", ""); !strings.Contains(string(a.body), `"versionId":"2"`) {
		t.Fatalf("another key is another import: %s", a.body)
	}
}

// TestImportOrphans refuses the records of a patient whose own line is refused.
func TestImportOrphans(t *testing.T) {
	got := importOf(t, "orphans",
		`{"resourceType":"Patient","id":"orphan-1","gender":"women"}`,
		`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/orphan-1"}}`)
	if got.Stored != 0 || len(got.Refused) != 2 || got.Refused[1].Code != "not-found" {
		t.Fatalf("%+v", got)
	}
}

// TestImportAtOnce imports the same records in many requests at once: each is a
// version of its own, and none is lost.
func TestImportAtOnce(t *testing.T) {
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			got := importOf(t, fmt.Sprintf("at-once-%d", i), `{"resourceType":"Patient","id":"many-1"}`, `{"resourceType":"Patient","id":"many-2"}`)
			if got.Stored != 2 {
				t.Errorf("%+v", got)
			}
		})
	}
	group.Wait()
	for _, id := range []string{"many-1", "many-2"} {
		if a := ask(t, http.MethodGet, "Patient/"+id, ""); !strings.Contains(string(a.body), `"versionId":"8"`) {
			t.Errorf("%s: %s", id, a.body)
		}
	}
}

// TestImportTwiceAtOnce sends the same lines under the same key in many requests
// at once: they are stored once, and all get the same answer.
func TestImportTwiceAtOnce(t *testing.T) {
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if got := importOf(t, "twice", `{"resourceType":"Patient","id":"twice-1"}`); got.Stored != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
	group.Wait()
	if a := ask(t, http.MethodGet, "Patient/twice-1", ""); !strings.Contains(string(a.body), `"versionId":"1"`) {
		t.Errorf("%s", a.body)
	}
}
