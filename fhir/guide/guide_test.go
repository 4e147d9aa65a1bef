package guide

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTablesAreGenerated runs the generator and compares. US Core's table is compared where its package is unpacked
// beside the project, or in the folder that CAIRN_USCORE names: no registry has it.
func TestTablesAreGenerated(t *testing.T) {
	run(t, "mod", "download")
	compare(t, "r4.txt", r4)
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
	compare(t, "uscore.txt", usCore, folder)
}

func compare(t *testing.T, file, want string, folder ...string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), file)
	run(t, append([]string{"run", ".", out}, folder...)...)
	have, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Errorf("%s is not what the generator writes: cd fhir/guide/generate && go run . ../%s", file, file)
	}
}

func run(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = "generate"
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s in generate (its module has to be had): %v\n%s", strings.Join(args, " "), err, text)
	}
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
