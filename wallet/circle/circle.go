// Package circle shares a secret of a patient among people and hospitals whom
// she trusts: any `need` of them together give it back, fewer learn nothing of
// it (Shamir), and a share that was altered or belongs to another circle is
// known as such (Feldman). A share travels sealed to its guardian's key (HPKE,
// RFC 9180, with X25519 and ML-KEM-768, so that a share recorded today is not
// opened by a quantum computer later).
//
// Trust: `need` guardians who act together have the secret. What it opens is
// useless without the sealed wallet, and taking over the patient's sign-in takes
// the time lock besides (package recovery of consent).
package circle

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/math/polynomial"
	"github.com/cloudflare/circl/secretsharing"
)

// Limits of a circle.
const (
	MinNeed    = 2  // with one, a single guardian would have everything
	MaxMembers = 16 // guardians
)

// Errors, compared with errors.Is.
var (
	ErrSize  = errors.New("circle: a circle has 2 to 16 guardians, and needs at least 2 and at most all of them")
	ErrFew   = errors.New("circle: too few shares")
	ErrMixed = errors.New("circle: the shares are of different circles, or one of them is there twice")
	ErrShare = errors.New("circle: the share is damaged or altered")
)

const (
	scalarSize = 32
	magic      = "cairn/share/v1\x00"
	domain     = "cairn/circle/secret/v1\x00"
)

// curve is the group over whose scalars is shared (RFC 9496).
var curve = group.Ristretto255

// Share is one guardian's part.
type Share struct {
	Need       int              // how many give the secret back
	Number     int              // of this share, from 1
	Value      [scalarSize]byte // secret
	Commitment [][32]byte       // to the polynomial, `Need` points; the same in all shares of a circle
}

// New makes a fresh secret and its shares. It fails with ErrSize.
func New(need, members int) (secret [32]byte, shares []Share, err error) {
	if members < MinNeed || members > MaxMembers || need < MinNeed || need > members {
		return secret, nil, ErrSize
	}
	scalar := curve.RandomNonZeroScalar(rand.Reader)
	sharing := secretsharing.New(rand.Reader, uint(need-1), scalar) //nolint:gosec // need is between 2 and 16
	commitment, err := pack(sharing.CommitSecret())
	if err != nil {
		return secret, nil, err
	}
	for i := range members {
		share := Share{Need: need, Number: i + 1, Commitment: commitment}
		raw, err := sharing.ShareWithID(number(i + 1)).Value.MarshalBinary()
		if err != nil {
			return secret, nil, fmt.Errorf("circle: writing a share: %w", err)
		}
		copy(share.Value[:], raw)
		shares = append(shares, share)
	}
	secret, err = hash(scalar)
	return secret, shares, err
}

// Join gives the secret back from at least Need shares of one circle. It fails
// with ErrFew, ErrMixed, or ErrShare, and never gives a wrong secret.
func Join(shares []Share) (secret [32]byte, err error) {
	if len(shares) == 0 || len(shares) < shares[0].Need {
		return secret, ErrFew
	}
	parts := make([]secretsharing.Share, 0, len(shares))
	seen := make(map[int]bool, len(shares))
	for _, s := range shares {
		if !s.same(shares[0]) || seen[s.Number] {
			return secret, ErrMixed
		}
		seen[s.Number] = true
		part, err := s.part()
		if err != nil {
			return secret, err
		}
		parts = append(parts, part)
	}
	scalar := interpolate(parts[:shares[0].Need])
	return hash(scalar)
}

// interpolate evaluates at zero the polynomial that the shares lie on.
func interpolate(parts []secretsharing.Share) group.Scalar {
	x, y := make([]group.Scalar, len(parts)), make([]group.Scalar, len(parts))
	for i, p := range parts {
		x[i], y[i] = p.ID, p.Value
	}
	return polynomial.NewLagrangePolynomial(x, y).Evaluate(curve.NewScalar())
}

// Check returns nil if the share lies on the polynomial that its circle
// committed to, else ErrShare.
func (s Share) Check() error {
	_, err := s.part()
	return err
}

// Circle names the circle of the share: equal for shares of one, random
// otherwise.
func (s Share) Circle() [32]byte {
	h := sha256.New()
	for _, c := range s.Commitment {
		h.Write(c[:])
	}
	return [32]byte(h.Sum(nil))
}

func (s Share) same(o Share) bool {
	return s.Need == o.Need && len(s.Commitment) == len(o.Commitment) && s.Circle() == o.Circle()
}

// part checks the share and returns it as numbers.
func (s Share) part() (out secretsharing.Share, err error) {
	if s.Need < MinNeed || s.Need > MaxMembers || s.Number < 1 || s.Number > MaxMembers || len(s.Commitment) != s.Need {
		return out, ErrShare
	}
	value := curve.NewScalar()
	if err := value.UnmarshalBinary(s.Value[:]); err != nil {
		return out, ErrShare
	}
	if raw, err := value.MarshalBinary(); err != nil || !bytes.Equal(raw, s.Value[:]) { // one encoding for each number
		return out, ErrShare
	}
	commitment := make(secretsharing.SecretCommitment, len(s.Commitment))
	for i, c := range s.Commitment {
		commitment[i] = curve.NewElement()
		if err := commitment[i].UnmarshalBinary(c[:]); err != nil {
			return out, ErrShare
		}
	}
	out = secretsharing.Share{ID: number(s.Number), Value: value}
	if !secretsharing.Verify(uint(s.Need-1), out, commitment) { //nolint:gosec // Need is between 2 and 16
		return out, ErrShare
	}
	return out, nil
}

// Encode returns the one encoding: a magic, Need and Number in a byte each, the
// value, the commitment's points.
func (s Share) Encode() []byte {
	out := append([]byte(magic), byte(s.Need), byte(s.Number))
	out = append(out, s.Value[:]...)
	for _, c := range s.Commitment {
		out = append(out, c[:]...)
	}
	return out
}

// Decode reads an encoding and checks the share. It fails with ErrShare.
func Decode(raw []byte) (Share, error) {
	rest, ok := bytes.CutPrefix(raw, []byte(magic))
	if !ok || len(rest) < 2+scalarSize {
		return Share{}, ErrShare
	}
	s := Share{Need: int(rest[0]), Number: int(rest[1]), Value: [scalarSize]byte(rest[2 : 2+scalarSize])}
	rest = rest[2+scalarSize:]
	if s.Need > MaxMembers || len(rest) != 32*s.Need {
		return Share{}, ErrShare
	}
	for ; len(rest) > 0; rest = rest[32:] {
		s.Commitment = append(s.Commitment, [32]byte(rest))
	}
	return s, s.Check()
}

func number(n int) group.Scalar { return curve.NewScalar().SetUint64(uint64(n)) } //nolint:gosec // 1 to 16

func pack(points []group.Element) (out [][32]byte, err error) {
	for _, p := range points {
		raw, err := p.MarshalBinaryCompress()
		if err != nil || len(raw) != 32 {
			return nil, fmt.Errorf("circle: writing a commitment: %w", err)
		}
		out = append(out, [32]byte(raw))
	}
	return out, nil
}

// hash makes a key of the shared number.
func hash(scalar group.Scalar) (out [32]byte, err error) {
	raw, err := scalar.MarshalBinary()
	if err != nil {
		return out, fmt.Errorf("circle: reading the secret: %w", err)
	}
	return sha256.Sum256(append([]byte(domain), raw...)), nil
}
