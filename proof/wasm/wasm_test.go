// Package main_test builds the verifier for the browser and runs it.
package main_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build compiles the command as it is served and returns its path.
func build(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "verify.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, ".")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, text)
	}
	return out
}

func wasmExec(t *testing.T) string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js")
}

type result struct {
	Verdicts []verdict
	Odd      []string // codes for arguments that are no files
	Nanos    float64  // per verification
}

type verdict struct {
	Bundle, Trust, Status, Code, Sentence string
	Steps                                 []step
	Same                                  bool // the same for bytes and for text
}

type step struct {
	Name, Text  string
	OK, Checked bool
}

// TestBrowserSaysWhatTheVectorsSay runs every published vector through the
// compiled program under Node.
func TestBrowserSaysWhatTheVectorsSay(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: the program cannot be run without a JavaScript engine")
	}
	wasm := build(t)
	vectors := filepath.Join("..", "vectors")
	cmd := exec.Command(node, filepath.Join("testdata", "run.js"), wasmExec(t), wasm, vectors, "200")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("running: %v\n%s", err, stderr.String())
	}
	var got result
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	raw, err := os.ReadFile(filepath.Join(vectors, "verdicts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want []verdict
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	compare(t, got, want)
	size(t, wasm)
	t.Logf("%.0f us per verification of ok-record.json", got.Nanos/1000)
}

func compare(t *testing.T, got result, want []verdict) {
	t.Helper()
	if len(want) == 0 || len(got.Verdicts) != len(want) {
		t.Fatalf("%d verdicts, want %d", len(got.Verdicts), len(want))
	}
	for i, w := range want {
		g := got.Verdicts[i]
		if g.Bundle != w.Bundle || g.Trust != w.Trust || g.Status != w.Status || g.Code != w.Code || g.Sentence != w.Sentence {
			t.Errorf("got %+v, want %+v", g, w)
		}
		steps := 5 // of a bundle
		if strings.HasPrefix(g.Bundle, "exchange-") {
			steps = 3
		}
		if !g.Same || len(g.Steps) != steps {
			t.Errorf("%s: same %v, %d steps", g.Bundle, g.Same, len(g.Steps))
		}
		for _, s := range g.Steps {
			if s.Name == "" || s.Text == "" || s.OK && !s.Checked || w.Status == "OK" && !s.OK {
				t.Errorf("%s: step %+v", g.Bundle, s)
			}
		}
	}
	for i, code := range got.Odd {
		if code != "not-a-bundle" {
			t.Errorf("odd arguments %d: %s", i, code)
		}
	}
}

func size(t *testing.T, wasm string) {
	t.Helper()
	raw, err := os.ReadFile(wasm)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, %d as gzip", len(raw), packed.Len())
}
