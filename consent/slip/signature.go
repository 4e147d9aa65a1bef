package slip

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"fmt"
)

// Signature is what shows, at any later time, that the patient signed a slip:
// whoever has both needs nothing else. The key is that of her passkey at the
// slip's custodian, and at no other hospital.
type Signature struct {
	Path      Path
	Assertion Assertion
	Public    []byte // the passkey's key: an uncompressed point of P-256 (SEC 1, 2.3.3)
	RPID      string // the custodian's site, as the member book had it
	Origin    string // the page on which she signed
}

const (
	signatureMagic = "cairn/slip/signature/v1\x00"
	maxPath        = 12 + 16*32
	maxPublic      = 65
	maxSite        = 256
)

// NewSignature returns the signature of a slip once Verify has taken it.
func NewSignature(p Path, a Assertion, key *ecdsa.PublicKey, rpID string) (*Signature, error) {
	c, err := parseClientData(a.ClientDataJSON)
	if err != nil {
		return nil, fmt.Errorf("%w: clientDataJSON: %w", ErrAssertion, err)
	}
	public, err := key.Bytes()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAssertion, err)
	}
	return &Signature{Path: p, Assertion: a, Public: public, RPID: rpID, Origin: c.Origin}, nil
}

// Verify checks that the signature is of the slip.
func (s *Signature) Verify(of *Slip) error {
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), s.Public)
	if err != nil {
		return fmt.Errorf("%w: the key is no point of P-256", ErrAssertion)
	}
	return of.Verify(s.Path, s.Assertion, key, s.RPID, []string{s.Origin})
}

// Hash returns the SHA-256 of the encoding, by which the custodian's log names the
// signature.
func (s *Signature) Hash() [32]byte { return sha256.Sum256(s.Encode()) }

// Encode returns the one encoding of the signature: a magic, then each part after
// a length of 4 bytes.
func (s *Signature) Encode() []byte {
	out := []byte(signatureMagic)
	out = appendPart(out, s.Path.Encode())
	for _, p := range [][]byte{s.Assertion.CredentialID, s.Assertion.AuthenticatorData, s.Assertion.ClientDataJSON, s.Assertion.Signature, s.Public} {
		out = appendPart(out, p)
	}
	return appendPart(appendPart(out, s.RPID), s.Origin)
}

// DecodeSignature reads exactly what Encode gives, and shares no memory with p.
func DecodeSignature(p []byte) (*Signature, error) {
	r := reader{rest: bytes.Clone(p)}
	if !bytes.Equal(r.take(len(signatureMagic)), []byte(signatureMagic)) {
		r.refuse(ErrForm)
	}
	path := r.part(maxPath)
	s := &Signature{
		Assertion: Assertion{CredentialID: r.part(maxCredentialID), AuthenticatorData: r.part(maxAuthenticatorData), ClientDataJSON: r.part(maxClientData), Signature: r.part(maxSignature)},
		Public:    r.part(maxPublic), RPID: string(r.part(maxSite)), Origin: string(r.part(maxSite)),
	}
	if len(r.rest) > 0 {
		r.refuse(ErrTrailing)
	}
	if r.err != nil {
		return nil, r.err
	}
	var err error
	s.Path, err = DecodePath(path)
	if err != nil {
		return nil, err
	}
	return s, nil
}
