// Command generate writes the tables of fhir/guide. Those of R4 it takes from the definitions in the module
// github.com/gofhir/validator (folder specs/r4); those of US Core from a folder with the package hl7.fhir.us.core 6.1.0,
// unpacked. It is a module of its own, so that nothing of it is ours at run time.
//
//	cd fhir/guide/generate && go mod download
//	go run . ../r4.txt
//	go run . ../uscore.txt FOLDER
//
// The same definitions give the same bytes.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 || len(os.Args) > 3 {
		log.Fatal("usage: generate FILE [FOLDER]")
	}
	text, err := generate(os.Args[2:]...)
	if err == nil {
		err = os.WriteFile(os.Args[1], text, 0o644)
	}
	if err != nil {
		log.Fatalf("generate: %v", err)
	}
}

// generate writes R4's own profiles, or those of a folder.
func generate(folder ...string) ([]byte, error) {
	w := writer{known: map[string]*structure{}}
	dir, err := definitions()
	if err != nil {
		return nil, err
	}
	for _, file := range []string{"profiles-types.json", "profiles-resources.json", "profiles-others.json", "extension-definitions.json"} {
		resources, err := bundle(filepath.Join(dir, file))
		if err != nil {
			return nil, err
		}
		for _, raw := range resources {
			if err := w.know(raw, len(folder) == 0); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	if len(folder) == 0 {
		return w.table("FHIR R4 (4.0.1)")
	}
	files, err := filepath.Glob(filepath.Join(folder[0], "*.json"))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(err, errors.New("the folder has no definitions"))
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err == nil {
			err = w.know(raw, true)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
	}
	w.sets = append(w.sets, assembled()...)
	return w.table("US Core 6.1.0 (CC0)")
}

// definitions is the folder in the module cache.
func definitions() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gofhir/validator").Output()
	if err != nil {
		return "", fmt.Errorf("finding the definitions (go mod download brings them): %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "specs", "r4"), nil
}

// bundle is the resources in a Bundle.
func bundle(file string) ([]json.RawMessage, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all struct {
		Entry []struct{ Resource json.RawMessage }
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Base(file), err)
	}
	out := make([]json.RawMessage, len(all.Entry))
	for i, e := range all.Entry {
		out[i] = e.Resource
	}
	return out, nil
}
