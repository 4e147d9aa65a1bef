package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cairn/ledger/member"
	"cairn/node/fault"
	"cairn/node/identity/claim"
	"cairn/node/oauth/registration"
	"cairn/node/store"
	"cairn/proof"
)

// statementLife is how long a software statement is good at most (HL7 UDAP Security
// 1.0, 3.1).
const statementLife = 5 * time.Minute

// skew is how far another member's clock may be off.
const skew = 30 * time.Second

// statement is what a software statement says besides the app: who vouches for it.
type statement struct {
	Issuer   string   `json:"iss"` // member id
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	Expiry   int64    `json:"exp"`
	IssuedAt int64    `json:"iat"`
	ID       string   `json:"jti"`
}

// audience is one string, or a list of one.
type audience string

// UnmarshalJSON reads it.
func (a *audience) UnmarshalJSON(raw []byte) error {
	var list []string
	if err := json.Unmarshal(raw, (*string)(a)); err == nil {
		return nil
	}
	if err := json.Unmarshal(raw, &list); err != nil || len(list) != 1 {
		return errors.New("aud is one string")
	}
	*a = audience(list[0])
	return nil
}

// stated is the app that a statement is of. Names that belong to this desk are not
// taken from it.
type stated struct {
	Name       string          `json:"client_name"`
	Site       string          `json:"client_uri"`
	Redirects  []string        `json:"redirect_uris"`
	Launch     string          `json:"initiate_login_uri"`
	Scopes     string          `json:"scope"`
	Auth       string          `json:"token_endpoint_auth_method"`
	Keys       json.RawMessage `json:"jwks"`
	KeyURL     string          `json:"jwks_uri"`
	IDTokenAlg string          `json:"id_token_signed_response_alg"`
	Grants     []string        `json:"grant_types"`
	Contacts   []string        `json:"contacts"`
}

func unstated(text string, cause error) error {
	return fault.Wrap(fault.Invalid, "invalid_software_statement", text, cause).
		WithHint("a member signs it with the key that stands in the member book: iss its id, aud this node's /auth/register, exp within five minutes, a jti")
}

// Registered registers an app by a software statement (RFC 7591, 2.3; HL7 UDAP
// Security 1.0, 3) that a member signed. Each statement is good once.
func (d *Desk) Registered(ctx context.Context, signed string) (registration.App, string, error) {
	payload, by, err := d.stated(ctx, signed)
	if err != nil {
		return registration.App{}, "", err
	}
	var s stated
	if err := claim.Decode(payload, &s); err != nil {
		return registration.App{}, "", unstated("the software statement says something in a form that is not known", err)
	}
	app := registration.App{
		Name: s.Name, Site: s.Site, Redirects: s.Redirects, Launch: s.Launch, Scopes: s.Scopes, Auth: s.Auth, Keys: s.Keys, KeyURL: s.KeyURL,
		IDTokenAlg: s.IDTokenAlg, Grants: s.Grants, Contacts: s.Contacts, Registrant: by.Name,
	}
	if app.Alone() {
		return registration.App{}, "", fault.New(fault.Invalid, "unapproved_software_statement", "an app that signs in for itself is registered by the operator of this hospital").
			WithHint("leave client_credentials out, or ask the hospital")
	}
	return d.add(ctx, proof.Actor{Kind: proof.ActorMachine, Organisation: by.ID, Name: by.Name}, app)
}

// stated checks a statement, and returns what it says and which member does.
func (d *Desk) stated(ctx context.Context, signed string) (payload []byte, by member.Member, err error) {
	token, err := jose.ParseSignedCompact(signed, []jose.SignatureAlgorithm{jose.ES384, jose.RS384})
	if err != nil || len(token.Signatures) != 1 || token.Signatures[0].Header.JSONWebKey != nil {
		return nil, by, unstated("this is no signed software statement", err)
	}
	var s statement
	if err := claim.Decode(token.UnsafePayloadWithoutVerification(), &s); err != nil {
		return nil, by, unstated("the software statement cannot be read", err)
	}
	by, known := d.Book.Member(s.Issuer)
	key, keyed := d.Book.Key(s.Issuer, member.UseClient)
	if !known || !by.Active || !keyed {
		return nil, by, fault.New(fault.Invalid, "unapproved_software_statement", "who signed the software statement is no member of this network")
	}
	public, err := x509.ParsePKIXPublicKey(key.Public)
	if err != nil {
		return nil, by, fault.Wrap(fault.Broken, "member-key", "a key in the member book does not parse", err)
	}
	if payload, err = token.Verify(public); err != nil {
		return nil, by, unstated("the software statement is not signed with the member's key", err)
	}
	now := time.Now()
	switch {
	case strings.TrimSuffix(string(s.Audience), "/") != d.Root+"/auth/register":
		return nil, by, unstated("the software statement is for another place", nil)
	case s.ID == "" || len(s.ID) > 128 || s.Subject == "":
		return nil, by, unstated("the software statement lacks jti or sub", nil)
	case s.Expiry <= now.Unix() || s.Expiry > now.Add(statementLife+skew).Unix() || s.IssuedAt > now.Add(skew).Unix() || s.IssuedAt < now.Add(-statementLife-skew).Unix():
		return nil, by, unstated("the software statement is over, not good yet, or good for too long", nil)
	}
	return payload, by, d.first(ctx, "statement "+s.Issuer+" "+s.ID, time.Unix(s.Expiry, 0).Add(skew), now)
}

// first marks something used that is good once; it is remembered by the store, also
// after a restart.
func (d *Desk) first(ctx context.Context, what string, until, now time.Time) error {
	return d.Store.Update(ctx, func(tx *store.Tx) error {
		first, err := tx.Use(sha256.Sum256([]byte("cairn/once/v1\x00"+what)), millis(until), millis(now))
		if err == nil && !first {
			err = unstated("the software statement was used before", nil)
		}
		return err
	})
}
