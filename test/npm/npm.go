// Package npm brings packages of the npm registry to tests: the official FHIR examples and the like, which are too large
// to keep in the project. It uses npm, which must be installed (make tools), asks for exact versions only, and keeps
// what it got in the user's cache directory.
package npm

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Examples is the package of all official R4 examples (CC0).
const Examples = "hl7.fhir.r4.examples@4.0.1"

// Folder is the folder with the content of a package, such as Examples, for reading only. The test fails, and says why,
// if it cannot be had.
func Folder(t testing.TB, pkg string) string {
	t.Helper()
	name, version, ok := cut(pkg)
	if !ok {
		t.Fatalf("npm: %q has no exact version", pkg)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "cairn-test", strings.ReplaceAll(name, "/", "+")+"-"+version)
	if _, err := os.Stat(dir); err == nil {
		return filepath.Join(dir, "package")
	}
	if err := bring(pkg, dir); err != nil {
		t.Fatalf("npm: %s is needed and cannot be had (is npm installed, is its registry reached?): %v", pkg, err)
	}
	return filepath.Join(dir, "package")
}

// cut takes name@version apart, @scope/name@version too.
func cut(pkg string) (name, version string, ok bool) {
	at := strings.LastIndexByte(pkg, '@')
	if at <= 0 || at == len(pkg)-1 {
		return "", "", false
	}
	return pkg[:at], pkg[at+1:], true
}

// bring downloads a package beside dir and moves it there when it is whole, so that tests of several packages may do so
// at once.
func bring(pkg, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "part-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	out, err := exec.Command("npm", "pack", "--silent", "--pack-destination", tmp, pkg).CombinedOutput() //nolint:gosec // the package is a constant of a test
	if err != nil {
		return errors.Join(err, errors.New(lastLine(out)))
	}
	tarballs, err := filepath.Glob(filepath.Join(tmp, "*.tgz"))
	if err != nil || len(tarballs) != 1 {
		return errors.Join(err, errors.New("npm pack left no package"))
	}
	if err := unpack(tarballs[0], filepath.Join(tmp, "content")); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(tmp, "content"), dir); err != nil && !errors.Is(err, os.ErrExist) {
		if _, there := os.Stat(dir); there != nil {
			return err
		}
	}
	return nil
}

func lastLine(out []byte) string {
	text := strings.TrimSpace(string(out))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

func unpack(tarball, dir string) error {
	f, err := os.Open(tarball)
	if err != nil {
		return err
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for files := tar.NewReader(zip); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || !filepath.IsLocal(h.Name) {
			continue
		}
		if err := write(filepath.Join(dir, h.Name), files); err != nil {
			return err
		}
	}
}

func write(path string, content io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}
