package slip

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Limits of a Slip.
const (
	MaxSubject = 128     // bytes of Subject
	MaxTerms   = 1 << 20 // bytes of Terms
	maxMember  = 32
)

// Slip is one custodian's part of a consent.
type Slip struct {
	Network   [32]byte // the ledger on which it counts
	Custodian string   // member id of the hospital that it is for
	Subject   string   // the patient as that hospital knows her
	Grantee   string   // member id of the organisation that the consent is about, "" if it is about none in particular
	Terms     []byte   // FHIR R4 Consent in JSON: that custodian's part
	TextHash  [32]byte // SHA-256 of the text that the patient was shown; see Text
	Salt      [32]byte // fresh and random; it dies with the slip
	StopImage [32]byte // SHA-256 of the secret whose sealing stops the consent
	KitImage  [32]byte // SHA-256 of the mark with which the patient's printed kit stops it; zero if none does
	IssuedAt  int64    // Unix milliseconds
}

// Errors of Decode, compared with errors.Is.
var (
	ErrShort    = errors.New("slip: the encoding ends too early")
	ErrLong     = errors.New("slip: a part is longer than its limit")
	ErrTrailing = errors.New("slip: bytes follow the end")
	ErrForm     = errors.New("slip: a part does not have its one form")
)

const (
	magic            = "cairn/slip/v1\x00"
	commitmentDomain = "cairn/slip/commitment/v1\x00"
	leafDomain       = "cairn/slip/leaf/v1\x00"
)

// Encode returns the one encoding of the slip: a magic, then the fields in
// their order; hashes as they are, integers of 8 bytes big-endian, texts and
// bytes after a length of 4 bytes.
func (s *Slip) Encode() []byte {
	out := make([]byte, 0, len(magic)+5*32+8+4*4+len(s.Custodian)+len(s.Subject)+len(s.Grantee)+len(s.Terms))
	out = append(out, magic...)
	out = append(out, s.Network[:]...)
	out = appendPart(out, s.Custodian)
	out = appendPart(out, s.Subject)
	out = appendPart(out, s.Grantee)
	out = appendPart(out, s.Terms)
	out = append(out, s.TextHash[:]...)
	out = append(out, s.Salt[:]...)
	out = append(out, s.StopImage[:]...)
	out = append(out, s.KitImage[:]...)
	return binary.BigEndian.AppendUint64(out, uint64(s.IssuedAt)) //nolint:gosec // the bit pattern is the encoding
}

func appendPart[T string | []byte](out []byte, p T) []byte {
	out = binary.BigEndian.AppendUint32(out, uint32(len(p))) //nolint:gosec // Validate bounds it
	return append(out, p...)
}

// Decode reads an encoding. It takes exactly what Encode gives for a slip that
// is valid, and shares no memory with p.
func Decode(p []byte) (*Slip, error) {
	r := reader{rest: p}
	if !bytes.Equal(r.take(len(magic)), []byte(magic)) {
		r.refuse(ErrForm)
	}
	s := &Slip{
		Network: r.hash(), Custodian: string(r.part(maxMember)), Subject: string(r.part(MaxSubject)),
		Grantee: string(r.part(maxMember)), Terms: bytes.Clone(r.part(MaxTerms)),
		TextHash: r.hash(), Salt: r.hash(), StopImage: r.hash(), KitImage: r.hash(), IssuedAt: r.int64(),
	}
	if len(r.rest) > 0 {
		r.refuse(ErrTrailing)
	}
	if r.err != nil {
		return nil, r.err
	}
	return s, s.Validate()
}

// Validate checks the form of each field.
func (s *Slip) Validate() error {
	switch {
	case !isMember(s.Custodian):
		return fmt.Errorf("%w: the custodian is not a member id", ErrForm)
	case s.Grantee != "" && !isMember(s.Grantee):
		return fmt.Errorf("%w: the grantee is not a member id", ErrForm)
	case !isName(s.Subject):
		return fmt.Errorf("%w: the subject is missing, too long or has control characters", ErrForm)
	case len(s.Terms) == 0 || len(s.Terms) > MaxTerms:
		return fmt.Errorf("%w: the terms are missing or too long", ErrForm)
	case s.IssuedAt < 0:
		return fmt.Errorf("%w: the time of issue is negative", ErrForm)
	}
	return nil
}

// Commitment returns the mark that the custodian seals on the ledger:
// HMAC-SHA-256(salt, domain || SHA-256(encoding)).
func (s *Slip) Commitment() [32]byte { return s.blind(commitmentDomain) }

// Leaf returns the slip's place in the tree that the patient signs:
// HMAC-SHA-256(salt, another domain || SHA-256(encoding)).
func (s *Slip) Leaf() Leaf { return s.blind(leafDomain) }

func (s *Slip) blind(domain string) (out [32]byte) {
	content := sha256.Sum256(s.Encode())
	mac := hmac.New(sha256.New, s.Salt[:])
	mac.Write([]byte(domain))
	mac.Write(content[:])
	mac.Sum(out[:0])
	return out
}

// Image returns the image of a revocation secret. Sealing the secret as a mark
// stops every slip that has this StopImage.
func Image(secret [32]byte) [32]byte { return sha256.Sum256(secret[:]) }

// Stopped tells whether the sealing of a mark with one of the slip's two images
// has stopped it.
func (s *Slip) Stopped(sealed func(image [32]byte) bool) bool {
	return sealed(s.StopImage) || s.KitImage != [32]byte{} && sealed(s.KitImage)
}

func isMember(id string) bool {
	for i, c := range []byte(id) {
		lower := c >= 'a' && c <= 'z'
		if !lower && (i == 0 || !(c >= '0' && c <= '9' || c == '-')) {
			return false
		}
	}
	return id != "" && len(id) <= maxMember
}

func isName(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			return false
		}
	}
	return s != "" && len(s) <= MaxSubject && utf8.ValidString(s)
}

// reader takes an encoding apart. Its first error stays.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) refuse(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) take(n int) []byte {
	if r.err == nil && n > len(r.rest) {
		r.err = ErrShort
	}
	if r.err != nil {
		return nil
	}
	p := r.rest[:n]
	r.rest = r.rest[n:]
	return p
}

func (r *reader) hash() (h [32]byte) {
	copy(h[:], r.take(32))
	return h
}

func (r *reader) int64() int64 {
	p := r.take(8)
	if p == nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(p)) //nolint:gosec // the bit pattern is the encoding
}

func (r *reader) uint32() uint32 {
	p := r.take(4)
	if p == nil {
		return 0
	}
	return binary.BigEndian.Uint32(p)
}

func (r *reader) part(limit int) []byte {
	n := r.uint32()
	if uint64(n) > uint64(limit) { //nolint:gosec // limits are positive constants
		r.refuse(ErrLong)
		return nil
	}
	return r.take(int(n))
}
