package term

import (
	"strings"
	"sync"
)

// Whole is the source of those built-in code systems and value sets of which all is built in: systems whose content is
// complete, and sets that list their codes or take them from such systems and sets alone. Nobody has to add anything to
// them, so a source that stands before others keeps them what their publisher says. Under a version that is not the one
// built in, it knows nothing.
func Whole() Source { return wholeSource() }

var wholeSource = sync.OnceValue(func() *whole {
	return &whole{from: Builtin(), sets: make(map[string]bool)}
})

type whole struct {
	from Source

	mu   sync.Mutex
	sets map[string]bool // by canonical reference: whether all of it is built in
}

func (w *whole) System(url, version string) (*System, error) {
	s, err := w.from.System(url, version)
	if s == nil || !s.Complete || err != nil {
		return nil, err
	}
	return s, nil
}

func (w *whole) Set(url, version string) (*Set, error) {
	s, err := w.from.Set(url, version)
	if s == nil || err != nil {
		return nil, err
	}
	name := url + "|" + s.Version
	w.mu.Lock()
	all, known := w.sets[name]
	w.mu.Unlock()
	if !known {
		if all, err = w.has(s, 0); err != nil {
			return nil, err
		}
		w.mu.Lock()
		w.sets[name] = all
		w.mu.Unlock()
	}
	if !all {
		return nil, nil
	}
	return s, nil
}

// has reports whether all that a set consists of is built in.
func (w *whole) has(s *Set, depth int) (bool, error) {
	for _, parts := range [][]part{s.include, s.exclude} {
		for i := range parts {
			if all, err := w.part(&parts[i], depth); !all || err != nil {
				return false, err
			}
		}
	}
	return depth <= maxDepth, nil
}

func (w *whole) part(p *part, depth int) (bool, error) {
	if strings.Contains(p.system, "|") {
		return false, nil // as a table of HL7 v2 writes a version, which no system is found by
	}
	if p.system != "" && p.codes == nil {
		if s, err := w.System(p.system, p.version); s == nil || err != nil {
			return false, err
		}
	}
	for _, reference := range p.sets {
		s, err := w.from.Set(Canonical(reference))
		if s == nil || depth > maxDepth || err != nil {
			return false, err
		}
		if all, err := w.has(s, depth+1); !all || err != nil {
			return false, err
		}
	}
	return true, nil
}
