package fhirpath

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
	"cairn/test/npm"
)

var rewrite = flag.Bool("rewrite", false, "write golden files again")

// TestInvariantsOnOfficialExamples evaluates every invariant of R4 of severity error on every element of the official
// examples: of each sixteenth file, or of all 5,306 where CAIRN_ALL_EXAMPLES is set. testdata/invariants.txt lists those that do not hold or cannot be evaluated; testdata/README.md says why each
// line is right.
func TestInvariantsOnOfficialExamples(t *testing.T) {
	var broken []string
	evaluated, held := 0, map[string]bool{}
	files := examples(t)
	for _, file := range files {
		d := example(t, file)
		if d == nil {
			continue
		}
		w := walker{t: t, subject: Of(d), name: strings.TrimSuffix(filepath.Base(file), ".json"), held: held}
		w.resource(d.Root())
		broken = append(broken, w.broken...)
		evaluated += w.evaluated
	}
	t.Logf("%d files, %d evaluations of %d invariants, %d of them did not hold", len(files), evaluated, len(held), len(broken))
	golden(t, "testdata/invariants.txt", files, broken)
}

// all is the name of the variable that asks for all examples.
const all = "CAIRN_ALL_EXAMPLES"

// examples is the files of the official examples: each sixteenth, unless all are asked for.
func examples(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(npm.Folder(t, npm.Examples), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(files)
	files = slices.DeleteFunc(files, func(file string) bool { return filepath.Base(file) == "package.json" })
	if os.Getenv(all) != "" {
		return files
	}
	var some []string
	for i := 0; i < len(files); i += 16 {
		some = append(some, files[i])
	}
	return some
}

// example reads an example; nil for what is no resource that this house accepts.
func example(t testing.TB, file string) *resource.Doc {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d, err := resource.Parse(raw, resource.Limits{})
	if err != nil {
		return nil
	}
	return d
}

// walker evaluates the invariants of all that it passes.
type walker struct {
	t         *testing.T
	subject   *Subject
	name      string
	broken    []string
	evaluated int
	held      map[string]bool // keys of invariants that held at least once
}

func (w *walker) resource(n resource.Node) {
	typ, _ := n.Get("resourceType").Text()
	if shape := profile.Of(typ); shape != nil {
		w.value(n, shape, nil, n)
	}
}

func (w *walker) value(n resource.Node, shape *profile.Shape, rules []profile.Rule, within resource.Node) {
	focus := w.subject.At(n, shape.Name, within)
	w.rules(focus, n, rules)
	for s := shape; s != nil; s = s.Base {
		w.rules(focus, n, s.Rules)
	}
	for m := range n.Children() {
		is, ok := shape.Member(m.Name())
		if !ok {
			continue
		}
		for item := range m.Items() {
			switch {
			case item.Kind() == resource.Null:
			case is.Type.Shape == nil:
				w.resource(item)
			default:
				w.value(item, is.Type.Shape, is.Element.Rules, within)
			}
		}
	}
}

func (w *walker) rules(focus Focus, n resource.Node, rules []profile.Rule) {
	for _, r := range rules {
		if r.Warning || r.Key == "txt-1" || r.Key == "txt-2" || r.Key == "ref-1" {
			continue // of XHTML, and of a reference that may be missing; fhir/profile checks them
		}
		w.evaluated++
		p, err := Compile(r.Expression)
		if err != nil {
			w.t.Fatalf("%s: %v", r.Key, err)
		}
		values, err := focus.Eval(p)
		ok := err == nil && len(values) == 1
		if ok {
			b, boolean := values[0].Bool()
			ok = b || !boolean
		}
		if ok {
			w.held[r.Key] = true
			continue
		}
		line := fmt.Sprintf("%s %s %s", w.name, r.Key, n.Expression())
		if err != nil {
			line += " " + err.(*Error).Code
		}
		w.broken = append(w.broken, line)
	}
}

// golden compares lines that begin with the name of an example with those of a file that are of the files at hand.
func golden(t *testing.T, file string, of, have []string) {
	t.Helper()
	if *rewrite {
		if os.Getenv(all) == "" {
			t.Fatal("-rewrite needs all examples: set " + all)
		}
		if err := os.WriteFile(file, []byte(strings.Join(have, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	names := map[string]bool{}
	for _, f := range of {
		names[strings.TrimSuffix(filepath.Base(f), ".json")] = true
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSuffix(line, "\n")
		if name, _, _ := strings.Cut(line, " "); names[name] {
			want = append(want, line)
		}
	}
	if !slices.Equal(have, want) {
		t.Errorf("%s differs; -rewrite writes it again, then read the difference. Have:\n%.20000s", file, strings.Join(have, "\n"))
	}
}
