package main

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

var listed = regexp.MustCompile(`"([^"]+)",`)

// names writes the list of all names of parameters. Stored indexes name parameters by their place in it, so what the
// file has already stays where it is, and what is missing is added at the end, the most frequent first.
func (b *builder) names(file string) (*strings.Builder, error) {
	old, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	var all []string
	for _, m := range listed.FindAllStringSubmatch(string(old), -1) {
		all = append(all, m[1])
	}
	often := map[string]int{}
	for typ, rows := range b.rows {
		for _, r := range rows {
			often[r.name]++
			if typ == "Observation" || typ == "Patient" || typ == "Resource" {
				often[r.name] += 100 // they shall have short numbers
			}
		}
	}
	var missing []string
	for name := range often {
		if !slices.Contains(all, name) {
			missing = append(missing, name)
		}
	}
	slices.SortFunc(missing, func(x, y string) int { return cmp.Or(cmp.Compare(often[y], often[x]), cmp.Compare(x, y)) })
	var out strings.Builder
	fmt.Fprintf(&out, "%s\npackage param\n\nvar names = [...]string{\n", header)
	writeLines(&out, append(all, missing...), func(name string) string { return fmt.Sprintf("%q,", name) })
	out.WriteString("}\n")
	return &out, nil
}

// writeLines writes a list, as many items on a line as fit.
func writeLines(out *strings.Builder, list []string, item func(string) string) {
	line := "\t"
	for _, one := range list {
		text := item(one)
		if len(line)+len(text) > 140 {
			out.WriteString(strings.TrimSuffix(line, " ") + "\n")
			line = "\t"
		}
		line += text + " "
	}
	out.WriteString(strings.TrimSuffix(line, " ") + "\n")
}
