package judge

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"cairn/fhir/judge"
	"cairn/fhir/resource"
)

// Bounds of the folder with profiles.
const (
	maxFiles    = 50_000
	maxFile     = 10_000_000 // bytes of one resource
	maxUnpacked = 1 << 30    // bytes of one package
)

// Passed is a file of the folder that was not taken in, and why.
type Passed struct {
	File string
	Err  error
}

// Load reads a folder: resources as *.json, and FHIR packages as *.tgz (what
// they have in folders called example is passed over). It returns what was
// passed over although it is a profile, a value set or a code system.
func Load(dir string) (*judge.Library, []Passed, error) {
	l := loading{library: judge.NewLibrary()}
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "example":
			return fs.SkipDir
		case hidden(entry.Name()):
			return nil
		case strings.HasSuffix(name, ".json"):
			return l.file(name)
		case strings.HasSuffix(name, ".tgz"):
			return l.pack(name)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading profiles: %w", err)
	}
	return l.library, l.passed, nil
}

// hidden reports whether a file is a package's index, or another that is not meant to be seen.
func hidden(name string) bool { return strings.HasPrefix(name, ".") }

type loading struct {
	library *judge.Library
	passed  []Passed
	files   int
}

func (l *loading) file(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return l.take(name, f)
}

// take reads one resource. What is no resource (a package's index) is passed
// over without a word.
func (l *loading) take(name string, r io.Reader) error {
	if l.files++; l.files > maxFiles {
		return fmt.Errorf("there are more than %d files", maxFiles)
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return err
	}
	doc, err := resource.Parse(raw, resource.Limits{Bytes: maxFile, Nodes: 1_000_000})
	if err != nil {
		var refusal *resource.Error
		if errors.As(err, &refusal) && refusal.Code != resource.CodeRequired {
			l.passed = append(l.passed, Passed{name, err})
		}
		return nil
	}
	if _, err := l.library.Add(doc); err != nil {
		l.passed = append(l.passed, Passed{name, err})
	}
	return nil
}

// pack reads a FHIR package.
func (l *loading) pack(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s is no FHIR package: %w", filepath.Base(name), err)
	}
	for files := tar.NewReader(io.LimitReader(zip, maxUnpacked)); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s is no FHIR package: %w", filepath.Base(name), err)
		}
		if h.Typeflag != tar.TypeReg || hidden(path.Base(h.Name)) || path.Base(path.Dir(h.Name)) == "example" || !strings.HasSuffix(h.Name, ".json") {
			continue
		}
		if err := l.take(name+":"+h.Name, files); err != nil {
			return err
		}
	}
}
