package cairn_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// statuses are how a requirement may stand in docs/security.md, and whether tests
// must show it (1), may (0) or cannot (-1).
var statuses = map[string]int{"met": 1, "partly": 0, "by construction": -1, "not met": -1, "n/a": -1}

// TestSecurity holds docs/security.md: every requirement stands there once, says
// how it stands, and names tests that there are.
func TestSecurity(t *testing.T) {
	list, err := os.ReadFile("testdata/asvs-5.0.0.txt")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	known, seen := strings.Fields(string(list)), map[string]int{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || strings.HasPrefix(cells[1], "-") || strings.TrimSpace(cells[1]) == "number" {
			if strings.HasPrefix(line, "|") && len(cells) != 6 {
				t.Errorf("this row has not four cells: %s", line)
			}
			continue
		}
		for id := range strings.SplitSeq(cells[1], ",") {
			seen[strings.TrimSpace(id)]++
		}
		tests := strings.Fields(strings.NewReplacer("`", "", ",", " ").Replace(cells[4]))
		need, ok := statuses[strings.TrimSpace(cells[2])]
		if !ok || need == 1 && len(tests) == 0 || need == -1 && len(tests) > 0 || strings.TrimSpace(cells[3]) == "" {
			t.Errorf("%s: a row says how it stands, why, and if it is met, which test shows it", cells[1])
		}
		for _, name := range tests {
			if !exists(t, name) {
				t.Errorf("%s: there is no test %s", cells[1], name)
			}
		}
	}
	for _, id := range known {
		if seen[id] != 1 {
			t.Errorf("%s stands there %d times", id, seen[id])
		}
	}
	for id := range seen {
		if !slices.Contains(known, id) {
			t.Errorf("%s is no requirement of the list", id)
		}
	}
}

// exists tells whether there is a test: "node/identity.TestProve"; those of this
// folder are cairn's.
func exists(t *testing.T, name string) bool {
	t.Helper()
	dir, test := strings.TrimSuffix(name, path.Ext(name)), strings.TrimPrefix(path.Ext(name), ".")
	if dir == "cairn" {
		dir = "."
	}
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == test {
				return true
			}
		}
	}
	return false
}
