package unit

import (
	_ "embed"
	"fmt"
	"math/big"
	"strings"
	"sync"
)

//go:embed ucum.txt
var source string

// atom is a unit symbol.
type atom struct {
	unit   Unit
	metric bool // it takes prefixes
}

// decimal and binary are the prefixes of UCUM 27 and 28, as powers of ten and of 1024.
var decimal = map[string]int{
	"Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1, "d": -1, "c": -2, "m": -3, "u": -6,
	"n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}

var binary = map[string]int{"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4}

var atoms = sync.OnceValue(func() map[string]atom {
	all, err := load(source)
	if err != nil {
		panic("unit: ucum.txt: " + err.Error()) // it is part of the program
	}
	return all
})

var prefixes = func() map[string]*big.Rat {
	all := map[string]*big.Rat{}
	for symbol, power := range decimal {
		all[symbol] = raise(big.NewRat(10, 1), power)
	}
	for symbol, power := range binary {
		all[symbol] = raise(big.NewRat(1024, 1), power)
	}
	return all
}()

// loader ties units to those they are defined by, in whatever order they stand.
type loader struct {
	lines map[string][]string
	atoms map[string]atom
}

func load(text string) (map[string]atom, error) {
	l := loader{lines: map[string][]string{}, atoms: map[string]atom{}}
	for _, base := range []string{"m", "s", "g", "rad", "K", "C", "cd"} {
		l.atoms[base] = atom{Unit{factor: big.NewRat(1, 1), base: []power{{base, 1}}}, true}
	}
	for line := range strings.Lines(text) {
		if line[0] == '#' {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) < 3 {
			return nil, fmt.Errorf("%d words in a line", len(f))
		}
		l.lines[f[0]] = f
	}
	for symbol := range l.lines {
		if _, ok := l.find(symbol); !ok {
			return nil, fmt.Errorf("the definition of %s leads nowhere", symbol)
		}
	}
	return l.atoms, nil
}

// find is an atom, defined if it is not yet. A definition that comes back to itself is one that leads nowhere.
func (l *loader) find(symbol string) (atom, bool) {
	if a, ok := l.atoms[symbol]; ok {
		return a, a.unit.factor != nil
	}
	f, ok := l.lines[symbol]
	if !ok {
		return atom{}, false
	}
	l.atoms[symbol] = atom{}
	u, ok := l.define(f)
	a := atom{u, f[1] == "metric"}
	l.atoms[symbol] = a
	return a, ok
}

func (l *loader) define(f []string) (Unit, bool) {
	if f[2] == "arbitrary" || f[2] == "scale" {
		return Unit{factor: big.NewRat(1, 1), base: []power{{f[0], 1}}}, true
	}
	words := strings.Fields(f[len(f)-1])
	factor, ok := new(big.Rat).SetString(words[0])
	if !ok {
		return Unit{}, false
	}
	p := parser{rest: f[2], find: l.find}
	of := p.term(0)
	if p.bad || p.rest != "" {
		return Unit{}, false
	}
	u := Unit{factor: factor.Mul(factor, of.factor), base: of.base}
	if len(words) > 1 {
		u.offset, ok = new(big.Rat).SetString(words[1])
	}
	return u, ok
}

// lookUp is the unit that a symbol stands for: the symbol itself, or a prefix and one that takes it (UCUM 11).
func (p *parser) lookUp(symbol string) (Unit, bool) {
	if a, ok := p.find(symbol); ok {
		return a.unit, true
	}
	for length := 2; length >= 1; length-- {
		if len(symbol) <= length {
			continue
		}
		factor, ok := prefixes[symbol[:length]]
		if !ok {
			continue
		}
		if a, ok := p.find(symbol[length:]); ok && a.metric {
			return prefixed(a.unit, factor), true
		}
	}
	return Unit{}, false
}

// prefixed is the unit times the factor of a prefix; an offset is counted in the unit that results.
func prefixed(u Unit, factor *big.Rat) Unit {
	out := Unit{factor: new(big.Rat).Mul(u.factor, factor), base: u.base}
	if u.offset != nil {
		out.offset = new(big.Rat).Quo(u.offset, factor)
	}
	return out
}
