package slip

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
)

// Assertion is what a passkey gives for a challenge (WebAuthn Level 2, 5.2.2
// AuthenticatorAssertionResponse), each part decoded from base64url.
type Assertion struct {
	CredentialID      []byte
	AuthenticatorData []byte
	ClientDataJSON    []byte
	Signature         []byte // ASN.1 DER
}

// What an assertion is refused for, compared with errors.Is.
var (
	ErrAssertion  = errors.New("passkey: the assertion is malformed")
	ErrType       = errors.New("passkey: this was not made to sign in or to sign")
	ErrChallenge  = errors.New("passkey: something else was signed")
	ErrOrigin     = errors.New("passkey: it was signed on a page that is not ours")
	ErrParty      = errors.New("passkey: it was signed for another site")
	ErrUnverified = errors.New("passkey: the device did not check that the user is there and who it is")
	ErrSignature  = errors.New("passkey: the signature does not verify")
)

// BackupEligible tells whether the passkey that made the assertion says that it
// may be copied between devices, and BackedUp whether it says that it is. Both are
// the authenticator's word, and are signed.
func (a Assertion) BackupEligible() bool { return a.flag(flagEligible) }

// BackedUp: see BackupEligible.
func (a Assertion) BackedUp() bool { return a.flag(flagBackedUp) }

func (a Assertion) flag(f byte) bool {
	return len(a.AuthenticatorData) >= authenticatorDataLen && a.AuthenticatorData[32]&f != 0
}

// Flags of authenticator data (WebAuthn Level 3, 6.1).
const (
	flagPresent    = 1 << 0
	flagVerified   = 1 << 2
	flagEligible   = 1 << 3
	flagBackedUp   = 1 << 4
	flagCredential = 1 << 6
	flagExtensions = 1 << 7
)

const (
	authenticatorDataLen = 37
	maxAuthenticatorData = 1024
	maxClientData        = 4096
	maxSignature         = 72
	maxCredentialID      = 1023
)

// VerifyAssertion checks that the holder of the passkey signed the challenge,
// by WebAuthn Level 2, 7.2, stricter where that leaves room: ES256 only; user
// present and user verified; type webauthn.get; the origin is literally one of
// origins, not framed by another; the RP id hash is rpID's; clientDataJSON is
// strict JSON without duplicate names. Signature counters are ignored: synced
// passkeys keep them at 0.
//
// The caller finds the key by CredentialID, which nothing here binds to the
// signature. A valid signature has a twin that also verifies, so replays are
// recognised by the challenge, never by the signature's bytes.
func VerifyAssertion(a Assertion, key *ecdsa.PublicKey, challenge []byte, rpID string, origins []string) error {
	if key == nil || key.Curve != elliptic.P256() {
		return fmt.Errorf("%w: the key is not on P-256", ErrAssertion)
	}
	if len(challenge) < 16 || rpID == "" {
		return fmt.Errorf("%w: no challenge or no site to check against", ErrAssertion)
	}
	if n := len(a.CredentialID); n == 0 || n > maxCredentialID {
		return fmt.Errorf("%w: the credential id has a wrong length", ErrAssertion)
	}
	if err := verifyClientData(a.ClientDataJSON, challenge, origins); err != nil {
		return err
	}
	if err := verifyAuthenticatorData(a.AuthenticatorData, rpID); err != nil {
		return err
	}
	client := sha256.Sum256(a.ClientDataJSON)
	signed := sha256.Sum256(append(slices.Clone(a.AuthenticatorData), client[:]...))
	if len(a.Signature) > maxSignature || !ecdsa.VerifyASN1(key, signed[:], a.Signature) {
		return ErrSignature
	}
	return nil
}

func verifyClientData(raw, challenge []byte, origins []string) error {
	c, err := parseClientData(raw)
	if err != nil {
		return fmt.Errorf("%w: clientDataJSON: %w", ErrAssertion, err)
	}
	switch {
	case c.Type != "webauthn.get":
		return ErrType
	case c.Challenge != base64.RawURLEncoding.EncodeToString(challenge):
		return ErrChallenge
	case c.CrossOrigin || c.Framed || c.Origin == "" || !slices.Contains(origins, c.Origin):
		return ErrOrigin
	}
	return nil
}

func verifyAuthenticatorData(d []byte, rpID string) error {
	if len(d) < authenticatorDataLen || len(d) > maxAuthenticatorData {
		return fmt.Errorf("%w: authenticator data has a wrong length", ErrAssertion)
	}
	flags := d[32]
	party := sha256.Sum256([]byte(rpID))
	switch {
	case [32]byte(d[:32]) != party:
		return ErrParty
	case flags&flagPresent == 0 || flags&flagVerified == 0:
		return ErrUnverified
	case flags&flagCredential != 0:
		return fmt.Errorf("%w: authenticator data of a registration", ErrAssertion)
	case flags&flagBackedUp != 0 && flags&flagEligible == 0:
		return fmt.Errorf("%w: backed up and not able to be", ErrAssertion)
	case (flags&flagExtensions != 0) != (len(d) > authenticatorDataLen):
		return fmt.Errorf("%w: authenticator data does not end where it says", ErrAssertion)
	}
	return nil
}

// Verify checks that the patient signed this slip: the path leads from it to a
// root, and the assertion is over that root.
func (s *Slip) Verify(p Path, a Assertion, key *ecdsa.PublicKey, rpID string, origins []string) error {
	if err := s.Validate(); err != nil {
		return err
	}
	root, err := p.Root(s.Leaf())
	if err != nil {
		return err
	}
	return VerifyAssertion(a, key, root[:], rpID, origins)
}
