package fhir_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"cairn/fhir/resource"
	"cairn/test/npm"
)

// TestOfficialExamples puts all official R4 examples into the hospital and reads each back: byte for byte what was sent,
// but for id, versionId and lastUpdated. testdata/examples.txt lists those that are refused, with the status, the rule
// and the element: what is not R4 or too large (fhir/profile/testdata/README.md says why, one by one), records about a
// person who is not named as Patient/ID (this house keeps no record that belongs to nobody's consent), and two
// Subscriptions whose criteria or status cannot be had here. Patients that examples are about and that are no examples
// themselves are made first.
func TestOfficialExamples(t *testing.T) {
	examples := readExamples(t)
	if len(examples) != 5306 {
		t.Errorf("%d examples, want 5306", len(examples))
	}
	access := token(t, physician(t))
	for id := range strangers(examples) {
		if a := send(t, access, http.MethodPut, "Patient/"+id, fmt.Sprintf(`{"resourceType":"Patient","id":%q}`, id)); a.status != http.StatusCreated && a.status != http.StatusOK {
			t.Fatalf("a patient: %d %s", a.status, a.body)
		}
	}
	defer deleteCodes(t, access, examples)
	var refused []string
	for _, patients := range []bool{true, false} { // who somebody is comes before what is said about her
		refused = append(refused, putAll(t, access, examples, patients)...)
	}
	slices.Sort(refused)
	have := strings.Join(refused, "\n") + "\n"
	const golden = "testdata/examples.txt"
	if *rewrite {
		if err := os.WriteFile(golden, []byte(have), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || have != string(want) {
		t.Errorf("%s differs (%v); -rewrite writes it again. Have:\n%s", golden, err, have)
	}
}

// example is a file; doc is nil where fhir/resource refuses it.
type example struct {
	name string
	raw  []byte
	doc  *resource.Doc
}

func readExamples(t *testing.T) (out []example) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(npm.Folder(t, npm.Examples), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if name == "package" || strings.HasPrefix(name, ".") {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := resource.Parse(raw, resource.Limits{})
		if err != nil {
			doc = nil
		}
		out = append(out, example{name, raw, doc})
	}
	return out
}

// strangers is the ids of the patients whom examples name and who are no examples.
func strangers(examples []example) map[string]bool {
	out, own := map[string]bool{}, map[string]bool{}
	for _, e := range examples {
		if e.doc == nil {
			continue
		}
		if e.doc.Type() == "Patient" {
			own[e.doc.ID()] = true
		}
		for _, reference := range e.doc.References() {
			if typ, id, local, ok := resource.Target(reference); ok && local && typ == "Patient" {
				out[id] = true
			}
		}
	}
	for id := range own {
		delete(out, id)
	}
	return out
}

// putAll stores the examples that are patients, or those that are none, and says which are refused.
func putAll(t *testing.T, access string, examples []example, patients bool) (refused []string) {
	t.Helper()
	var mu sync.Mutex
	several(examples, func(e example) {
		if patients != (e.doc != nil && e.doc.Type() == "Patient") {
			return
		}
		if line := putExample(t, access, e); line != "" {
			mu.Lock()
			defer mu.Unlock()
			refused = append(refused, line)
		}
	})
	return refused
}

// several does something with each example, eight at a time.
func several(examples []example, do func(example)) {
	work := make(chan example)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for e := range work {
				do(e)
			}
		})
	}
	for _, e := range examples {
		work <- e
	}
	close(work)
	workers.Wait()
}

// deleteCodes deletes the code systems and value sets again: stored ones stand before those that are built in, and other
// tests ask about these.
func deleteCodes(t *testing.T, access string, examples []example) {
	several(examples, func(e example) {
		if e.doc == nil || e.doc.Type() != "CodeSystem" && e.doc.Type() != "ValueSet" {
			return
		}
		if a := send(t, access, http.MethodDelete, e.doc.Type()+"/"+e.doc.ID(), ""); a.status != http.StatusNoContent {
			t.Errorf("deleting %s: %d", e.name, a.status)
		}
	})
}

// putExample stores one example and reads it back. It returns a line for one that is refused.
func putExample(t *testing.T, access string, e example) string {
	var head struct{ ResourceType string }
	if err := json.Unmarshal(e.raw, &head); err != nil {
		t.Errorf("%s: %v", e.name, err)
		return ""
	}
	method, path := http.MethodPost, head.ResourceType
	if e.doc != nil && e.doc.ID() != "" {
		method, path = http.MethodPut, path+"/"+e.doc.ID()
	}
	a := send(t, access, method, path, string(e.raw))
	if a.status != http.StatusCreated && a.status != http.StatusOK {
		return e.name + " " + why(a)
	}
	var stored struct {
		ID   string
		Meta struct{ VersionID, LastUpdated string }
	}
	if err := json.Unmarshal(a.body, &stored); err != nil {
		t.Errorf("%s: %v", e.name, err)
		return ""
	}
	want := resource.Stamp(e.doc, stored.ID, stored.Meta.VersionID, stored.Meta.LastUpdated)
	back := send(t, access, http.MethodGet, e.doc.Type()+"/"+stored.ID+"/_history/"+stored.Meta.VersionID, "", "Accept: application/fhir+json")
	if back.status != http.StatusOK || !bytes.Equal(back.body, want) || !bytes.Equal(a.body, want) {
		t.Errorf("%s: read back as something else (%d)", e.name, back.status)
	}
	return ""
}

// why is the status of a refusal, and the rule and the element of its first issue.
func why(a answer) string {
	var outcome struct {
		Issue []struct {
			Details    struct{ Coding []struct{ Code string } }
			Expression []string
		}
	}
	if err := json.Unmarshal(a.body, &outcome); err != nil || len(outcome.Issue) == 0 || len(outcome.Issue[0].Details.Coding) == 0 {
		return fmt.Sprintf("%d %s", a.status, a.body)
	}
	coding := outcome.Issue[0].Details.Coding
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", a.status, coding[len(coding)-1].Code, strings.Join(outcome.Issue[0].Expression, " ")))
}
