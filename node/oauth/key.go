package oauth

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/token/jwt"

	"cairn/node/fault"
	"cairn/node/oauth/registration"
)

// Signer is a key by which this hospital signs ID tokens.
type Signer struct {
	ID        string // kid
	Algorithm string // one of registration.Algorithms
	Made      time.Time
	Key       crypto.Signer
}

// Of keys: how long what the store says of them is believed, and how long a new one
// is published before it is used, so that every process publishes it by then.
const (
	signersFor  = time.Hour
	publishedBy = 2 * time.Hour
)

// tokens makes codes and refresh tokens as fosite does, and access tokens as the
// door does.
type tokens struct {
	oauth2.CoreStrategy
	desk *Desk
}

// AccessTokenSignature names an access token without being one.
func (t tokens) AccessTokenSignature(_ context.Context, access string) string {
	sum := hashOf(access)
	return string(sum[:])
}

// GenerateAccessToken has the door make an access token for the app of a request.
func (t tokens) GenerateAccessToken(ctx context.Context, r fosite.Requester) (access, signature string, err error) {
	a, err := t.desk.acting(ctx, r)
	if err != nil {
		return "", "", err
	}
	asked, some, err := narrowed(r)
	if err != nil {
		return "", "", err
	}
	if some {
		if a, err = t.desk.Door.Narrow(a, asked); err != nil {
			return "", "", err
		}
	}
	token, err := t.desk.Door.IssueApp(a, accessLife)
	if err != nil {
		return "", "", err
	}
	return token.Access, t.AccessTokenSignature(ctx, token.Access), nil
}

// ValidateAccessToken is the door's.
func (t tokens) ValidateAccessToken(ctx context.Context, _ fosite.Requester, access string) error {
	_, _, err := t.desk.Door.Inspect(ctx, access)
	return err
}

// keyset signs ID tokens. It is fosite's jwt.Signer.
type keyset struct{ desk *Desk }

// loaded returns the keys that ID tokens are signed with, the newest first.
func (d *Desk) loaded(ctx context.Context) ([]Signer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.signers == nil || time.Since(d.asked) > signersFor {
		all, err := d.Signers(ctx)
		if err != nil {
			return nil, err
		}
		d.signers, d.asked = all, time.Now()
	}
	return d.signers, nil
}

// signer returns the key for an algorithm: the newest one that has been published
// for long enough, or else the oldest.
func (d *Desk) signer(ctx context.Context, alg string) (found Signer, err error) {
	all, err := d.loaded(ctx)
	if err != nil {
		return found, err
	}
	for _, s := range all {
		if s.Algorithm != alg {
			continue
		}
		if found = s; time.Since(s.Made) > publishedBy {
			break
		}
	}
	if found.Key == nil {
		err = fault.New(fault.Broken, "id-token", "there is no key for this algorithm")
	}
	return found, err
}

// JWKS returns the public keys of ID tokens as a JWK Set.
func (d *Desk) JWKS(ctx context.Context) (json.RawMessage, error) {
	all, err := d.loaded(ctx)
	if err != nil {
		return nil, err
	}
	var set jose.JSONWebKeySet
	for _, s := range all {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: s.Key.Public(), KeyID: s.ID, Algorithm: s.Algorithm, Use: "sig"})
	}
	return json.Marshal(set)
}

// Generate signs claims with the algorithm that the header names.
func (k *keyset) Generate(ctx context.Context, claims jwt.MapClaims, header jwt.Mapper) (token, signature string, err error) {
	want := registration.Algorithms[0]
	if h, ok := header.(*jwt.Headers); ok {
		if alg, ok := h.Get("alg").(string); ok {
			want = alg
		}
	}
	s, err := k.desk.signer(ctx, want)
	if err != nil {
		return "", "", err
	}
	token, err = sign(s, claims)
	return token, "", err
}

func sign(s Signer, claims jwt.MapClaims) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	key := jose.SigningKey{Algorithm: jose.SignatureAlgorithm(s.Algorithm), Key: jose.JSONWebKey{Key: s.Key, KeyID: s.ID}}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// errNoHints: ID tokens that come back, as in id_token_hint, are not read.
var errNoHints = errors.New("ID tokens are not read here")

// Validate, Decode and GetSignature refuse: nothing is asked of ID tokens that come
// back.
func (k *keyset) Validate(context.Context, string) (string, error) { return "", errNoHints }

// Decode refuses.
func (k *keyset) Decode(context.Context, string) (*jwt.Token, error) { return nil, errNoHints }

// GetSignature refuses.
func (k *keyset) GetSignature(context.Context, string) (string, error) { return "", errNoHints }

// Hash is SHA-256.
func (k *keyset) Hash(_ context.Context, in []byte) ([]byte, error) {
	sum := hashOf(string(in))
	return sum[:], nil
}

// GetSigningMethodLength is that of SHA-256.
func (k *keyset) GetSigningMethodLength(context.Context) int { return 32 }
