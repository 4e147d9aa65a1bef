package fhir_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"cairn/node/record"
)

// named is a patient with so many given names.
func named(id string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"resourceType":"Patient","id":%q,"name":[{"given":["n0"`, id)
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, `,"n%d"`, i)
	}
	return b.String() + `]}]}`
}

// TestMostValues: a record that searches could find by too many values is
// refused wherever it comes in, with what to change; one below that is not.
func TestMostValues(t *testing.T) {
	few, many := named("mv-1", record.MostValues-20), named("mv-1", record.MostValues+1)
	if a := ask(t, http.MethodPut, "Patient/mv-1", few); a.status != http.StatusCreated {
		t.Fatalf("below the limit: %d %.300s", a.status, a.body)
	}
	if a := ask(t, http.MethodGet, "Patient?_id=mv-1&given=n9000", ""); !strings.Contains(string(a.body), `"total":1`) {
		t.Errorf("it is not found: %.300s", a.body)
	}
	if a := ask(t, http.MethodPut, "Patient/mv-1", named("mv-1", 1)); a.status != http.StatusOK {
		t.Fatalf("fewer again: %d %.300s", a.status, a.body)
	}
	entry := `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + many + `,"request":{"method":"PUT","url":"Patient/mv-1"}}]}`
	for name, a := range map[string]answer{
		"create":      ask(t, http.MethodPost, "Patient", many),
		"update":      ask(t, http.MethodPut, "Patient/mv-1", many),
		"transaction": ask(t, http.MethodPost, "", entry),
	} {
		said := string(a.body)
		if a.status != http.StatusBadRequest || !strings.Contains(said, `"code":"too-costly"`) || !strings.Contains(said, "may have 10000") || !strings.Contains(said, "search parameter given") {
			t.Errorf("%s: %d %.500s", name, a.status, said)
		}
		if strings.Contains(said, "n9000") {
			t.Errorf("%s: the answer tells of the record", name)
		}
	}
	if a := ask(t, http.MethodGet, "Patient/mv-1", ""); !strings.Contains(string(a.body), `"versionId":"2"`) {
		t.Errorf("something was stored: %.300s", a.body)
	}
}
