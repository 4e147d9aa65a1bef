package identity

import (
	"context"
	"encoding/base64"
	"net/http"
	"time"

	"cairn/node/fault"
	"cairn/node/identity/dpop"
)

// toProve is the purpose of nonces for proofs of possession.
const toProve = "prove"

// Possession is a good proof that a request carries (DPoP, RFC 9449) and that
// was not used yet. A nil one stands for no proof.
type Possession struct {
	door  *Door
	proof dpop.Proof
}

// Possession checks the DPoP proof of a request to this node that comes with an
// access token, "" at the token endpoint. It is nil when the request has none.
// It fails with Unauthenticated and a *dpop.Refusal as cause, which says what to
// answer. Nothing is remembered before Use.
func (d *Door) Possession(r *http.Request, access string) (*Possession, error) {
	raw, err := dpop.Header(r.Header)
	if err != nil {
		return nil, unproved(&dpop.Refusal{Cause: err})
	}
	if raw == "" {
		return nil, nil
	}
	now := time.Now()
	proof, err := dpop.Check(raw, r.Method, d.url+r.URL.EscapedPath(), access, now)
	if err != nil {
		return nil, unproved(&dpop.Refusal{Cause: err})
	}
	if !d.told(proof, now) {
		nonce := base64.RawURLEncoding.EncodeToString(d.challenges.Issue(toProve, nil, now))
		return nil, unproved(&dpop.Refusal{Nonce: nonce})
	}
	return &Possession{d, proof}, nil
}

// told reports whether a proof can be told from one that was used before this
// process began. What it remembers does not survive a restart: a proof that may
// be older must carry a nonce of this process. Where several processes share a
// database, the memory is there as well.
func (d *Door) told(p dpop.Proof, now time.Time) bool {
	if d.store.Shared() || !p.Issued.Before(d.started.Add(dpop.Ahead)) {
		return true
	}
	nonce, err := base64.RawURLEncoding.DecodeString(p.Nonce)
	if err != nil {
		return false
	}
	_, ours := d.challenges.About(toProve, nonce, now)
	return ours
}

// Use uses the proof up and returns the thumbprint of its key, "" for no proof.
// The key must be the one that the token is bound to; "" stands for any. It is
// to be called once everything else about the request was found good.
func (p *Possession) Use(ctx context.Context, bound string) (thumbprint string, err error) {
	if p == nil {
		return "", nil
	}
	if bound != "" && p.proof.Thumbprint != bound {
		return "", unproved(&dpop.Refusal{Token: true})
	}
	until := p.proof.Issued.Add(dpop.Life + dpop.Ahead)
	first, err := p.door.first(ctx, &p.door.proved, "proof "+p.proof.Thumbprint+" "+p.proof.ID, until, time.Now())
	if err != nil {
		return "", err
	}
	if !first {
		return "", unproved(&dpop.Refusal{})
	}
	return p.proof.Thumbprint, nil
}

// possessed checks that a request with a token comes from whom the token is
// bound to. A bound token is no bearer token, and the other way round.
func (d *Door) possessed(r *http.Request, scheme, access, bound string) error {
	if (scheme == "dpop") != (bound != "") {
		return unproved(&dpop.Refusal{Token: true})
	}
	if bound == "" {
		return nil
	}
	p, err := d.Possession(r, access)
	if err != nil {
		return err
	}
	if p == nil {
		return unproved(&dpop.Refusal{Cause: dpop.ErrCount})
	}
	_, err = p.Use(r.Context(), bound)
	return err
}

func unproved(cause *dpop.Refusal) error {
	return fault.Wrap(fault.Unauthenticated, cause.Code(), "whoever sends this did not prove that the access token is his", cause).
		WithHint("send a fresh DPoP proof with each request (RFC 9449), signed with the key that the token is bound to, and Authorization: DPoP ...")
}
