package term

import (
	"strings"
)

// Ask narrows an expansion.
type Ask struct {
	Filter     string // text that a display or code contains, whatever its case; "": all
	ActiveOnly bool
	Offset     int
	Count      int // codes that are returned; below 0: all
}

// Expansion is the codes of a value set.
type Expansion struct {
	Total int // codes that meet the ask, before Offset and Count
	Codes []Coding
}

// Expand lists the codes of a value set: those it includes, in that order, each once, less those it excludes. It fails
// with an *Error where a system or value set is not known, and where there are more than MaxCodes.
func Expand(src Source, set *Set, ask Ask) (Expansion, error) {
	e := expander{src: src, seen: make(map[[2]string]bool)}
	if err := e.set(set, 0); err != nil {
		return Expansion{}, err
	}
	var out Expansion
	needle := strings.ToLower(ask.Filter)
	for _, c := range e.codes {
		if ask.ActiveOnly && c.Inactive || !strings.Contains(strings.ToLower(c.Display), needle) && !strings.Contains(strings.ToLower(c.Code), needle) {
			continue
		}
		if out.Total >= ask.Offset && (ask.Count < 0 || len(out.Codes) < ask.Count) {
			out.Codes = append(out.Codes, c)
		}
		out.Total++
	}
	return out, nil
}

type expander struct {
	src   Source
	codes []Coding
	seen  map[[2]string]bool
	spent int
}

func (e *expander) set(s *Set, depth int) error {
	if depth > maxDepth {
		return &Error{CodeInvalid, "The value set " + shown(s.URL) + " imports value sets in a circle, or too deep."}
	}
	for i := range s.include {
		err := e.part(&s.include[i], depth, func(c Coding) error {
			key := [2]string{c.System, c.Code}
			if e.seen[key] {
				return nil
			}
			out, err := excluded(e.src, s, c, depth)
			if err != nil || out {
				return err
			}
			e.seen[key] = true
			e.codes = append(e.codes, c)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// part calls yield with every code that an include selects.
func (e *expander) part(p *part, depth int, yield func(Coding) error) error {
	each := func(c Coding) error {
		if e.spent++; e.spent > MaxCodes {
			return &Error{CodeTooCostly, "This value set has more codes than are listed at once. Validate single codes with $validate-code instead."}
		}
		for _, reference := range p.sets {
			in, err := contains(e.src, reference, c, depth+1)
			if err != nil || !in.Found {
				return err
			}
		}
		return yield(c)
	}
	switch {
	case p.codes != nil:
		return e.list(p, each)
	case p.system != "":
		return e.system(p, each)
	}
	return e.imported(p.sets[0], depth, each)
}

// list goes over codes that a value set lists, with what the system adds where it is known.
func (e *expander) list(p *part, each func(Coding) error) error {
	s, err := e.src.System(p.system, p.version)
	if err != nil {
		return err
	}
	for _, c := range p.codes {
		if err := each(completed(c, s)); err != nil {
			return err
		}
	}
	return nil
}

// completed adds a system's display and flags to a listed code.
func completed(c Coding, s *System) Coding {
	if s == nil {
		return c
	}
	known, ok := s.Lookup(c.Code)
	if !ok {
		return c
	}
	if c.Display == "" {
		c.Display = known.Display
	}
	c.Inactive, c.Abstract = c.Inactive || known.Inactive, c.Abstract || known.Abstract
	return c
}

func (e *expander) system(p *part, each func(Coding) error) error {
	s, err := FindSystem(e.src, p.system+"|"+p.version)
	if err != nil {
		return err
	}
	accept, err := s.compile(p.filters)
	if err != nil {
		return err
	}
	for at := range s.concepts {
		if !accept(int32(at)) { //nolint:gosec // a document has at most a million nodes
			continue
		}
		if err := each(s.coding(int32(at))); err != nil { //nolint:gosec // as above
			return err
		}
	}
	return nil
}

func (e *expander) imported(reference string, depth int, each func(Coding) error) error {
	set, err := FindSet(e.src, reference)
	if err != nil {
		return err
	}
	inner := expander{src: e.src, seen: make(map[[2]string]bool), spent: e.spent}
	if err := inner.set(set, depth+1); err != nil {
		return err
	}
	for _, c := range inner.codes {
		if err := each(c); err != nil {
			return err
		}
	}
	return nil
}
