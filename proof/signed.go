package proof

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"cairn/ledger/member"
)

// What organisations sign to each other is a compact JWS (RFC 7515 7.1) with
// one header for each type and a canonical payload: any JOSE library verifies
// it, and it has one form. The algorithm is ES384 (RFC 7518 3.4), the key the
// member's client key.

// MaxSignedBytes is the largest signed statement.
const MaxSignedBytes = 64 << 10

// Why a signed statement is refused. They are compared with errors.Is.
var (
	ErrStatement = errors.New("not a statement in its one form")
	ErrSigned    = errors.New("a statement that its key did not sign")
)

const (
	partSize  = 48 // bytes of r, and of s
	typPrefix = "cairn-"
	typSuffix = "+jws"
)

// headerOf returns the protected header of a type, encoded.
func headerOf(typ string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES384","typ":"` + typPrefix + typ + typSuffix + `"}`))
}

// signStatement returns the signed form of a payload. The key is a P-384 key;
// the signature is that of RFC 6979, so that the same statement has the same
// form whenever it is signed.
func signStatement(typ string, payload []byte, key crypto.Signer) (string, error) {
	input := headerOf(typ) + "." + base64.RawURLEncoding.EncodeToString(payload)
	if public, ok := key.Public().(*ecdsa.PublicKey); !ok || public.Curve != elliptic.P384() {
		return "", fmt.Errorf("signing a %s: %w", typ, errKey)
	}
	digest := sha512.Sum384([]byte(input))
	der, err := key.Sign(nil, digest[:], crypto.SHA384)
	if err != nil {
		return "", fmt.Errorf("signing a %s: %w", typ, err)
	}
	var parts struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(der, &parts); err != nil || len(rest) > 0 {
		return "", fmt.Errorf("signing a %s: %w", typ, errKey)
	}
	parts.S = low(parts.S)
	raw := make([]byte, 2*partSize)
	parts.R.FillBytes(raw[:partSize])
	parts.S.FillBytes(raw[partSize:])
	out := input + "." + base64.RawURLEncoding.EncodeToString(raw)
	if len(out) > MaxSignedBytes {
		return "", fmt.Errorf("signing a %s: %w: too large", typ, ErrStatement)
	}
	return out, nil
}

// low returns the lesser of the two values of s under which a signature holds,
// so that nobody else can give it another form.
func low(s *big.Int) *big.Int {
	n := elliptic.P384().Params().N
	if s.Cmp(new(big.Int).Rsh(n, 1)) > 0 {
		return new(big.Int).Sub(n, s)
	}
	return s
}

// signed is a statement that was read and not verified.
type signed struct {
	payload []byte
	digest  [48]byte
	r, s    *big.Int
	id      [32]byte
}

// parseSigned reads the one form of a signed statement of a type.
func parseSigned(typ, text string) (out signed, err error) {
	if len(text) > MaxSignedBytes {
		return out, fmt.Errorf("%w: too large", ErrStatement)
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 || parts[0] != headerOf(typ) {
		return out, fmt.Errorf("%w: header", ErrStatement)
	}
	if out.payload, err = base64.RawURLEncoding.Strict().DecodeString(parts[1]); err != nil {
		return out, fmt.Errorf("%w: payload", ErrStatement)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(raw) != 2*partSize || strings.ContainsAny(text, "\r\n") {
		return out, fmt.Errorf("%w: signature", ErrStatement)
	}
	out.r, out.s = new(big.Int).SetBytes(raw[:partSize]), new(big.Int).SetBytes(raw[partSize:])
	input := parts[0] + "." + parts[1]
	out.digest, out.id = sha512.Sum384([]byte(input)), sha256.Sum256([]byte(input))
	return out, nil
}

// verify checks the signature by a client key as the member book has it: PKIX
// DER of a P-384 key.
func (s *signed) verify(public []byte) error {
	point, err := member.Point(public)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSigned, err)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P384(), point)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSigned, errKey)
	}
	if low(s.s) != s.s || !ecdsa.Verify(key, s.digest[:], s.r, s.s) {
		return ErrSigned
	}
	return nil
}
