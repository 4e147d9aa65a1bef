package main

import (
	"fmt"
	"path/filepath"
	"sort"
	"strings"
)

type concept struct {
	Code    string
	Concept []concept
}

type codeSystem struct {
	ResourceType, URL, Content string
	Concept                    []concept
}

type include struct {
	System   string
	Concept  []concept
	Filter   []struct{ Property, Op, Value string }
	ValueSet []string
}

type valueSet struct {
	ResourceType, URL string
	Compose           struct {
		Include []include
		Exclude []include
	}
}

// terms is the value sets and code systems that come with R4.
type terms struct {
	sets    map[string]valueSet
	systems map[string]codeSystem
}

func readTerms(dir string) (*terms, error) {
	t := &terms{sets: map[string]valueSet{}, systems: map[string]codeSystem{}}
	for _, file := range []string{"valuesets.json", "v3-codesystems.json", "v2-tables.json"} {
		var sets []valueSet
		var systems []codeSystem
		if err := read(filepath.Join(dir, file), "ValueSet", &sets); err != nil {
			return nil, err
		}
		if err := read(filepath.Join(dir, file), "CodeSystem", &systems); err != nil {
			return nil, err
		}
		for _, s := range sets {
			t.sets[s.URL] = s
		}
		for _, s := range systems {
			t.systems[s.URL] = s
		}
	}
	return t, nil
}

// expand is the codes of a value set by system; false where the definitions do not list them all.
func (t *terms) expand(url string) (map[string][]string, bool) {
	set, ok := t.sets[url]
	if !ok || len(set.Compose.Exclude) > 0 || len(set.Compose.Include) == 0 {
		return nil, false
	}
	all := map[string]map[string]bool{}
	for _, inc := range set.Compose.Include {
		if !t.add(all, inc) {
			return nil, false
		}
	}
	out := map[string][]string{}
	for system, codes := range all {
		for code := range codes {
			out[system] = append(out[system], code)
		}
		sort.Strings(out[system])
	}
	return out, true
}

func (t *terms) add(all map[string]map[string]bool, inc include) bool {
	if len(inc.Filter) > 0 {
		return false
	}
	for _, url := range inc.ValueSet {
		other, ok := t.expand(url)
		if !ok || inc.System != "" {
			return false
		}
		for system, codes := range other {
			for _, code := range codes {
				put(all, system, code)
			}
		}
	}
	concepts := inc.Concept
	if len(concepts) == 0 && inc.System != "" {
		system, ok := t.systems[inc.System]
		if !ok || system.Content != "complete" {
			return false
		}
		concepts = system.Concept
	}
	putAll(all, inc.System, concepts)
	return true
}

func putAll(all map[string]map[string]bool, system string, concepts []concept) {
	for _, c := range concepts {
		put(all, system, c.Code)
		putAll(all, system, c.Concept)
	}
}

func put(all map[string]map[string]bool, system, code string) {
	if all[system] == nil {
		all[system] = map[string]bool{}
	}
	all[system][code] = true
}

// text is the lines of one value set.
func (t *terms) text(url string) (string, error) {
	codes, ok := t.expand(url)
	if !ok {
		return "", nil
	}
	systems := make([]string, 0, len(codes))
	for system := range codes {
		systems = append(systems, system)
	}
	sort.Strings(systems)
	var b strings.Builder
	fmt.Fprintf(&b, "set\t%s\n", shortSet(url))
	for _, system := range systems {
		for _, code := range codes[system] {
			if strings.ContainsAny(code, " \t\n") {
				return "", fmt.Errorf("a code of %s has white space", url)
			}
		}
		fmt.Fprintf(&b, "in\t%s\t%s\n", system, strings.Join(codes[system], " "))
	}
	return b.String(), nil
}

const setBase = "http://hl7.org/fhir/ValueSet/"

// shortSet leaves out the base that nearly all share, and the version.
func shortSet(url string) string {
	url, _, _ = strings.Cut(url, "|")
	return strings.TrimPrefix(url, setBase)
}
