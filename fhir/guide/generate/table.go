package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const core = "http://hl7.org/fhir/StructureDefinition/"

// writer writes a table. Its form is described in fhir/guide, which reads it.
type writer struct {
	known    map[string]*structure // by URL
	profiles []*structure          // to be written
	sets     []definition
}

// definition is a ValueSet or a CodeSystem as far as it is written.
type definition struct {
	ResourceType  string    `json:"-"`
	URL           string    `json:"-"`
	Version       string    `json:"-"`
	CaseSensitive *bool     `json:"caseSensitive,omitempty"`
	Content       string    `json:"content,omitempty"`
	Concept       []concept `json:"concept,omitempty"`
	Compose       *compose  `json:"compose,omitempty"`
}

type concept struct {
	Code    string    `json:"code"`
	Display string    `json:"display,omitempty"`
	Concept []concept `json:"concept,omitempty"`
}

type compose struct {
	Include []part `json:"include"`
	Exclude []part `json:"exclude,omitempty"`
}

type part struct {
	System   string              `json:"system,omitempty"`
	Concept  []concept           `json:"concept,omitempty"`
	Filter   []map[string]string `json:"filter,omitempty"`
	ValueSet []string            `json:"valueSet,omitempty"`
}

// know takes in a resource; write says whether it goes into the table.
func (w *writer) know(raw []byte, write bool) error {
	var kind struct{ ResourceType string }
	if err := json.Unmarshal(raw, &kind); err != nil {
		return err
	}
	switch {
	case kind.ResourceType == "StructureDefinition":
		s := &structure{}
		if err := json.Unmarshal(raw, s); err != nil {
			return err
		}
		s.index()
		w.known[s.URL] = s
		name := strings.TrimPrefix(s.URL, core)
		if write && s.Derivation == "constraint" && name != "SimpleQuantity" && name != "MoneyQuantity" {
			w.profiles = append(w.profiles, s)
		}
	case write && (kind.ResourceType == "ValueSet" || kind.ResourceType == "CodeSystem"):
		var d definition
		if err := json.Unmarshal(raw, &d); err != nil {
			return err
		}
		var named struct{ URL, Version string }
		if err := json.Unmarshal(raw, &named); err != nil {
			return err
		}
		d.ResourceType, d.URL, d.Version = kind.ResourceType, named.URL, named.Version
		w.sets = append(w.sets, d)
	}
	return nil
}

func (w *writer) table(of string) ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# %s: profiles and the codes that they need. Made by fhir/guide/generate; do not edit. Form: fhir/guide/guide.go.\n", of)
	slices.SortFunc(w.profiles, func(a, b *structure) int { return cmp.Compare(a.URL, b.URL) })
	for _, s := range w.profiles {
		if err := w.profile(&out, s); err != nil {
			return nil, fmt.Errorf("%s: %w", s.URL, err)
		}
	}
	slices.SortFunc(w.sets, func(a, b definition) int {
		return cmp.Or(cmp.Compare(a.ResourceType, b.ResourceType), cmp.Compare(a.URL, b.URL))
	})
	for _, d := range w.sets {
		fmt.Fprintf(&out, "%s\t%s\t%s\n%s\n", d.ResourceType, d.URL, d.Version, encode(d))
	}
	return out.Bytes(), nil
}

// profile writes what a profile says beyond R4's definition of its type, by its snapshot: what it takes over from a
// profile that it is based on is part of that.
func (w *writer) profile(out *bytes.Buffer, s *structure) error {
	if w.known[core+s.Type] == nil || len(s.Snapshot.Element) == 0 {
		return fmt.Errorf("R4 has no such type, or there is no snapshot")
	}
	rows := make([]row, len(s.Snapshot.Element))
	sliced, told := map[string]bool{}, map[string]bool{} // elements of whose slices, or of whose content, anything is told
	for i, e := range s.Snapshot.Element {
		rows[i] = differ(e, w.above(s, e.path))
		if rows[i].empty() {
			continue
		}
		for _, slice := range inside(e.path) {
			sliced[slice[:strings.LastIndexByte(slice, ':')]] = true
		}
		for id := e.ID; strings.Contains(id, "."); {
			id = id[:strings.LastIndexByte(id, '.')]
			told["#"+id] = true
		}
	}
	fmt.Fprintf(out, "StructureDefinition\t%s\t%s\t%s\n", s.URL, s.Version, s.Type)
	for i, e := range s.Snapshot.Element {
		if !sliced[e.path] {
			rows[i].slicing = nil
		}
		if at := strings.IndexByte(e.ContentReference, '#'); at >= 0 && told[e.ContentReference[at:]] {
			rows[i].reference = e.ContentReference[at:]
		}
		if r := &rows[i]; !r.empty() {
			out.Write(r.json())
			out.WriteByte('\n')
		}
	}
	return nil
}

func encode(value any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(err) // values of this program
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
