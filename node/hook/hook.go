// Package hook posts to addresses that others chose: the endpoints of
// subscriptions. It goes out of the hospital and never back in.
//
// An address is judged after the name is resolved, at every connection, and the
// connection is made to the address that was judged: a name that answers
// differently the second time gains nothing. Loopback, private, link-local,
// carrier-grade, multicast, documentation and other special addresses, those
// that carry such an IPv4 address within, the networks that this machine stands
// in and what the configuration denies are refused, unless the configuration
// allows the very host or network. There are no redirects and no proxies, and
// https is required but on an allowed loopback address. Of an answer only the
// status counts: the body is not kept.
//
// Errors name neither the URL nor what a name resolved to, so that nobody can
// learn from them how the hospital's network looks.
package hook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"cairn/node/fault"
)

// Config says what may be reached. The zero value is good: the internet, and
// nothing that is inside.
type Config struct {
	Allow    []string       // host names and networks (CIDR) that may be reached although they are inside
	Deny     []string       // networks (CIDR) that are inside although their addresses are public
	Roots    *x509.CertPool // who may vouch for a host; nil: whom the system trusts
	Resolver Resolver       // nil: the system's
}

// Resolver looks names up; *net.Resolver does.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Poster posts. Its methods are safe for concurrent use.
type Poster struct {
	rules         rules
	resolver      Resolver
	plain, secure *http.Client
}

// Limits of what is sent and read.
const (
	maxURL        = 2000
	maxAddresses  = 8        // of one name
	maxHeader     = 64 << 10 // of an answer
	maxBody       = 4 << 10  // of an answer, read to keep the connection and dropped
	idlePerHost   = 4
	idleInAll     = 256
	idleTime      = 30 * time.Second
	handshakeTime = 10 * time.Second
)

// Request is one post.
type Request struct {
	URL    string
	Header http.Header
	Body   []byte
}

// Failure says why a post did not succeed.
type Failure struct {
	Code   string // forbidden, no-name, no-connection, no-response, error-response
	Status int    // with error-response
	Sent   bool   // something of the request may have left
	cause  error
}

// Codes of failures.
const (
	Forbidden     = "forbidden"      // the address may not be reached
	NoName        = "no-name"        // the name does not resolve
	NoConnection  = "no-connection"  // nobody listens there, or not with a certificate that holds
	NoResponse    = "no-response"    // no answer in time
	ErrorResponse = "error-response" // the answer was not 2xx
)

// Error says what went wrong in words that tell nothing of the network inside.
func (f *Failure) Error() string {
	switch f.Code {
	case Forbidden:
		return "the endpoint is at an address that notifications may not be sent to"
	case NoName:
		return "the name of the endpoint cannot be resolved"
	case NoConnection:
		return "no secure connection to the endpoint can be made"
	case ErrorResponse:
		return fmt.Sprintf("the endpoint answered with status %d", f.Status)
	}
	return "the endpoint did not answer in time"
}

// New makes a poster. It fails with Invalid for a network that is none.
func New(cfg Config) (*Poster, error) {
	p := &Poster{resolver: cfg.Resolver}
	if p.resolver == nil {
		p.resolver = net.DefaultResolver
	}
	var err error
	if p.rules, err = compile(cfg.Allow, cfg.Deny); err != nil {
		return nil, err
	}
	p.plain, p.secure = p.client(true, cfg.Roots), p.client(false, cfg.Roots)
	return p, nil
}

// client makes an HTTP client; the plain one reaches loopback addresses only.
func (p *Poster) client(plain bool, roots *x509.CertPool) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil,
			DialContext:            func(ctx context.Context, _, address string) (net.Conn, error) { return p.dial(ctx, address, plain) },
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			TLSHandshakeTimeout:    handshakeTime,
			DisableCompression:     true,
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: maxHeader,
			MaxIdleConns:           idleInAll,
			MaxIdleConnsPerHost:    idlePerHost,
			IdleConnTimeout:        idleTime,
		},
	}
}

// Check refuses, with Invalid, a URL that can be no endpoint whatever its name
// resolves to. What the name resolves to is judged at every connection.
func (p *Poster) Check(endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || len(endpoint) > maxURL || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return refused("this is not the URL of an endpoint", "send https://host/path")
	case u.User != nil:
		return refused("the URL of an endpoint must not hold a password", "send credentials in Subscription.channel.header")
	case u.Fragment != "" || strings.Contains(endpoint, "#"):
		return refused("the URL of an endpoint has no fragment", "")
	}
	host := hostName(u.Hostname())
	literal, bad := netip.ParseAddr(host)
	switch u.Scheme {
	case "https":
		if bad == nil && !p.rules.may(host, literal) {
			return forbidden()
		}
		return nil
	case "http":
		if bad == nil && literal.Unmap().IsLoopback() && p.rules.may(host, literal) || bad != nil && host == "localhost" && p.rules.mayLoopback() {
			return nil
		}
		return refused("notifications are sent over https only", "use an https URL")
	}
	return refused("an endpoint is reached over https", "use an https URL")
}

func refused(text, hint string) error {
	return fault.New(fault.Invalid, "value", text).WithHint(hint)
}

func forbidden() error {
	return fault.New(fault.Invalid, "endpoint-forbidden", "notifications are not sent to addresses inside the hospital's network").
		WithHint("use an endpoint on the internet; the hospital may allow others with subscription_allow")
}

// Reach opens a connection to the endpoint and closes it: whether it is there,
// without a byte of a request.
func (p *Poster) Reach(ctx context.Context, endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return &Failure{Code: NoConnection}
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	conn, err := p.dial(ctx, net.JoinHostPort(u.Hostname(), port), u.Scheme != "https")
	if err != nil {
		return failure(err, false)
	}
	conn.Close() //nolint:errcheck // nothing was sent on it
	return nil
}

// Post sends a request and returns nil for an answer 2xx; otherwise the error
// is a *Failure. ctx bounds how long it may take.
func (p *Poster) Post(ctx context.Context, r Request) error {
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return &Failure{Code: NoConnection}
	}
	req.Header = r.Header.Clone()
	client := p.secure
	if req.URL.Scheme == "http" {
		client = p.plain
	}
	res, err := client.Do(req)
	if err != nil {
		return failure(err, sent.Load())
	}
	defer res.Body.Close()
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return &Failure{Code: ErrorResponse, Status: res.StatusCode, Sent: true}
	}
	io.CopyN(io.Discard, res.Body, maxBody) //nolint:errcheck // the status counts, the body does not
	return nil
}

// failure tells what an error of the network means. What the network said stays
// here: it may name addresses.
func failure(err error, sent bool) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return &Failure{Code: f.Code, Sent: sent, cause: f.cause}
	}
	if !sent {
		return &Failure{Code: NoConnection, cause: err}
	}
	return &Failure{Code: NoResponse, Sent: true, cause: err}
}

// dial resolves, judges and connects. Every address of the name must be one
// that may be reached.
func (p *Poster) dial(ctx context.Context, address string, plain bool) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &Failure{Code: NoConnection, cause: err}
	}
	host = hostName(host)
	addresses, err := p.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, a := range addresses {
		if plain && !a.Unmap().IsLoopback() || !p.rules.may(host, a) {
			return nil, &Failure{Code: Forbidden}
		}
	}
	dialer := net.Dialer{Timeout: handshakeTime}
	var last error
	for _, a := range addresses {
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		last = err
	}
	return nil, &Failure{Code: NoConnection, cause: last}
}

func (p *Poster) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	addresses, err := p.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(addresses) == 0 {
		return nil, &Failure{Code: NoName, cause: err}
	}
	return addresses[:min(len(addresses), maxAddresses)], nil
}

// hostName is a host as rules know it: in lower case, without the dot of the
// root.
func hostName(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }
