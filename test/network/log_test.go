package network_test

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the saboteur's own driver

	"cairn/demo"
)

// exits are the ways in which a record can leave its hospital.
func exits(patient, lab string) []string {
	return []string{
		"/fhir/Observation/" + lab, "/fhir/Observation/" + lab + "/_history/1", "/fhir/Observation?patient=" + patient,
		"/fhir/Observation?_id=" + lab, "/fhir/Observation?patient=" + patient + "&_summary=count", "/fhir/Patient/" + patient,
		"/fhir/Observation/" + lab + "/_history", "/fhir/Observation/_history?_count=1", "/fhir/_history?_count=1",
		"/fhir/Observation/" + lab + "/_history/1/$evidence", "/fhir/Patient/" + patient + "/$gather?_type=Observation",
	}
}

// TestNoLogNoRead kills the log's writer, and only that, in a running hospital:
// no exit gives anything, once the entries that wait beside the table have found
// it dead. When the log is back, all do, and it has what was read meanwhile.
func TestNoLogNoRead(t *testing.T) {
	ctx := within(t, time.Minute)
	h := town.Find("north")
	patient, lab, _ := newPatient(ctx, t, h)
	who := physician(h)
	for _, path := range exits(patient, lab) {
		if a, err := who.Do(ctx, http.MethodGet, path, nil); err != nil || a.Status != http.StatusOK {
			t.Fatalf("%s before: %d %v", path, a.Status, err)
		}
	}
	sabotage(t, h, "CREATE TRIGGER dead_log BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'the log is dead'); END")
	before, shown := status(t, h).LogSize, uint64(0)
	comes(ctx, t, "the log is found dead", func() bool {
		a, err := who.Do(ctx, http.MethodGet, "/fhir/Patient/"+patient, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a.Status == http.StatusOK {
			shown++
		}
		return a.Status >= 500
	})
	for _, path := range exits(patient, lab) {
		a, err := who.Do(ctx, http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a.Status < 500 || strings.Contains(string(a.Body), lab) || strings.Contains(string(a.Body), "4548-4") || strings.Contains(string(a.Body), `"total"`) {
			t.Errorf("%s with a dead log: status %d, %d bytes", path, a.Status, len(a.Body))
		}
	}
	if after := status(t, h).LogSize; after < before+shown {
		t.Errorf("%d reads were answered and left %d entries", shown, after-before)
	}
	sabotage(t, h, "DROP TRIGGER dead_log")
	for _, path := range exits(patient, lab) {
		if a, err := who.Do(ctx, http.MethodGet, path, nil); err != nil || a.Status != http.StatusOK {
			t.Errorf("%s after: %d %v", path, a.Status, err)
		}
	}
	comes(ctx, t, "the table has the whole log", func() bool {
		size := status(t, h).LogSize
		return rows(t, h, "SELECT count(*) FROM entry") == rows(t, h, "SELECT max(idx) + 1 FROM entry") && rows(t, h, "SELECT count(*) FROM entry") >= size
	})
}

// database opens the hospital's own, as somebody with the file can.
func database(t *testing.T, h *demo.Hospital) *sql.DB {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(h.Dir, "data", "store", "*.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the database: %v, %v", files, err)
	}
	db, err := sql.Open("sqlite", "file:"+files[0]+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func rows(t *testing.T, h *demo.Hospital, query string) (n uint64) {
	t.Helper()
	if err := database(t, h).QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func sabotage(t *testing.T, h *demo.Hospital, statement string) {
	t.Helper()
	if _, err := database(t, h).Exec(statement); err != nil {
		t.Fatal(err)
	}
}
