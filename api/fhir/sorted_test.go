package fhir_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestSortedPagesStandStill: whatever is made, changed and deleted between the
// pages of a sorted search, what is found all the while comes once, where it
// stood at first and as it is at present.
func TestSortedPagesStandStill(t *testing.T) {
	for name, c := range map[string]struct{ sort, want string }{
		"dates":             {"date", "0 1 2 3 4 6 7 8' 9"},
		"dates, turned":     {"-date", "9 8 7 6 4 3 2 1 0'"},
		"two rules":         {"status,-date", "9 8 7 6 4 3 2 1 0'"},
		"last stored first": {"-_lastUpdated", "9 8 7 6 4 3 2 1 0'"},
		"a feed of changes": {"_lastUpdated", "0 1 2 3 4 6 7 9 8' 0' new"},
	} {
		t.Run(name, func(t *testing.T) {
			patient := ask(t, http.MethodPost, "Patient", `{"resourceType":"Patient"}`).get(t, "id")
			id := func(n int) string { return fmt.Sprintf("%s-%d", patient[9:], n) }
			store := func(n, day int, text string) {
				t.Helper()
				put(t, "Observation/"+id(n), fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","code":{"text":%q},"subject":{"reference":"Patient/%s"},"effectiveDateTime":"2026-03-%02d"}`,
					id(n), text, patient, day))
				time.Sleep(2 * time.Millisecond) // each has a lastUpdated of its own
			}
			for n := range 10 {
				store(n, n+10, fmt.Sprint(n))
			}
			var got []string
			next := "Observation?patient=" + patient + "&_count=2&_sort=" + url.QueryEscape(c.sort)
			for page := 0; next != ""; page++ {
				a := ask(t, http.MethodGet, next, "")
				if a.status != http.StatusOK {
					t.Fatalf("%d %s", a.status, a.body)
				}
				for i := 0; a.get(t, fmt.Sprintf("entry.%d.fullUrl", i)) != ""; i++ {
					got = append(got, a.get(t, fmt.Sprintf("entry.%d.resource.code.text", i)))
				}
				if next = ""; a.get(t, "link.1.relation") == "next" {
					next = strings.TrimPrefix(a.get(t, "link.1.url"), hospital.url+"/fhir/")
				}
				if page > 0 {
					continue
				}
				store(8, 5, "8'")
				store(0, 28, "0'")
				ask(t, http.MethodDelete, "Observation/"+id(5), "")
				store(10, 15, "new")
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
