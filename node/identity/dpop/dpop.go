// Package dpop is proof of possession at the application layer (RFC 9449): who
// sends a request shows with a signature over its method and address that he
// has the key that his access token is bound to. It is a pure check: whether a
// proof was seen before is the caller's to ask.
package dpop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"cairn/node/identity/claim"
)

// Life is how old a proof may be, and Ahead how far its signer's clock may be
// ahead.
const (
	Life  = time.Minute
	Ahead = 30 * time.Second
)

const (
	header   = "DPoP"     // RFC 9449 4.1
	typ      = "dpop+jwt" // RFC 9449 4.2
	maxProof = 8 << 10
	maxID    = 128
)

// Algorithms are the signatures that a proof may have, as metadata names them
// (RFC 9449 5.1, dpop_signing_alg_values_supported).
var Algorithms = []string{string(jose.ES256), string(jose.ES384)}

var algorithms = []jose.SignatureAlgorithm{jose.ES256, jose.ES384}

// Proof is what a good proof shows.
type Proof struct {
	Thumbprint string    // of the key that signed it: RFC 7638, SHA-256, base64url
	ID         string    // its jti
	Issued     time.Time // its iat
	Nonce      string    // the server's nonce in it, "" for none
}

// claims are those of a proof (RFC 9449 4.2).
type claims struct {
	ID       string           `json:"jti"`
	Method   string           `json:"htm"`
	Address  string           `json:"htu"`
	IssuedAt *jwt.NumericDate `json:"iat"`
	Access   string           `json:"ath,omitempty"`
	Nonce    string           `json:"nonce,omitempty"`
}

// Why a proof is refused. They are compared with errors.Is, and say nothing of
// the request.
var (
	ErrCount     = errors.New("a request has one DPoP header")
	ErrForm      = errors.New("the proof is malformed")
	ErrKey       = errors.New("the proof's key cannot be used here")
	ErrSignature = errors.New("the proof's signature is false")
	ErrMethod    = errors.New("the proof is for another method")
	ErrAddress   = errors.New("the proof is for another address")
	ErrTime      = errors.New("the proof is not of this minute")
	ErrAccess    = errors.New("the proof is for another access token")
)

// Header returns the proof that a request carries, "" if it has none. It fails
// with ErrCount if there are several.
func Header(h http.Header) (string, error) {
	switch all := h.Values(header); {
	case len(all) == 0:
		return "", nil
	case len(all) > 1 || all[0] == "":
		return "", ErrCount
	default:
		return all[0], nil
	}
}

// Check verifies a proof (RFC 9449 4.3) for a request of a method to an
// address, whose query and fragment do not count, that comes with an access
// token ("" for none, then the proof must name none). Whether its key is the
// right one, and whether it was seen before, is the caller's to ask.
func Check(raw, method, address, access string, now time.Time) (Proof, error) {
	key, err := keyOf(raw)
	if err != nil {
		return Proof{}, err
	}
	signed, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil {
		return Proof{}, fmt.Errorf("%w: %w", ErrForm, err)
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return Proof{}, ErrSignature
	}
	var c claims
	if err := claim.Decode(payload, &c); err != nil {
		return Proof{}, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if err := c.fit(method, address, access, now); err != nil {
		return Proof{}, err
	}
	thumb, err := thumbprint(key)
	return Proof{Thumbprint: thumb, ID: c.ID, Issued: c.IssuedAt.Time(), Nonce: c.Nonce}, err
}

// fit compares the claims with the request.
func (c *claims) fit(method, address, access string, now time.Time) error {
	switch {
	case c.ID == "" || len(c.ID) > maxID || c.IssuedAt == nil || len(c.Nonce) > 512:
		return ErrForm
	case c.Method != method:
		return ErrMethod
	case !same(c.Address, address):
		return ErrAddress
	case c.IssuedAt.Time().Before(now.Add(-Life)) || c.IssuedAt.Time().After(now.Add(Ahead)):
		return ErrTime
	case subtle.ConstantTimeCompare([]byte(c.Access), []byte(hash(access))) != 1:
		return ErrAccess
	}
	return nil
}

// hash returns the ath of an access token (RFC 9449 4.2).
func hash(access string) string {
	if access == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(access))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// same tells whether two addresses are one, by scheme, host, port and path (RFC
// 3986 6.2.2 and 6.2.3).
func same(a, b string) bool {
	x, errX := normal(a)
	y, errY := normal(b)
	return errX == nil && errY == nil && x == y
}

func normal(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Opaque != "" {
		return "", ErrAddress
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname())
	port := u.Port()
	if scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		port = ""
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return scheme + "\x00" + host + "\x00" + port + "\x00" + path, nil
}

// head returns the protected header of a compact JWS.
func head(raw string) ([]byte, error) {
	text, _, found := strings.Cut(raw, ".")
	if len(raw) > maxProof || !found {
		return nil, ErrForm
	}
	out, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, ErrForm
	}
	return out, nil
}

// keyOf reads the protected header strictly and returns the public key in it:
// P-256 for ES256, P-384 for ES384. Nothing but type, algorithm and key may
// stand there; so no address in it is ever fetched.
func keyOf(raw string) (*ecdsa.PublicKey, error) {
	text, err := head(raw)
	if err != nil {
		return nil, err
	}
	if err := claim.Check(text); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	var h map[string]any
	if err := claim.Decode(text, &h); err != nil {
		return nil, ErrForm
	}
	jwk, ok := h["jwk"].(map[string]any)
	if !ok || h["typ"] != typ || !only(h, "typ", "alg", "jwk", "kid") {
		return nil, ErrForm
	}
	if !only(jwk, "kty", "crv", "x", "y", "alg", "use", "kid", "key_ops", "ext") {
		return nil, ErrKey // a private key, or a certificate
	}
	return point(jwk, h["alg"])
}

func only(m map[string]any, names ...string) bool {
	n := 0
	for _, name := range names {
		if _, there := m[name]; there {
			n++
		}
	}
	return n == len(m)
}

// point reads the key of an algorithm from a JWK (RFC 7518 6.2.1).
func point(jwk map[string]any, alg any) (*ecdsa.PublicKey, error) {
	curve, name := elliptic.P256(), "P-256"
	switch alg {
	case string(jose.ES256):
	case string(jose.ES384):
		curve, name = elliptic.P384(), "P-384"
	default:
		return nil, ErrKey
	}
	size := (curve.Params().BitSize + 7) / 8
	raw := []byte{4} // uncompressed point (SEC 1, 2.3.3)
	for _, axis := range []string{"x", "y"} {
		text, _ := jwk[axis].(string)
		coordinate, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if err != nil || len(coordinate) != size {
			return nil, ErrKey
		}
		raw = append(raw, coordinate...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, raw)
	if err != nil || jwk["kty"] != "EC" || jwk["crv"] != name {
		return nil, ErrKey
	}
	return key, nil
}

func thumbprint(key *ecdsa.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", ErrKey
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}
