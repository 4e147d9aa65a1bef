package patch

import (
	"bytes"
	"strconv"
	"strings"
)

// equal compares as RFC 6902 4.6 does: strings by content, numbers by value, objects without regard to order. The meter
// must have been charged for both.
func equal(a, b *value) bool {
	if a.kind != b.kind || len(a.kids) != len(b.kids) {
		return false
	}
	switch a.kind {
	case scalar:
		return bytes.Equal(a.raw, b.raw) || sameNumber(string(a.raw), string(b.raw))
	case text:
		return plain(a.raw) == plain(b.raw)
	}
	var byName map[string]*value
	if a.kind == object {
		byName = make(map[string]*value, len(b.kids))
		for _, kid := range b.kids {
			byName[kid.name] = kid
		}
	}
	for i, kid := range a.kids {
		other := b.kids[i]
		if a.kind == object {
			other = byName[kid.name]
		}
		if other == nil || !equal(kid, other) {
			return false
		}
	}
	return true
}

// sameNumber compares two JSON numbers exactly, however many digits they have.
func sameNumber(a, b string) bool {
	x, okX := normal(a)
	y, okY := normal(b)
	return okX && okY && x == y
}

// number is a decimal without zeros at either end: digits times ten to the power.
type number struct {
	negative bool
	digits   string
	power    int
}

func normal(s string) (number, bool) {
	if s == "true" || s == "false" || s == "null" {
		return number{}, false
	}
	var n number
	s, n.negative = strings.CutPrefix(s, "-")
	mantissa, exponent := s, ""
	if at := strings.IndexAny(s, "eE"); at >= 0 {
		mantissa, exponent = s[:at], s[at+1:]
	}
	if exponent != "" {
		power, err := strconv.Atoi(exponent)
		if err != nil || power > 1<<30 || power < -1<<30 {
			return number{}, false
		}
		n.power = power
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	n.digits = strings.TrimLeft(whole+fraction, "0")
	n.power -= len(fraction)
	trimmed := strings.TrimRight(n.digits, "0")
	n.power += len(n.digits) - len(trimmed)
	n.digits = trimmed
	if n.digits == "" {
		return number{}, true
	}
	return n, true
}
