// Package provider is this hospital as a relying party of its OpenID Connect
// provider (OpenID Connect Core 1.0, authorization code flow with PKCE S256): it
// sends a browser there, and reads who came back. What the provider says of a
// person's groups becomes roles, units and teams by the hospital's configuration;
// nothing that is not configured does.
package provider

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"cairn/node/fault"
	"cairn/node/identity/claim"
)

// Config is the provider and what its claims mean here.
type Config struct {
	Issuer       string // exactly as it stands in ID tokens
	ClientID     string
	ClientSecret string
	Redirect     string // this hospital's callback
	Scopes       []string

	ID, Name, Practitioner string            // claims; ID is sub unless said
	Role, Unit, Team       string            // claims with texts or lists of texts
	Roles, Units, Teams    map[string]string // what their values mean
	ACR                    string            // the acr that a sign-in must have, "" for any
}

// Person is whom the provider vouches for.
type Person struct {
	Issuer, Subject string
	ID              string // what the ID claim says; the caller makes an account's id of it
	Name            string
	Practitioner    []string // references
	Roles           []string // without doubles, in the order in which the provider gave them
	Units, Teams    []string
	At              time.Time // when she signed in there; zero if it does not say
	ACR             string
	AMR             []string
}

// Provider is the hospital's. Its methods are safe for concurrent use.
type Provider struct {
	cfg    Config
	client *http.Client

	mu    sync.Mutex
	found *oidc.Provider // discovered; nil before the first use
}

// answerLimit bounds an answer of the provider, in bytes; waitLimit how long it
// may take.
const (
	answerLimit = 1 << 20
	waitLimit   = 10 * time.Second
)

// New makes the relying party. It asks nothing of the provider before somebody
// signs in.
func New(cfg Config, transport http.RoundTripper) *Provider {
	return &Provider{cfg: cfg, client: &http.Client{
		Transport: limited{transport}, Timeout: waitLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("the provider answers with a redirect") },
	}}
}

// limited bounds the bodies of answers.
type limited struct{ next http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := l.next.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, answerLimit), res.Body}
	}
	return res, err
}

// Issuer returns the provider's.
func (p *Provider) Issuer() string { return p.cfg.Issuer }

// Pending is a sign-in that is under way. It goes with the browser, sealed.
type Pending struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
}

// Begin returns where to send a browser, and what to remember meanwhile. again
// asks the provider to have her sign in anew.
func (p *Provider) Begin(ctx context.Context, again bool) (to string, pending Pending, err error) {
	found, err := p.discover(ctx)
	if err != nil {
		return "", Pending{}, err
	}
	pending = Pending{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	options := []oauth2.AuthCodeOption{oidc.Nonce(pending.Nonce), oauth2.S256ChallengeOption(pending.Verifier)}
	if again {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	if p.cfg.ACR != "" {
		options = append(options, oauth2.SetAuthURLParam("acr_values", p.cfg.ACR))
	}
	return p.party(found).AuthCodeURL(pending.State, options...), pending, nil
}

// discover reads the provider's configuration, once it is there (OpenID Connect
// Discovery 1.0, 4).
func (p *Provider) discover(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	// The provider keeps the context for its keys; it must not end with a request.
	keep := oidc.ClientContext(context.WithoutCancel(ctx), p.client)
	found, err := oidc.NewProvider(keep, p.cfg.Issuer)
	if err != nil {
		return nil, away(err)
	}
	p.found = found
	return found, nil
}

func (p *Provider) party(found *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret, Endpoint: found.Endpoint(), RedirectURL: p.cfg.Redirect,
		Scopes: append([]string{oidc.ScopeOpenID}, p.cfg.Scopes...)}
}

// Finish takes what the provider sent the browser back with: it compares state
// and issuer, exchanges the code, and verifies the ID token (OpenID Connect Core
// 3.1.3.7): signature by a key of the provider, iss, aud, azp, exp, nonce, at_hash.
// It fails with Unauthenticated, and with Busy when the provider does not answer.
func (p *Provider) Finish(ctx context.Context, pending Pending, query url.Values) (Person, error) {
	if err := p.answered(pending, query); err != nil {
		return Person{}, err
	}
	found, err := p.discover(ctx)
	if err != nil {
		return Person{}, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := p.party(found).Exchange(ctx, query.Get("code"), oauth2.VerifierOption(pending.Verifier))
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < 500 {
		return Person{}, Refused(fmt.Errorf("the code was not exchanged: %s", refused.ErrorCode))
	}
	if err != nil {
		return Person{}, away(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return Person{}, Refused(errors.New("there is no ID token"))
	}
	return p.verified(ctx, found, pending, raw, token.AccessToken)
}

// answered checks the parameters of the callback (RFC 6749 4.1.2, RFC 9207 2.4).
func (p *Provider) answered(pending Pending, query url.Values) error {
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(query[name]) > 1 {
			return Refused(errors.New("a parameter stands twice"))
		}
	}
	switch {
	case pending.State == "" || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(pending.State)) != 1:
		return Refused(errors.New("another state"))
	case query.Has("iss") && query.Get("iss") != p.cfg.Issuer:
		return Refused(errors.New("another issuer answers"))
	case query.Has("error"):
		return Refused(errors.New("the provider refused"))
	case query.Get("code") == "":
		return Refused(errors.New("there is no code"))
	}
	return nil
}

// algorithms are what ID tokens may be signed with: never none, never a shared
// secret.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}

// verified checks an ID token and reads it.
func (p *Provider) verified(ctx context.Context, found *oidc.Provider, pending Pending, raw, access string) (Person, error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 || len(raw) > claim.MaxBytes {
		return Person{}, Refused(errors.New("the ID token is malformed"))
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return Person{}, Refused(err)
	}
	if err := claim.Check(payload); err != nil { // before a reader that lets SUB stand for sub
		return Person{}, Refused(err)
	}
	token, err := found.VerifierContext(ctx, &oidc.Config{ClientID: p.cfg.ClientID, SupportedSigningAlgs: algorithms}).Verify(ctx, raw)
	if err != nil {
		return Person{}, Refused(err)
	}
	if token.Nonce == "" || subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(pending.Nonce)) != 1 {
		return Person{}, Refused(errors.New("another nonce"))
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(access); err != nil {
			return Person{}, Refused(err)
		}
	}
	var said map[string]any
	if err := claim.Decode(payload, &said); err != nil {
		return Person{}, Refused(err)
	}
	if p.complete(said) || found.UserInfoEndpoint() == "" {
		return p.person(token, said)
	}
	more, err := p.userInfo(ctx, found, access, token.Subject)
	if err != nil {
		return Person{}, err
	}
	for name, v := range more {
		if _, there := said[name]; !there {
			said[name] = v
		}
	}
	return p.person(token, said)
}

// complete tells whether an ID token has every claim that is configured.
func (p *Provider) complete(said map[string]any) bool {
	for _, name := range []string{p.cfg.ID, p.cfg.Name, p.cfg.Practitioner, p.cfg.Role, p.cfg.Unit, p.cfg.Team} {
		if _, there := said[name]; name != "" && !there {
			return false
		}
	}
	return true
}

// userInfo asks for the claims that an ID token does not have (OpenID Connect Core
// 5.3): only the provider's own word about the same person counts.
func (p *Provider) userInfo(ctx context.Context, found *oidc.Provider, access, subject string) (map[string]any, error) {
	info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: access}))
	if err != nil {
		return nil, away(err)
	}
	var raw json.RawMessage
	var said map[string]any
	if err := info.Claims(&raw); err != nil {
		return nil, Refused(err)
	}
	if err := claim.Decode(raw, &said); err != nil {
		return nil, Refused(err)
	}
	if said["sub"] != subject {
		return nil, Refused(errors.New("userinfo is about another person"))
	}
	return said, nil
}

// person reads claims that were verified.
func (p *Provider) person(token *oidc.IDToken, said map[string]any) (Person, error) {
	if azp, there := said["azp"]; there && azp != p.cfg.ClientID || len(token.Audience) > 1 && !there {
		return Person{}, Refused(errors.New("the ID token is for another party"))
	}
	out := Person{Issuer: token.Issuer, Subject: token.Subject, ID: first(said, p.cfg.ID), Name: first(said, p.cfg.Name),
		Practitioner: texts(said, p.cfg.Practitioner), ACR: first(said, "acr"), AMR: texts(said, "amr"),
		Roles: mapped(said, p.cfg.Role, p.cfg.Roles), Units: mapped(said, p.cfg.Unit, p.cfg.Units), Teams: mapped(said, p.cfg.Team, p.cfg.Teams)}
	if at, ok := said["auth_time"].(float64); ok && at > 0 && at < 1<<40 {
		out.At = time.Unix(int64(at), 0)
	}
	if p.cfg.ACR != "" && out.ACR != p.cfg.ACR {
		return Person{}, Refused(errors.New("she did not sign in as strongly as is required"))
	}
	if out.Subject == "" {
		return Person{}, Refused(errors.New("the ID token names nobody"))
	}
	return out, nil
}

// textsAtMost bounds how many values of a claim are looked at.
const textsAtMost = 1000

// texts returns the text, or the texts of the list, that a claim is.
func texts(said map[string]any, name string) (out []string) {
	switch v := said[name].(type) {
	case string:
		return []string{v}
	case []any:
		for _, x := range v[:min(len(v), textsAtMost)] {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
	}
	return out
}

func first(said map[string]any, name string) string {
	if all := texts(said, name); len(all) > 0 {
		return all[0]
	}
	return ""
}

// mapped returns what the values of a claim mean.
func mapped(said map[string]any, name string, meaning map[string]string) (out []string) {
	for _, s := range texts(said, name) {
		if to, known := meaning[s]; known && !slices.Contains(out, to) {
			out = append(out, to)
		}
	}
	return out
}

// Method says how she signed in there: acr and amr, as the provider has them.
func (p Person) Method() string {
	out := p.ACR
	if len(p.AMR) > 0 {
		out = strings.TrimSpace(out + " " + strings.Join(p.AMR, "+"))
	}
	return out[:min(len(out), 200)]
}

// AccountID makes an account's id of what the provider says: as it is, if it has
// the form, else a name made of issuer and subject, which are never another's.
func (p Person) AccountID(valid func(string) bool) string {
	if id := strings.ToLower(p.ID); valid(id) {
		return id
	}
	sum := sha256.Sum256([]byte(p.Issuer + "\x00" + p.Subject))
	return "p-" + hex.EncodeToString(sum[:10])
}

// Refused is the one answer to a sign-in at the provider that does not count.
func Refused(cause error) error {
	return fault.Wrap(fault.Unauthenticated, "provider", "the sign-in with the hospital's account was not accepted", cause).
		WithHint("start again; if it happens again, ask whoever looks after accounts at the hospital")
}

func away(cause error) error {
	return fault.Wrap(fault.Busy, "provider-away", "the hospital's sign-in service does not answer", cause).
		WithHint("try again shortly, or sign in with a passkey")
}
