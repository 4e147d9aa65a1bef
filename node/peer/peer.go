// Package peer is this hospital as a client of the others: an ordinary FHIR
// client that signs in by SMART Backend Services with the key that stands in
// the member book, and vouches for the person who asks. It signs each request,
// and believes no answer that the other hospital did not sign.
package peer

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"cairn/ledger/member"
	"cairn/node/fault"
	"cairn/node/identity"
	"cairn/node/identity/dpop"
	"cairn/proof"
)

// answerLimit bounds what one answer of another hospital may weigh, in bytes.
const answerLimit = 32 << 20

// What is kept of a text that another hospital chose: bytes of a refusal's code,
// of its text and of one receipt, and the number of receipts.
const (
	codeLimit    = 64
	textLimit    = 500
	receiptLimit = 200
	Receipts     = 200
)

// Pen gives the key that is in force for what this hospital signs to others,
// and the height of the ledger at which it is. node/keys has it.
type Pen interface {
	Client() (*ecdsa.PrivateKey, uint64, error)
}

// Client asks other members. Its methods are safe for concurrent use.
type Client struct {
	home    string
	network [32]byte
	pen     Pen
	proofs  *dpop.Key // that tokens are bound to
	http    *http.Client
	mu      sync.Mutex
	tokens  map[tokenKey]Token
}

type tokenKey struct {
	member string
	who    Person
}

// Token is an access token at another node.
type Token struct {
	Access  string
	Expires time.Time
}

// New makes the client of the member home of a network. The key that its tokens
// are bound to is made here and lives as long as the client.
func New(home string, network [32]byte, pen Pen, client *http.Client) (*Client, error) {
	proofs, err := dpop.NewKey()
	if err != nil {
		return nil, err
	}
	return &Client{home: home, network: network, pen: pen, proofs: proofs, http: client, tokens: make(map[tokenKey]Token)}, nil
}

// Answer is what another hospital answered.
type Answer struct {
	Body     []byte
	Receipts []string // of its log, from the header Cairn-Receipt; at most [Receipts], each clipped

	Request *proof.Signed[proof.Request] // as it was sent; nil if nothing was
	Signed  *proof.Signed[proof.Answer]  // what the other hospital signed of it, checked; nil if it did not
}

// Person is for whom a member asks: what it vouches for in hl7-b2b.
type Person struct {
	ID, Name, Role, Unit string // the id without the member's own
	Purpose              string // v3-PurposeOfUse code
	Groups               string // teams to which the person belongs, with spaces between them
	Grouped              bool   // these are all; otherwise it is not known
	Consent              string // commitment of the slip that the member believes to act under, in hexadecimal; may be ""
}

// groups are the teams that the claim names; nil says nothing.
func (p Person) groups() []string {
	if !p.Grouped {
		return nil
	}
	return strings.Fields(p.Groups)
}

// PersonOf returns whom this hospital vouches for when an actor asks.
func (c *Client) PersonOf(actor identity.Actor, consent string) Person {
	return Person{
		ID: strings.TrimPrefix(actor.Person(), c.home+"/"), Name: actor.Name(), Role: actor.Role(), Unit: actor.Unit(),
		Purpose: actor.Purpose(), Groups: strings.Join(actor.Teams(), " "), Grouped: actor.Teams() != nil, Consent: consent,
	}
}

// Get sends a FHIR request (a path below the service base, such as
// "Observation?patient=17") to another member for a person. A refusal there
// comes back as the fault that it is, with that hospital's text and rule,
// clipped, and with what was signed. A token that the member does not know any
// more is replaced once. Records come with the member's signature or not at all.
func (c *Client) Get(ctx context.Context, to member.Member, who Person, path string) (Answer, error) {
	out, res, access, err := c.get(ctx, to, who, path)
	if err == nil && res.StatusCode == http.StatusUnauthorized {
		c.forget(to, who, access)
		out, res, _, err = c.get(ctx, to, who, path)
	}
	if err != nil {
		return out, err
	}
	out.Signed, err = c.signed(to, out.Request, res, out.Body)
	switch {
	case res.StatusCode != http.StatusOK:
		out.Body, err = nil, refusal(to.ID, res.StatusCode, out.Body)
	case err != nil:
		out.Body = nil
		err = fault.Wrap(fault.Broken, "peer-unsigned", "the hospital "+to.ID+" did not sign what it sent, so it is not shown", err)
	default:
		out.Receipts = receipts(res.Header)
	}
	return out, err
}

// get sends one request, and returns the token that it was sent with.
func (c *Client) get(ctx context.Context, to member.Member, who Person, path string) (out Answer, res *http.Response, access string, err error) {
	req, access, err := c.request(ctx, to, who, http.MethodGet, path, nil)
	if err != nil {
		return Answer{}, nil, "", err
	}
	if out.Request, err = c.sign(req, to, who, nil); err != nil {
		return Answer{}, nil, "", err
	}
	res, out.Body, err = c.do(req, to.ID, access)
	return out, res, access, err
}

// request makes a FHIR request that is not signed yet, and its token.
func (c *Client) request(ctx context.Context, to member.Member, who Person, method, path string, body []byte) (req *http.Request, access string, err error) {
	if access, err = c.token(ctx, to, who); err != nil {
		return nil, "", err
	}
	req, err = http.NewRequestWithContext(ctx, method, to.URL+"/fhir/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, "", fmt.Errorf("asking %s: %w", to.ID, WithoutURL(err))
	}
	req.Header.Set("Accept", "application/fhir+json")
	return req, access, nil
}

// Prepare returns a FHIR request to another member, signed and with its proof as
// Get would send it: good for one sending within the minute. A body has the
// content type that the caller sets.
func (c *Client) Prepare(ctx context.Context, to member.Member, who Person, method, path string, body []byte) (*http.Request, error) {
	req, access, err := c.request(ctx, to, who, method, path, body)
	if err != nil {
		return nil, err
	}
	if _, err := c.sign(req, to, who, body); err != nil {
		return nil, err
	}
	return req, c.proofs.Sign(req, access)
}

// do sends a request with its proof, and reads the answer.
func (c *Client) do(req *http.Request, to, access string) (*http.Response, []byte, error) {
	res, err := Send(c.http, req, c.proofs, access)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Busy, "peer-silent", "the hospital "+to+" does not answer", WithoutURL(err))
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, answerLimit+1))
	if err != nil || len(body) > answerLimit {
		return nil, nil, fault.Wrap(fault.Busy, "peer-silent", "the answer of the hospital "+to+" broke off or is too large", err)
	}
	return res, body, nil
}

// refusal reads the OperationOutcome of an answer that is not 200.
func refusal(to string, status int, body []byte) error {
	var outcome struct {
		Issue []struct {
			Details struct {
				Coding []struct{ Code string }
				Text   string
			}
		}
	}
	code, text := "peer-refused", "the hospital "+to+" refused"
	if json.Unmarshal(body, &outcome) == nil && len(outcome.Issue) > 0 {
		d := outcome.Issue[0].Details
		if d.Text != "" {
			text = clip(d.Text, textLimit)
		}
		if len(d.Coding) > 0 && d.Coding[0].Code != "" {
			code = clip(d.Coding[0].Code, codeLimit)
		}
	}
	kind := fault.Broken
	switch status {
	case http.StatusForbidden, http.StatusUnauthorized:
		kind = fault.Refused
	case http.StatusNotFound, http.StatusGone:
		kind = fault.NotFound
	case http.StatusServiceUnavailable:
		kind = fault.Busy
	case http.StatusBadRequest:
		kind = fault.Invalid
	}
	return fault.New(kind, code, text)
}

// token returns a live access token at a member for a person and purpose,
// signing in if there is none.
func (c *Client) token(ctx context.Context, to member.Member, who Person) (string, error) {
	key := tokenKey{to.ID, who}
	c.mu.Lock()
	have, ok := c.tokens[key]
	c.mu.Unlock()
	if ok && time.Now().Before(have.Expires) {
		return have.Access, nil
	}
	fresh, err := c.signIn(ctx, to, who)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, t := range c.tokens {
		if time.Now().After(t.Expires) {
			delete(c.tokens, k)
		}
	}
	c.tokens[key] = fresh
	return fresh.Access, nil
}

// forget drops the token that a member refused, unless another request has
// replaced it already.
func (c *Client) forget(to member.Member, who Person, access string) {
	key := tokenKey{to.ID, who}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tokens[key].Access == access {
		delete(c.tokens, key)
	}
}

func (c *Client) signIn(ctx context.Context, to member.Member, who Person) (Token, error) {
	now := time.Now()
	key, _, err := c.pen.Client()
	if err != nil {
		return Token{}, err
	}
	var consent []string
	if who.Consent != "" {
		consent = []string{identity.SlipURL(to.URL, who.Consent)}
	}
	assertion, err := identity.SignAssertion(key, identity.Claims{
		Issuer: c.home, Subject: c.home, Audience: jwt.Audience{to.URL + "/auth/token"},
		Expiry: jwt.NewNumericDate(now.Add(time.Minute)), IssuedAt: jwt.NewNumericDate(now), ID: uuid.NewString(),
		Extensions: identity.Extensions{B2B: &identity.B2B{
			Version: "1", OrganizationID: c.home, SubjectID: who.ID, SubjectName: who.Name,
			SubjectRole: who.Role, Unit: who.Unit, Groups: who.groups(), PurposeOfUse: []string{who.Purpose}, ConsentReference: consent,
		}},
	})
	if err != nil {
		return Token{}, fmt.Errorf("signing an assertion: %w", err)
	}
	return SignIn(ctx, c.http, to.URL, assertion, c.proofs)
}

// SignIn exchanges a client assertion at a node's token endpoint (RFC 7523
// 2.2), for a token that is bound to a key; nil asks for a bearer token.
func SignIn(ctx context.Context, client *http.Client, root, assertion string, key *dpop.Key) (Token, error) {
	return SignInFor(ctx, client, root, assertion, "", key)
}

// SignInFor is SignIn for some scopes only, with spaces between them; "" asks
// for all that the software may have.
func SignInFor(ctx context.Context, client *http.Client, root, assertion, scopes string, key *dpop.Key) (Token, error) {
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	}
	if scopes != "" {
		form.Set("scope", scopes)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, root+"/auth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return Token{}, fmt.Errorf("signing in: %w", WithoutURL(err))
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := Send(client, req, key, "")
	if err != nil {
		return Token{}, fault.Wrap(fault.Busy, "peer-silent", "the hospital does not answer", WithoutURL(err))
	}
	defer res.Body.Close()
	var answer struct {
		AccessToken      string `json:"access_token"`
		TokenType        string `json:"token_type"`
		ExpiresIn        int    `json:"expires_in"`
		ErrorDescription string `json:"error_description"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&answer); err != nil {
		return Token{}, fault.Wrap(fault.Busy, "peer-silent", "the hospital's sign-in does not answer as it should", err)
	}
	if res.StatusCode != http.StatusOK || answer.AccessToken == "" {
		return Token{}, fault.Wrap(fault.Refused, "peer-sign-in", "the hospital did not accept the sign-in", errors.New(clip(answer.ErrorDescription, textLimit)))
	}
	if key != nil && !strings.EqualFold(answer.TokenType, "DPoP") { // RFC 9449 5: else the token is anybody's
		return Token{}, fault.New(fault.Refused, "peer-sign-in", "the hospital's sign-in gave a token that is not bound to a key")
	}
	return Token{answer.AccessToken, time.Now().Add(time.Duration(answer.ExpiresIn)*time.Second - early)}, nil
}

// early is how long before its end a token is not used any more.
const early = 15 * time.Second

// Send sends a request with an access token, "" for none, and a proof of the
// key; nil stands for a bearer token. A request that is refused for want of the
// server's nonce is sent once more with it (RFC 9449 8). The body must be one
// that http.NewRequest can send again.
func Send(client *http.Client, req *http.Request, key *dpop.Key, access string) (*http.Response, error) {
	if key == nil {
		if access != "" {
			req.Header.Set("Authorization", "Bearer "+access)
		}
		return client.Do(req)
	}
	if err := key.Sign(req, access); err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil || !key.Again(res) {
		return res, err
	}
	res.Body.Close() //nolint:errcheck // it said no more than that
	again := req.Clone(req.Context())
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	if err := key.Sign(again, access); err != nil {
		return nil, err
	}
	return client.Do(again)
}

// receipts reads the header Cairn-Receipt.
func receipts(h http.Header) []string {
	all := h.Values("Cairn-Receipt")
	all = all[:min(len(all), Receipts)]
	out := make([]string, len(all))
	for i, r := range all {
		out[i] = clip(r, receiptLimit)
	}
	return out
}

// clip returns valid UTF-8 of at most limit bytes.
func clip(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
	}
	return strings.ToValidUTF8(s, "")
}

// WithoutURL returns the cause inside an error of net/http without the URL
// that such an error names: its query tells whose records were asked for.
func WithoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Proofs returns the key that the client's tokens are bound to.
func (c *Client) Proofs() *dpop.Key { return c.proofs }
