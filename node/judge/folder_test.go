package judge_test

import (
	"archive/tar"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"cairn/node/judge"
)

const named = `{"resourceType":"StructureDefinition","url":"http://a.example/named","status":"active","kind":"resource","abstract":false,"type":"Patient","baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","derivation":"constraint","differential":{"element":[{"id":"Patient.name","path":"Patient.name","min":1}]}}`

// files are those of a folder of profiles.
var files = map[string]string{
	"package.json": `{"name":"a"}`, "note.txt": "x", ".index.json": `[]`, "named.json": named,
	"broken.json":  `{"resourceType":"StructureDefinition","derivation":"constraint","url":"http://a.example/b","type":"Patient"}`,
	"patient.json": `{"resourceType":"Patient"}`, "example/other.json": `{"resourceType":"StructureDefinition","derivation":"constraint"}`,
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check(t, dir, filepath.Join(dir, "broken.json"))
}

func TestLoadPackage(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "guide.tgz"))
	if err != nil {
		t.Fatal(err)
	}
	zip := gzip.NewWriter(f)
	out := tar.NewWriter(zip)
	for name, content := range files {
		if err := out.WriteHeader(&tar.Header{Name: "package/" + name, Size: int64(len(content)), Mode: 0o600, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []interface{ Close() error }{out, zip, f} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	check(t, dir, filepath.Join(dir, "guide.tgz:package/broken.json"))
}

// check wants the one profile that is good, and the one that is not named.
func check(t *testing.T, dir, broken string) {
	t.Helper()
	library, passed, err := judge.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if library.Profiles().Len() != 1 || library.Profiles().Find("http://a.example/named") == nil {
		t.Errorf("%d profiles", library.Profiles().Len())
	}
	if len(passed) != 1 || passed[0].File != broken {
		t.Errorf("passed over: %v", passed)
	}
}

func TestLoadNothing(t *testing.T) {
	if _, _, err := judge.Load(filepath.Join(t.TempDir(), "nowhere")); err == nil {
		t.Error("a folder that is not there was read")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.tgz"), []byte("no package"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := judge.Load(dir); err == nil {
		t.Error("a package that is none was read")
	}
}
