// Package unit reads units of measure in UCUM (The Unified Code for Units of Measure, case sensitive) and converts
// between those that measure the same, exactly.
//
// It knows every unit of UCUM. What has no ratio scale (pH, decibels and their like) and what is arbitrary by definition
// (international units) can be compared with itself only; Celsius, Fahrenheit and Reaumur are converted, but are no part
// of products. All calculation is in rational numbers. A code is bounded in length, nesting and exponents, so that
// no code costs much.
//
// The package is pure and safe for concurrent use.
package unit

import (
	"errors"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// Errors of this package. They hold nothing of the code that was read.
var (
	ErrUnknown      = errors.New("this is no UCUM unit")
	ErrIncomparable = errors.New("these units measure different things")
)

// Unit is a unit that was read. The zero Unit is no unit.
type Unit struct {
	factor *big.Rat // how many of the base units; nil for the zero Unit
	offset *big.Rat // added before the factor applies; nil for none
	base   []power  // by symbol, no exponent 0
}

// power is a base unit, or a unit that can only be compared with itself, to some power.
type power struct {
	symbol   string
	exponent int
}

// Comparable reports whether values in the two units can be converted into each other.
func (u Unit) Comparable(v Unit) bool {
	return u.factor != nil && v.factor != nil && slices.Equal(u.base, v.base)
}

// Base is the unit in base units, as a UCUM code: "g.m-1", or "1" for a number. Comparable units have the same.
func (u Unit) Base() string {
	if len(u.base) == 0 {
		return "1"
	}
	parts := make([]string, len(u.base))
	for i, p := range u.base {
		parts[i] = p.symbol
		if p.exponent != 1 {
			parts[i] += strconv.Itoa(p.exponent)
		}
	}
	return strings.Join(parts, ".")
}

// ToBase is a value in u, expressed in the base units.
func (u Unit) ToBase(value *big.Rat) *big.Rat {
	out := new(big.Rat).Set(value)
	if u.offset != nil {
		out.Add(out, u.offset)
	}
	return out.Mul(out, u.factor)
}

// Convert expresses a value in from in the unit to. It fails with ErrIncomparable.
func Convert(value *big.Rat, from, to Unit) (*big.Rat, error) {
	if !from.Comparable(to) {
		return nil, ErrIncomparable
	}
	out := from.ToBase(value)
	out.Quo(out, to.factor)
	if to.offset != nil {
		out.Sub(out, to.offset)
	}
	return out, nil
}

// times is the product of two units, the second to a power. It fails for a unit with an offset.
func (u Unit) times(v Unit, exponent int) (Unit, error) {
	if u.offset != nil || v.offset != nil {
		return Unit{}, ErrUnknown
	}
	out := Unit{factor: new(big.Rat).Set(u.factor), base: slices.Clone(u.base)}
	factor := raise(v.factor, exponent)
	if out.factor.Mul(out.factor, factor); large(out.factor) {
		return Unit{}, ErrUnknown
	}
	for _, p := range v.base {
		out.base = merge(out.base, power{p.symbol, p.exponent * exponent})
	}
	return out, nil
}

func merge(base []power, p power) []power {
	i, found := slices.BinarySearchFunc(base, p, func(a, b power) int { return strings.Compare(a.symbol, b.symbol) })
	switch {
	case p.exponent == 0:
		return base
	case !found:
		return slices.Insert(base, i, p)
	}
	if base[i].exponent += p.exponent; base[i].exponent == 0 {
		return slices.Delete(base, i, i+1)
	}
	return base
}

// raise is r to a whole power, not 0 to a negative one.
func raise(r *big.Rat, exponent int) *big.Rat {
	if exponent < 0 {
		r, exponent = new(big.Rat).Inv(r), -exponent
	}
	e := big.NewInt(int64(exponent))
	num, den := new(big.Int).Exp(r.Num(), e, nil), new(big.Int).Exp(r.Denom(), e, nil)
	return new(big.Rat).SetFrac(num, den)
}

const maxBits = 4096 // of a factor's numerator and denominator; no real unit comes near

func large(r *big.Rat) bool { return r.Num().BitLen() > maxBits || r.Denom().BitLen() > maxBits }

// Multiply is the unit of a product of values in u and v. It fails with ErrUnknown where one has an offset.
func (u Unit) Multiply(v Unit) (Unit, error) {
	if u.factor == nil || v.factor == nil {
		return Unit{}, ErrUnknown
	}
	return u.times(v, 1)
}

// Divide is the unit of a quotient of values in u and v. It fails with ErrUnknown where one has an offset.
func (u Unit) Divide(v Unit) (Unit, error) {
	if u.factor == nil || v.factor == nil {
		return Unit{}, ErrUnknown
	}
	return u.times(v, -1)
}
