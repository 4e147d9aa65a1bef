package term

import "strings"

// Source knows code systems and value sets by their canonical URL. version is "" for whichever there is. Where it does
// not know one it answers nil and no error.
type Source interface {
	System(url, version string) (*System, error)
	Set(url, version string) (*Set, error)
}

// Shelf is a list of sources; the first that knows something counts.
type Shelf []Source

// System asks one source after the other.
func (s Shelf) System(url, version string) (*System, error) {
	for _, one := range s {
		if found, err := one.System(url, version); found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil
}

// Set asks one source after the other.
func (s Shelf) Set(url, version string) (*Set, error) {
	for _, one := range s {
		if found, err := one.Set(url, version); found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil
}

// Canonical takes a canonical reference apart: "url|version" (FHIR R4 2.24.0.2).
func Canonical(reference string) (url, version string) {
	url, version, _ = strings.Cut(reference, "|")
	return url, version
}

// FindSystem is the system of a canonical reference, or an *Error that says it is not known.
func FindSystem(src Source, reference string) (*System, error) {
	url, version := Canonical(reference)
	s, err := src.System(url, version)
	if err == nil && (s == nil || !s.Complete && s.Len() == 0) {
		return nil, unknownSystem(url)
	}
	return s, err
}

// FindSet is the value set of a canonical reference, or an *Error that says it is not known. The URL of a code
// system's own value set ("all codes of") needs no ValueSet of its own.
func FindSet(src Source, reference string) (*Set, error) {
	url, version := Canonical(reference)
	s, err := src.Set(url, version)
	if err == nil && s == nil {
		err = unknownSet(url)
	}
	return s, err
}
