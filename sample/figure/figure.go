// Package figure is arithmetic with whole and fixed-point numbers, for results that are the same on every machine, which
// floating-point numbers do not promise.
//
// A fixed-point number is a whole number with a count of decimal places that its owner knows: 74 with one place is 7.4.
package figure

import (
	"math/bits"
	"sort"
	"strconv"
)

// Divide returns a/b rounded to the nearest whole number, halves away from zero; b > 0.
func Divide(a, b int) int {
	if a < 0 {
		return -((-a + b/2) / b)
	}
	return (a + b/2) / b
}

// Append writes a fixed-point number with all its places, as JSON has it.
func Append(to []byte, value, places int) []byte {
	if value < 0 {
		to, value = append(to, '-'), -value
	}
	digits := strconv.AppendInt(make([]byte, 0, 20), int64(value), 10)
	for range places + 1 - len(digits) {
		digits = append(digits, 0)
		copy(digits[1:], digits)
		digits[0] = '0'
	}
	to = append(to, digits[:len(digits)-places]...)
	if places > 0 {
		to = append(append(to, '.'), digits[len(digits)-places:]...)
	}
	return to
}

// Text is what Append writes.
func Text(value, places int) string {
	return string(Append(nil, value, places))
}

// Log2 returns the binary logarithm of a/b as a fixed-point number with 32 binary places, cut off; a and b are positive,
// smaller than 2^31 and less than 2^31 times apart.
func Log2(a, b int) int64 {
	x := uint64(a) << 32 / uint64(b) // #nosec G115 -- both are positive
	whole := bits.Len64(x) - 33
	x <<= 31 - whole // in [1, 2) with 63 binary places
	result := int64(whole)
	for range 32 {
		high, low := bits.Mul64(x, x)
		result <<= 1
		if high>>63 == 1 { // the square is in [2, 4)
			result++
			x = high
		} else {
			x = high<<1 | low>>63
		}
	}
	return result
}

// A Point is a value, second, at a place, first.
type Point [2]int

// Curve is a value that goes straight from each point to the next, in the order of their places, and is level outside them; without
// points it is 0.
type Curve []Point

// At returns the value at x.
func (c Curve) At(x int) int {
	i := sort.Search(len(c), func(i int) bool { return c[i][0] > x })
	switch {
	case len(c) == 0:
		return 0
	case i == 0:
		return c[0][1]
	case i == len(c):
		return c[i-1][1]
	}
	a, b := c[i-1], c[i]
	return a[1] + Divide((b[1]-a[1])*(x-a[0]), b[0]-a[0])
}
