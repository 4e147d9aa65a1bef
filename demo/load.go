package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cairn/sample"
)

// Person is a patient of the demo: where her records went.
type Person struct {
	Name string            // as the bundle has it; for the story on this terminal only
	IDs  map[string]string // hospital -> her id there
}

// Loaded is what was stored.
type Loaded struct {
	People  []Person
	Records int
	Counts  map[string]map[string]int // hospital -> type -> records
	Stored  map[string][]string       // hospital -> "Type/id/_history/1"
	Secrets []string                  // what must never be on the ledger: names, identifiers, ids
}

// Sources are transaction bundles to load, one patient each.
type Sources struct {
	Each  iter.Seq2[[]byte, error]
	Total int // how many there will be
}

// Synthetic returns n synthetic patients of a seed.
func Synthetic(seed uint64, n int) Sources {
	return Sources{Total: n, Each: func(yield func([]byte, error) bool) {
		for b := range sample.New(seed).All(n) {
			if !yield(b, nil) {
				return
			}
		}
	}}
}

// Files returns the transaction bundles of a folder (*.json), by name.
func Files(dir string) (Sources, error) {
	found, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(found) == 0 {
		return Sources{}, fmt.Errorf("there are no FHIR transaction bundles (*.json) in %s", dir)
	}
	slices.Sort(found)
	return Sources{Total: len(found), Each: func(yield func([]byte, error) bool) {
		for _, file := range found {
			data, err := os.ReadFile(file)
			if !yield(data, err) {
				return
			}
		}
	}}, nil
}

// Load spreads each patient's records over two hospitals, going round, and
// tells how far it is.
func (c *Consortium) Load(ctx context.Context, from Sources, progress func(done, total int)) (*Loaded, error) {
	out := &Loaded{Counts: make(map[string]map[string]int), Stored: make(map[string][]string)}
	i := 0
	for bundle, err := range from.Each {
		if err != nil {
			return nil, fmt.Errorf("reading bundle %d: %w", i+1, err)
		}
		parts, err := sample.Split(bundle, 2)
		if err != nil {
			return nil, fmt.Errorf("splitting bundle %d: %w", i+1, err)
		}
		person := Person{IDs: make(map[string]string)}
		for j, part := range parts {
			h := c.Hospitals[(i+j)%len(c.Hospitals)]
			if err := c.loadPart(ctx, h, part, out, &person); err != nil {
				return nil, fmt.Errorf("loading bundle %d: %w", i+1, err)
			}
		}
		if len(person.IDs) > 0 {
			out.People = append(out.People, person)
		}
		i++
		progress(i, from.Total)
	}
	return out, nil
}

func (c *Consortium) loadPart(ctx context.Context, h *Hospital, part []byte, out *Loaded, person *Person) error {
	answer, err := h.EHR.Expect(ctx, http.StatusOK, http.MethodPost, "/fhir", part)
	if err != nil {
		return err
	}
	var sent struct {
		Entry []struct {
			FullURL  string `json:"fullUrl"`
			Resource json.RawMessage
		}
	}
	var got struct {
		Entry []struct{ Response struct{ Location string } }
	}
	if err := json.Unmarshal(part, &sent); err != nil {
		return err
	}
	if err := json.Unmarshal(answer.Body, &got); err != nil || len(got.Entry) != len(sent.Entry) {
		return fmt.Errorf("the answer of %s does not fit the transaction: %w", h.ID, err)
	}
	if out.Counts[h.ID] == nil {
		out.Counts[h.ID] = make(map[string]int)
	}
	for i, e := range got.Entry {
		typ, rest, _ := strings.Cut(e.Response.Location, "/")
		id, _, _ := strings.Cut(rest, "/")
		out.Records++
		out.Counts[h.ID][typ]++
		out.Stored[h.ID] = append(out.Stored[h.ID], e.Response.Location)
		out.Secrets = append(out.Secrets, id, strings.TrimPrefix(sent.Entry[i].FullURL, "urn:uuid:"))
		if typ == "Patient" {
			person.IDs[h.ID] = id
			person.Name = out.secrets(sent.Entry[i].Resource)
		}
	}
	return nil
}

// secrets notes what of a Patient must never be on the ledger and returns her
// name.
func (l *Loaded) secrets(patient json.RawMessage) (name string) {
	var p struct {
		Name []struct {
			Family string
			Given  []string
		}
		Identifier []struct{ Value string }
		BirthDate  string
		Telecom    []struct{ Value string }
		Address    []struct{ Line []string }
	}
	if json.Unmarshal(patient, &p) != nil {
		return ""
	}
	for _, n := range p.Name {
		l.Secrets = append(append(l.Secrets, n.Family), n.Given...)
		if name == "" {
			name = strings.Join(append(slices.Clone(n.Given), n.Family), " ")
		}
	}
	for _, i := range p.Identifier {
		l.Secrets = append(l.Secrets, i.Value)
	}
	for _, t := range p.Telecom {
		l.Secrets = append(l.Secrets, t.Value)
	}
	for _, a := range p.Address {
		l.Secrets = append(l.Secrets, a.Line...)
	}
	l.Secrets = append(l.Secrets, p.BirthDate)
	return name
}
