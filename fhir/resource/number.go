package resource

// Numbers keep their digits as received, but one that common readers cannot hold is refused: 64 characters are far
// beyond any measurement, and a 64-bit float ends at 308 digits before the point.
const (
	maxDigits = 64
	maxPower  = 308
)

func (s *scanner) number() bool {
	start := s.at
	if s.peek() == '-' {
		s.at++
	}
	whole := 1
	if s.peek() == '0' {
		s.at++
	} else if whole = s.digits(); whole == 0 {
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
	if c := s.peek(); (c == 'e' || c == 'E') && !s.exponent(whole) {
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

// exponent scans the exponent of a number that has so many digits before the point.
func (s *scanner) exponent(whole int) bool {
	s.at++
	if c := s.peek(); c == '+' || c == '-' {
		s.at++
	}
	start := s.at
	if s.digits() == 0 {
		return s.fail(CodeStructure, "A digit is expected in the exponent.")
	}
	power := 0
	for _, c := range s.raw[start:s.at] {
		if power = power*10 + int(c-'0'); power+whole > maxPower {
			return s.fail(CodeValue, "The exponent of this number is beyond what a 64-bit float holds. Send a number that can be represented.")
		}
	}
	return true
}
