// Package ucum gives the FHIRPath engine the units of cairn/fhir/unit in the form that the engine asks for.
package ucum

import (
	"errors"
	"math/big"

	"cairn/fhir/unit"
)

// ErrNotRational is what the engine looks for where a conversion has no exact answer. Nothing here answers with it: what
// has no ratio scale is converted into itself only.
var ErrNotRational = errors.New("this conversion has no exact answer")

// Pair is a value and its unit.
type Pair struct {
	Value float64
	Code  string
}

// ExactService answers questions about units. It has no state.
type ExactService struct{}

// NewExact never fails.
func NewExact() (ExactService, error) { return ExactService{}, nil }

// Validate fails for a code that is no UCUM unit.
func (ExactService) Validate(code string) error {
	_, err := unit.Parse(code)
	return err
}

// IsComparable reports whether two units measure the same; it fails where one is no unit.
func (ExactService) IsComparable(from, to string) (bool, error) {
	a, b, err := both(from, to)
	return err == nil && a.Comparable(b), err
}

// ConvertRat expresses a value in another unit, exactly.
func (ExactService) ConvertRat(value *big.Rat, from, to string) (*big.Rat, error) {
	a, b, err := both(from, to)
	if err != nil {
		return nil, err
	}
	return unit.Convert(value, a, b)
}

// Convert is ConvertRat for floats.
func (s ExactService) Convert(value float64, from, to string) (float64, error) {
	exact := new(big.Rat).SetFloat64(value)
	if exact == nil {
		return 0, ErrNotRational
	}
	out, err := s.ConvertRat(exact, from, to)
	if err != nil {
		return 0, err
	}
	f, _ := out.Float64()
	return f, nil
}

// Multiply is the product of two quantities, in base units.
func (ExactService) Multiply(left, right Pair) (Pair, error) {
	return combine(left, right, unit.Unit.Multiply, (*big.Rat).Mul)
}

// Divide is the quotient of two quantities, in base units.
func (ExactService) Divide(left, right Pair) (Pair, error) {
	if right.Value == 0 {
		return Pair{}, ErrNotRational
	}
	return combine(left, right, unit.Unit.Divide, (*big.Rat).Quo)
}

func combine(left, right Pair, units func(unit.Unit, unit.Unit) (unit.Unit, error), values func(z, x, y *big.Rat) *big.Rat) (Pair, error) {
	a, b, err := both(left.Code, right.Code)
	if err != nil {
		return Pair{}, err
	}
	u, err := units(a, b)
	if err != nil {
		return Pair{}, err
	}
	x, y := new(big.Rat).SetFloat64(left.Value), new(big.Rat).SetFloat64(right.Value)
	if x == nil || y == nil {
		return Pair{}, ErrNotRational
	}
	out, _ := u.ToBase(values(new(big.Rat), x, y)).Float64()
	return Pair{out, u.Base()}, nil
}

func both(from, to string) (a, b unit.Unit, err error) {
	if a, err = unit.Parse(from); err != nil {
		return a, b, err
	}
	b, err = unit.Parse(to)
	return a, b, err
}
