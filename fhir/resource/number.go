package resource

// Numbers keep their digits as received, but a number that no common reader can hold is refused: 64 characters and
// exponents of two hundred are far beyond any measurement and within a 64-bit float's range.
const (
	maxDigits   = 64
	maxExponent = 200
)

func (s *scanner) number() bool {
	start := s.at
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
	} else if s.digits() == 0 {
		return s.fail(CodeStructure, "A digit is expected here.")
	}
	if c := s.peek(); c >= '0' && c <= '9' {
		return s.fail(CodeStructure, "A number must not begin with a zero. Leave the zero out, or send a string.")
	}
	if s.peek() == '.' {
		s.at++
		if s.digits() == 0 {
			return s.fail(CodeStructure, "A digit is expected after the decimal point.")
		}
	}
	if c := s.peek(); (c == 'e' || c == 'E') && !s.exponent() {
		return false
	}
	if s.at-start > maxDigits {
		return s.fail(CodeValue, "This number has more than 64 characters. Send fewer digits.")
	}
	return true
}

func (s *scanner) digits() int {
	start := s.at
	for s.at < len(s.raw) && s.raw[s.at]-'0' <= 9 {
		s.at++
	}
	return s.at - start
}

func (s *scanner) exponent() bool {
	s.at++
	if c := s.peek(); c == '+' || c == '-' {
		s.at++
	}
	start := s.at
	if s.digits() == 0 {
		return s.fail(CodeStructure, "A digit is expected in the exponent.")
	}
	size := 0
	for _, c := range s.raw[start:s.at] {
		if size = size*10 + int(c-'0'); size > maxExponent {
			return s.fail(CodeValue, "The exponent of this number is beyond 200. Send a number that can be represented.")
		}
	}
	return true
}
