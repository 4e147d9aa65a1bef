package dpop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
)

// Key makes proofs, as a client does. It lives in memory and is never stored:
// who steals a token has no use for it. It is safe for concurrent use.
type Key struct {
	key    *ecdsa.PrivateKey
	signer jose.Signer
	thumb  string

	mu     sync.Mutex
	nonces map[string]string // by origin: what each server gave last
}

// NewKey makes a fresh P-256 key.
func NewKey() (*Key, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key for proofs: %w", err)
	}
	return KeyOf(key)
}

// KeyOf makes proofs with a P-256 or P-384 key.
func KeyOf(key *ecdsa.PrivateKey) (*Key, error) {
	alg := jose.ES256
	if key.Curve == elliptic.P384() {
		alg = jose.ES384
	}
	opts := (&jose.SignerOptions{EmbedJWK: true}).WithType(typ)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		return nil, fmt.Errorf("making a key for proofs: %w", err)
	}
	thumb, err := thumbprint(&key.PublicKey)
	return &Key{key: key, signer: signer, thumb: thumb, nonces: make(map[string]string)}, err
}

// Thumbprint returns what a token is bound to: cnf.jkt (RFC 9449 6.1).
func (k *Key) Thumbprint() string { return k.thumb }

// Prove returns a fresh proof for a request, with the access token that it
// carries, "" for none. A nonce may be "".
func (k *Key) Prove(method, address, access, nonce string, now time.Time) (string, error) {
	out, err := jwt.Signed(k.signer).Claims(claims{
		ID: uuid.NewString(), Method: method, Address: address, IssuedAt: jwt.NewNumericDate(now), Access: hash(access), Nonce: nonce,
	}).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing a proof: %w", err)
	}
	return out, nil
}

// Sign puts a fresh proof on a request, and its access token ("" for a token
// request). It uses the nonce that the server gave last.
func (k *Key) Sign(req *http.Request, access string) error {
	at := *req.URL
	at.RawQuery, at.Fragment, at.ForceQuery = "", "", false
	k.mu.Lock()
	nonce := k.nonces[req.URL.Host]
	k.mu.Unlock()
	proof, err := k.Prove(req.Method, at.String(), access, nonce, time.Now())
	if err != nil {
		return err
	}
	req.Header.Set(header, proof)
	if access != "" {
		req.Header.Set("Authorization", "DPoP "+access)
	}
	return nil
}

// Again takes note of the nonce in an answer (RFC 9449 8.2) and reports whether
// the request is to be sent again for the sake of it: it was refused for want
// of that nonce.
func (k *Key) Again(res *http.Response) bool {
	nonce := res.Header.Get(nonceHeader)
	if nonce == "" || len(nonce) > 512 || res.Request == nil {
		return false
	}
	host := res.Request.URL.Host
	k.mu.Lock()
	defer k.mu.Unlock()
	fresh := k.nonces[host] != nonce
	if len(k.nonces) > 1000 {
		clear(k.nonces)
	}
	k.nonces[host] = nonce
	return fresh && (res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusBadRequest)
}

const nonceHeader = "DPoP-Nonce"
