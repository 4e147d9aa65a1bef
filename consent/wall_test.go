package consent_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allowed are the imports of each package, with the reason for it.
var allowed = map[string]map[string]string{
	".": {
		"cairn/fhir/resource": "a Consent is read by the one strict reader of FHIR",
		"encoding/json":       "Build writes JSON from structs; reading is fhir/resource's",
		"errors":              "values only",
		"fmt":                 "errors",
		"slices":              "pure",
		"strconv":             "pure",
		"strings":             "pure",
		"time":                "the form of dates in texts; see clocks",
		"unicode":             "what may be shown to people",
	},
	"erasure": {
		"bytes":           "pure",
		"crypto/hmac":     "salts of one act",
		"crypto/sha256":   "hashing",
		"encoding/binary": "the encoding of a request",
		"encoding/hex":    "hashes in a statement",
		"errors":          "values only",
		"fmt":             "a statement's text and errors",
		"strings":         "pure",
		"unicode/utf8":    "strict text",
	},
	"mandate": {
		"errors":       "values only",
		"fmt":          "texts and errors",
		"slices":       "pure",
		"strconv":      "pure",
		"time":         "birthdays; see clocks",
		"unicode/utf8": "strict text",
	},
	"recovery": {
		"bytes":           "pure",
		"crypto/sha256":   "hashing",
		"encoding/binary": "the encoding of a deposit",
		"errors":          "values only",
		"fmt":             "errors",
		"unicode/utf8":    "strict text",
	},
	"slip": {
		"cairn/consent":   "what a slip's terms say",
		"bytes":           "pure",
		"crypto/ecdsa":    "verification only; it draws no randomness",
		"crypto/elliptic": "the name of the curve",
		"crypto/hmac":     "blinding",
		"crypto/sha256":   "hashing",
		"encoding/base64": "the challenge in clientDataJSON",
		"encoding/binary": "the encoding of a slip",
		"encoding/json":   "clientDataJSON, token by token, duplicates refused",
		"errors":          "values only",
		"fmt":             "texts and errors",
		"io":              "io.EOF",
		"slices":          "pure",
		"strings":         "pure",
		"unicode/utf8":    "strict text",
	},
}

// clocks are the parts of time that read the machine's clock or place.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Local", "LoadLocation", "Parse"}

func TestWall(t *testing.T) {
	for dir, imports := range allowed {
		t.Run(dir, func(t *testing.T) {
			fset := token.NewFileSet()
			files := source(t, fset, dir)
			for _, f := range files {
				checkImports(t, fset, f, imports)
				checkCalls(t, fset, f)
			}
			checkRanges(t, fset, dir, files)
		})
	}
}

func source(t *testing.T, fset *token.FileSet, dir string) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		t.Fatalf("no source in %s", dir)
	}
	return files
}

func checkImports(t *testing.T, fset *token.FileSet, f *ast.File, allowed map[string]string) {
	for _, i := range f.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if allowed[path] == "" {
			t.Errorf("%s: imports %s; the wall lets in only what is pure, and each with a reason", fset.Position(i.Pos()), path)
		}
	}
}

func checkCalls(t *testing.T, fset *token.FileSet, f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt, *ast.SelectStmt, *ast.ChanType:
			t.Errorf("%s: a goroutine or a channel", fset.Position(n.Pos()))
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clocks, n.Sel.Name) {
				t.Errorf("%s: time.%s is not the same on every machine", fset.Position(n.Pos()), n.Sel.Name)
			}
		case *ast.BasicLit:
			if n.Kind == token.FLOAT {
				t.Errorf("%s: a float", fset.Position(n.Pos()))
			}
		}
		return true
	})
}

// checkRanges refuses loops over maps, whose order differs from run to run.
func checkRanges(t *testing.T, fset *token.FileSet, dir string, files []*ast.File) {
	info := &types.Info{Types: make(map[ast.Expr]types.TypeAndValue)}
	conf := types.Config{Importer: importer.ForCompiler(fset, "source", nil), Error: func(error) {}}
	if _, err := conf.Check(dir, fset, files, info); err != nil {
		t.Fatalf("checking types: %v", err)
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if r, ok := n.(*ast.RangeStmt); ok {
				if _, isMap := info.TypeOf(r.X).Underlying().(*types.Map); isMap {
					t.Errorf("%s: a loop over a map", fset.Position(r.Pos()))
				}
			}
			return true
		})
	}
}
