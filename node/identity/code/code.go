// Package code makes the one-time codes that the hospital hands to people whose
// identity it has proved, and reads them as people type them. A code is a secret:
// whoever keeps one keeps a keyed hash of it.
package code

import (
	"crypto/rand"
	"strings"
)

// A code is four groups of four of Crockford's base 32: 75 random bits
// and a check character, so that who mistypes one is told at once.
const (
	crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	Length    = 16 // of a code without hyphens
)

// New returns a fresh code as it is shown: ABCD-EFGH-JKMN-PQRS.
func New() string {
	digits := make([]byte, Length, 2*Length)
	rand.Read(digits[:Length-1]) // never fails: crypto/rand, Go 1.24
	for i := range digits {
		digits[i] %= 32 // no bias: 256 is a multiple of it
	}
	digits[Length-1] = checkDigit(digits[:Length-1])
	var out strings.Builder
	for i, d := range digits {
		if i > 0 && i%4 == 0 {
			out.WriteByte('-')
		}
		out.WriteByte(crockford[d])
	}
	return out.String()
}

// checkDigit is that of Luhn's scheme for 32 characters: it tells every single
// wrong one, and two neighbours that changed places but for 0 and Z.
func checkDigit(digits []byte) byte {
	sum := 0
	for i := range digits {
		n := int(digits[len(digits)-1-i])
		if i%2 == 0 {
			n *= 2
		}
		sum += n/32 + n%32
	}
	return byte((32 - sum%32) % 32)
}

// Read returns a code in its one form, from what a person typed: in any case,
// with or without spaces and hyphens, O for 0, I and L for 1.
func Read(typed string) (code string, ok bool) {
	if len(typed) > 4*Length {
		return "", false
	}
	typed = strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(typed))
	digits := make([]byte, 0, Length)
	for _, c := range []byte(typed) {
		d := strings.IndexByte(crockford, c)
		if d < 0 {
			return "", false
		}
		digits = append(digits, byte(d)) //nolint:gosec // below 32
	}
	if len(digits) != Length || checkDigit(digits[:Length-1]) != digits[Length-1] {
		return "", false
	}
	return typed, true
}
