package fhir_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

type manifest struct {
	Request             string
	RequiresAccessToken bool
	Output              []struct {
		Type, URL string
		Count     int
	}
}

// start starts an export and returns its status URL below the base.
func start(t *testing.T, path string) string {
	t.Helper()
	a := ask(t, http.MethodGet, path, "", "Prefer: respond-async")
	if a.status != http.StatusAccepted {
		t.Fatalf("%s: %d %s", path, a.status, a.body)
	}
	at, ok := strings.CutPrefix(a.header.Get("Content-Location"), hospital.url+"/fhir/")
	if !ok {
		t.Fatalf("Content-Location %q", a.header.Get("Content-Location"))
	}
	return at
}

// finish waits for an export and returns its lines by type.
func finish(t *testing.T, at string) (m manifest, lines map[string][]string) {
	t.Helper()
	return finishWith(t, func(path string) answer { return ask(t, http.MethodGet, path, "") }, at)
}

// finishAs is finish with an access token.
func finishAs(t *testing.T, access, at string) (lines map[string][]string) {
	t.Helper()
	_, lines = finishWith(t, func(path string) answer { return send(t, access, http.MethodGet, path, "") }, at)
	return lines
}

func finishWith(t *testing.T, get func(path string) answer, at string) (m manifest, lines map[string][]string) {
	t.Helper()
	for range 1000 {
		a := get(at)
		if a.status == http.StatusAccepted {
			if a.header.Get("X-Progress") == "" {
				t.Fatal("no progress is told")
			}
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if a.status != http.StatusOK || json.Unmarshal(a.body, &m) != nil {
			t.Fatalf("%d %s", a.status, a.body)
		}
		lines = make(map[string][]string)
		for _, f := range m.Output {
			file := get(strings.TrimPrefix(f.URL, hospital.url+"/fhir/"))
			if file.status != http.StatusOK || file.header.Get("Content-Type") != "application/fhir+ndjson" || file.header.Get("Cairn-Receipt") == "" {
				t.Fatalf("%d %v", file.status, file.header)
			}
			got := strings.Split(strings.TrimSuffix(string(file.body), "\n"), "\n")
			if len(got) != f.Count {
				t.Errorf("%s: %d lines, want %d", f.Type, len(got), f.Count)
			}
			lines[f.Type] = append(lines[f.Type], got...)
		}
		return m, lines
	}
	t.Fatal("the export did not end")
	return m, nil
}

func has(lines []string, id string) bool {
	for _, l := range lines {
		if strings.Contains(l, `"id":"`+id+`"`) {
			return true
		}
	}
	return false
}

func put(t *testing.T, path, body string) {
	t.Helper()
	if a := send(t, token(t, ehr(t)), http.MethodPut, path, body); a.status != http.StatusCreated && a.status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, a.status, a.body)
	}
}

func TestExport(t *testing.T) {
	put(t, "Patient/ex-1", `{"resourceType":"Patient","id":"ex-1"}`)
	put(t, "Patient/ex-2", `{"resourceType":"Patient","id":"ex-2"}`)
	for id, of := range map[string]string{"ex-o1": "ex-1", "ex-o2": "ex-2"} {
		put(t, "Observation/"+id, `{"resourceType":"Observation","id":"`+id+`","status":"final","code":{"coding":[{"system":"urn:x","code":"`+id+`"}]},"subject":{"reference":"Patient/`+of+`"}}`)
	}
	put(t, "Practitioner/ex-d", `{"resourceType":"Practitioner","id":"ex-d"}`)
	put(t, "Group/ex-g", `{"resourceType":"Group","id":"ex-g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/ex-2"}},{"entity":{"reference":"Patient/ex-1"},"inactive":true}]}`)

	m, all := finish(t, start(t, "$export"))
	if !m.RequiresAccessToken || m.Request != hospital.url+"/fhir/$export" {
		t.Errorf("%+v", m)
	}
	if !has(all["Patient"], "ex-1") || !has(all["Observation"], "ex-o2") || !has(all["Practitioner"], "ex-d") || !has(all["Group"], "ex-g") {
		t.Error("not all is in the export of the system")
	}
	_, people := finish(t, start(t, "Patient/$export?_type=Patient,Observation"))
	if !has(people["Patient"], "ex-1") || !has(people["Observation"], "ex-o1") || people["Practitioner"] != nil {
		t.Error("not what was asked for of patients")
	}
	_, group := finish(t, start(t, "Group/ex-g/$export"))
	if len(group["Patient"]) != 1 || !has(group["Patient"], "ex-2") || len(group["Observation"]) != 1 || !has(group["Observation"], "ex-o2") {
		t.Errorf("of the group: %v", group)
	}
	_, filtered := finish(t, start(t, "Patient/$export?_type=Observation&_typeFilter=Observation%3Fcode%3Dex-o1"))
	if len(filtered["Observation"]) != 1 || !has(filtered["Observation"], "ex-o1") {
		t.Errorf("filtered: %v", filtered)
	}
	_, since := finish(t, start(t, "Patient/$export?_since=2099-01-01T00:00:00Z"))
	if len(since) != 0 {
		t.Errorf("of the future: %v", since)
	}
}

// TestExportIsOnes shows an export to nobody but who started it, and nothing of
// it after it was cancelled; no byte of it stands readable on the disk.
func TestExportIsOnes(t *testing.T) {
	const canary = "Unmistakable-in-the-export"
	put(t, "Patient/ex-secret", `{"resourceType":"Patient","id":"ex-secret","contact":[{"name":{"text":"`+canary+`"}}]}`)
	at := start(t, "Patient/$export?_type=Patient")
	m, all := finish(t, at)
	if !has(all["Patient"], "ex-secret") || !strings.Contains(strings.Join(all["Patient"], ""), canary) {
		t.Error("the export does not hold what it should")
	}
	file := strings.TrimPrefix(m.Output[0].URL, hospital.url+"/fhir/")
	for _, path := range []string{at, file} {
		if a := send(t, token(t, ehr(t)), http.MethodGet, path, ""); a.status != http.StatusNotFound {
			t.Errorf("somebody else gets %d for %s", a.status, path)
		}
		if a := send(t, "", http.MethodGet, path, ""); a.status != http.StatusUnauthorized {
			t.Errorf("nobody gets %d", a.status)
		}
	}
	err := filepath.WalkDir(filepath.Join(hospital.dir, "data"), func(path string, f os.DirEntry, err error) error {
		if err != nil || f.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), canary) {
			t.Errorf("%s shows a record", filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if a := ask(t, http.MethodDelete, at, ""); a.status != http.StatusAccepted {
		t.Fatalf("cancelling: %d %s", a.status, a.body)
	}
	for _, path := range []string{at, file} {
		if a := ask(t, http.MethodGet, path, ""); a.status != http.StatusNotFound {
			t.Errorf("after it was cancelled: %d", a.status)
		}
	}
}

func TestExportRefuses(t *testing.T) {
	if a := ask(t, http.MethodGet, "$export", ""); a.status != http.StatusBadRequest {
		t.Errorf("without Prefer: %d", a.status)
	}
	for path, want := range map[string]int{
		"$export?_type=Patients": 400, "$export?_outputFormat=text/csv": 400, "$export?_since=yesterday": 400, "$export?_typeFilter=Observation": 400,
		"$export?_typeFilter=Observation%3Fcodes%3D1": 400, "$export?_tyep=Patient": 400, "Observation/$export": 501,
		"Group/ex-nobody/$export": 404,
	} {
		if a := ask(t, http.MethodGet, path, "", "Prefer: respond-async"); a.status != want {
			t.Errorf("%s: %d, want %d: %s", path, a.status, want, a.body)
		}
	}
	put(t, "Patient/ex-in", `{"resourceType":"Patient","id":"ex-in"}`)
	put(t, "Patient/ex-out", `{"resourceType":"Patient","id":"ex-out"}`)
	put(t, "Group/ex-some", `{"resourceType":"Group","id":"ex-some","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/ex-in"}}]}`)
	for _, c := range []struct {
		path, patient string
		want          int
	}{{"$export", "ex-in", 400}, {"Group/ex-some/$export", "ex-out", 400}, {"Group/ex-some/$export", "ex-in", 202}} {
		body := `{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Patient/` + c.patient + `"}}]}`
		if a := ask(t, http.MethodPost, c.path, body, "Prefer: respond-async"); a.status != c.want {
			t.Errorf("%s of %s: %d, want %d: %s", c.path, c.patient, a.status, c.want, a.body)
		}
	}
}

// TestTooManyExports: who has as many exports as are kept is told until when to
// wait, and that one may be cancelled.
func TestTooManyExports(t *testing.T) {
	access := token(t, ehr(t).As("p-many", "Dr. Many", "physician", "ward 3", "TREAT"))
	begin := func() answer {
		return send(t, access, http.MethodGet, "Patient/$export?_type=Goal", "", "Prefer: respond-async")
	}
	var started []string
	for range 8 {
		a := begin()
		if a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
		at := strings.TrimPrefix(a.header.Get("Content-Location"), hospital.url+"/fhir/")
		started = append(started, at)
		defer send(t, access, http.MethodDelete, at, "")
	}
	a := begin()
	wait, err := strconv.Atoi(a.header.Get("Retry-After"))
	if a.status != http.StatusTooManyRequests || err != nil || wait < 60 || wait > 24*60*60 {
		t.Errorf("one export too many: %d, Retry-After %q: %s", a.status, a.header.Get("Retry-After"), a.body)
	}
	if a.get(t, "issue.0.code") != "throttled" {
		t.Errorf("the issue: %s", a.body)
	}
	send(t, access, http.MethodDelete, started[0], "")
	if a := begin(); a.status != http.StatusAccepted {
		t.Errorf("after one was cancelled: %d %s", a.status, a.body)
	} else {
		send(t, access, http.MethodDelete, strings.TrimPrefix(a.header.Get("Content-Location"), hospital.url+"/fhir/"), "")
	}
}
