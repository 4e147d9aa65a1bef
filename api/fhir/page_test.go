package fhir_test

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
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
		if strings.Contains(next.String(), name) {
			t.Errorf("a link says what is asked for: %s", next)
		}
		form = url.Values{"cursor": {next.Query().Get("cursor")}}
	}
	slices.Sort(got)
	if len(got) != 5 || len(slices.Compact(got)) != 5 {
		t.Errorf("the pages have %v", got)
	}
}

// TestPagesAreBounded: a page ends before it weighs too much, whatever _count says,
// and the next one goes on from there.
func TestPagesAreBounded(t *testing.T) {
	const many, heavy = 12, 400_000
	tag := fmt.Sprintf("heavy-%d", time.Now().UnixNano())
	list := make([]string, many)
	noise := make([]byte, heavy)
	for i := range many {
		rand.Read(noise) // crypto/rand never fails
		body := fmt.Sprintf(`{"resourceType":"Media","meta":{"tag":[{"code":%q}]},"status":"completed","content":{"data":%q}}`, tag, base64.StdEncoding.EncodeToString(noise))
		list[i] = "Media/" + ask(t, "POST", "Media", body).get(t, "id")
	}
	for _, first := range []string{"Media?_count=1000&_tag=" + tag, "Media?_count=1000&_sort=-_lastUpdated&_tag=" + tag, "Media/_history?_count=1000"} {
		seen, pages, next := make(map[string]int), 0, first
		for next != "" && pages < many+2 {
			page := ask(t, "GET", next, "")
			if page.status != http.StatusOK || len(page.body) > 5<<20 {
				t.Fatalf("%s: %d, %d bytes", first, page.status, len(page.body))
			}
			for i := range many {
				if id := page.get(t, fmt.Sprintf("entry.%d.resource.id", i)); id != "" {
					seen["Media/"+id]++
				}
			}
			pages++
			next, _ = strings.CutPrefix(page.get(t, "link.1.url"), hospital.url+"/fhir/")
		}
		for _, one := range list {
			if seen[one] != 1 {
				t.Errorf("%s: a record stands on %d pages of %d", first, seen[one], pages)
			}
		}
		if pages < 2 {
			t.Errorf("%s: one page has all", first)
		}
	}
}

// TestLinksAreOnesOwn: a link to a next page works for whom it was made, below its
// own path, alone.
func TestLinksAreOnesOwn(t *testing.T) {
	system := fmt.Sprintf("urn:links:%d", time.Now().UnixNano())
	for i := range 3 {
		ask(t, "POST", "Organization", fmt.Sprintf(`{"resourceType":"Organization","identifier":[{"system":%q,"value":"%d"}]}`, system, i))
	}
	first := ask(t, "GET", "Organization?_count=1&identifier="+url.QueryEscape(system+"|"), "")
	next, _ := strings.CutPrefix(first.get(t, "link.1.url"), hospital.url+"/fhir/")
	link := strings.TrimPrefix(next, "Organization?")
	if more := ask(t, "GET", strings.Replace(next, "_count=1", "_count=2", 1), ""); more.get(t, "entry.1.resource.id") == "" {
		t.Errorf("a larger page: %d %s", more.status, more.body)
	}
	second := ask(t, "GET", next, "")
	if second.status != http.StatusOK || second.get(t, "entry.0.resource.id") == "" || second.get(t, "link.0.url") != hospital.url+"/fhir/"+next || strings.Contains(next, "links") {
		t.Fatalf("%s: %d %s", next, second.status, second.body)
	}
	if a := ask(t, "GET", "?_type=Organization&"+link, ""); a.status != http.StatusBadRequest {
		t.Errorf("elsewhere: %d", a.status)
	}
	for _, path := range []string{"Practitioner?" + link, next + "&name=x", next + "&" + link, next + "A", strings.Replace(next, "cursor=", "cursor=A", 1)} {
		if a := ask(t, "GET", path, ""); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	other := token(t, ehr(t).As("p-other", "Dr. Other", "physician", "ward 3", "TREAT"))
	if a := send(t, other, "GET", next, ""); a.status != http.StatusBadRequest {
		t.Errorf("somebody else: %d", a.status)
	}
}
