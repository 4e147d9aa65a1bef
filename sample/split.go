package sample

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Split divides one patient's transaction bundle among several hospitals and returns parts transaction bundles, each
// complete in itself: every entry of the bundle that it refers to is in it. Entries keep their bytes and their order.
//
// Every Patient, with what it refers to, is in every part. What describes no patient (Practitioner, Organization, Location,
// Medication and the like) is in each part that refers to it, or in the first if none does. All other entries are in
// exactly one part, together with those that they refer to or that refer to them; such groups are dealt out largest first,
// each to the part that has the fewest entries, so that no part stays without one while there are enough. The same input
// gives the same parts.
//
// A bundle without a Patient, such as Synthea's list of hospitals, cannot be divided: it comes back whole as the only part.
// An error tells the position of what is wrong and nothing of what is in it.
func Split(bundle []byte, parts int) ([][]byte, error) {
	if parts < 1 {
		return nil, errors.New("splitting a bundle: fewer than one part")
	}
	s, err := readSplitter(bundle)
	if err != nil {
		return nil, fmt.Errorf("splitting a bundle: %w", err)
	}
	if !slices.ContainsFunc(s.entries, func(e entry) bool { return e.kind == "Patient" }) {
		return [][]byte{slices.Clone(bundle)}, nil
	}
	if err := s.link(); err != nil {
		return nil, fmt.Errorf("splitting a bundle: %w", err)
	}
	s.sort()
	shares := s.deal(parts)
	out := make([][]byte, parts)
	for i, share := range shares {
		out[i] = s.write(share)
	}
	return out, nil
}

// entry is one of a bundle, as received.
type entry struct {
	raw     []byte
	url     string // its fullUrl
	kind    string // its resource type
	targets []int  // the entries that it refers to
	role    role
}

type role uint8

const (
	lone   role = iota // in one part
	shared             // in each part that refers to it
	common             // in every part
)

type splitter struct {
	entries []entry
}

// impersonal are the resource types that can describe no patient. One that refers to a patient's entry does all the same.
var impersonal = map[string]bool{
	"ActivityDefinition": true, "CodeSystem": true, "Device": true, "DeviceDefinition": true, "Endpoint": true,
	"HealthcareService": true, "InsurancePlan": true, "Library": true, "Location": true, "Medication": true,
	"MedicationKnowledge": true, "Organization": true, "OrganizationAffiliation": true, "PlanDefinition": true,
	"Practitioner": true, "PractitionerRole": true, "Questionnaire": true, "Substance": true, "ValueSet": true,
}

func readSplitter(bundle []byte) (*splitter, error) {
	var kind, use string
	var list json.RawMessage
	err := members(bundle, func(key string, value json.RawMessage) error {
		switch key {
		case "resourceType":
			return json.Unmarshal(value, &kind)
		case "type":
			return json.Unmarshal(value, &use)
		case "entry":
			list = value
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if kind != "Bundle" || use != "transaction" {
		return nil, errors.New("not a Bundle of type transaction")
	}
	var raws []json.RawMessage
	if list != nil {
		if err := json.Unmarshal(list, &raws); err != nil {
			return nil, fmt.Errorf("reading its entries: %w", err)
		}
	}
	s := &splitter{entries: make([]entry, len(raws))}
	for i, raw := range raws {
		if s.entries[i], err = readEntry(raw); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
	}
	return s, nil
}

func readEntry(raw []byte) (entry, error) {
	e := entry{raw: raw}
	err := members(raw, func(key string, value json.RawMessage) error {
		switch key {
		case "fullUrl":
			return json.Unmarshal(value, &e.url)
		case "resource":
			return members(value, func(key string, value json.RawMessage) error {
				if key == "resourceType" {
					return json.Unmarshal(value, &e.kind)
				}
				return nil
			})
		}
		return nil
	})
	if err == nil && e.kind == "" {
		err = errors.New("no resource with a type")
	}
	return e, err
}

// members calls visit for each member of a JSON object. Unlike encoding/json it tells keys apart by case and refuses a key
// that comes twice and anything after the object.
func members(raw []byte, visit func(key string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return errors.New("not a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return fmt.Errorf("reading at byte %d: invalid JSON", d.InputOffset())
		}
		name, _ := key.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("reading at byte %d: invalid JSON", d.InputOffset())
		}
		if seen[name] {
			return fmt.Errorf("at byte %d: a key that comes twice", d.InputOffset())
		}
		seen[name] = true
		if err := visit(name, value); err != nil {
			return fmt.Errorf("at byte %d: a value of the wrong kind", d.InputOffset())
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("reading at byte %d: invalid JSON", d.InputOffset())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("at byte %d: data after the object", d.InputOffset())
	}
	return nil
}

// link finds which entries refer to which: every string that is the fullUrl of an entry, in a Reference, a uri or the
// link of a narrative (FHIR R4 3.1.0.11.2), or Type/id where that fullUrl is a RESTful address. It refuses two entries of
// one fullUrl.
func (s *splitter) link() error {
	index := map[string][]int{}
	for i := range s.entries {
		if url := s.entries[i].url; url != "" && len(index[url]) > 0 {
			return fmt.Errorf("entry %d: the fullUrl of an earlier entry", i)
		}
		for _, name := range s.entries[i].names() {
			index[name] = append(index[name], i)
		}
	}
	for i := range s.entries {
		e := &s.entries[i]
		for text := range texts(e.raw) {
			for _, name := range mentions(text) {
				e.targets = append(e.targets, index[name]...)
			}
		}
		slices.Sort(e.targets)
		e.targets = slices.Compact(e.targets)
	}
	return nil
}

// names are the texts that refer to an entry.
func (e *entry) names() []string {
	if e.url == "" {
		return nil
	}
	names := []string{e.url}
	if cut := strings.LastIndex(e.url, "/"+e.kind+"/"); cut >= 0 {
		names = append(names, e.url[cut+1:])
	}
	return names
}

// mentions are the addresses in a text: the text itself, without version and fragment, and each urn:uuid within it.
func mentions(text string) []string {
	whole, _, _ := strings.Cut(text, "#")
	whole, _, _ = strings.Cut(whole, "/_history/")
	all := []string{whole}
	const scheme, length = "urn:uuid:", 36
	for {
		_, rest, found := strings.Cut(text, scheme)
		if !found {
			return all
		}
		if len(rest) >= length {
			all = append(all, scheme+rest[:length])
		}
		text = rest
	}
}

// texts yields the strings of valid JSON, keys too.
func texts(raw []byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := 0; i < len(raw); i++ {
			if raw[i] != '"' {
				continue
			}
			start, escaped := i, false
			for i++; raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					escaped = true
					i++
				}
			}
			text := string(raw[start+1 : i])
			if escaped {
				_ = json.Unmarshal(raw[start:i+1], &text) // cannot fail: the JSON is valid
			}
			if !yield(text) {
				return
			}
		}
	}
}

// sort gives every entry its role.
func (s *splitter) sort() {
	for i := range s.entries {
		if impersonal[s.entries[i].kind] {
			s.entries[i].role = shared
		}
	}
	for changed := true; changed; {
		changed = false
		for i := range s.entries {
			e := &s.entries[i]
			if e.role == shared && slices.ContainsFunc(e.targets, func(j int) bool { return s.entries[j].role != shared }) {
				e.role, changed = lone, true
			}
		}
	}
	for i := range s.entries {
		if s.entries[i].kind == "Patient" {
			s.everywhere(i)
		}
	}
}

// everywhere makes an entry, and what it refers to, part of every part.
func (s *splitter) everywhere(i int) {
	e := &s.entries[i]
	if e.role == common {
		return
	}
	e.role = common
	for _, j := range e.targets {
		s.everywhere(j)
	}
}

// groups returns the entries that must stay together, largest group first, then by the first entry.
func (s *splitter) groups() [][]int {
	parent := make([]int, len(s.entries))
	for i := range parent {
		parent[i] = i
	}
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	for i, e := range s.entries {
		for _, j := range e.targets {
			if e.role == lone && s.entries[j].role == lone {
				parent[max(root(i), root(j))] = min(root(i), root(j))
			}
		}
	}
	groups := make([][]int, len(s.entries))
	for i, e := range s.entries {
		if e.role == lone {
			groups[root(i)] = append(groups[root(i)], i)
		}
	}
	groups = slices.DeleteFunc(groups, func(g []int) bool { return len(g) == 0 })
	slices.SortStableFunc(groups, func(a, b []int) int { return len(b) - len(a) })
	return groups
}

// deal returns, for each part, which entries are in it.
func (s *splitter) deal(parts int) [][]bool {
	shares, load := make([][]bool, parts), make([]int, parts)
	for p := range shares {
		shares[p] = make([]bool, len(s.entries))
	}
	for _, group := range s.groups() {
		least := slices.Index(load, slices.Min(load))
		load[least] += len(group)
		for _, i := range group {
			shares[least][i] = true
		}
	}
	needed := make([]bool, len(s.entries))
	for _, share := range shares {
		s.complete(share, needed)
	}
	for i, e := range s.entries {
		if e.role == shared && !needed[i] {
			shares[0][i] = true
		}
	}
	s.complete(shares[0], needed)
	return shares
}

// complete adds what is in every part and what the entries of the share refer to, and notes it as needed.
func (s *splitter) complete(share, needed []bool) {
	var open []int
	for i, e := range s.entries {
		if share[i] = share[i] || e.role == common; share[i] {
			open = append(open, i)
		}
	}
	for len(open) > 0 {
		i := open[len(open)-1]
		open = open[:len(open)-1]
		needed[i] = true
		for _, j := range s.entries[i].targets {
			if !share[j] {
				share[j], open = true, append(open, j)
			}
		}
	}
}

func (s *splitter) write(share []bool) []byte {
	out := []byte(`{"resourceType":"Bundle","type":"transaction","entry":[`)
	first := true
	for i, e := range s.entries {
		if !share[i] {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(out, e.raw...)
	}
	return append(out, `]}`...)
}
