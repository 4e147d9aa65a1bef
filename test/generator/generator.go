// Package generator holds committed tables against the programs that wrote them. Such a program is a module of its own
// in the folder generate beside its table; what it reads comes with modules that are large, so a test brings them only
// when all of conformance is asked for.
package generator

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// All is the environment variable that asks for everything, also what has to be downloaded (make conformance).
const All = "CAIRN_ALL_EXAMPLES"

// Same sees that neither a table nor its generator was changed without the other: a change of either must change their
// sum in the test, too.
func Same(t *testing.T, table, sum string) {
	t.Helper()
	if got := sumOf(t, table); got != sum {
		t.Errorf("%s or the sources in generate changed: run the generator, and when the table is what it writes, the sum of both is %s", table, got)
	}
}

// Compare runs a table's generator with the name of a file and args, and it must write the table. Where the generator's
// modules are neither in the module cache nor asked for by All, the test is skipped and says so.
func Compare(t *testing.T, table string, args ...string) {
	t.Helper()
	if os.Getenv(All) != "" {
		run(t, nil, "mod", "download")
	} else if _, err := command([]string{"GOPROXY=off", "GOFLAGS=-mod=mod"}, "mod", "download"); err != nil {
		t.Skipf("only the sum of %s and its generator was compared: the modules that the generator reads are not in the module cache; make conformance brings them, and compares", table)
	}
	out := filepath.Join(t.TempDir(), table)
	run(t, nil, append([]string{"run", ".", out}, args...)...)
	want, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Errorf("%s is not what the generator writes: cd generate && go run . ../%s", table, table)
	}
}

// sumOf is a sum over a table and all files of its generator.
func sumOf(t *testing.T, table string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("generate", "*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("there is no generator: %v", err)
	}
	slices.Sort(files)
	h := sha256.New()
	for _, file := range append(files, table) {
		raw, err := os.ReadFile(file) //nolint:gosec // a file of the project
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%s %d\n", filepath.ToSlash(file), len(raw))
		h.Write(raw)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func run(t *testing.T, env []string, args ...string) {
	t.Helper()
	if text, err := command(env, args...); err != nil {
		t.Fatalf("go %s in generate (its module has to be had): %v\n%s", strings.Join(args, " "), err, text)
	}
}

func command(env []string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = "generate", append(os.Environ(), env...)
	return cmd.CombinedOutput()
}
