package fhir_test

import (
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"
)

// TestPagesByPost goes through the pages of a search without a condition in any
// URL: with the cursor of each page's link in the form.
func TestPagesByPost(t *testing.T) {
	name := fmt.Sprintf("bypost%d", time.Now().UnixNano())
	for i := range 5 {
		ask(t, "PUT", fmt.Sprintf("Organization/%s-%d", name, i), fmt.Sprintf(`{"resourceType":"Organization","id":"%s-%d","name":%q}`, name, i, name))
	}
	var got []string
	form := url.Values{"name": {name}, "_count": {"2"}}
	for range 5 {
		page := ask(t, "POST", "Organization/_search", form.Encode(), "Content-Type: application/x-www-form-urlencoded")
		for i := range 2 {
			if id := page.get(t, fmt.Sprintf("entry.%d.resource.id", i)); id != "" {
				got = append(got, id)
			}
		}
		next, err := url.Parse(page.get(t, "link.1.url"))
		if err != nil || !next.Query().Has("cursor") {
			break
		}
		form.Set("cursor", next.Query().Get("cursor"))
	}
	slices.Sort(got)
	if len(got) != 5 || len(slices.Compact(got)) != 5 {
		t.Errorf("the pages have %v", got)
	}
}
