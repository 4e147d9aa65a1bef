package machine_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A story is a text file of steps. A step is a line with a command, further lines that it takes, a line "----", and
// what the machine answered, up to an empty line. Lines that begin with # are told to the reader only. The answers are
// golden: `go test ./ledger/machine -run Stories -rewrite` writes them again, for a person to read in the diff.

var rewrite = flag.Bool("rewrite", false, "write the answers of the stories again")

// storyFile names the story that a child process tells; see TestStoriesInAnotherProcess.
const storyFile = "CAIRN_TEST_STORY"

func TestMain(m *testing.M) {
	if file := os.Getenv(storyFile); file != "" {
		told, err := tell(file)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Stdout.Write(told)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// tell runs a story and returns it with the answers that came.
func tell(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := newWorld()
	for _, part := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		notes, ask := splitNotes(part)
		out.WriteString(notes)
		if ask == "" {
			out.WriteString("\n")
			continue
		}
		ask, _, _ = strings.Cut(ask+"\n", "----\n")
		answer, err := w.step(strings.Split(strings.TrimSpace(ask), "\n"))
		if err != nil {
			return nil, fmt.Errorf("%s: %q: %w", file, ask, err)
		}
		fmt.Fprintf(&out, "%s\n----\n%s\n\n", strings.TrimSpace(ask), strings.TrimSpace(answer))
	}
	return append(bytes.TrimRight(out.Bytes(), "\n"), '\n'), nil
}

func splitNotes(part string) (notes, ask string) {
	lines := strings.SplitAfter(part, "\n")
	i := 0
	for i < len(lines) && strings.HasPrefix(lines[i], "#") {
		i++
	}
	notes = strings.Join(lines[:i], "")
	if notes != "" && !strings.HasSuffix(notes, "\n") {
		notes += "\n"
	}
	return notes, strings.Join(lines[i:], "")
}

func stories(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories in testdata: %v", err)
	}
	return files
}

func TestStories(t *testing.T) {
	for _, file := range stories(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			told, err := tell(file)
			if err != nil {
				t.Fatal(err)
			}
			if *rewrite {
				if err := os.WriteFile(file, told, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if string(told) != string(want) {
				t.Errorf("the story went otherwise:\n%s", firstDifference(string(want), string(told)))
			}
		})
	}
}

func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d\n  want %s\n  got  %s", i+1, a[i], b[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(b), len(a))
}

// A process of its own has other seeds for its maps and another memory layout; the roots are the same.
func TestStoriesInAnotherProcess(t *testing.T) {
	for _, file := range stories(t) {
		here, err := tell(file)
		if err != nil {
			t.Fatal(err)
		}
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), storyFile+"="+file, "GOGC=1")
		there, err := child.Output()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(here, there) {
			t.Errorf("%s: %s", file, firstDifference(string(here), string(there)))
		}
	}
}
