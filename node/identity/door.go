package identity

import (
	"net/http"
	"strings"
	"time"

	"cairn/node/fault"
	"cairn/node/store"
)

// Config is what the station needs to know.
type Config struct {
	Member  string   // this hospital's member id
	URL     string   // this node's root URL, the audience of assertions
	Clients []Client // software that this hospital registered
}

// Door checks credentials. Its methods are safe for concurrent use.
type Door struct {
	member, url string
	book        Directory
	store       *store.Store
	clients     map[string]registered
	started     time.Time

	sessions   sessions
	seen       once
	challenges challenges
}

// New makes the station. The store keeps passkeys and invitations; the
// directory is the member book.
func New(cfg Config, book Directory, st *store.Store) (*Door, error) {
	clients, err := register(cfg.Clients)
	if err != nil {
		return nil, err
	}
	return &Door{
		member: cfg.Member, url: strings.TrimSuffix(cfg.URL, "/"), book: book, store: st, clients: clients,
		started: time.Now().Truncate(time.Second),
	}, nil
}

// SignIn exchanges a client assertion for an access token (RFC 7523 2.2, SMART
// Backend Services 2.0). It fails with Unauthenticated.
func (d *Door) SignIn(assertion string) (Token, error) {
	now := time.Now()
	actor, err := d.signIn(assertion, now)
	if err != nil {
		return Token{}, err
	}
	return d.sessions.issue(actor, now), nil
}

// Actor returns who sends the request, by its bearer token (RFC 6750 2.1).
func (d *Door) Actor(r *http.Request) (Actor, error) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return Actor{}, fault.New(fault.Unauthenticated, "no-token", "this needs an access token").
			WithHint("sign in at /auth/token and send Authorization: Bearer ...")
	}
	return d.sessions.find(token, time.Now())
}
