package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gofhir/validator/specs"
)

// searchParameter is a SearchParameter as far as it is read here.
type searchParameter struct {
	ID         string      `json:"id"`
	URL        string      `json:"url"`
	Code       string      `json:"code"`
	Base       []string    `json:"base"`
	Type       string      `json:"type"`
	Expression string      `json:"expression"`
	Target     []string    `json:"target"`
	Component  []component `json:"component"`
}

type component struct {
	Definition string `json:"definition"`
	Expression string `json:"expression"`
}

// element is an ElementDefinition as far as it is read here.
type element struct {
	Path             string `json:"path"`
	ContentReference string `json:"contentReference"`
	Type             []struct {
		Code          string   `json:"code"`
		TargetProfile []string `json:"targetProfile"`
	} `json:"type"`
	Binding struct {
		Strength string `json:"strength"`
		ValueSet string `json:"valueSet"`
	} `json:"binding"`
}

type valueSet struct {
	URL     string `json:"url"`
	Compose struct {
		Include []struct {
			System   string   `json:"system"`
			ValueSet []string `json:"valueSet"`
		} `json:"include"`
	} `json:"compose"`
}

// definitions is what the R4 definitions say that is needed here.
type definitions struct {
	params    []searchParameter
	elements  map[string]element // by path; a choice by its name with [x]
	valueSets map[string]valueSet
}

func readDefinitions() (*definitions, error) {
	d := &definitions{elements: map[string]element{}, valueSets: map[string]valueSet{}}
	err := eachResource("search-parameters.json", "SearchParameter", func(raw []byte) error {
		var p searchParameter
		err := json.Unmarshal(raw, &p)
		d.params = append(d.params, p)
		return err
	})
	for _, file := range []string{"profiles-types.json", "profiles-resources.json"} {
		if err == nil {
			err = eachResource(file, "StructureDefinition", d.addStructure)
		}
	}
	if err == nil {
		err = eachResource("valuesets.json", "ValueSet", func(raw []byte) error {
			var v valueSet
			err := json.Unmarshal(raw, &v)
			d.valueSets[v.URL] = v
			return err
		})
	}
	return d, err
}

// eachResource goes over the resources of one type in a bundle of the definitions.
func eachResource(file, typ string, visit func(raw []byte) error) error {
	raw, err := specs.ReadFile(specs.R4, file)
	if err != nil {
		return err
	}
	var bundle struct {
		Entry []struct {
			Resource json.RawMessage `json:"resource"`
		} `json:"entry"`
	}
	if err := json.Unmarshal(raw, &bundle); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	for _, e := range bundle.Entry {
		var head struct {
			ResourceType string `json:"resourceType"`
		}
		if err := json.Unmarshal(e.Resource, &head); err != nil {
			return fmt.Errorf("reading %s: %w", file, err)
		}
		if head.ResourceType != typ {
			continue
		}
		if err := visit(e.Resource); err != nil {
			return fmt.Errorf("reading %s: %w", file, err)
		}
	}
	return nil
}

func (d *definitions) addStructure(raw []byte) error {
	var s struct {
		Derivation string `json:"derivation"`
		Snapshot   struct {
			Element []element `json:"element"`
		} `json:"snapshot"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	if s.Derivation == "constraint" {
		return nil // a profile
	}
	for _, e := range s.Snapshot.Element {
		d.elements[e.Path] = e
	}
	return nil
}

// system is the one code system that a required binding implies, or "".
func (d *definitions) system(e element) string {
	if e.Binding.Strength != "required" {
		return ""
	}
	url, _, _ := strings.Cut(e.Binding.ValueSet, "|")
	var systems []string
	for _, include := range d.valueSets[url].Compose.Include {
		if len(include.ValueSet) > 0 {
			return ""
		}
		if !slices.Contains(systems, include.System) {
			systems = append(systems, include.System)
		}
	}
	if len(systems) != 1 {
		return ""
	}
	return systems[0]
}
