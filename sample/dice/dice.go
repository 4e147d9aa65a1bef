// Package dice is the source of chance of synthetic patients: the same name gives the same numbers on every machine and
// for ever.
//
// A stream comes from ChaCha8Rand, whose output C2SP specifies, seeded with the SHA-256 of its name; what is made of it is
// integer arithmetic.
package dice

import (
	"crypto/sha256"
	"encoding/hex"
	"math/bits"
	"math/rand/v2"

	"cairn/sample/figure"
)

// Dice is one stream of random numbers. It is not safe for concurrent use.
type Dice struct {
	source *rand.ChaCha8
}

// New returns the stream of a name.
func New(name []byte) *Dice {
	return &Dice{source: rand.NewChaCha8(sha256.Sum256(name))}
}

// Below returns a number in [0, n), n > 0.
func (d *Dice) Below(n int) int {
	high, _ := bits.Mul64(d.source.Uint64(), uint64(n)) // #nosec G115 -- n is positive
	return int(high)                                    // #nosec G115 -- smaller than n
}

// Between returns a number in [low, high].
func (d *Dice) Between(low, high int) int {
	return low + d.Below(high-low+1)
}

// Chance is true in so many cases of a thousand.
func (d *Dice) Chance(permille int) bool {
	return d.Below(1000) < permille
}

// Around returns a number near middle with about the given standard deviation, never further away than 3.5 of them: the
// sum of four even draws (Irwin-Hall).
func (d *Dice) Around(middle, deviation int) int {
	const side, unit = 1 << 20, 605_397 // unit = side / sqrt(3)
	sum := 0
	for range 4 {
		sum += d.Below(side) - side/2
	}
	return middle + figure.Divide(sum*deviation, unit)
}

// UUID returns an identifier in the shape of a version 4 UUID (RFC 9562 5.4).
func (d *Dice) UUID() string {
	var b [16]byte
	for i := range 2 {
		v := d.source.Uint64()
		for j := range 8 {
			b[8*i+j] = byte(v >> (8 * j)) // #nosec G115 -- one byte after the other
		}
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	text := make([]byte, 0, 36)
	for _, group := range [5][2]int{{0, 4}, {4, 6}, {6, 8}, {8, 10}, {10, 16}} {
		if group[0] > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, b[group[0]:group[1]])
	}
	return string(text)
}

// Digits returns n decimal digits.
func (d *Dice) Digits(n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('0' + d.Below(10)) // #nosec G115 -- a digit
	}
	return string(text)
}

// Pick returns one of a list that is not empty, each as likely as the other.
func Pick[T any](d *Dice, from []T) T {
	return from[d.Below(len(from))]
}
