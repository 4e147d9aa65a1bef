package term

// Answer is whether a value set holds a code.
type Answer struct {
	Found bool
	Coding
	// Doubt says why Found is not sure: a system that the set takes codes from is not known here. "" for none.
	Doubt string
}

// Contains reports whether a value set holds a code, without listing the set. system "" asks for the code in any of
// the systems that the set names. Where the set takes codes from a system whose content is not here, the answer for
// that system is not found, with Doubt.
func Contains(src Source, set *Set, system, code string) (Answer, error) {
	return set.contains(src, Coding{System: system, Code: code}, 0)
}

func contains(src Source, reference string, c Coding, depth int) (Answer, error) {
	set, err := FindSet(src, reference)
	if err != nil {
		return Answer{}, err
	}
	return set.contains(src, c, depth)
}

func (s *Set) contains(src Source, c Coding, depth int) (Answer, error) {
	if depth > maxDepth {
		return Answer{}, &Error{CodeInvalid, "The value set " + shown(s.URL) + " imports value sets in a circle, or too deep."}
	}
	var doubt string
	for i := range s.include {
		a, err := s.include[i].contains(src, c, depth)
		if err != nil {
			return Answer{}, err
		}
		if a.Doubt != "" {
			doubt = a.Doubt
		}
		if !a.Found {
			continue
		}
		out, err := excluded(src, s, a.Coding, depth)
		if err != nil {
			return Answer{}, err
		}
		if !out {
			return a, nil
		}
	}
	return Answer{Doubt: doubt}, nil
}

// excluded reports whether what a set excludes has the code. That it cannot be told is an error: the set would be wider
// than it says.
func excluded(src Source, s *Set, c Coding, depth int) (bool, error) {
	for i := range s.exclude {
		a, err := s.exclude[i].contains(src, c, depth)
		if err != nil {
			return false, err
		}
		if a.Found {
			return true, nil
		}
		if a.Doubt != "" {
			return false, &Error{CodeNotFound, a.Doubt}
		}
	}
	return false, nil
}

func (p *part) contains(src Source, c Coding, depth int) (Answer, error) {
	a := Answer{Found: true, Coding: c}
	if p.system != "" {
		var err error
		if a, err = p.own(src, c); err != nil || !a.Found {
			return a, err
		}
	}
	for _, reference := range p.sets {
		in, err := contains(src, reference, a.Coding, depth+1)
		if err != nil || !in.Found {
			return Answer{Doubt: in.Doubt}, err
		}
		if p.system == "" {
			a = in
		}
	}
	return a, nil
}

// own answers from the part's own system, without the value sets that it names as well.
func (p *part) own(src Source, c Coding) (Answer, error) {
	if c.System != "" && c.System != p.system {
		return Answer{}, nil
	}
	s, err := src.System(p.system, p.version)
	if err != nil {
		return Answer{}, err
	}
	if p.codes != nil {
		return p.among(s, c), nil
	}
	if s == nil || !s.Complete && s.Len() == 0 {
		return Answer{Doubt: unknownSystem(p.system).(*Error).Text}, nil
	}
	at, ok := s.byCode[s.fold(c.Code)]
	if !ok {
		if !s.Complete {
			return Answer{Doubt: "Only a part of the code system " + shown(p.system) + " is known here, and the code is not in it."}, nil
		}
		return Answer{}, nil
	}
	accept, err := s.compile(p.filters)
	if err != nil || !accept(at) {
		return Answer{}, err
	}
	return Answer{Found: true, Coding: s.coding(at)}, nil
}

func (p *part) among(s *System, c Coding) Answer {
	for _, one := range p.codes {
		if one.Code == c.Code || s != nil && s.fold(one.Code) == s.fold(c.Code) {
			return Answer{Found: true, Coding: completed(one, s)}
		}
	}
	return Answer{}
}
