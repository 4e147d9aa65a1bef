// Command generate writes the tables of fhir/profile from the FHIR R4 (4.0.1) definitions, which it finds in the module
// github.com/gofhir/validator (folder specs/r4). It is a module of its own, so that nothing of it is ours at run time.
//
//	cd fhir/profile/generate && go mod download && go run . ../r4.txt
//
// The same definitions give the same bytes.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: generate FILE")
	}
	text, err := generate()
	if err != nil {
		log.Fatalf("generate: %v", err)
	}
	if err := os.WriteFile(os.Args[1], text, 0o644); err != nil {
		log.Fatalf("generate: %v", err)
	}
}

func generate() ([]byte, error) {
	dir, err := definitions()
	if err != nil {
		return nil, err
	}
	var types []structure
	for _, file := range []string{"profiles-types.json", "profiles-resources.json"} {
		if err := read(filepath.Join(dir, file), "StructureDefinition", &types); err != nil {
			return nil, err
		}
	}
	terms, err := readTerms(dir)
	if err != nil {
		return nil, err
	}
	w := writer{terms: terms}
	if err := w.write(types); err != nil {
		return nil, err
	}
	return w.out.Bytes(), nil
}

// definitions is the folder in the module cache.
func definitions() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gofhir/validator").Output()
	if err != nil {
		return "", fmt.Errorf("finding the definitions (go mod download brings them): %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "specs", "r4"), nil
}

// read appends the resources of one type in a Bundle to out.
func read[T any](file, typ string, out *[]T) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var bundle struct {
		Entry []struct{ Resource json.RawMessage }
	}
	if err := json.Unmarshal(raw, &bundle); err != nil {
		return fmt.Errorf("reading %s: %w", filepath.Base(file), err)
	}
	for _, e := range bundle.Entry {
		if !bytes.Contains(e.Resource[:min(len(e.Resource), 200)], []byte(`"`+typ+`"`)) {
			continue
		}
		var r T
		if err := json.Unmarshal(e.Resource, &r); err != nil {
			return fmt.Errorf("reading a %s in %s: %w", typ, filepath.Base(file), err)
		}
		*out = append(*out, r)
	}
	return nil
}
