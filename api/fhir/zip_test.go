package fhir_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestGzip sends a body compressed and takes the answer compressed, if it is
// large enough to be worth it.
func TestGzip(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, `{"resourceType":"Patient","name":[{"text":"`+strings.Repeat("name ", 1000)+`"}]}`) //nolint:errcheck // memory
	z.Close()                                                                                             //nolint:errcheck // memory
	a := ask(t, "POST", "Patient", packed.String(), "Content-Encoding: gzip", "Accept-Encoding: gzip")
	if a.status != http.StatusCreated || a.header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("status %d, encoding %q", a.status, a.header.Get("Content-Encoding"))
	}
	r, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if a.body, err = io.ReadAll(r); err != nil || len(a.body) < 5000 {
		t.Fatalf("%d bytes, %v", len(a.body), err)
	}
	id := a.get(t, "id")
	for path, headers := range map[string][]string{
		"Patient/" + id: {"Accept-Encoding: identity"}, "Patient/" + id + "?_elements=active": {"Accept-Encoding: gzip"},
		"Patient/" + id + "?x": {"Accept-Encoding: gzip;q=0, br"}, "Patient/" + id + "?y": nil,
	} {
		a := ask(t, "GET", path, "", headers...)
		if a.status != http.StatusOK || a.header.Get("Content-Encoding") != "" || a.get(t, "id") != id {
			t.Errorf("%v: status %d, encoding %q", headers, a.status, a.header.Get("Content-Encoding"))
		}
		if !strings.Contains(a.header.Get("Vary"), "Accept-Encoding") {
			t.Errorf("%v: Vary is %q", headers, a.header.Get("Vary"))
		}
	}
	head := ask(t, "HEAD", "Patient/"+id, "", "Accept-Encoding: gzip")
	if head.status != http.StatusOK || len(head.body) != 0 {
		t.Errorf("HEAD: status %d, %d bytes", head.status, len(head.body))
	}
}
