package guide

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cairn/test/generator"
)

// TestTablesAreGenerated compares the tables with what their generator writes. US Core's is compared where its package is
// unpacked beside the project, or in the folder that CAIRN_USCORE names: no registry has it.
func TestTablesAreGenerated(t *testing.T) {
	generator.Same(t, "r4.txt", "8dc3a78a107a3aea2aaee36dadc0cf872dc949a1d4e10cb3d64952f2cc075012")
	generator.Same(t, "uscore.txt", "0c5da7d72bcc8c659b3675dead570ead362cb7550412d5d11087f8718da51a27")
	t.Run("R4", func(t *testing.T) { generator.Compare(t, "r4.txt") })
	folder, err := filepath.Abs("../../../shared/data/uscore-6.1.0/package")
	if err != nil {
		t.Fatal(err)
	}
	if other := os.Getenv("CAIRN_USCORE"); other != "" {
		folder = other
	}
	if _, err := os.Stat(folder); err != nil {
		t.Skip("uscore.txt is not compared: the package hl7.fhir.us.core 6.1.0 is not there (CAIRN_USCORE names its folder)")
	}
	t.Run("US Core", func(t *testing.T) { generator.Compare(t, "uscore.txt", folder) })
}

func TestFind(t *testing.T) {
	for typ, want := range map[string]int{"StructureDefinition": 437 + 59, "ValueSet": 36 + 5, "CodeSystem": 5, "Patient": 0} {
		urls := URLs(typ)
		if len(urls) != want || !slices.IsSorted(urls) {
			t.Errorf("%d of %s, want %d", len(urls), typ, want)
		}
		for _, url := range urls {
			doc := Find(typ, url, Version(typ, url))
			if doc == nil || doc.Type() != typ || !doc.Root().Get("url").Is(url) {
				t.Errorf("%s is not found as itself", url)
			}
		}
	}
	const height = "http://hl7.org/fhir/StructureDefinition/bodyheight"
	if Find("StructureDefinition", height, "") == nil || Version("StructureDefinition", height) != "4.0.1" {
		t.Error("R4's body height is not found")
	}
	for _, none := range [][3]string{
		{"StructureDefinition", height, "4.0.0"}, {"ValueSet", height, ""}, {"StructureDefinition", "http://a.example", ""}, {"StructureDefinition", "", ""},
	} {
		if Find(none[0], none[1], none[2]) != nil {
			t.Errorf("found %v", none)
		}
	}
}

func TestProfiles(t *testing.T) {
	want := []Profile{{"http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient", "6.1.0", "Patient"}}
	if have := Profiles("Patient"); !slices.Equal(have, want) {
		t.Errorf("%v", have)
	}
	if have := Profiles("Claim"); have != nil {
		t.Errorf("%v", have)
	}
}

// TestAdd refuses what has not the form of a table.
func TestAdd(t *testing.T) {
	for _, table := range []string{"StructureDefinition\ta\t1\n", "{}\n", "Patient\ta\t1\n", "\n"} {
		x := &index{places: map[string]place{}}
		if err := x.add(table); err == nil {
			t.Errorf("took %q", table)
		}
	}
}
