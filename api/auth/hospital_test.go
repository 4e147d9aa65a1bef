package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"

	"cairn/api"
	"cairn/client"
	"cairn/node"
)

// hospital is one that the tests of this package share: a consortium of its own,
// on disk, behind its front door.
var hospital struct {
	url     string
	node    *node.Node
	dir     string
	handler http.Handler
}

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := open(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "opening the hospital:", err)
		code = 1
	}
	os.Exit(code)
}

// open founds the hospital and keeps it running for the tests.
func open(tests func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "cairn-auth-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	founder := node.Founder{ID: "north", Name: "North Hospital", Dir: filepath.Join(dir, "north"), Listen: free(), P2P: free()}
	if err := node.Found("test", []node.Founder{founder}); err != nil {
		return 1, err
	}
	cfg, err := node.ReadConfig(filepath.Join(founder.Dir, "cairn.toml"))
	if err != nil {
		return 1, err
	}
	cfg.SubscriptionAllow = []string{"127.0.0.0/8"}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n, err := node.Open(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return 1, err
	}
	defer n.Close()
	hospital.url, hospital.node, hospital.dir = cfg.URL, n, founder.Dir
	err = n.Run(ctx, func(context.Context) error {
		defer cancel()
		l, err := net.Listen("tcp", cfg.Listen)
		if err != nil {
			return err
		}
		hospital.handler = api.Handler(n, "test")
		server := &http.Server{Handler: hospital.handler}
		go server.Serve(l) //nolint:errcheck // ends with Close
		defer server.Close()
		code = tests()
		return nil
	})
	return code, err
}

func free() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// software is what the hospital registered: "ehr" or "operator".
func software(t testing.TB, id string) *client.Client {
	t.Helper()
	c, err := client.New(hospital.url, "north", id, filepath.Join(hospital.dir, "keys", id+".pem"), http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newPatient stores a patient and returns her id.
func newPatient(t testing.TB) string {
	t.Helper()
	a, err := software(t, "ehr").Expect(t.Context(), http.StatusCreated, http.MethodPost, "/fhir/Patient", []byte(`{"resourceType":"Patient","name":[{"family":"Testperson"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return value(t, a.Body, "id")
}

// invite returns a one-time code for a patient, and its id.
func invite(t testing.TB, patient string) (code, id string) {
	t.Helper()
	a, err := software(t, "ehr").Expect(t.Context(), http.StatusCreated, http.MethodPost, "/portal/invitations", []byte(`{"patient":"`+patient+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	return value(t, a.Body, "code"), value(t, a.Body, "id")
}

func value(t testing.TB, body []byte, name string) string {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	s, _ := all[name].(string)
	return s
}

// browser is a browser with an authenticator: it keeps cookies, says which site a
// request comes from, and has passkeys.
type browser struct {
	t      testing.TB
	jar    http.CookieJar
	device virtualwebauthn.Authenticator
	key    virtualwebauthn.Credential
	origin string
	from   string // address of this machine from which it comes
}

func newBrowser(t testing.TB, synced bool) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, jar: jar, origin: hospital.url, from: "127.0.0.1"}
	b.device = virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{BackupEligible: synced, BackupState: synced})
	b.newKey()
	return b
}

// coseSize is the size of a COSE EC2 P-256 key with two coordinates of 32 bytes.
const coseSize = 77

// newKey has the authenticator use a fresh passkey from here on.
func (b *browser) newKey() {
	// One key in 128 has a coordinate that begins with a zero, which this
	// authenticator drops though RFC 9053, 7.1.1 has it stay.
	for ok := false; !ok; ok = len(b.key.Key.AttestationData()) == coseSize {
		b.key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}
	b.device.AddCredential(b.key)
}

// answer is what came back for one request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request as a page of this origin would. headers are "Name: value".
func (b *browser) send(method, path, body string, headers ...string) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, hospital.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Origin", hospital.url)
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	for _, h := range headers {
		name, v, _ := strings.Cut(h, ": ")
		r.Header.Set(name, v)
		if v == "" {
			r.Header.Del(name)
		}
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(b.from)}}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
	c := http.Client{Jar: b.jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, data}
}

func (b *browser) party() virtualwebauthn.RelyingParty {
	host, _, _ := strings.Cut(strings.TrimPrefix(hospital.url, "http://"), ":")
	return virtualwebauthn.RelyingParty{ID: host, Name: "North Hospital", Origin: b.origin}
}

// create answers creation options with a passkey.
func (b *browser) create(options []byte) string {
	b.t.Helper()
	parsed, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		b.t.Fatalf("%s: %v", options, err)
	}
	return virtualwebauthn.CreateAttestationResponse(b.party(), b.device, b.key, *parsed)
}

// register binds the passkey with a code.
func (b *browser) register(code string) answer {
	b.t.Helper()
	a := b.send(http.MethodPost, "/portal/passkeys/options", `{"code":"`+code+`"}`)
	if a.status != http.StatusOK {
		return a
	}
	return b.send(http.MethodPost, "/portal/passkeys", `{"name":"laptop","response":`+b.create(a.body)+`}`)
}

// challenge asks for a challenge and has the passkey sign it.
func (b *browser) challenge() (nonce, assertion string) {
	b.t.Helper()
	a := b.send(http.MethodPost, "/signin/options", `{}`)
	var o struct {
		Nonce     string
		PublicKey json.RawMessage
	}
	if err := json.Unmarshal(a.body, &o); err != nil || a.status != http.StatusOK {
		b.t.Fatalf("status %d: %s", a.status, a.body)
	}
	parsed, err := virtualwebauthn.ParseAssertionOptions(`{"publicKey":` + string(o.PublicKey) + `}`)
	if err != nil {
		b.t.Fatal(err)
	}
	return o.Nonce, virtualwebauthn.CreateAssertionResponse(b.party(), b.device, b.key, *parsed)
}

// signIn signs in with the passkey.
func (b *browser) signIn(headers ...string) answer {
	b.t.Helper()
	nonce, assertion := b.challenge()
	return b.send(http.MethodPost, "/signin", `{"nonce":"`+nonce+`","assertion":`+assertion+`,"return":"/portal/log"}`, headers...)
}

// person is a patient who is signed in in a browser.
func person(t testing.TB) (b *browser, id string) {
	t.Helper()
	id = newPatient(t)
	code, _ := invite(t, id)
	b = newBrowser(t, true)
	if a := b.register(code); a.status != http.StatusCreated || value(t, a.body, "patient") != id {
		t.Fatalf("registering: %d %s", a.status, a.body)
	}
	if a := b.signIn(); a.status != http.StatusOK {
		t.Fatalf("signing in: %d %s", a.status, a.body)
	}
	return b, id
}

// events returns the kinds of a patient's log, newest first.
func (b *browser) events() (kinds []string) {
	b.t.Helper()
	var log struct {
		Entries []struct{ Event struct{ Kind string } }
	}
	a := b.send(http.MethodGet, "/portal/log", "")
	if err := json.NewDecoder(bytes.NewReader(a.body)).Decode(&log); err != nil {
		b.t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	for _, e := range log.Entries {
		kinds = append(kinds, e.Event.Kind)
	}
	return kinds
}

// operate asks as the operator's software.
func operate(t testing.TB, method, path, body string) answer {
	t.Helper()
	var data []byte
	header := http.Header{}
	if body != "" {
		data = []byte(body)
		header.Set("Content-Type", "application/json")
	}
	a, err := software(t, "operator").With(t.Context(), method, path, header, data)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: a.Status, header: a.Header, body: a.Body}
}

// employ makes an account and returns a browser with a passkey of it, signed in.
func employ(t testing.TB, id, roles string) *browser {
	t.Helper()
	if a := operate(t, http.MethodPut, "/admin/staff/"+id, `{"name":"Dr. `+id+`","roles":`+roles+`,"practitioner":["Practitioner/`+id+`"]}`); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	b := newBrowser(t, true)
	code := value(t, operate(t, http.MethodPost, "/admin/staff/"+id+"/code", "").body, "code")
	if a := b.register(code); a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := b.signIn(); a.status != http.StatusOK {
		t.Fatalf("%s signs in: %d %s", id, a.status, a.body)
	}
	return b
}
