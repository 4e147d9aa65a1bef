package unit

import (
	"math/big"
	"strconv"
	"strings"
)

// What a code may have at most.
const (
	maxLength   = 128 // bytes
	maxNesting  = 8   // parentheses inside one another
	maxExponent = 30
)

// Parse reads a UCUM code (UCUM 1 to 13), e.g. "mg/dL", "10*3/uL", "kg.m/s2", "{count}". It fails with ErrUnknown.
func Parse(code string) (Unit, error) {
	if len(code) == 0 || len(code) > maxLength {
		return Unit{}, ErrUnknown
	}
	p := parser{rest: code, find: known}
	u := p.term(0)
	if p.bad || p.rest != "" {
		return Unit{}, ErrUnknown
	}
	return u, nil
}

// parser takes a code apart from the left. After a mistake bad stays set.
type parser struct {
	rest string
	find func(symbol string) (atom, bool)
	bad  bool
}

func known(symbol string) (atom, bool) {
	a, ok := atoms()[symbol]
	return a, ok
}

var one = Unit{factor: big.NewRat(1, 1)}

func (p *parser) fail() Unit {
	p.bad, p.rest = true, ""
	return one
}

func (p *parser) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// term is components with dots and slashes between them, from the left; a slash may come first.
func (p *parser) term(depth int) Unit {
	if p.take('/') {
		return p.more(p.join(one, p.component(depth), -1), depth)
	}
	return p.more(p.component(depth), depth)
}

func (p *parser) more(u Unit, depth int) Unit {
	for !p.bad {
		switch {
		case p.take('.'):
			u = p.join(u, p.component(depth), 1)
		case p.take('/'):
			u = p.join(u, p.component(depth), -1)
		default:
			return u
		}
	}
	return u
}

func (p *parser) join(u, v Unit, exponent int) Unit {
	if p.bad {
		return one
	}
	out, err := u.times(v, exponent)
	if err != nil {
		return p.fail()
	}
	return out
}

func (p *parser) component(depth int) Unit {
	switch {
	case p.take('('):
		if depth >= maxNesting {
			return p.fail()
		}
		u := p.term(depth + 1)
		if !p.take(')') {
			return p.fail()
		}
		p.annotation()
		return u
	case p.annotation():
		return one
	}
	return p.simple()
}

// annotation steps over "{...}", which means nothing (UCUM 6).
func (p *parser) annotation() bool {
	if !p.take('{') {
		return false
	}
	end := strings.IndexAny(p.rest, "{}")
	if end < 0 || p.rest[end] != '}' || !printable(p.rest[:end]) {
		p.fail()
		return true
	}
	p.rest = p.rest[end+1:]
	return true
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// simple is a number, or a unit with or without prefix, exponent and annotation.
func (p *parser) simple() Unit {
	symbol := p.symbol()
	if factor, ok := number(symbol); ok {
		p.annotation()
		return Unit{factor: factor}
	}
	u, ok := p.lookUp(symbol)
	if !ok {
		return p.fail()
	}
	exponent, given := p.exponent()
	p.annotation()
	if p.bad || !given {
		return u
	}
	return p.join(one, u, exponent)
}

// symbol takes what belongs to a number or to the symbol of a unit: up to a digit, a sign or another special character
// outside of brackets; the powers of ten are the ones that begin with digits.
func (p *parser) symbol() string {
	for _, ten := range [...]string{"10*", "10^"} {
		if strings.HasPrefix(p.rest, ten) {
			p.rest = p.rest[len(ten):]
			return ten
		}
	}
	end, bracket := 0, false
	digits := p.rest != "" && digit(p.rest[0])
	for end < len(p.rest) {
		c := p.rest[end]
		if !bracket && (strings.IndexByte("./(){}+-", c) >= 0 || digit(c) != digits) {
			break
		}
		bracket = bracket && c != ']' || c == '['
		end++
	}
	symbol := p.rest[:end]
	p.rest = p.rest[end:]
	return symbol
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func number(s string) (*big.Rat, bool) {
	if s == "" || len(s) > 18 || !digit(s[0]) || strings.IndexByte(s, '*') >= 0 || strings.IndexByte(s, '^') >= 0 {
		return nil, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return big.NewRat(n, 1), err == nil && n > 0
}

func (p *parser) exponent() (n int, given bool) {
	end := 0
	if p.rest != "" && (p.rest[0] == '+' || p.rest[0] == '-') {
		end = 1
	}
	start := end
	for end < len(p.rest) && digit(p.rest[end]) {
		end++
	}
	if end == 0 {
		return 1, false
	}
	n, err := strconv.Atoi(p.rest[:end])
	if start == end || err != nil || n == 0 || n > maxExponent || n < -maxExponent {
		p.fail()
		return 1, false
	}
	p.rest = p.rest[end:]
	return n, true
}
