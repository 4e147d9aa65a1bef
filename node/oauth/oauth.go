// Package oauth is the desk that lets apps in: the SMART App Launch 2.2
// authorization server of a node. It keeps the register of apps, asks people
// whether an app may act for them, and gives out codes and tokens. The flows are
// those of ory/fosite; who a person is, and what a token says, are
// node/identity's.
//
// Everything of one sign-in of an app stands on its family: a row that every use
// of a token looks up, so that its end bites at once at every process. Codes,
// refresh tokens and launches are kept as hashes, and are good once; who shows one
// a second time ends the family.
//
// Trust: a thief of the store learns which person uses which app, and when. He
// finds no secret: apps, approvals and sign-ins are sealed, tokens are hashes. A
// forger who writes to it can end sign-ins and make a spent ticket fresh again,
// which helps who has it; he can make neither an app nor a sign-in.
package oauth

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/openid"

	"cairn/fhir/scope"
	"cairn/ledger/member"
	"cairn/node/evidence"
	"cairn/node/fault"
	"cairn/node/gate"
	"cairn/node/identity"
	"cairn/node/store"
	"cairn/proof"
)

// How long things last.
const (
	accessLife  = 15 * time.Minute     // access tokens of apps that act for persons
	codeLife    = time.Minute          // authorization codes
	offlineIdle = 30 * 24 * time.Hour  // refresh tokens of offline_access, unused
	onlineIdle  = 12 * time.Hour       // of online_access, which end with the session besides
	familyLife  = 365 * 24 * time.Hour // all of them, however often they are used: then the person is asked again
	launchLife  = 5 * time.Minute      // between an EHR's launch and the app's request
	idLife      = 10 * time.Minute     // ID tokens
)

// minEntropy is how long state and nonce are at least: 16 characters of base64url
// are 96 bits (RFC 6819, 5.1.4.2.2 asks for unguessable ones).
const minEntropy = 16

// sealKey names the data key of what this desk keeps (keys.ChestApps).
const sealKey = "~apps"

// Keys seals what is kept; node/keys has it.
type Keys interface {
	Seal(ctx context.Context, name string, plain, bound []byte) ([]byte, error)
	Open(ctx context.Context, name string, sealed, bound []byte) ([]byte, error)
}

// Fetcher gets documents from addresses that others chose; node/hook has it.
type Fetcher interface {
	Check(address string) error
	Get(ctx context.Context, address string, most int64) ([]byte, error)
}

// Book is the member book as this desk needs it.
type Book interface {
	Member(id string) (member.Member, bool)
	Key(id string, use member.Use) (member.Key, bool)
}

// Config is what the desk stands on.
type Config struct {
	Root    string // of this node: the issuer
	Door    *identity.Door
	Journal *evidence.Journal
	Store   *store.Store
	Keys    Keys
	Book    Book
	Fetch   Fetcher
	Signers func(context.Context) ([]Signer, error) // of ID tokens; asked when they are first needed
}

// Desk does the work. Its methods are safe for concurrent use.
type Desk struct {
	Config
	provider fosite.OAuth2Provider
	keyset   keyset
	fetched  fetched

	mu      sync.Mutex
	signers []Signer
	asked   time.Time // when they were
}

// New makes the desk and has the door know its apps.
func New(cfg Config) *Desk {
	d := &Desk{Config: cfg}
	secret := d.Door.Derive("oauth.codes")
	config := &fosite.Config{
		AccessTokenLifespan: accessLife, RefreshTokenLifespan: offlineIdle, AuthorizeCodeLifespan: codeLife, IDTokenLifespan: idLife,
		IDTokenIssuer: d.Root, AccessTokenIssuer: d.Root, TokenURL: d.Root + "/auth/token", GlobalSecret: secret[:],
		ScopeStrategy: within, AudienceMatchingStrategy: noAudience, EnforcePKCE: true, MinParameterEntropy: minEntropy,
		RefreshTokenScopes: []string{"offline_access", "online_access"}, OmitRedirectScopeParam: true,
		ClientAuthenticationStrategy: d.authenticate, RedirectSecureChecker: fosite.IsRedirectURISecure,
	}
	strategy := &compose.CommonStrategy{
		CoreStrategy:               tokens{compose.NewOAuth2HMACStrategy(config), d},
		OpenIDConnectTokenStrategy: &openid.DefaultStrategy{Signer: &d.keyset, Config: config},
		Signer:                     &d.keyset,
	}
	d.keyset.desk = d
	d.provider = compose.Compose(config, storage{d}, strategy, compose.OAuth2AuthorizeExplicitFactory, compose.OAuth2RefreshTokenGrantFactory,
		compose.OpenIDConnectExplicitFactory, compose.OpenIDConnectRefreshFactory, compose.OAuth2PKCEFactory)
	d.Door.Consult(register{d})
	return d
}

// Base is the FHIR base that apps ask for.
func (d *Desk) Base() string { return d.Root + "/fhir" }

// within tells whether a scope lies within those that an app may have at most.
func within(allowed []string, one string) bool {
	a, err := scope.Parse(strings.Join(allowed, " "))
	if err != nil {
		return false
	}
	s, err := scope.Parse(one)
	return err == nil && !s.Empty() && scope.Intersect(s, a).Normal() == s.Normal()
}

// noAudience takes no audience parameter: SMART's aud is the FHIR base, and
// checked where it is read.
func noAudience(_ []string, needle []string) error {
	if len(needle) > 0 {
		return fosite.ErrInvalidRequest.WithHint("The parameter 'audience' has no meaning here.")
	}
	return nil
}

// seal seals something of a kind for the row in which it stands.
func (d *Desk) seal(ctx context.Context, kind, id string, plain []byte) ([]byte, error) {
	return d.Keys.Seal(ctx, sealKey, plain, bound(kind, id))
}

func (d *Desk) open(ctx context.Context, kind, id string, sealed []byte) ([]byte, error) {
	return d.Keys.Open(ctx, sealKey, sealed, bound(kind, id))
}

func bound(kind, id string) []byte { return []byte("cairn/oauth/v1\x00" + kind + "\x00" + id) }

// note makes the log entry of something that somebody did with an app.
func (d *Desk) note(kind string, a identity.Actor, action, detail string) (*evidence.Draft, error) {
	return d.Journal.Draft(proof.Event{
		Kind: kind, Time: time.Now().UnixMilli(), Actor: gate.Describe(a), Subject: gate.PatientReference(a.Patient()), Purpose: a.Purpose(),
		Action: action, Allowed: true, Rule: "policy.app", Detail: detail,
	})
}

func millis(t time.Time) int64 { return t.UnixMilli() }

// mayOperate refuses who has not the right to operate the node.
func mayOperate(a identity.Actor) error {
	if a.May(identity.RightOperate) {
		return nil
	}
	return fault.New(fault.Refused, "policy.operate", "this needs the right to operate the node")
}

func has(list []string, one string) bool { return slices.Contains(list, one) }
