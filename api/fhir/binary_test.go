package fhir_test

import (
	"strings"
	"testing"
)

// TestBinaryIsNotAPage: a page that somebody stored is given, and not run as one
// of this hospital.
func TestBinaryIsNotAPage(t *testing.T) {
	const page = "<script>alert(1)</script>"
	id := ask(t, "POST", "Binary", page, "Content-Type: text/html", "Accept: application/fhir+json").get(t, "id")
	a := ask(t, "GET", "Binary/"+id, "", "Accept: text/html")
	if a.status != 200 || string(a.body) != page || a.header.Get("Content-Type") != "text/html" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if !strings.HasPrefix(a.header.Get("Content-Security-Policy"), "sandbox; default-src 'none'") || a.header.Get("X-Content-Type-Options") != "nosniff" ||
		a.header.Get("Content-Disposition") != "attachment" {
		t.Errorf("a browser may show it: %v", a.header)
	}
	put(t, "Binary/"+id, `{"resourceType":"Binary","id":"`+id+`","contentType":"not a media type"}`)
	if got := ask(t, "GET", "Binary/"+id, "", "Accept: text/html").header.Get("Content-Type"); got != "application/octet-stream" {
		t.Errorf("the media type is %q", got)
	}
}
