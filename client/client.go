// Package client is a hospital's own software as it meets its node: it signs in
// by SMART Backend Services, vouches for a person, and sends requests. The
// command line, the demo and the benchmarks use it.
package client

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"cairn/node/identity"
	"cairn/node/identity/dpop"
	"cairn/node/keys"
	"cairn/node/peer"
)

// Client is a hospital's software, such as its EHR: it signs in by SMART
// Backend Services and vouches for a person. It is safe for concurrent use.
type Client struct {
	Root string // of the node that is asked
	id   string
	home string
	key  *ecdsa.PrivateKey
	who  *identity.B2B
	http *http.Client

	proofs *dpop.Key // that tokens are bound to; nil: to none

	scopes string // asked for; "" asks for all

	mu    sync.Mutex
	token peer.Token
}

// New reads a client's key. home is the id of the member whose software it is. A
// member's own node, whose id is home too, binds its tokens to a key (RFC 9449),
// as members must.
func New(root, home, id, keyFile string, client *http.Client) (*Client, error) {
	key, err := keys.ReadClient(keyFile)
	if err != nil {
		return nil, err
	}
	c := &Client{Root: root, id: id, home: home, key: key, http: client}
	if id == home {
		c.proofs, err = dpop.NewKey()
	}
	return c, err
}

// As returns a client for the same software that vouches for a person with a
// purpose of use (v3-PurposeOfUse).
func (c *Client) As(id, name, role, unit, purpose string) *Client {
	return &Client{Root: c.Root, id: c.id, home: c.home, key: c.key, http: c.http, proofs: c.proofs, who: &identity.B2B{
		Version: "1", OrganizationID: c.home, SubjectID: id, SubjectName: name, SubjectRole: role, Unit: unit, PurposeOfUse: []string{purpose},
	}}
}

// For returns a client for the same software and person that signs in for some
// SMART scopes only, with spaces between them.
func (c *Client) For(scopes string) *Client {
	return &Client{Root: c.Root, id: c.id, home: c.home, key: c.key, http: c.http, proofs: c.proofs, who: c.who, scopes: scopes}
}

// Answer is an HTTP answer, read.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Refusal returns the code and text of an OperationOutcome or problem.
func (a Answer) Refusal() (code, text string) {
	var outcome struct {
		Issue []struct {
			Details struct {
				Coding []struct{ Code string }
				Text   string
			}
		}
		Code, Title string
	}
	if json.Unmarshal(a.Body, &outcome) != nil {
		return "", string(a.Body)
	}
	if len(outcome.Issue) == 0 {
		return outcome.Code, outcome.Title
	}
	d := outcome.Issue[0].Details
	if len(d.Coding) > 0 {
		code = d.Coding[0].Code
	}
	return code, d.Text
}

// Hint returns what an OperationOutcome or problem says is to be done, "" if it
// says nothing.
func (a Answer) Hint() string {
	var outcome struct {
		Issue []struct{ Diagnostics string }
		Hint  string
	}
	if json.Unmarshal(a.Body, &outcome) != nil {
		return ""
	}
	if len(outcome.Issue) > 0 {
		return outcome.Issue[0].Diagnostics
	}
	return outcome.Hint
}

// Do sends a request to a path of the node. A body is sent as FHIR JSON below
// /fhir and as JSON elsewhere. When the node does not know the token any more,
// because it was restarted, Do signs in again and repeats the request once.
func (c *Client) Do(ctx context.Context, method, path string, body []byte) (Answer, error) {
	return c.With(ctx, method, path, nil, body)
}

// With is Do with headers, which stand in place of those that Do sets.
func (c *Client) With(ctx context.Context, method, path string, header http.Header, body []byte) (Answer, error) {
	a, access, err := c.send(ctx, method, path, header, body)
	if err == nil && a.Status == http.StatusUnauthorized {
		c.forget(access)
		a, _, err = c.send(ctx, method, path, header, body)
	}
	return a, err
}

// send sends one request, and returns the token that it was sent with.
func (c *Client) send(ctx context.Context, method, path string, header http.Header, body []byte) (a Answer, access string, err error) {
	if access, err = c.access(ctx); err != nil {
		return Answer{}, "", err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Root+path, bytes.NewReader(body))
	if err != nil {
		return Answer{}, "", fmt.Errorf("%s at %s: %w", method, c.home, peer.WithoutURL(err))
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := peer.Send(c.http, req, c.proofs, access)
	if err != nil {
		return Answer{}, "", fmt.Errorf("%s at %s: %w", method, c.home, peer.WithoutURL(err))
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return Answer{res.StatusCode, res.Header, data}, access, err
}

// Expect is Do with an error for any other status.
func (c *Client) Expect(ctx context.Context, status int, method, path string, body []byte) (Answer, error) {
	a, err := c.Do(ctx, method, path, body)
	if err == nil && a.Status != status {
		code, text := a.Refusal()
		err = fmt.Errorf("%s at %s: status %d (%s): %s", method, c.home, a.Status, code, text)
	}
	return a, err
}

// forget drops a token that the node refused, unless another request has
// replaced it already.
func (c *Client) forget(access string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token.Access == access {
		c.token = peer.Token{}
	}
}

func (c *Client) access(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token.Access != "" && time.Now().Before(c.token.Expires) {
		return c.token.Access, nil
	}
	now := time.Now()
	assertion, err := identity.SignAssertion(c.key, identity.Claims{
		Issuer: c.id, Subject: c.id, Audience: jwt.Audience{c.Root + "/auth/token"},
		Expiry: jwt.NewNumericDate(now.Add(2 * time.Minute)), IssuedAt: jwt.NewNumericDate(now), ID: uuid.NewString(),
		Extensions: identity.Extensions{B2B: c.who},
	})
	if err != nil {
		return "", fmt.Errorf("signing an assertion: %w", err)
	}
	if c.token, err = peer.SignInFor(ctx, c.http, c.Root, assertion, c.scopes, c.proofs); err != nil {
		return "", err
	}
	return c.token.Access, nil
}

// Token returns an access token for software that sends its own requests.
func (c *Client) Token(ctx context.Context) (string, error) { return c.access(ctx) }
