// Package kit is what a patient keeps on paper: two codes. With the stop code
// anybody stops everything that she allowed, at any hospital's node, without a
// sign-in. With the recovery code her sealed wallet opens on a fresh device.
//
// Trust: who finds the stop code can stop, and read nothing. Who finds the
// recovery code and gets the sealed wallet reads what is in it, and can then
// begin to take over her sign-in, which takes the time lock and can be cancelled
// from any device that she has. The two follow from nothing that they share, so
// that one can be handed out without the other.
package kit

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

// Kind tells the two codes apart.
type Kind uint8

const (
	Stop     Kind = 1
	Recovery Kind = 2
)

// Code is one code of a kit: 32 random bytes and what they are for.
type Code struct {
	Kind   Kind
	Secret [32]byte
}

// New makes a fresh code.
func New(kind Kind) Code {
	c := Code{Kind: kind}
	rand.Read(c.Secret[:]) // never fails: crypto/rand, Go 1.24
	return c
}

// ErrCode is what a text is refused with that is no code; the error says in
// which group the slip of the pen is, counted from 1.
var ErrCode = errors.New("kit: this is not a code of a recovery kit")

// A code is written in 13 groups of five symbols of Crockford's base 32: four
// carry 20 of its 260 bits (4 of the kind, 256 of the secret), the fifth checks
// them and their place.
const (
	groups    = 13
	groupData = 4
	alphabet  = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// String returns the code as it is printed: 7K2QM-....
func (c Code) String() string {
	symbols := c.symbols()
	var out strings.Builder
	for g := range groups {
		if g > 0 {
			out.WriteByte('-')
		}
		group := symbols[g*groupData : (g+1)*groupData]
		for _, s := range group {
			out.WriteByte(alphabet[s])
		}
		out.WriteByte(alphabet[check(g, group)])
	}
	return out.String()
}

// Parse reads a code as people type it: in any case, with or without hyphens and
// spaces, O for 0, I and L for 1. It fails with ErrCode.
func Parse(text string) (Code, error) {
	read := make([]byte, 0, groups*(groupData+1))
	for _, r := range strings.ToUpper(text) {
		if r == '-' || r == ' ' || r == '\n' || r == '\t' || r == '\r' {
			continue
		}
		value := strings.IndexRune(alphabet, plain(r))
		if value < 0 || len(read) == cap(read) {
			return Code{}, fmt.Errorf("%w: group %d has a symbol that no code has, or too many", ErrCode, len(read)/(groupData+1)+1)
		}
		read = append(read, byte(value))
	}
	if len(read) != cap(read) {
		return Code{}, fmt.Errorf("%w: it has %d symbols of %d", ErrCode, len(read), cap(read))
	}
	symbols := make([]byte, 0, groups*groupData)
	for g := range groups {
		group := read[g*(groupData+1) : (g+1)*(groupData+1)]
		if check(g, group[:groupData]) != group[groupData] {
			return Code{}, fmt.Errorf("%w: look at group %d again", ErrCode, g+1)
		}
		symbols = append(symbols, group[:groupData]...)
	}
	return fromSymbols(symbols)
}

func plain(r rune) rune {
	switch r {
	case 'O':
		return '0'
	case 'I', 'L':
		return '1'
	}
	return r
}

// symbols cuts the code into numbers of five bits, the kind first.
func (c Code) symbols() []byte {
	out := make([]byte, 0, groups*groupData)
	buffer, bits := uint(c.Kind&0xf), 4
	for _, b := range c.Secret {
		buffer, bits = buffer<<8|uint(b), bits+8
		for ; bits >= 5; bits -= 5 {
			out = append(out, byte(buffer>>(bits-5)&0x1f))
		}
		buffer &= 1<<bits - 1
	}
	return out
}

func fromSymbols(symbols []byte) (c Code, err error) {
	c.Kind = Kind(symbols[0] >> 1)
	if c.Kind != Stop && c.Kind != Recovery {
		return Code{}, fmt.Errorf("%w: it is of an unknown kind", ErrCode)
	}
	buffer, bits, at := uint(symbols[0]&1), 1, 0
	for _, s := range symbols[1:] {
		buffer, bits = buffer<<5|uint(s), bits+5
		if bits >= 8 {
			c.Secret[at] = byte(buffer >> (bits - 8))
			at, bits = at+1, bits-8
			buffer &= 1<<bits - 1
		}
	}
	return c, nil
}

// check is a sum over GF(32) in which each place has a weight of its own, so
// that one wrong symbol and two neighbours swapped are always noticed, and a
// group in the place of another.
func check(group int, data []byte) byte {
	sum, weight := byte(group), byte(1)
	for _, v := range data {
		weight = times(weight, 2)
		sum ^= times(weight, v)
	}
	return sum
}

// times multiplies in GF(32), modulo x^5+x^2+1.
func times(a, b byte) (product byte) {
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			product ^= a
		}
		if a <<= 1; a&0x20 != 0 {
			a ^= 0x25
		}
	}
	return product
}
