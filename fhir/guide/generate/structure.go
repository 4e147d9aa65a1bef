package main

import (
	"bytes"
	"encoding/json"
	"strings"
)

// structure is a StructureDefinition as far as it is read.
type structure struct {
	URL, Version, Type, Kind, Derivation, BaseDefinition string
	Abstract                                             bool
	Snapshot                                             struct{ Element []*element }

	byPath map[string]*element // by the id without the type: ".name", "" for the root
}

// element is an ElementDefinition.
type element struct {
	ID               string
	Min              int
	Max              string
	ContentReference string
	Type             []elementType
	Binding          binding
	Constraint       []constraint
	Slicing          *slicing
	MaxLength        int

	path   string                     // id without the type
	values map[string]json.RawMessage // fixed[x], pattern[x], minValue[x], maxValue[x], by their names
}

type elementType struct {
	Code    string   `json:"code"`
	Profile []string `json:"profile,omitempty"`
	Target  []string `json:"targetProfile,omitempty"`
}

type binding struct {
	Strength, ValueSet string
	Extension          []struct{ URL, ValueCanonical string }
}

type constraint struct {
	Key        string `json:"key"`
	Severity   string `json:"severity"`
	Human      string `json:"human"`
	Expression string `json:"expression"`
}

type slicing struct {
	Discriminator []discriminator `json:"discriminator,omitempty"`
	Ordered       bool            `json:"ordered,omitempty"`
	Rules         string          `json:"rules"`
}

type discriminator struct {
	Type string `json:"type"`
	Path string `json:"path"`
}

// UnmarshalJSON also gathers the elements whose names depend on a type.
func (e *element) UnmarshalJSON(raw []byte) error {
	type plain element
	if err := json.Unmarshal(raw, (*plain)(e)); err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return err
	}
	e.values = map[string]json.RawMessage{}
	for name, value := range members {
		for _, stem := range []string{"fixed", "pattern", "minValue", "maxValue"} {
			if strings.HasPrefix(name, stem) {
				var small bytes.Buffer
				if err := json.Compact(&small, value); err != nil {
					return err
				}
				e.values[name] = small.Bytes()
			}
		}
	}
	return nil
}

// index gives each element its path.
func (s *structure) index() {
	s.byPath = map[string]*element{}
	for _, e := range s.Snapshot.Element {
		e.path = ""
		if i := strings.IndexByte(e.ID, '.'); i >= 0 {
			e.path = e.ID[i:]
		}
		s.byPath[e.path] = e
	}
}

// above is what stands for an element without the profile: the same element of R4's type; or, for a slice and what is
// below one, what the profile says of the element that is sliced; or the element of the type of the one further up. nil
// where there is none.
func (w *writer) above(s *structure, path string) *element {
	if e := w.known[core+s.Type].byPath[path]; e != nil {
		return e
	}
	if e := w.unsliced(s, path); e != nil {
		return e
	}
	for cut := strings.LastIndexByte(path, '.'); cut > 0; cut = strings.LastIndexByte(path[:cut], '.') {
		at := s.byPath[path[:cut]]
		if at == nil || len(at.Type) != 1 {
			continue
		}
		if typ := w.known[core+at.Type[0].Code]; typ != nil && typ.byPath[path[cut:]] != nil {
			return typ.byPath[path[cut:]]
		}
	}
	return nil
}

// unsliced is what a profile says of an element whatever its slice. How often a slice occurs, and of which type it is
// where that tells slices apart, is not among it.
func (w *writer) unsliced(s *structure, path string) *element {
	cut := strings.LastIndexByte(path, ':')
	if cut < 0 {
		return nil
	}
	below := ""
	if end := strings.IndexByte(path[cut:], '.'); end >= 0 {
		below = path[cut+end:]
	}
	loose := path[:cut] + below
	e := s.byPath[loose]
	if e == nil {
		e = w.above(s, loose)
	}
	if e == nil || below != "" {
		return e
	}
	any := *e
	any.Min, any.Max, any.Slicing = 0, "*", nil
	if strings.HasSuffix(loose, "[x]") {
		any.Type = nil
	}
	return &any
}

// inside lists the slices that a path leads to or through.
func inside(path string) (out []string) {
	for i := range path {
		if path[i] != ':' {
			continue
		}
		end := strings.IndexByte(path[i:], '.')
		if end < 0 {
			end = len(path) - i
		}
		out = append(out, path[:i+end])
	}
	return out
}
