package guide

import (
	_ "embed" // the tables below
	"fmt"
	"slices"
	"strings"
	"sync"

	"cairn/fhir/resource"
)

// r4 and usCore are the tables. A line of words with tabs begins a definition:
//
//	StructureDefinition URL VERSION TYPE   what it says beyond that type of R4 follows, an ElementDefinition a line
//	ValueSet            URL VERSION        its other elements follow, as an object on one line
//	CodeSystem          URL VERSION        the same
//
//go:embed r4.txt
var r4 string

//go:embed uscore.txt
var usCore string

// Profile is a StructureDefinition that constrains a type, by what stands in the head of its definition.
type Profile struct{ URL, Version, Type string }

// place is where a definition stands in the tables: its head, and the lines below it.
type place struct {
	head []string
	text string
}

type index struct {
	places   map[string]place // by type of resource and URL, a blank between
	profiles []Profile
}

var places = sync.OnceValue(func() *index {
	x := &index{places: map[string]place{}}
	for _, table := range []string{r4, usCore} {
		if err := x.add(table); err != nil {
			panic("guide: " + err.Error()) // the tables are part of the program
		}
	}
	return x
})

// heads is how many words begin a definition.
var heads = map[string]int{"StructureDefinition": 4, "ValueSet": 3, "CodeSystem": 3}

// add finds the definitions of a table, without reading them.
func (x *index) add(table string) error {
	for rest := table; rest != ""; {
		line, below, _ := strings.Cut(rest, "\n")
		if rest = below; strings.HasPrefix(line, "#") {
			continue
		}
		head := strings.Split(line, "\t")
		if len(head) != heads[head[0]] {
			return fmt.Errorf("a definition does not begin with %q", line)
		}
		end := 0
		for strings.HasPrefix(rest[end:], "{") {
			end += strings.IndexByte(rest[end:], '\n') + 1
		}
		x.places[head[0]+" "+head[1]] = place{head, rest[:end]}
		if head[0] == "StructureDefinition" {
			x.profiles = append(x.profiles, Profile{head[1], head[2], head[3]})
		}
		rest = rest[end:]
	}
	return nil
}

// Find is the definition of a type (StructureDefinition, ValueSet, CodeSystem) with a canonical URL; nil where there is
// none, or none of that version. version "" is whichever there is.
func Find(typ, url, version string) *resource.Doc {
	p, ok := places().places[typ+" "+url]
	if !ok || version != "" && version != p.head[2] {
		return nil
	}
	doc, err := resource.Parse([]byte(p.document()), resource.Limits{})
	if err != nil {
		panic("guide: " + url + ": " + err.Error()) // the tables are part of the program
	}
	return doc
}

// Version is the version in which a definition is built in, "" where it is not.
func Version(typ, url string) string {
	if p, ok := places().places[typ+" "+url]; ok {
		return p.head[2]
	}
	return ""
}

// document is the definition as FHIR writes it.
func (p place) document() string {
	start := fmt.Sprintf(`{"resourceType":%q,"url":%q,"status":"active"`, p.head[0], p.head[1])
	if p.head[2] != "" {
		start += fmt.Sprintf(`,"version":%q`, p.head[2])
	}
	if p.head[0] != "StructureDefinition" {
		return start + "," + strings.TrimPrefix(p.text, "{")
	}
	start += fmt.Sprintf(`,"type":%q,"baseDefinition":%q,"derivation":"constraint"`, p.head[3], "http://hl7.org/fhir/StructureDefinition/"+p.head[3])
	if p.text == "" {
		return start + "}" // it says nothing but what it is for
	}
	rows := strings.ReplaceAll(strings.TrimSuffix(p.text, "\n"), "\n", ",")
	return start + `,"differential":{"element":[` + rows + "]}}"
}

// Profiles lists the profiles of a type, "Extension" among the types, by URL.
func Profiles(typ string) (out []Profile) {
	for _, p := range places().profiles {
		if p.Type == typ {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Profile) int { return strings.Compare(a.URL, b.URL) })
	return out
}

// URLs lists the canonical URLs of the definitions of a type, in order.
func URLs(typ string) (out []string) {
	for key := range places().places {
		if url, ok := strings.CutPrefix(key, typ+" "); ok {
			out = append(out, url)
		}
	}
	slices.Sort(out)
	return out
}
