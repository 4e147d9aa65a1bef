package network_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/demo"
	"cairn/proof"
)

// TestSynthea loads the 20 Synthea bundles whole into one hospital: counts per
// type match, every stored version reads back as the bytes that its proof
// holds, and every proof verifies offline.
func TestSynthea(t *testing.T) {
	ctx := within(t, 5*time.Minute)
	files, _ := filepath.Glob("../../../shared/data/synthea/*.json")
	if len(files) != 20 {
		t.Fatalf("the Synthea bundles are expected in ../shared/data/synthea beside the project; found %d", len(files))
	}
	h := town.Find("west")
	trust := trustOf(t, h)
	want, got := make(map[string]int), make(map[string]int)
	var stored []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		count(t, data, want)
		a, err := h.EHR.Expect(ctx, http.StatusOK, http.MethodPost, "/fhir", data)
		if err != nil {
			t.Fatal(err)
		}
		var response struct {
			Entry []struct {
				Response struct{ Location, Status string }
			}
		}
		if err := json.Unmarshal(a.Body, &response); err != nil {
			t.Fatal(err)
		}
		for _, e := range response.Entry {
			if e.Response.Status != "201 Created" {
				t.Fatalf("an entry was answered with %q", e.Response.Status)
			}
			typ, _, _ := strings.Cut(e.Response.Location, "/")
			got[typ]++
			stored = append(stored, e.Response.Location)
		}
	}
	if len(stored) != 3268 {
		t.Errorf("%d records were stored, want 3268", len(stored))
	}
	for typ, n := range want {
		if got[typ] != n {
			t.Errorf("%s: %d stored, want %d", typ, got[typ], n)
		}
	}
	for _, location := range stored {
		if err := demo.ProveOne(ctx, h, location, trust); err != nil {
			t.Fatalf("a stored version: %v", err)
		}
	}
}

func count(t *testing.T, bundle []byte, into map[string]int) {
	t.Helper()
	var b struct {
		Entry []struct {
			Resource struct{ ResourceType string }
		}
	}
	if err := json.Unmarshal(bundle, &b); err != nil {
		t.Fatal(err)
	}
	for _, e := range b.Entry {
		into[e.Resource.ResourceType]++
	}
}

func trustOf(t *testing.T, h *demo.Hospital) *proof.Trust {
	t.Helper()
	raw, err := os.ReadFile(h.Trust())
	if err != nil {
		t.Fatal(err)
	}
	trust, err := proof.DecodeTrust(raw)
	if err != nil {
		t.Fatal(err)
	}
	return trust
}
