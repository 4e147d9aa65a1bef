package search

import (
	"math"
	"math/big"
	"strconv"
	"sync"

	"cairn/fhir/unit"
)

const ucum = "http://unitsofmeasure.org"

// measure is a unit of UCUM as far as values in it are converted.
type measure struct {
	unit unit.Unit
	base string // the base units; the same for all units that measure the same
}

// usual are units that most quantities have, read once.
var usual = sync.OnceValue(func() map[string]*measure {
	m := map[string]*measure{}
	for _, code := range []string{
		"%", "1", "/min", "{beats}/min", "{score}", "/uL", "10*3/uL", "10*6/uL", "10*9/L", "10*12/L", "[degF]", "Cel", "[in_i]", "[lb_av]",
		"[oz_av]", "[ft_i]", "cm", "mm", "m", "km", "kg", "g", "mg", "ug", "ng", "pg", "kg/m2", "mm[Hg]", "kPa", "mmol/L", "umol/L", "nmol/L",
		"pmol/L", "mol/L", "mg/dL", "g/dL", "g/L", "mg/L", "ug/dL", "ug/L", "ng/mL", "pg/mL", "ng/dL", "mg/g", "mg/mmol", "U/L", "m[IU]/L", "[IU]/L",
		"meq/L", "L", "dL", "mL", "uL", "fL", "L/min", "mL/min", "mL/min/{1.73_m2}", "s", "min", "h", "d", "wk", "mo", "a", "ms", "mL/kg", "mg/kg",
		"W", "kcal", "kJ", "m/s", "Hz",
	} {
		if u, err := unit.Parse(code); err == nil {
			m[code] = &measure{u, u.Base()}
		}
	}
	return m
})

// measureOf is the measure of a unit; not ok unless it is one of UCUM that is known.
func measureOf(system, code string) (*measure, bool) {
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
	return &measure{u, u.Base()}, true
}

// float is a number of the measure's units in base units; without a measure, the number itself.
func (m *measure) float(n *big.Rat) float64 {
	if m != nil {
		n = m.unit.ToBase(n)
	}
	f, _ := n.Float64()
	return f
}

// of is float for a number that was read as one of 64 bits: its shortest decimal form is taken as what was meant.
func (m *measure) of(f float64) float64 {
	if math.IsInf(f, 0) {
		return f
	}
	n, ok := new(big.Rat).SetString(strconv.FormatFloat(f, 'e', -1, 64))
	if !ok {
		return f
	}
	return m.float(n)
}
