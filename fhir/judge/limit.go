package judge

import (
	"math/big"
	"strings"

	"cairn/fhir/profile"
	"cairn/fhir/resource"
	"cairn/fhir/unit"
)

// limits compares a value with minValue[x] and maxValue[x] (FHIR R4 ElementDefinition). Only what is surely beyond a
// limit is an error: of the year 1970 it is not said whether it is before June 1970.
func (v *validator) limits(o value, r *rule) {
	if !o.node.Exists() || o.node.Kind() == resource.Null {
		return
	}
	for _, l := range [2]struct {
		limit      resource.Node
		sign       int // of what is beyond
		rule, text string
	}{
		{r.least, -1, RuleLeast, "The profile does not allow a value as low as this."},
		{r.most, 1, RuleMost, "The profile does not allow a value as high as this."},
	} {
		if !l.limit.Exists() {
			continue
		}
		switch beyond, known := exceeds(o, l.limit, l.sign); {
		case !known:
			v.report(profile.Information, "processing", l.rule, "This could not be compared with the limit that the profile sets.", o.at())
		case beyond:
			v.report(profile.Error, "value", l.rule, l.text, o.at())
		}
	}
}

// exceeds reports whether a value is surely above a limit, or with sign -1 below it; known is false where the two cannot be
// compared: other units, a period counted from now.
func exceeds(o value, limit resource.Node, sign int) (beyond, known bool) {
	switch {
	case limit.Kind() == resource.Number && o.node.Kind() == resource.Number:
		return compare(o.node, limit)*sign > 0, true
	case limit.Kind() == resource.Object && o.shape.Is("Quantity"):
		return exceedsQuantity(o.node, limit, sign)
	case limit.Kind() != resource.String || o.node.Kind() != resource.String:
		return false, false
	}
	text, _ := o.node.Text()
	bound, _ := limit.Text()
	if o.code == "time" {
		return strings.Compare(clock(text), clock(bound))*sign > 0, true
	}
	lo, hi, ok := resource.ParseDate(text)
	from, until, also := resource.ParseDate(bound)
	if sign > 0 {
		return lo >= until, ok && also
	}
	return hi <= from, ok && also
}

// clock is a time of day so that what is earlier sorts first.
func clock(text string) string {
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// compare compares two numbers, which the reader of resources has bounded.
func compare(a, b resource.Node) int {
	x, _ := new(big.Rat).SetString(string(a.Raw()))
	y, _ := new(big.Rat).SetString(string(b.Raw()))
	if x == nil || y == nil {
		return 0
	}
	return x.Cmp(y)
}

// exceedsQuantity compares quantities of one unit, or of units that can be converted.
func exceedsQuantity(q, limit resource.Node, sign int) (beyond, known bool) {
	x, ok := amount(q)
	y, also := amount(limit)
	if !ok || !also {
		return false, false
	}
	if !sameUnit(q, limit) {
		from, err := ucum(q)
		to, other := ucum(limit)
		if err != nil || other != nil {
			return false, false
		}
		if x, err = unit.Convert(x, from, to); err != nil {
			return false, false
		}
	}
	switch comparator := textOf(q, "comparator"); {
	case comparator == "":
		return x.Cmp(y)*sign > 0, true
	case strings.HasPrefix(comparator, ">") && sign > 0, strings.HasPrefix(comparator, "<") && sign < 0:
		return x.Cmp(y)*sign > 0 || len(comparator) == 1 && x.Cmp(y) == 0, true
	}
	return false, true // it may be within
}

func amount(q resource.Node) (*big.Rat, bool) {
	n := q.Get("value")
	if n.Kind() != resource.Number {
		return nil, false
	}
	return new(big.Rat).SetString(string(n.Raw()))
}

func sameUnit(a, b resource.Node) bool {
	if textOf(a, "code") == "" && textOf(b, "code") == "" {
		return textOf(a, "unit") == textOf(b, "unit")
	}
	return textOf(a, "code") == textOf(b, "code") && textOf(a, "system") == textOf(b, "system")
}

// ucum is the unit of a quantity.
func ucum(q resource.Node) (unit.Unit, error) {
	if textOf(q, "system") != "http://unitsofmeasure.org" {
		return unit.Unit{}, unit.ErrUnknown
	}
	return unit.Parse(textOf(q, "code"))
}
