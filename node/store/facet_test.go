package store

import (
	"reflect"
	"testing"

	"cairn/fhir/search"
)

func TestFacetsKeepTheirPlaceInTheTable(t *testing.T) {
	// Rows on disk name systems by their place: these must not move.
	for i, want := range map[int]string{0: "http://loinc.org", 10: "http://terminology.hl7.org/CodeSystem/v3-ActCode", 16: "http://www.ama-assn.org/go/cpt"} {
		if systems[i] != want {
			t.Errorf("system %d is %s, want %s", i, systems[i], want)
		}
	}
}

func TestFacetsRoundTrip(t *testing.T) {
	for _, f := range []search.Facets{
		{},
		{Lo: -62135596800000, Hi: 1 << 60, Source: "Organization/1"},
		{Categories: []search.Coding{{System: "http://loinc.org", Code: "1"}, {Code: "no system"}},
			Codes:  []search.Coding{{System: "urn:own", Code: ""}, {System: systems[16], Code: "é"}},
			Labels: []search.Coding{{System: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", Code: "R"}}},
	} {
		raw := appendFacets(nil, &f)
		got, err := decodeFacets(raw)
		if err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("got %+v, %v, want %+v", got, err, f)
		}
		for n := range raw {
			if _, err := decodeFacets(raw[:n]); err == nil {
				t.Errorf("%d of %d bytes are accepted", n, len(raw))
			}
		}
		if _, err := decodeFacets(append(raw, 0)); err == nil {
			t.Error("a byte too many is accepted")
		}
	}
}

func FuzzFacets(f *testing.F) {
	f.Add(appendFacets(nil, &search.Facets{Codes: []search.Coding{{System: "http://loinc.org", Code: "1"}, {System: "u", Code: "2"}}}))
	f.Add([]byte{1, 255, 255, 255, 255, 15})
	f.Fuzz(func(t *testing.T, raw []byte) {
		facets, err := decodeFacets(raw)
		if err != nil {
			return
		}
		again, err := decodeFacets(appendFacets(nil, &facets))
		if err != nil || !reflect.DeepEqual(again, facets) {
			t.Fatalf("%+v became %+v, %v", facets, again, err)
		}
	})
}
