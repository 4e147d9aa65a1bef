package consent

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the truth table in docs/consent.md again")

// published are the tables in the order in which docs/consent.md has them.
var published = []string{"policy", "gate", "tree", "several", "purpose", "actor", "record", "label", "limit", "pcf"}

const (
	publishedAt = "../docs/consent.md"
	rowsBegin   = "<!-- What follows is written by `go test ./consent -run Published -rewrite`. -->\n"
)

// TestPublished holds docs/consent.md against the truth tables, each row of
// which TestTruthTables holds against Decide.
func TestPublished(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) != len(published) {
		t.Fatalf("%d tables, %d are published: %v", len(files), len(published), err)
	}
	have, err := os.ReadFile(publishedAt)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(have), rowsBegin)
	if !ok {
		t.Fatalf("%s has no line %s", publishedAt, rowsBegin)
	}
	want := head + rowsBegin + rowsText(t)
	if *rewrite {
		if err := os.WriteFile(publishedAt, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(have) {
		t.Errorf("%s does not say what the truth tables say: go test ./consent -run Published -rewrite", publishedAt)
	}
}

func rowsText(t *testing.T) string {
	var b strings.Builder
	for _, name := range published {
		file := "testdata/" + name + ".txt"
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		title, _, _ := strings.Cut(string(raw), "\n")
		fmt.Fprintf(&b, "\n### %s\n\n", strings.TrimSuffix(strings.TrimPrefix(title, "# "), "."))
		tab := readTable(t, file)
		for _, r := range tab.rows {
			fmt.Fprintf(&b, "* %s *%s: %s, by `%s`.*\n", r.sentence, r.outcome, map[string]string{"yes": "allowed", "no": "refused"}[r.allowed], r.rule)
		}
	}
	return b.String()
}
