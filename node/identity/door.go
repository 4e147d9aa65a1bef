package identity

import (
	"context"
	"crypto/cipher"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"cairn/fhir/scope"
	"cairn/node/fault"
	"cairn/node/identity/box"
	"cairn/node/identity/dpop"
	"cairn/node/identity/nonce"
	"cairn/node/identity/once"
	"cairn/node/identity/passkey"
	"cairn/node/identity/provider"
	"cairn/node/store"
)

// Config is what the station needs to know.
type Config struct {
	Member  string   // this hospital's member id
	Network [32]byte // the network's id
	URL     string   // this node's root URL, the audience of assertions
	Clients []Client // software that this hospital registered
	Feeds   []Feed   // those of it that speak without credentials of their own

	Provider *provider.Provider // the hospital's OpenID provider; nil: it has none
}

// Door checks credentials. Its methods are safe for concurrent use.
type Door struct {
	member, url string
	network     [32]byte
	book        Directory
	store       *store.Store
	clients     map[string]registered
	feeds       []Feed
	register    Register           // nil: there are no apps
	provider    *provider.Provider // nil: there is none
	started     time.Time

	sessions   tokens
	opened     opened      // what sealed ones of them say
	seen       once.Memory // assertions of software
	challenges nonce.Maker
	answered   once.Memory // nonces of patients' sign-ins
	proved     once.Memory // proofs of possession
	box        box.Box
	secret     [32]byte       // of keyed
	decoy      *store.Passkey // in the place of one that is not known
	settler    Settler        // nil: nothing is to be settled before a passkey counts
	checks     atomic.Int64   // signatures of passkeys that were compared
}

// New makes the station. The store keeps passkeys and invitations, sealed under
// the data key that is named; the directory is the member book. It takes up to
// a second, for the sake of what signIn says of restarts.
func New(ctx context.Context, cfg Config, book Directory, st *store.Store, keys Keys, name string) (*Door, error) {
	clients, err := register(cfg.Clients)
	if err != nil {
		return nil, err
	}
	if err := checkFeeds(cfg.Feeds, clients); err != nil {
		return nil, err
	}
	aead, err := keys.Key(ctx, name, true)
	if err != nil {
		return nil, fmt.Errorf("opening the key of passkeys: %w", err)
	}
	started := nextSecond(time.Now())
	if err := until(ctx, started); err != nil {
		return nil, err
	}
	d := &Door{
		member: cfg.Member, network: cfg.Network, url: strings.TrimSuffix(cfg.URL, "/"), book: book, store: st, clients: clients, feeds: cfg.Feeds, provider: cfg.Provider,
		started: started, sessions: &sessions{}, challenges: nonce.New(), box: box.New(aead),
	}
	if st.Shared() {
		d.sessions = sealedTokens{d}
		if d.challenges.Key, err = secret(ctx, st, d.box, challengeKey); err != nil {
			return nil, err
		}
	}
	if d.secret, err = secret(ctx, st, d.box, secretKey); err != nil {
		return nil, err
	}
	d.decoy, err = passkey.Decoy(d.box)
	return d, err
}

// Hospital returns the name of this hospital as the member book has it.
func (d *Door) Hospital() string {
	m, _ := d.book.Member(d.member)
	return m.Name
}

func nextSecond(t time.Time) time.Time { return t.Truncate(time.Second).Add(time.Second) }

// until waits for a time.
func until(ctx context.Context, t time.Time) error {
	for wait := time.Until(t); wait > 0; wait = time.Until(t) {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// SignIn exchanges a client assertion for an access token (RFC 7523 2.2, SMART
// Backend Services 2.0), bound to the key of the proof if there is one (RFC 9449
// 5). Another member must have one. It fails with Unauthenticated. An assertion
// from a clock that is ahead is answered when its time has come, at most skew
// later.
//
// The token is held to the scopes that are asked for, as far as software may
// have them; nil asks for all that it may. It fails with Invalid and CodeScope
// when nothing is left of what was asked for.
func (d *Door) SignIn(ctx context.Context, assertion string, p *Possession, asked *scope.Set) (Token, error) {
	actor, err := d.signIn(ctx, assertion, time.Now())
	if err != nil {
		return Token{}, err
	}
	if actor.kind == Peer && p == nil {
		return Token{}, unproved(&dpop.Refusal{Cause: dpop.ErrCount})
	}
	if err := actor.narrow(asked); err != nil {
		return Token{}, err
	}
	if actor.key, err = p.Use(ctx, ""); err != nil {
		return Token{}, err
	}
	return d.sessions.issue(actor, time.Now())
}

// CodeScope is the code of the fault of a sign-in for scopes that cannot be had.
const CodeScope = "scope"

// narrow holds software to the scopes that it asked for, of those that it may
// have.
func (a *Actor) narrow(asked *scope.Set) error {
	if asked == nil {
		return nil
	}
	all := scope.Everything()
	if a.scopes != nil {
		all = *a.scopes
	}
	granted := scope.Intersect(*asked, all).Only(scope.System)
	if len(granted.Scopes()) == 0 {
		return fault.New(fault.Invalid, CodeScope, "none of the scopes that were asked for can be given to software that signs in for itself").
			WithHint("ask for system/Type.cruds, such as system/Observation.rs")
	}
	if a.scopes != nil || granted.Normal() != all.Normal() {
		a.scopes = &granted
	}
	return nil
}

// Actor returns who sends the request, by its bearer token (RFC 6750 2.1) or by
// a token bound to a key, with a fresh proof (RFC 9449 7). Another member must
// have signed the request. It fails with Refused for a token that is held to
// scopes: those are for Scoped.
func (d *Door) Actor(r *http.Request) (Actor, error) {
	a, err := d.Scoped(r)
	if err == nil && a.scopes != nil {
		return Actor{}, fault.New(fault.Refused, "policy.scopes", "this access token was given for the FHIR interface, with scopes, and serves for nothing else")
	}
	return a, err
}

// Scoped is Actor for the FHIR interface, where scopes count: every interaction
// there passes the gate.
func (d *Door) Scoped(r *http.Request) (Actor, error) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "bearer" && scheme != "dpop" || token == "" {
		return Actor{}, fault.New(fault.Unauthenticated, "no-token", "this needs an access token").
			WithHint("sign in at /auth/token and send Authorization: Bearer ...")
	}
	a, err := d.bearer(r, token)
	if err != nil {
		return Actor{}, err
	}
	if err := d.possessed(r, scheme, token, a.key); err != nil {
		return Actor{}, err
	}
	if a.kind == Peer {
		return d.signed(r, a)
	}
	return a, nil
}

// bearer returns whose an access token is.
func (d *Door) bearer(r *http.Request, token string) (Actor, error) {
	switch {
	case strings.HasPrefix(token, appMark):
		a, _, err := d.appToken(r.Context(), token, time.Now())
		return a, err
	case !strings.HasPrefix(token, bearerMark):
		a, _, err := d.softwareToken(r.Context(), token)
		return a, err
	}
	a, err := d.session(r.Context(), token, time.Now())
	if fault.Is(err, fault.Unauthenticated) {
		err = badToken()
	}
	return a, err
}

// Keys gives out data keys; node/keys has it.
type Keys interface {
	Key(ctx context.Context, name string, create bool) (cipher.AEAD, error)
}
