package proof

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// allowed is all that the room may import, with the reason. A verifier must
// give a stranger the same answer on any machine, today and in thirty years:
// nothing here may read a clock, a disk, a network or a random source.
var allowed = map[string]string{
	"bytes":           "comparing",
	"crypto":          "the shape of a signer whose key lies elsewhere",
	"crypto/ecdsa":    "what organisations sign to each other (RFC 7518 3.4)",
	"crypto/ed25519":  "cosignatures (RFC 8032)",
	"crypto/elliptic": "the curve of those keys",
	"crypto/hmac":     "blinded hashes",
	"crypto/sha256":   "every hash",
	"crypto/sha512":   "ES384",
	"encoding/asn1":   "the signature that a signer gives",
	"encoding/base64": "canonical JSON and signed notes",
	"encoding/binary": "numbers in hashes",
	"encoding/hex":    "canonical JSON",
	"errors":          "refusals",
	"fmt":             "refusals",
	"math/big":        "the two numbers of an ECDSA signature",
	"slices":          "comparing",
	"strconv":         "numbers in texts",
	"strings":         "texts",
	"time":            "writing a moment as a date; its clock is forbidden below",
	"unicode/utf8":    "strict texts",

	"golang.org/x/mod/sumdb/tlog": "audit paths (RFC 6962)",

	"cairn/ledger/calendar": "the calendar's leaf and origin",
	"cairn/ledger/machine":  "the root of the books",
	"cairn/ledger/member":   "member ids and cosigning keys",
	"cairn/ledger/register": "proofs of marks",
	"cairn/ledger/seal":     "proofs of seals",
}

// clocks are the names of package time that look at a clock or wait for one.
var clocks = map[string]bool{
	"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true,
	"Tick": true, "NewTicker": true, "NewTimer": true, "Local": true, "LoadLocation": true,
}

// forbidden must not come in through another package either, in the build for
// a browser.
var forbidden = map[string]string{
	"net":          "a verifier works offline",
	"os/exec":      "a verifier runs nothing",
	"database/sql": "a verifier has no disk",
	"cairn/node":   "proofs are checked without a hospital",
	"cairn/api":    "faces come above",
	"cairn/web":    "faces come above",
	"cairn/fhir":   "a proof is about bytes, whatever they say",
	"cairn/cmd":    "commands come above",
	"github.com":   "only the curve arithmetic of the ledger's own signatures",
}

// excused are the exceptions to forbidden.
var excused = []string{"github.com/oasisprotocol/curve25519-voi/"}

func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*ast.File{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = f
	}
	if len(files) < 10 {
		t.Fatalf("only %d files", len(files))
	}
	return files
}

func TestWallOfImports(t *testing.T) {
	used := map[string]bool{}
	for name, f := range sources(t) {
		for _, i := range f.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			used[path] = true
			if allowed[path] == "" {
				t.Errorf("%s imports %s, which no reason allows", name, path)
			}
		}
	}
	for path := range allowed {
		if !used[path] {
			t.Errorf("%s is allowed but nothing needs it", path)
		}
	}
}

func TestWallOfPurity(t *testing.T) {
	for name, f := range sources(t) {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s starts a goroutine", name)
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && clocks[n.Sel.Name] {
					t.Errorf("%s uses time.%s: the caller says what time it is", name, n.Sel.Name)
				}
			case *ast.CallExpr:
				if x, ok := n.Fun.(*ast.Ident); ok && (x.Name == "panic" || x.Name == "recover") {
					t.Errorf("%s calls %s: a hostile file is a verdict", name, x.Name)
				}
			}
			return true
		})
	}
}

// TestWallOfDependencies looks at everything that is linked into the browser's
// verifier.
func TestWallOfDependencies(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "./wasm")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing dependencies: %v", err)
	}
	for _, path := range strings.Fields(string(out)) {
		for bad, why := range forbidden {
			if (path == bad || strings.HasPrefix(path, bad+"/")) && !isExcused(path) {
				t.Errorf("%s is linked in: %s", path, why)
			}
		}
	}
}

func isExcused(path string) bool {
	for _, prefix := range excused {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}
