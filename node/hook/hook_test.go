package hook

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cairn/node/fault"
)

// names is a resolver whose answers for a name follow one another; the last
// one stays.
type names struct {
	mu      sync.Mutex
	answers map[string][]string
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.answers[host]
	if len(list) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(list) > 1 {
		n.answers[host] = list[1:]
	}
	var out []netip.Addr
	for a := range strings.SplitSeq(list[0], " ") {
		out = append(out, netip.MustParseAddr(a))
	}
	return out, nil
}

func poster(t *testing.T, cfg Config) *Poster {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func code(err error) string {
	var f *Failure
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

// TestAddresses is the list of what is inside and what is not, in every
// disguise.
func TestAddresses(t *testing.T) {
	r, err := compile(nil, []string{"198.41.0.0/24"})
	if err != nil {
		t.Fatal(err)
	}
	r.here = func() []netip.Prefix { return prefixes("45.33.32.0/24") }
	for _, a := range []string{"93.184.215.14", "8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8"} {
		if !r.may("x", netip.MustParseAddr(a)) {
			t.Errorf("%s is refused", a)
		}
	}
	for _, a := range []string{
		"127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
		"100.64.0.1", "100.100.100.200", "100.127.255.255", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
		"2002:7f00:1::", "2001::1", "2001:db8::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "100::1", "4000::1",
		"198.41.0.4", "45.33.32.156",
	} {
		if r.may("x", netip.MustParseAddr(a)) {
			t.Errorf("%s may be reached", a)
		}
	}
	r, err = compile([]string{"10.1.2.0/24", "hooks.inside", "127.0.0.1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for a, want := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.1.3.3": false, "127.0.0.1": true, "127.0.0.2": false, "0.0.0.0": false} {
		if r.may("x", netip.MustParseAddr(a)) != want {
			t.Errorf("%s with an allow-list: %v", a, !want)
		}
	}
	if !r.may("hooks.inside", netip.MustParseAddr("10.9.9.9")) || r.may("other.inside", netip.MustParseAddr("10.9.9.9")) || r.may("hooks.inside", netip.MustParseAddr("224.0.0.1")) {
		t.Error("a named host allows more or less than its own addresses")
	}
	for _, bad := range []string{"", "10.0.0.0/33", "http://host", "a b", "host:80"} {
		if _, err := compile([]string{bad}, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q was allowed: %v", bad, err)
		}
	}
	if _, err := compile(nil, []string{"host"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a host was denied as a network: %v", err)
	}
}

func TestCheck(t *testing.T) {
	strict, loose := poster(t, Config{}), poster(t, Config{Allow: []string{"127.0.0.0/8"}})
	for _, good := range []string{"https://example.org/hook", "https://example.org:8443/", "https://93.184.215.14/x?y=z", "https://[2606:4700:4700::1111]/"} {
		if err := strict.Check(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "x", "/x", "//example.org", "https://", "https:///x", "https:example.org", "http://example.org", "ftp://example.org", "file:///etc/passwd", "gopher://x",
		"https://u:p@example.org", "https://example.org/#x", "https://127.0.0.1/", "https://10.0.0.1", "https://[::1]/", "https://[::ffff:10.0.0.1]/",
		"https://169.254.169.254/latest", "https://[fe80::1%25eth0]/", "http://127.0.0.1/", "http://localhost/", "https://" + strings.Repeat("x", maxURL),
	} {
		if err := strict.Check(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for url, want := range map[string]bool{
		"http://127.0.0.1:8/": true, "http://localhost/": true, "https://127.0.0.1/": true, "http://[::ffff:127.0.0.1]/": true,
		"http://[::1]/": false, "http://10.0.0.1/": false, "http://example.org/": false,
	} {
		if got := loose.Check(url) == nil; got != want {
			t.Errorf("%s with loopback allowed: %v", url, got)
		}
	}
}

// receiver is a real server that counts what reaches it.
func receiver(t *testing.T, address string, answer http.HandlerFunc) (url string, met *atomic.Int64) {
	t.Helper()
	met = new(atomic.Int64)
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: answer, ReadHeaderTimeout: time.Minute, ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			met.Add(1)
		}
	}}}
	s.Start()
	t.Cleanup(s.Close)
	return s.URL, met
}

func ok(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

func TestForbiddenIsNeverMet(t *testing.T) {
	url, met := receiver(t, "127.0.0.1:0", ok)
	p := poster(t, Config{})
	err := p.Post(context.Background(), Request{URL: url, Body: []byte("x")})
	var f *Failure
	if !errors.As(err, &f) || f.Code != Forbidden || f.Sent {
		t.Errorf("a loopback endpoint: %v", err)
	}
	if code(p.Reach(context.Background(), url)) != Forbidden {
		t.Error("a loopback endpoint was reached")
	}
	if met.Load() != 0 {
		t.Errorf("%d connections were made", met.Load())
	}
}

// TestRebinding: a name that is first outside and then inside. 127.0.0.1 plays
// the internet, which is allowed; 127.0.0.2 the inside.
func TestRebinding(t *testing.T) {
	outside, _ := receiver(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	_, port, err := net.SplitHostPort(strings.TrimPrefix(outside, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, met := receiver(t, "127.0.0.2:"+port, ok)
	for name, second := range map[string]string{
		"inside": "127.0.0.2", "mapped": "::ffff:127.0.0.2", "mixed": "127.0.0.1 127.0.0.2", "mixed the other way": "127.0.0.2 127.0.0.1", "metadata": "169.254.169.254",
	} {
		p := poster(t, Config{Allow: []string{"127.0.0.1"}, Resolver: &names{answers: map[string][]string{"rebind.test": {"127.0.0.1", second}}}})
		url := "http://rebind.test:" + port
		if err := p.Post(context.Background(), Request{URL: url}); err != nil {
			t.Fatalf("%s: the first time: %v", name, err)
		}
		if err := p.Post(context.Background(), Request{URL: url}); code(err) != Forbidden {
			t.Errorf("%s: the second time: %v", name, err)
		}
	}
	if met.Load() != 0 {
		t.Errorf("%d connections were made to the inside", met.Load())
	}
}

func TestRedirectIsRefused(t *testing.T) {
	inside, met := receiver(t, "127.0.0.1:0", ok)
	for _, status := range []int{301, 302, 303, 307, 308} {
		url, _ := receiver(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inside, status) })
		err := poster(t, Config{Allow: []string{"127.0.0.1"}}).Post(context.Background(), Request{URL: url, Body: []byte("x")})
		var f *Failure
		if !errors.As(err, &f) || f.Code != ErrorResponse || f.Status != status {
			t.Errorf("a redirect %d: %v", status, err)
		}
	}
	if met.Load() != 0 {
		t.Errorf("%d redirects were followed", met.Load())
	}
}

// TestNoProxy: the environment cannot lead notifications elsewhere.
func TestNoProxy(t *testing.T) {
	proxy, met := receiver(t, "127.0.0.1:0", ok)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, proxy)
	}
	url, _ := receiver(t, "127.0.0.1:0", ok)
	p := poster(t, Config{Allow: []string{"127.0.0.1"}, Resolver: &names{answers: map[string][]string{"host.test": {"127.0.0.1"}}}})
	if err := p.Post(context.Background(), Request{URL: strings.Replace(url, "127.0.0.1", "host.test", 1)}); err != nil {
		t.Error(err)
	}
	if met.Load() != 0 {
		t.Error("the proxy was asked")
	}
}

// TestSecure: https with a certificate that holds for the name, and no other.
func TestSecure(t *testing.T) {
	var got bytes.Buffer
	s := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got.ReadFrom(r.Body) })) //nolint:errcheck // compared below
	t.Cleanup(s.Close)
	port := strings.TrimPrefix(s.URL, "https://127.0.0.1")
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	resolver := &names{answers: map[string][]string{"example.com": {"127.0.0.1"}, "other.test": {"127.0.0.1"}}}
	p := poster(t, Config{Allow: []string{"127.0.0.1"}, Roots: roots, Resolver: resolver})
	if err := p.Post(context.Background(), Request{URL: "https://example.com" + port, Body: []byte("hello")}); err != nil || got.String() != "hello" {
		t.Errorf("%q: %v", got.String(), err)
	}
	err := p.Post(context.Background(), Request{URL: "https://other.test" + port, Body: []byte("hello")})
	if code(err) != NoConnection || got.String() != "hello" {
		t.Errorf("a certificate for another name: %v", err)
	}
	p = poster(t, Config{Allow: []string{"127.0.0.1"}, Resolver: resolver})
	if err := p.Post(context.Background(), Request{URL: "https://example.com" + port}); code(err) != NoConnection {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
	if strings.Contains(err.Error(), "127.") || strings.Contains(err.Error(), "other.test") {
		t.Errorf("the error names the address: %v", err)
	}
}

// TestAnswerIsBounded: an answer without an end costs nothing but its status.
func TestAnswerIsBounded(t *testing.T) {
	var written atomic.Int64
	url, _ := receiver(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 64<<10)
		for r.Context().Err() == nil {
			n, err := w.Write(block)
			if written.Add(int64(n)); err != nil {
				return
			}
		}
	})
	p := poster(t, Config{Allow: []string{"127.0.0.1"}})
	if err := p.Post(context.Background(), Request{URL: url}); err != nil {
		t.Error(err)
	}
	big, _ := receiver(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 2*maxHeader))
	})
	if err := p.Post(context.Background(), Request{URL: big}); code(err) != NoResponse {
		t.Errorf("headers of %d bytes: %v", 2*maxHeader, err)
	}
	t.Logf("the endpoint got rid of %d bytes before the connection was closed", written.Load())
}

func TestDown(t *testing.T) {
	url, _ := receiver(t, "127.0.0.1:0", ok)
	p := poster(t, Config{Allow: []string{"127.0.0.1"}, Resolver: &names{}})
	if err := p.Reach(context.Background(), url); err != nil {
		t.Error(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down := "http://" + l.Addr().String()
	l.Close()
	var f *Failure
	if err := p.Post(context.Background(), Request{URL: down}); !errors.As(err, &f) || f.Code != NoConnection || f.Sent {
		t.Errorf("nobody listens: %v", err)
	}
	if err := p.Reach(context.Background(), down); code(err) != NoConnection {
		t.Errorf("nobody listens: %v", err)
	}
	if err := p.Post(context.Background(), Request{URL: "https://nowhere.test/"}); code(err) != NoName {
		t.Errorf("no such name: %v", err)
	}
	release := make(chan struct{})
	silent, _ := receiver(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := p.Post(ctx, Request{URL: silent}); !errors.As(err, &f) || f.Code != NoResponse || !f.Sent {
		t.Errorf("no answer: %v", err)
	}
	failing, _ := receiver(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	if err := p.Post(context.Background(), Request{URL: failing}); !errors.As(err, &f) || f.Status != 503 {
		t.Errorf("status 503: %v", err)
	}
}

// TestGet: a document is fetched by the rules of Post, as far as it is asked for.
func TestGet(t *testing.T) {
	inside, met := receiver(t, "127.0.0.2:0", ok)
	long := strings.Repeat("x", 1000)
	url, _ := receiver(t, "127.0.0.1:0", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, inside, http.StatusFound)
		case "/none":
			w.WriteHeader(http.StatusNotFound)
		case "/slow":
			<-r.Context().Done()
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, long); err != nil {
					return
				}
			}
		default:
			io.WriteString(w, long) //nolint:errcheck // compared below
		}
	})
	p := poster(t, Config{Allow: []string{"127.0.0.1"}, Resolver: &names{answers: map[string][]string{"inside.test": {"127.0.0.2"}}}})
	if got, err := p.Get(t.Context(), url, 1000); err != nil || string(got) != long {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for at, want := range map[string]string{
		url + "/one-too-long": NoResponse, url + "/endless": NoResponse, url + "/slow": NoResponse, url + "/away": ErrorResponse, url + "/none": ErrorResponse,
		inside: Forbidden, strings.Replace(inside, "127.0.0.2", "inside.test", 1): Forbidden, "file:///etc/passwd": NoResponse, ":": NoConnection,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		if strings.HasSuffix(at, "/slow") {
			time.AfterFunc(100*time.Millisecond, cancel)
		}
		if got, err := p.Get(ctx, at, 999); code(err) != want || got != nil {
			t.Errorf("%s: %d bytes, %v, want %s", at, len(got), err, want)
		}
		cancel()
	}
	if met.Load() != 0 {
		t.Errorf("%d connections were made to the inside", met.Load())
	}
}
