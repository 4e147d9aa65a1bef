package fhir_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cairn/api/fhir"
)

const (
	pages     = "../../docs/api/"
	openFence = "```http\n"
	endFence  = "\n```"
)

// TestPages holds the pages in docs/api to what the face does: each route and
// each operation stands on one, each page has examples, the index names each,
// and what the examples show of an answer is answered.
//
// The examples of a page are one story (see TestStories). Of an answer they
// show the status and as many of the other lines as they like, in their order;
// a line that ends with "..." shows only how it begins.
func TestPages(t *testing.T) {
	files, err := filepath.Glob(pages + "*.md")
	if err != nil || len(files) < 2 {
		t.Fatalf("there are no pages: %v", err)
	}
	index := contents(t, pages+"README.md")
	var all strings.Builder
	for _, file := range files {
		name := filepath.Base(file)
		if name == "README.md" {
			continue
		}
		if !strings.Contains(index, "("+name+")") {
			t.Errorf("docs/api/README.md does not link %s", name)
		}
		all.WriteString(contents(t, file))
		t.Run(strings.TrimSuffix(name, ".md"), func(t *testing.T) { playPage(t, file) })
	}
	for _, route := range fhir.Routes() {
		if !strings.Contains(all.String(), "`"+route+"`") {
			t.Errorf("no page in docs/api has `%s`", route)
		}
	}
}

func contents(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// playPage plays the examples of a page, one after the other.
func playPage(t *testing.T, file string) {
	text := contents(t, file)
	parts := strings.Split(text, openFence)
	if len(parts) < 2 {
		t.Fatalf("%s has no example", file)
	}
	var shown []string
	for i, part := range parts[1:] {
		example, _, closed := strings.Cut(part, endFence)
		if !closed {
			t.Fatalf("%s: example %d has no end", file, i+1)
		}
		shown = append(shown, strings.Split(strings.TrimSpace(example), "\n\n")...)
	}
	for i, answered := range strings.Split(strings.TrimSpace(play(t, strings.Join(shown, "\n\n"))), "\n\n") {
		missing, ok := holds(answersOf(shown[i]), answersOf(answered))
		switch {
		case ok:
		case *rewrite:
			text = strings.Replace(text, shown[i], answered, 1)
		default:
			t.Errorf("%s: not answered: %s\nbut\n%s", file, missing, answered)
		}
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func answersOf(block string) []string {
	return slices.DeleteFunc(strings.Split(block, "\n"), func(line string) bool { return !strings.HasPrefix(line, "<") })
}

// holds tells whether the lines that are shown stand among those of the answer,
// the first at its beginning, and if not which is missing.
func holds(shown, answered []string) (missing string, ok bool) {
	if len(shown) == 0 || len(answered) == 0 || shown[0] != answered[0] {
		return "the status", len(shown) == 0 && len(answered) == 0
	}
	for _, line := range shown {
		prefix, cut := strings.CutSuffix(line, "...")
		at := slices.IndexFunc(answered, func(a string) bool { return a == line || cut && strings.HasPrefix(a, prefix) })
		if at < 0 {
			return line, false
		}
		answered = answered[at+1:]
	}
	return "", true
}
