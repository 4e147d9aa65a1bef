package ledger_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// gate is an import that the ledger may have: why, and, where the package can do more than compute, which of its names.
type gate struct {
	reason string
	names  []string // all when empty
}

const house = "cairn/ledger/"

// allowed lists every package outside this house that code of the house may import directly.
var allowed = map[string]gate{
	"bufio":           {reason: "exports are written and read in large pieces"},
	"bytes":           {reason: "compares and cuts byte strings"},
	"crypto/ecdh":     {reason: "says whether a point is on P-384", names: []string{"P384"}},
	"crypto/ecdsa":    {reason: "verifies what a client key signed", names: []string{"Verify", "ParseUncompressedPublicKey"}},
	"crypto/ed25519":  {reason: "signs a seal with a key that the caller has; signing is deterministic", names: []string{"Sign", "PrivateKey"}},
	"crypto/elliptic": {reason: "the curve of client keys", names: []string{"P384"}},
	"crypto/sha256":   {reason: "the hash of everything"},
	"crypto/sha512":   {reason: "what a client key signs", names: []string{"Sum384"}},
	"encoding/binary": {reason: "big-endian integers", names: []string{"BigEndian"}},
	"errors":          {reason: "coded refusals"},
	"fmt":             {reason: "wraps errors", names: []string{"Errorf"}},
	"hash":            {reason: "the checksum of an export, as it streams"},
	"io":              {reason: "the reader or writer of an export, which the caller opens"},
	"math/big":        {reason: "the two numbers of an ECDSA signature", names: []string{"Int"}},
	"math/bits":       {reason: "counts bits of sizes and of hashes"},
	"slices":          {reason: "sorts and searches"},
	"strings":         {reason: "compares and cuts texts"},
	"unicode/utf8":    {reason: "refuses texts that are no UTF-8"},

	"golang.org/x/mod/sumdb/tlog": {
		reason: "RFC 6962 hashing and consistency proofs",
		names:  []string{"RecordHash", "NodeHash", "CheckTree", "TreeProof", "Hash"},
	},
	"github.com/oasisprotocol/curve25519-voi/curve": {
		reason: "refuses public keys of small order",
		names:  []string{"CompressedEdwardsY", "EdwardsPoint"},
	},
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519": {
		reason: "verifies by ZIP-215, the rules on which all implementations agree",
		names:  []string{"VerifyWithOptions", "Options", "VerifyOptionsZIP_215", "PublicKeySize"},
	},
}

// room is a package as `go list` describes it.
type room struct {
	ImportPath, Dir, Export         string
	GoFiles, IgnoredGoFiles, SFiles []string
	CgoFiles                        []string
}

// tempting are packages that the violations below import, so that they compile.
var tempting = []string{"os", "time", "net", "maps", "math", "math/rand", "crypto/rand", "sync", "unsafe"}

// list returns the rooms of this house and where the compiled form of every import lies.
func list(t *testing.T) (rooms []room, exports map[string]string) {
	t.Helper()
	fields := "-json=ImportPath,Dir,Export,GoFiles,IgnoredGoFiles,SFiles,CgoFiles"
	cmd := exec.Command("go", append([]string{"list", "-export", "-deps", fields, "./..."}, tempting...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	exports = make(map[string]string)
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var r room
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		exports[r.ImportPath] = r.Export
		if strings.HasPrefix(r.ImportPath+"/", house) {
			rooms = append(rooms, r)
		}
	}
	return rooms, exports
}

// inspector type-checks packages and collects what they may not do.
type inspector struct {
	files  *token.FileSet
	config types.Config
	info   types.Info
	found  []string
}

func newInspector(exports map[string]string) *inspector {
	i := &inspector{files: token.NewFileSet()}
	i.config.Importer = importer.ForCompiler(i.files, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})
	return i
}

func (i *inspector) say(at token.Pos, format string, args ...any) {
	p := i.files.Position(at)
	i.found = append(i.found, fmt.Sprintf("%s:%d: ", filepath.Base(p.Filename), p.Line)+fmt.Sprintf(format, args...))
}

// inspect checks the parsed files of one package.
func (i *inspector) inspect(path string, files []*ast.File) error {
	i.info = types.Info{
		Types: make(map[ast.Expr]types.TypeAndValue),
		Uses:  make(map[*ast.Ident]types.Object),
		Defs:  make(map[*ast.Ident]types.Object),
	}
	if _, err := i.config.Check(path, i.files, files, &i.info); err != nil {
		return err
	}
	for _, file := range files {
		for _, spec := range file.Imports {
			name := strings.Trim(spec.Path.Value, `"`)
			if _, ok := allowed[name]; !ok && !strings.HasPrefix(name, house) {
				i.say(spec.Pos(), "imports %s", name)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool { i.node(n); return true })
	}
	return nil
}

func (i *inspector) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.GoStmt:
		i.say(n.Pos(), "starts a goroutine")
	case *ast.SelectStmt:
		i.say(n.Pos(), "selects")
	case *ast.SendStmt, *ast.ChanType:
		i.say(n.Pos(), "has a channel")
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			i.say(n.Pos(), "has a channel")
		}
	case *ast.RangeStmt:
		i.ranges(n)
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			for _, left := range n.Lhs {
				i.changes(left)
			}
		}
	case *ast.IncDecStmt:
		i.changes(n.X)
	case *ast.Ident:
		i.names(n)
	}
	if e, ok := n.(ast.Expr); ok && floats(i.info.TypeOf(e)) {
		i.say(n.Pos(), "computes with floating point")
	}
}

// ranges refuses the order that a map chooses, also behind a type parameter.
func (i *inspector) ranges(n *ast.RangeStmt) {
	over := i.info.TypeOf(n.X)
	if p, ok := over.(*types.TypeParam); ok {
		over = p.Constraint()
	}
	switch u := over.Underlying().(type) {
	case *types.Map:
		i.say(n.Pos(), "ranges over a map")
	case *types.Chan:
		i.say(n.Pos(), "has a channel")
	case *types.Interface:
		if strings.Contains(u.String(), "map[") {
			i.say(n.Pos(), "ranges over a map")
		}
	}
}

// changes refuses writes to variables that outlive a call: a package has no state.
func (i *inspector) changes(left ast.Expr) {
	for {
		switch e := left.(type) {
		case *ast.IndexExpr:
			left = e.X
			continue
		case *ast.StarExpr:
			left = e.X
			continue
		case *ast.ParenExpr:
			left = e.X
			continue
		case *ast.SelectorExpr:
			if _, isPackage := i.info.Uses[selected(e)].(*types.PkgName); !isPackage {
				left = e.X
				continue
			}
			left = e.Sel
		}
		break
	}
	id, ok := left.(*ast.Ident)
	if !ok {
		return
	}
	if v, ok := i.info.Uses[id].(*types.Var); ok && v.Pkg() != nil && v.Parent() == v.Pkg().Scope() {
		i.say(id.Pos(), "changes the package variable %s", v.Name())
	}
}

func selected(e *ast.SelectorExpr) *ast.Ident {
	id, _ := e.X.(*ast.Ident)
	return id
}

// names refuses what an allowed package can do beyond what it is allowed for, and the builtins that print.
func (i *inspector) names(id *ast.Ident) {
	object := i.info.Uses[id]
	if b, ok := object.(*types.Builtin); ok && strings.HasPrefix(b.Name(), "print") {
		i.say(id.Pos(), "prints")
	}
	if object == nil || object.Pkg() == nil || object.Parent() != object.Pkg().Scope() {
		return
	}
	g, ok := allowed[object.Pkg().Path()]
	if ok && len(g.names) > 0 && !slices.Contains(g.names, object.Name()) {
		i.say(id.Pos(), "uses %s.%s", object.Pkg().Path(), object.Name())
	}
}

func floats(t types.Type) bool {
	if t == nil {
		return false
	}
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&(types.IsFloat|types.IsComplex) != 0
}

// Every room of the ledger is a function of its input.
func TestWall(t *testing.T) {
	rooms, exports := list(t)
	if len(rooms) < 8 {
		t.Fatalf("only %d rooms found", len(rooms))
	}
	for _, r := range rooms {
		i := newInspector(exports)
		var files []*ast.File
		for _, name := range r.GoFiles {
			f, err := parser.ParseFile(i.files, filepath.Join(r.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		if err := i.inspect(r.ImportPath, files); err != nil {
			t.Fatal(err)
		}
		for _, what := range i.found {
			t.Errorf("%s: %s", r.ImportPath, what)
		}
		if odd := slices.Concat(r.IgnoredGoFiles, r.SFiles, r.CgoFiles); len(odd) > 0 {
			t.Errorf("%s: not the same on every machine: %v", r.ImportPath, odd)
		}
	}
}

// Every entry of the list is used: what no room needs is not allowed.
func TestWallAllowsNoMoreThanIsUsed(t *testing.T) {
	rooms, _ := list(t)
	used := make(map[string]bool)
	for _, r := range rooms {
		for _, name := range r.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(r.Dir, name), nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range f.Imports {
				used[strings.Trim(spec.Path.Value, `"`)] = true
			}
		}
	}
	for name, g := range allowed {
		if !used[name] {
			t.Errorf("%s is allowed, and no room imports it", name)
		}
		if g.reason == "" {
			t.Errorf("%s is allowed without a reason", name)
		}
	}
}

// The wall sees each kind of violation, and nothing in code that has none.
func TestWallCatches(t *testing.T) {
	_, exports := list(t)
	for _, c := range []struct{ source, want string }{
		{`import "time"; func f() int64 { return time.Now().Unix() }`, "imports time"},
		{`import "os"; func f() { os.Exit(1) }`, "imports os"},
		{`import "net"; var _ net.IP`, "imports net"},
		{`import "math/rand"; func f() int { return rand.Int() }`, "imports math/rand"},
		{`import "crypto/rand"; func f(p []byte) { rand.Read(p) }`, "imports crypto/rand"},
		{`import "maps"; func f(m map[int]int) { for range maps.Keys(m) {} }`, "imports maps"},
		{`import "sync"; var _ sync.Mutex`, "imports sync"},
		{`import "unsafe"; var _ unsafe.Pointer`, "imports unsafe"},
		{`func f(m map[int]int) (n int) { for k := range m { n ^= k }; return n }`, "ranges over a map"},
		{`type book map[string]int; func f(b book) { for range b {} }`, "ranges over a map"},
		{`func f[M ~map[int]int](m M) { for range m {} }`, "ranges over a map"},
		{`func f() { go func() {}() }`, "starts a goroutine"},
		{`func f() { select {} }`, "selects"},
		{`func f(c chan int) {}`, "has a channel"},
		{`func f() any { return make(chan int) }`, "has a channel"},
		{`var x float64`, "floating point"},
		{`func f(a, b int) int { return int(float32(a) * 1.5) }`, "floating point"},
		{`type share float64; func f(s share) share { return s + s }`, "floating point"},
		{`var z = 1i`, "floating point"},
		{`var count int; func f() { count++ }`, "package variable count"},
		{`var table [9]int; func f() { table[3] = 1 }`, "package variable table"},
		{`var state struct{ n *int }; func f() { *state.n = 1 }`, "package variable state"},
		{`import "io"; func f() { io.EOF = nil }`, "package variable EOF"},
		{`func f() { println(1) }`, "prints"},
		{`import "fmt"; func f() { fmt.Println(1) }`, "uses fmt.Println"},
		{`import "crypto/ed25519"; func f() { ed25519.GenerateKey(nil) }`, "uses crypto/ed25519.GenerateKey"},
		{`import ed "crypto/ed25519"; func f() { ed.GenerateKey(nil) }`, "uses crypto/ed25519.GenerateKey"},
		{`import . "fmt"; func f() { Print(1) }`, "uses fmt.Print"},
		{`import "fmt"; type t struct{ n int }; var e = fmt.Errorf("x")
			func f(m map[int]int, s []int, v t) (n int) { for i := range s { n += m[i] }; v.n = 1; m[3] = 1 << 3; return n + 6/4 }`, ""},
	} {
		i := newInspector(exports)
		file, err := parser.ParseFile(i.files, "room.go", "package room; "+c.source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if err := i.inspect("cairn/ledger/room", []*ast.File{file}); err != nil {
			t.Fatal(err)
		}
		seen := strings.Join(i.found, "\n")
		if c.want == "" && seen != "" || !strings.Contains(seen, c.want) {
			t.Errorf("%s\nwant %q, found %q", c.source, c.want, seen)
		}
	}
}
