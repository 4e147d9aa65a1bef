package network_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestExportKilled kills a hospital with SIGKILL in the middle of an export.
// When it is up again the export goes on by itself, and holds every record of
// every patient, each once.
func TestExportKilled(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	c := newClinic(ctx, t, senders)
	const patients = 900
	for part := range 3 {
		var lines strings.Builder
		for i := part * patients / 3; i < (part+1)*patients/3; i++ {
			fmt.Fprintf(&lines, `{"resourceType":"Patient","id":"p%d"}`+"\n", i)
			fmt.Fprintf(&lines, `{"resourceType":"Observation","id":"o%d","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p%d"}}`+"\n", i, i)
		}
		a, err := c.ehr.With(ctx, http.MethodPost, "/fhir/$import", http.Header{"Content-Type": {"application/fhir+ndjson"}}, []byte(lines.String()))
		if err != nil || a.Status != http.StatusOK {
			t.Fatalf("importing: %d %v %s", a.Status, err, a.Body)
		}
	}
	a, err := c.ehr.With(ctx, http.MethodGet, "/fhir/Patient/$export?_type=Patient,Observation", http.Header{"Prefer": {"respond-async"}}, nil)
	if err != nil || a.Status != http.StatusAccepted {
		t.Fatalf("starting: %d %v %s", a.Status, err, a.Body)
	}
	status := strings.TrimPrefix(a.Header.Get("Content-Location"), c.url)
	for { // until some pages of patients are done, but not all
		if a, err = c.ehr.Do(ctx, http.MethodGet, status, nil); err != nil {
			t.Fatal(err)
		}
		var done int
		if _, err := fmt.Sscanf(a.Header.Get("X-Progress"), "%d", &done); a.Status == http.StatusOK || err == nil && done > 150 {
			break
		}
	}
	if a.Status != http.StatusAccepted {
		t.Fatalf("the export ended before the kill: %d", a.Status)
	}
	t.Logf("killed when %s", a.Header.Get("X-Progress"))
	c.kill()
	c.start(ctx, t)
	for a.Status == http.StatusAccepted {
		time.Sleep(50 * time.Millisecond)
		if a, err = c.ehr.Do(ctx, http.MethodGet, status, nil); err != nil {
			t.Fatal(err)
		}
	}
	var m struct{ Output []struct{ Type, URL string } }
	if err := json.Unmarshal(a.Body, &m); err != nil || a.Status != http.StatusOK {
		t.Fatalf("%d %v %s", a.Status, err, a.Body)
	}
	seen := make(map[string]int)
	for _, f := range m.Output {
		file, err := c.ehr.Expect(ctx, http.StatusOK, http.MethodGet, strings.TrimPrefix(f.URL, c.url), nil)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(file.Body)) {
			var r struct{ ResourceType, ID string }
			if err := json.Unmarshal([]byte(line), &r); err != nil || r.ResourceType != f.Type {
				t.Fatalf("a line of the file of %s: %v", f.Type, err)
			}
			seen[r.ID]++
		}
	}
	for i := range patients {
		for _, id := range []string{fmt.Sprintf("p%d", i), fmt.Sprintf("o%d", i)} {
			if seen[id] != 1 {
				t.Errorf("%s is there %d times", id, seen[id])
			}
		}
	}
	if len(seen) != 2*patients {
		t.Errorf("%d records, want %d", len(seen), 2*patients)
	}
}
