package index

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
	"sync"

	"cairn/fhir/unit"
)

const ucum = "http://unitsofmeasure.org"

// Measure is a unit of UCUM as far as values in it are converted.
type Measure struct {
	Base  string // the base units; the same for all units that measure the same
	unit  unit.Unit
	power int  // the unit is ten to this power of base units,
	tens  bool // if it is one of tens
}

// findTens says whether the unit is one of tens.
func (m *Measure) findTens() {
	zero, one := m.unit.ToBase(new(big.Rat)), m.unit.ToBase(big.NewRat(1, 1))
	for p := -24; p <= 24 && zero.Sign() == 0 && !m.tens; p++ {
		m.tens = one.Cmp(new(big.Rat).SetFrac(power10(max(p, 0)), power10(max(-p, 0)))) == 0
		m.power = p
	}
}

// usual are units that most quantities have, read once.
var usual = sync.OnceValue(func() map[string]*Measure {
	m := map[string]*Measure{}
	for _, code := range []string{
		"%", "1", "/min", "{beats}/min", "{score}", "/uL", "10*3/uL", "10*6/uL", "10*9/L", "10*12/L", "[degF]", "Cel", "[in_i]", "[lb_av]",
		"[oz_av]", "[ft_i]", "cm", "mm", "m", "km", "kg", "g", "mg", "ug", "ng", "pg", "kg/m2", "mm[Hg]", "kPa", "mmol/L", "umol/L", "nmol/L",
		"pmol/L", "mol/L", "mg/dL", "g/dL", "g/L", "mg/L", "ug/dL", "ug/L", "ng/mL", "pg/mL", "ng/dL", "mg/g", "mg/mmol", "U/L", "m[IU]/L", "[IU]/L",
		"meq/L", "L", "dL", "mL", "uL", "fL", "L/min", "mL/min", "mL/min/{1.73_m2}", "s", "min", "h", "d", "wk", "mo", "a", "ms", "mL/kg", "mg/kg",
		"W", "kcal", "kJ", "m/s", "Hz",
	} {
		if u, err := unit.Parse(code); err == nil {
			m[code] = &Measure{unit: u, Base: u.Base()}
			m[code].findTens()
		}
	}
	return m
})

// MeasureOf is the measure of a unit; not ok unless it is one of UCUM that is known.
func MeasureOf(system, code string) (*Measure, bool) {
	if system != ucum {
		return nil, false
	}
	if m := usual()[code]; m != nil {
		return m, true
	}
	u, err := unit.Parse(code)
	if err != nil {
		return nil, false
	}
	return &Measure{unit: u, Base: u.Base()}, true
}

// Float is a number of the measure's units in base units; without a measure, the number itself.
func (m *Measure) Float(n *big.Rat) float64 {
	if m != nil {
		n = m.unit.ToBase(n)
	}
	f, _ := n.Float64()
	return f
}

// Of is Float for a number that was read as one of 64 bits: its shortest decimal form is taken as what was meant.
func (m *Measure) Of(f float64) float64 {
	if math.IsInf(f, 0) || m.tens && m.power == 0 {
		return f
	}
	var few [32]byte
	digits := strconv.AppendFloat(few[:0], f, 'e', -1, 64)
	if m.tens {
		return m.shift(digits)
	}
	n, ok := new(big.Rat).SetString(string(digits))
	if !ok {
		return f
	}
	return m.Float(n)
}

// shift is a number in scientific form, times ten to the power of the measure.
func (m *Measure) shift(digits []byte) float64 {
	e := bytes.IndexByte(digits, 'e')
	exponent, err := strconv.Atoi(string(digits[e+1:]))
	if err != nil {
		return 0 // AppendFloat wrote it
	}
	shifted, _ := strconv.ParseFloat(string(strconv.AppendInt(digits[:e+1], int64(exponent+m.power), 10)), 64)
	return shifted // an exponent that is too large gives infinity, as Rat does
}

func power10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
