package search

import (
	"math/big"
	"strconv"
	"strings"

	"cairn/fhir/resource"
	"cairn/fhir/search/index"
)

var prefixes = map[Prefix]bool{
	Equal: true, NotEqual: true, Greater: true, Less: true, GreaterOrEqual: true, LessOrEqual: true,
	StartsAfter: true, EndsBefore: true, Approximately: true,
}

// prefixed takes the prefix off a value; without one it is eq.
func prefixed(part string) (Prefix, string) {
	if len(part) > 2 && prefixes[Prefix(part[:2])] {
		return Prefix(part[:2]), part[2:]
	}
	return Equal, part
}

func addDate(c *Clause, part string) error {
	var v DateValue
	var ok bool
	v.Prefix, part = prefixed(part)
	part = strings.ReplaceAll(part, " ", "+") // a plus that was not escaped in the URL
	if v.Lo, v.Hi, ok = resource.ParseDate(part); !ok {
		return mistake(c.Param, "Send a date of the form YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz (a plus is %2B in a URL), after an optional prefix: eq ne gt lt ge le sa eb ap.")
	}
	if v.Prefix == Approximately {
		tenth := (v.Hi - v.Lo) / 10
		v.Lo, v.Hi = v.Lo-tenth, v.Hi+tenth
	}
	c.Dates = append(c.Dates, v)
	return nil
}

func addNumber(c *Clause, part string) error {
	v, ok := numberValue(unescape(part))
	if !ok {
		return mistake(c.Param, "Send a number, after an optional prefix: eq ne gt lt ge le sa eb ap.")
	}
	c.Numbers = append(c.Numbers, v.value(nil))
	return nil
}

func addQuantity(c *Clause, part string) error {
	pieces := split(part, '|')
	n, ok := numberValue(unescape(pieces[0]))
	if !ok || len(pieces) != 1 && len(pieces) != 3 {
		return mistake(c.Param, "Send number, number|system|code or number||unit, after an optional prefix: eq ne gt lt ge le sa eb ap.")
	}
	v := QuantityValue{NumberValue: n.value(nil)}
	if len(pieces) == 3 {
		v.System, v.Code = unescape(pieces[1]), unescape(pieces[2])
	}
	if v.System != "" && v.Code == "" {
		return mistake(c.Param, "Where there is a system, send a code of it, too.")
	}
	if m, ok := index.MeasureOf(v.System, v.Code); ok {
		v.base, v.inBase = m.Base, n.value(m)
	}
	c.Quantities = append(c.Quantities, v)
	return nil
}

// decimal is a number as asked for and the range that the digits given leave open, exactly.
type decimal struct {
	prefix         Prefix
	centre, lo, hi *big.Rat
}

const maxNumber = 64 // characters, as in resources

// numberValue reads a number with a prefix (FHIR R4 3.1.1.4.6): the range is half a unit of the last digit to each side.
// As in the example of the standard, for which 1e2 is the range from 95 to 105, an exponent counts as a digit more.
// ap is a tenth of the value to each side.
func numberValue(part string) (d decimal, ok bool) {
	d.prefix, part = prefixed(part)
	digits, exponent, scientific := strings.Cut(strings.ToLower(part), "e")
	power := 0
	if scientific {
		var err error
		if power, err = strconv.Atoi(exponent); err != nil || power < -300 || power > 300 {
			return d, false
		}
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	if len(part) > maxNumber || !plainNumber(whole, fraction, strings.Contains(digits, ".")) {
		return d, false
	}
	d.centre, ok = new(big.Rat).SetString(digits)
	if !ok {
		return d, false
	}
	scale := new(big.Rat).SetFrac(power10(max(power, 0)), power10(max(-power, 0)))
	d.centre.Mul(d.centre, scale)
	half := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Mul(big.NewInt(2), power10(len(fraction))))
	half.Mul(half, scale)
	if scientific {
		half.Quo(half, big.NewRat(10, 1))
	}
	if d.prefix == Approximately {
		if tenth := new(big.Rat).Mul(new(big.Rat).Abs(d.centre), big.NewRat(1, 10)); tenth.Cmp(half) > 0 {
			half = tenth
		}
	}
	d.lo, d.hi = new(big.Rat).Sub(d.centre, half), new(big.Rat).Add(d.centre, half)
	return d, true
}

func power10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// plainNumber reports whether the parts of a number are digits, with a sign in front at most.
func plainNumber(whole, fraction string, point bool) bool {
	if whole != "" && strings.Contains("+-", whole[:1]) {
		whole = whole[1:]
	}
	return whole != "" && strings.Trim(whole, "0123456789") == "" && strings.Trim(fraction, "0123456789") == "" && point == (fraction != "")
}

// value is a number to compare with, in the base units of a measure if there is one.
func (d decimal) value(m *index.Measure) NumberValue {
	return NumberValue{d.prefix, m.Float(d.centre), m.Float(d.lo), m.Float(d.hi)}
}
